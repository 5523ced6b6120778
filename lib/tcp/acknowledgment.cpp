// What an arriving ACK means: what is delivered, how large the windows are, what was lost.
#include <algorithm>

#include "base/contract.hpp"
#include "tcp/connection.hpp"
#include "tcp/repair.hpp"
#include "tcp/steering.hpp"

namespace millrace::tcp {

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
  AckInHand ack = take_in_hand(segment, now);
  update_send_window(segment, now);
  process_delivery(resources, ack, disposition);
  if (send_.snd_wnd == 0 && !app_closed_) {
    // RFC 9293 §3.8.6.1, MUST-37: a peer that answers probes is alive. RFC 6429 §3: but it may not
    // keep for ever what the application has closed.
    progress_at_ = std::max(progress_at_, now);
  }
  update_persist_timer(resources, now);
  // The ACK of our FIN may have ended the connection.
  return state_ == TcpState::Closed ? Step::Done : Step::Continue;
}

AckInHand Connection::take_in_hand(const Segment& segment, Instant now) const noexcept {
  const auto echoed = segment.options.timestamps
                          ? timestamps_.echoed_clock(*segment.options.timestamps)
                          : std::nullopt;
  const bool is_repeated =
      segment.ack == send_.snd_una && segment.length() == 0 &&
      (static_cast<std::uint32_t>(segment.window) << snd_wscale_) == send_.snd_wnd;
  // RFC 5681 §2, the definition's point (a); the others are in every repeated ACK.
  // The answers to probes of a closed window look alike and say nothing of loss.
  const bool can_be_duplicate =
      send_.flight() > 0 && send_.snd_wnd > 0 && active_ != nullptr && !active_->sent.empty();
  return {
      .segment = segment,
      .now = now,
      .log = DeliveryLog{{.now = now,
                          .min_rtt = rtt_.minimum(),
                          .echoed = echoed,
                          .highest = active_ == nullptr ? send_.snd_una : active_->recovery.highest,
                          .recover = recover_}},
      .prior_una = send_.snd_una,
      .prior_in_network = in_network(),
      .is_repeated = is_repeated,
      .is_duplicate = is_repeated && can_be_duplicate,
      .duplicate_report = std::nullopt,
      .rtt = std::nullopt,
      .echoed = echoed};
}

void Connection::process_delivery(const Resources& resources, AckInHand& ack,
                                  Disposition& disposition) noexcept {
  if (ack.advances()) {
    on_new_ack(resources, ack);
  }
  process_sack(resources, ack, disposition);
  if (active_ != nullptr) {
    if (ack.advances() || ack.log.bytes() > 0) {
      // RFC 8985 §7.2: news puts a probe off, one that still waits for its departure as well.
      active_->recovery.is_probe_due = false;
    }
    Repair{*this, resources, ack.now}.on_ack(ack);
  } else if (ack.is_repeated && !ack.has_blocks && !ack.duplicate_report) {
    aftermath_.on_repeated_ack();
  }
  on_congestion_echo(resources, ack);
  if (active_ != nullptr && active_->slowdown.is_on()) {
    Steering{*this, resources, ack.now}.come_down(ack);
  }
  if (!ack.advances()) {
    return;
  }
  follow_edge(resources, ack.segment.ack);
  if (fin_sent_ && ack.segment.ack == send_.snd_nxt) {
    on_fin_acked(resources, ack.now);
  }
}

void Connection::update_send_window(const Segment& segment, Instant now) noexcept {
  // RFC 9293 §3.10.7.4, step 5.
  if (segment.ack.is_before(send_.snd_una) || !send_.is_window_news(segment.seq, segment.ack)) {
    return;
  }
  const bool was_closed = send_.snd_wnd == 0;
  send_.take_window(segment.seq, segment.ack,
                    static_cast<std::uint32_t>(segment.window) << snd_wscale_);
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
      active_->sent.mark_all_lost(Blame::Nobody);
      active_->recovery.duplicates.forget();
    }
  }
}

