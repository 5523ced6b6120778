// What an arriving ACK means: what is delivered, how large the windows are, what was lost.
#include <algorithm>

#include "base/contract.hpp"
#include "tcp/connection.hpp"

namespace millrace::tcp {

namespace {

constexpr std::uint8_t kDuplicateAcksForLoss = 3;  // RFC 5681 §3.2.

}  // namespace

Connection::Step Connection::process_ack(const Resources& resources, Instant now,
                                         const Segment& segment,
                                         Disposition& disposition) noexcept {
  // RFC 9293 §3.10.7.4, step 5: an ACK of what was never sent.
  if (segment.ack.is_after(send_.snd_nxt)) {
    challenge(resources, now);
    disposition.dropped = DropReason::TcpBadAck;
    return Step::Done;
  }
  // RFC 5961 §5.2: an ACK older than any window we ever had is an injection.
  if (segment.ack.is_before(send_.snd_una - send_.max_snd_wnd)) {
    challenge(resources, now);
    disposition.dropped = DropReason::TcpBadAck;
    return Step::Done;
  }
  keepalive_.on_segment(now);
  if (segment.options.user_timeout) {
    user_timeout_.on_option(*segment.options.user_timeout, resources.config);
  }
  // RFC 7323 §5.3, R3: not before the ACK field has vouched for the segment.
  note_timestamps(segment, now);
  const bool was_duplicate = is_duplicate_ack(segment);
  update_send_window(segment, now);
  if (segment.ack.is_after(send_.snd_una)) {
    on_new_ack(resources, now, segment);
  } else if (was_duplicate) {
    on_duplicate_ack(resources);
  }
  process_sack(resources, segment, disposition);
  on_congestion_echo(resources, segment);
  if (send_.snd_wnd == 0 && !app_closed_) {
    // RFC 9293 §3.8.6.1, MUST-37: a peer that answers probes is alive. RFC 6429 §3: but it may not
    // keep for ever what the application has closed.
    progress_at_ = std::max(progress_at_, now);
  }
  update_persist_timer(resources, now);
  // The ACK of our FIN may have ended the connection.
  return state_ == TcpState::Closed ? Step::Done : Step::Continue;
}

bool Connection::is_duplicate_ack(const Segment& segment) const noexcept {
  // RFC 5681 §2, the definition's points (a) to (e).
  // The answers to probes of a closed window look alike and say nothing of loss.
  return segment.ack == send_.snd_una && send_.flight() > 0 && send_.snd_wnd > 0 &&
         segment.length() == 0 && active_ != nullptr && !active_->sent.empty() &&
         (static_cast<std::uint32_t>(segment.window) << snd_wscale_) == send_.snd_wnd;
}

void Connection::update_send_window(const Segment& segment, Instant now) noexcept {
  // RFC 9293 §3.10.7.4, step 5: an older segment must not undo a newer window.
  // Deviates from RFC 9293 §3.10.7.4: a segment that is sent again and acknowledges more tells of
  // the window, too, because the old one, counted from the new SND.UNA, would reach too far.
  const bool is_newer = send_.snd_wl1.is_before(segment.seq) ||
                        send_.snd_wl2.is_before(segment.ack) ||
                        (send_.snd_wl1 == segment.seq && send_.snd_wl2 == segment.ack);
  if (segment.ack.is_before(send_.snd_una) || !is_newer) {
    return;
  }
  const bool was_closed = send_.snd_wnd == 0;
  send_.snd_wnd = static_cast<std::uint32_t>(segment.window) << snd_wscale_;
  send_.max_snd_wnd = std::max(send_.max_snd_wnd, send_.snd_wnd);
  send_.snd_wl1 = segment.seq;
  send_.snd_wl2 = segment.ack;
  if (was_closed && send_.snd_wnd > 0) {
    // The probes' back-off must not delay what may go now.
    rtt_.reset_backoff();
    retransmit_at_ = kNever;
    if (!app_closed_) {
      // RFC 6429 §3: else a peer that opens it now and then, and takes nothing, keeps for ever what
      // the application has closed.
      progress_at_ = std::max(progress_at_, now);
    }
    if (active_ != nullptr) {
      active_->sent.mark_all_lost();
    }
  }
}

void Connection::on_congestion_echo(const Resources& resources, const Segment& segment) noexcept {
  // RFC 3168 §6.1.2: as the loss of a segment would, but nothing is to be sent again.
  // An ACK that was overtaken tells of what has been dealt with.
  const bool is_current = segment.ack == send_.snd_una;
  if (is_current && ecn_.on_ack(segment.flags, segment.ack) && !in_recovery_) {
    congestion_.on_congestion_echo(mss_);
    ecn_.on_reduction(send_.snd_nxt);
    ++resources.stats.tcp_ecn_reductions;
  }
}

void Connection::on_new_ack(const Resources& resources, Instant now,
                            const Segment& segment) noexcept {
  base::expects(active_ != nullptr);
  const SeqNum ack = segment.ack;
  const AckOutcome outcome = active_->sent.on_ack(resources.sent_segments, ack, now);
  active_->scoreboard.on_ack(ack);
  active_->send_buffer.on_ack(ack, resources.budget);
  send_.snd_una = ack;
  progress_at_ = now;
  soft_error_.on_progress();
  urgent_out_.on_ack(ack);
  if (path_mtu_.on_ack(ack)) {
    ++resources.stats.tcp_mtu_probes_arrived;
    mss_ = path_mtu_.mss();
  }
  // RFC 6298 §5: only a new measurement collapses the back-off.
  add_round_trip(outcome.rtt_sample, segment, now);
  // Both follow the acknowledged edge, lest they come to lie "ahead" again half a sequence space
  // later.
  if (!in_recovery_ && ack.is_after(recover_)) {
    recover_ = ack - 1;
  }
  if (ack.is_after(small_end_)) {
    small_end_ = ack;
  }
  advance_congestion(resources, outcome.newly_acked, segment);
  active_->send_autosize.on_ack(congestion_.cwnd());
  // RFC 6298 §5.2 and §5.3.
  retransmit_at_ = active_->sent.empty() ? kNever : now + rtt_.rto(resources.config);
  if (active_->sent.empty()) {
    idle_restart_ = true;
  }
  report_writable(resources);
  if (fin_sent_ && ack == send_.snd_nxt) {
    on_fin_acked(resources, now);
  }
}

void Connection::advance_congestion(const Resources& resources, std::uint32_t newly_acked,
                                    const Segment& segment) noexcept {
  duplicate_acks_ = 0;
  if (!in_recovery_) {
    // RFC 3168 §6.1.2: an ACK that tells of congestion opens no window.
    if (!ecn_.is_echo(segment.flags)) {
      congestion_.on_ack(newly_acked, mss_, resources.config.slow_start_ack_segments);
    }
    return;
  }
  if (segment.ack.is_at_or_after(recover_)) {
    in_recovery_ = false;
    congestion_.leave_recovery(active_->sent.in_network(), mss_);
    return;
  }
  // RFC 6582 §3.2, step 3: the next hole starts here.
  congestion_.on_partial_ack(newly_acked, mss_);
  active_->sent.mark_first_lost();
  ++resources.stats.tcp_fast_retransmits;
}

void Connection::on_duplicate_ack(const Resources& resources) noexcept {
  if (in_recovery_) {
    congestion_.on_duplicate_ack(mss_);
    return;
  }
  duplicate_acks_ = static_cast<std::uint8_t>(std::min(duplicate_acks_ + 1, 255));
  // RFC 6582 §3.2, step 1: duplicates of what was sent before the last recovery or timeout start no
  // new one.
  if (duplicate_acks_ != kDuplicateAcksForLoss || !send_.snd_una.is_after(recover_)) {
    return;
  }
  if (path_mtu_.on_loss(send_.snd_una)) {
    // RFC 4821 §7.6.2: the loss of a probe tells of its size, not of congestion. It goes again, in
    // pieces.
    active_->sent.mark_first_lost();
    return;
  }
  recover_ = send_.snd_nxt;
  in_recovery_ = true;
  congestion_.enter_recovery(send_.flight(), mss_);
  ecn_.on_reduction(send_.snd_nxt);
  active_->sent.mark_first_lost();
  ++resources.stats.tcp_fast_retransmits;
}

void Connection::on_fin_acked(const Resources& resources, Instant now) noexcept {
  switch (state_) {
    case TcpState::FinWait1:
      set_state(TcpState::FinWait2);
      // RFC 9293 has no time-out here; without one a closed socket could wait for ever.
      state_at_ = kNever;
      if (app_closed_) {
        limit_fin_wait_2(resources, now);
      }
      break;
    case TcpState::Closing: enter_time_wait(resources); break;
    case TcpState::LastAck: end(resources, {}); break;
    case TcpState::Closed:
    case TcpState::Listen:
    case TcpState::SynSent:
    case TcpState::SynReceived:
    case TcpState::Established:
    case TcpState::FinWait2:
    case TcpState::CloseWait:
    case TcpState::TimeWait: break;
  }
}

void Connection::report_writable(const Resources& resources) noexcept {
  // Not for every byte: a third of the buffer, so that the application works in large pieces.
  const std::uint32_t charge = active_ == nullptr ? 0 : active_->send_buffer.charge();
  const std::uint32_t unsent_limit = tuning_->unsent_limit_bytes;
  const bool has_little_unsent =
      unsent_limit == 0 || unsent_bytes() < unsent_limit - unsent_limit / 2;
  if (wants_writable_ && can_send() && !fin_queued_ && has_little_unsent &&
      charge <= send_buffer_limit(resources) / 3 * 2) {
    wants_writable_ = false;
    events_.add(Events::kWritable);
  }
}

}  // namespace millrace::tcp