void Connection::on_congestion_echo(const Resources& resources, const AckInHand& ack) noexcept {
  // RFC 3168 §6.1.2: as the loss of a segment would, but nothing is to be sent again.
  // An ACK that was overtaken tells of what has been dealt with.
  const Segment& segment = ack.segment;
  const bool is_current = segment.ack == send_.snd_una;
  const bool is_recovering =
      active_ != nullptr && active_->recovery.phase == LossRecovery::Phase::Recovery;
  if (is_current && ecn_.is_echo(segment.flags) && active_ != nullptr &&
      active_->recovery.phase != LossRecovery::Phase::Open) {
    // RFC 3168 §6.1.2: the reduction that there was stands for the mark as well, and is not to be
    // taken back.
    active_->recovery.undo.forget();
  }
  if (is_current && ecn_.on_ack(segment.flags, segment.ack) && !is_recovering) {
    // RFC 5681 §3.1, equation 4: of what was under way before it arrived.
    PathView path = path_view(resources, ack.now);
    path.snd_una = ack.prior_una;
    path.in_network = ack.prior_in_network;
    Steering{*this, resources, ack.now}.slow_down(path);
    ecn_.on_reduction(send_.snd_nxt);
    ++resources.stats.tcp_ecn_reductions;
    // RFC 3168 §6.1.2: a mark is no mistake, and must not be taken back with an older reduction.
    aftermath_.on_reduction();
    if (active_ != nullptr) {
      active_->recovery.undo.forget();
    }
  }
}

void Connection::on_new_ack(const Resources& resources, AckInHand& ack) noexcept {
  base::expects(active_ != nullptr);
  const SeqNum edge = ack.segment.ack;
  const AckOutcome outcome = active_->sent.on_ack(resources.sent_segments, edge, ack.log);
  ack.newly_acked = outcome.newly_acked;
  move_edge(resources, ack.now, edge);
  // RFC 6298 §5: only a new measurement collapses the back-off.
  add_round_trip(outcome.rtt_sample, ack);
  // RFC 6298 §5.2 and §5.3.
  retransmit_at_ = active_->sent.empty() ? kNever : ack.now + rtt_.rto(resources.config);
  idle_restart_ = idle_restart_ || active_->sent.empty();
}

// Apart from its callers: what goes round for each packet is to have the registers for itself.
[[gnu::noinline]] void Connection::move_edge(const Resources& resources, Instant now,
                                             SeqNum edge) noexcept {
  active_->scoreboard.on_ack(edge);
  active_->send_buffer.on_ack(edge, resources.budget);
  send_.snd_una = edge;
  active_->more.release();
  if (active_->watch.on_ack(edge)) {
    events_.add(Events::kProgress);
  }
  progress_at_ = now;
  soft_error_.on_progress();
  urgent_out_.on_ack(edge);
  if (path_mtu_.on_ack(edge)) {
    ++resources.stats.tcp_mtu_probes_arrived;
    mss_ = path_mtu_.mss();
  }
}

void Connection::follow_edge(const Resources& resources, SeqNum edge) noexcept {
  // Both follow the acknowledged edge, lest they come to lie "ahead" again half a sequence space
  // later.
  if (active_->recovery.phase == LossRecovery::Phase::Open && edge.is_after(recover_)) {
    recover_ = edge - 1;
  }
  if (edge.is_after(small_end_)) {
    small_end_ = edge;
  }
  active_->send_autosize.on_ack(congestion_.window());
  report_writable(resources);
}

std::uint32_t Connection::in_network() const noexcept {
  if (active_ == nullptr) {
    return 0;
  }
  // What duplicate ACKs tell of has left the network (RFC 5681 §3.2).
  const std::uint32_t in_network = active_->sent.in_network();
  return in_network - std::min(in_network, active_->recovery.duplicates.bytes());
}

PathView Connection::path_view(const Resources& resources, Instant now) const noexcept {
  return {.now = now,
          .mss = mss_,
          .in_network = in_network(),
          .snd_una = send_.snd_una,
          .snd_nxt = send_.snd_nxt,
          .srtt = rtt_.srtt(),
          .min_rtt = rtt_.minimum(),
          .slow_start_segments = resources.config.slow_start_ack_segments,
          .has_selective_acks = sack_};
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
  if (!wants_writable_) {
    return;
  }
  // Not for every byte: a third of the buffer, so that the application works in large pieces.
  const std::uint32_t charge = active_ == nullptr ? 0 : active_->send_buffer.charge();
  const std::uint32_t unsent_limit = tuning_->unsent_limit_bytes;
  const bool has_little_unsent =
      unsent_limit == 0 || unsent_bytes() < unsent_limit - unsent_limit / 2;
  if (can_send() && !fin_queued_ && has_little_unsent &&
      charge <= send_buffer_limit(resources) / 3 * 2) {
    wants_writable_ = false;
    events_.add(Events::kWritable);
  }
}

}  // namespace millrace::tcp
