// Which segment is next: retransmission, new data, FIN, probe or ACK; Nagle and the sender's side
// of silly-window avoidance. Which window a segment offers: offered_window.cpp.
#include <algorithm>

#include "base/contract.hpp"
#include "base/deadline.hpp"
#include "tcp/connection.hpp"
#include "tcp/plain_run.hpp"
#include "tcp/repair.hpp"
#include "tcp/steering.hpp"

namespace millrace::tcp {

std::optional<SegmentPlan> Connection::next_segment(const Resources& resources,
                                                    Instant now) noexcept {
  auto plan = plan_next(resources, now);
  if (plan) {
    add_options(resources, now, *plan);
  }
  return plan;
}

std::optional<SegmentPlan> Connection::plan_next(const Resources& resources, Instant now) noexcept {
  if (reset_due_) {
    reset_due_ = false;
    return plan_reset();
  }
  if (syn_due_) {
    return plan_syn(resources, now);
  }
  const bool is_early = early_ && state_ == TcpState::SynReceived;
  if ((!is_synchronized(state_) && !is_early) || state_ == TcpState::TimeWait) {
    // TIME-WAIT's own ACKs are its table's; the one for the FIN that led here is ours.
    if (ack_now_ && (state_ == TcpState::TimeWait || state_ == TcpState::SynReceived)) {
      return plan_segment(resources, send_.acceptable_seq(), 0, TcpFlags::kAck);
    }
    return std::nullopt;
  }
  Steering steering{*this, resources, now};
  if (auto plan = steering.plan_owed_ack()) {
    return plan;
  }
  const bool may_send = steering.may_send();
  if (auto plan = may_send ? plan_loss(resources, now) : std::nullopt) {
    return plan;
  }
  if (auto plan = may_send ? plan_mtu_probe(resources, now) : std::nullopt) {
    return plan;
  }
  if (auto plan = may_send ? plan_new_data(resources, now) : std::nullopt) {
    return plan;
  }
  if (active_ != nullptr && active_->recovery.spurious_timeout.is_waiting() && in_network() == 0) {
    // RFC 5682 §2.1, step 2b: new data was to tell, and cannot leave after all.
    active_->recovery.spurious_timeout.forget();
    if (auto plan = plan_loss(resources, now)) {
      return plan;
    }
  }
  if (probe_due_) {
    if (auto plan = plan_probe(resources, now)) {
      return plan;
    }
  }
  if (keepalive_due_) {
    // RFC 9293 §3.8.4, SHLD-12: what the peer has acknowledged long ago, and no data.
    keepalive_due_ = false;
    return plan_segment(resources, send_.snd_una - 1, 0, TcpFlags::kAck);
  }
  if (ack_now_ || user_timeout_.option_due()) {
    return plan_segment(resources, send_.acceptable_seq(), 0, TcpFlags::kAck);
  }
  update_persist_timer(resources, now);
  return std::nullopt;
}

std::optional<SegmentPlan> Connection::plan_loss(const Resources& resources, Instant now) noexcept {
  if (active_ == nullptr || active_->sent.empty()) {
    return std::nullopt;
  }
  Repair repair{*this, resources, now};
  if (active_->recovery.is_probe_due) {
    if (auto plan = repair.plan_tail_probe()) {
      return plan;
    }
  }
  return repair.plan_retransmission();
}

std::uint32_t Connection::unsent_bytes() const noexcept {
  if (active_ == nullptr || fin_sent_ || active_->send_buffer.empty()) {
    return 0;
  }
  return static_cast<std::uint32_t>(active_->send_buffer.end() - send_.snd_nxt);
}

void Connection::restart_if_idle(const Resources& resources, Instant now) noexcept {
  if (!idle_restart_) {
    return;
  }
  idle_restart_ = false;
  // Most often far less time has passed than any timeout takes.
  const Duration idle = now - progress_at_;
  const Duration least = std::min(resources.config.rto_min, resources.config.rto_initial);
  if (idle > least && resources.config.slow_start_after_idle && idle > rtt_.rto(resources.config))
      [[unlikely]] {
    Steering{*this, resources, now}.restart();
  }
  progress_at_ = std::max(progress_at_, now);
}

std::optional<SegmentPlan> Connection::plan_new_data(const Resources& resources, Instant now,
                                                     bool is_tail_probe) noexcept {
  const std::uint32_t unsent = unsent_bytes();
  if (unsent == 0 && active_ != nullptr && in_network() < congestion_.window() &&
      active_->sent.first_lost() == nullptr) {
    // draft-ietf-ccwg-bbr-06 §4.1.2.4: nothing new, and nothing lost that waits for room.
    active_->recovery.rate.on_application_limited(in_network());
  }
  if (unsent == 0 && !is_fin_unsent()) {
    return std::nullopt;
  }
  if (active_ != nullptr && (Repair{*this, resources, now}.is_new_data_held() ||
                             active_->sent.size() >= record_share(resources.sent_segments))) {
    // RFC 5681 §3.1: what was lost comes first.
    return std::nullopt;
  }
  if (unsent > 0) {
    restart_if_idle(resources, now);
  }
  const std::uint32_t window = send_.usable_window();
  const std::uint32_t bytes = std::min({unsent, std::uint32_t{send_mss()}, window});
  const bool sends_last = bytes == unsent;
  const bool has_fin = is_fin_unsent() && sends_last && window > bytes && is_synchronized(state_);
  if (bytes == 0 && !has_fin) {
    return std::nullopt;
  }
  if (!is_tail_probe) {
    const std::uint32_t under_way = in_network();
    if (bytes > 0 && under_way > 0 && std::uint64_t{under_way} + bytes > congestion_.window()) {
      Repair{*this, resources, now}.on_window_full();
      return std::nullopt;
    }
    if (!has_fin && !may_send_now(bytes, unsent, now, resources)) {
      return std::nullopt;
    }
  }
  const SeqNum seq = send_.snd_nxt;
  if (!note_transmission(resources, now, bytes, has_fin)) {
    return std::nullopt;
  }
  const auto flags = static_cast<std::uint8_t>(TcpFlags::kAck | (has_fin ? TcpFlags::kFin : 0) |
                                               (bytes > 0 ? push_flag(seq + bytes) : 0) |
                                               burst_push_flag(resources, now, bytes));
  return plan_new_segment(resources, seq, bytes, flags);
}

std::uint8_t Connection::push_flag(SeqNum end) noexcept {
  // RFC 9293 §3.9.1.2, MUST-61: the last segment of what is queued. As Linux does, also after half
  // of the largest window, so that a peer that waits for a push need not wait for all of a long
  // stream. Whatever pushes are queued before that collapse into one (SHLD-27). MSG_MORE: no end.
  const bool is_last =
      end.is_at_or_after(active_->send_buffer.end()) && !active_->more.withholds_push();
  const bool is_half_window = end.is_after(active_->pushed + send_.max_snd_wnd / 2);
  if (!is_last && !is_half_window) {
    return 0;
  }
  if (end.is_after(active_->pushed)) {
    active_->pushed = end;
  }
  return TcpFlags::kPsh;
}

std::uint8_t Connection::burst_push_flag(const Resources& resources, Instant now,
                                         std::uint32_t bytes) noexcept {
  const std::uint32_t least = resources.config.push_burst_segments;
  if (least == 0 || bytes < send_mss()) {
    return 0;
  }
  const bool goes_on = std::min(unsent_bytes(), send_.usable_window()) >= bytes &&
                       std::uint64_t{in_network()} + bytes <= congestion_.window();
  return active_->burst_push.on_full_segment(
             now,
             {.least_segments = least,
              .segment_bytes = bytes,
              .cwnd = congestion_.window(),
              .half_window = send_.max_snd_wnd / 2,
              .round_trip = rtt_.srtt(),
              .starts_slowly = congestion_.window() < congestion_.ssthresh() / 2},
             goes_on)
             ? TcpFlags::kPsh
             : std::uint8_t{0};
}

bool Connection::is_small_released() const noexcept {
  // Urgent data does not wait, as in Linux.
  const bool has_small_in_flight = small_end_.is_after(send_.snd_una);
  return urgent_out_.is_pending() ||
         (!corked_ && !active_->more.holds() && (no_delay_ || !has_small_in_flight));
}

bool Connection::may_send_now(std::uint32_t bytes, std::uint32_t unsent, Instant now,
                              const Resources& resources) noexcept {
  // RFC 9293 §3.8.6.2.1, conditions 1 to 4. Nagle's algorithm is read as Minshall's: what holds a
  // small segment back is another small one in flight, not full ones (RFC 9293 appendix A.3).
  const bool is_full = bytes == send_mss();
  const bool sends_all = bytes == unsent;
  const bool fills_half_window = bytes >= send_.max_snd_wnd / 2 && bytes > 0 && send_.flight() == 0;
  if (is_full || (sends_all && is_small_released()) || fills_half_window || override_due_) {
    if (override_due_) {
      active_->more.on_waited();
      override_due_ = false;
    }
    override_at_ = kNever;
    return true;
  }
  if (override_at_ == kNever) {
    override_at_ = now + resources.config.override_timeout;
  }
  return false;
}

bool Connection::note_transmission(const Resources& resources, Instant now,
                                   std::uint32_t payload_bytes, bool has_fin) noexcept {
  const std::uint32_t length = payload_bytes + (has_fin ? 1 : 0);
  const PathView before = path_view(resources, now);
  SentSegment* const segment =
      attach(resources)
          ? active_->sent.append(resources.sent_segments, now, send_.snd_nxt, length, has_fin)
          : nullptr;
  if (segment == nullptr) {
    // Every record is in use: try again when some have been acknowledged, at the latest after a
    // timeout.
    detach_if_idle(resources);
    if (override_at_ == kNever) {
      override_at_ = now + resources.config.override_timeout;
    }
    return false;
  }
  if (send_.flight() == 0) {
    progress_at_ = std::max(progress_at_, now);
  }
  send_.snd_nxt += length;
  fin_sent_ = fin_sent_ || has_fin;
  if (active_->watch.on_sent(send_.snd_nxt)) {
    events_.add(Events::kProgress);
  }
  if (payload_bytes > 0 && payload_bytes < send_mss()) {
    small_end_ = send_.snd_nxt;
  }
  quick_acks_.on_data_sent(now, resources.config.delayed_ack);
  resources.stats.tcp_bytes_out += payload_bytes;
  if (retransmit_at_ == kNever) {
    arm_retransmission(resources, now);
  }
  congestion_.on_sent(before, payload_bytes);
  Repair{*this, resources, now}.on_new_segment(*segment);
  if (wants_writable_ && tuning_->unsent_limit_bytes != 0) {
    // What leaves may be what was waited for.
    report_writable(resources);
  }
  return true;
}

std::optional<SegmentPlan> Connection::plan_probe(const Resources& resources,
                                                  Instant now) noexcept {
  // RFC 9293 §3.8.6.1: one octet of new data, or FIN, into the closed window. It stays in flight as
  // any segment.
  probe_due_ = false;
  const bool has_data = unsent_bytes() > 0;
  if (send_.flight() > 0 || (!has_data && !is_fin_unsent())) {
    return std::nullopt;
  }
  if (resources.config.empty_window_probes) {
    // Deviates from RFC 9293 §3.8.6.1: a segment without text, as Linux sends it and for those who
    // compare. It lies before the window, so that the answer tells the window all the same.
    ++resources.stats.tcp_zero_window_probes;
    return plan_segment(resources, send_.snd_una - 1, 0, TcpFlags::kAck);
  }
  const SeqNum seq = send_.snd_nxt;
  if (!note_transmission(resources, now, has_data ? 1 : 0, !has_data)) {
    return std::nullopt;
  }
  ++resources.stats.tcp_zero_window_probes;
  return plan_segment(
      resources, seq, has_data ? 1 : 0,
      static_cast<std::uint8_t>(TcpFlags::kAck | (has_data ? TcpFlags::kPsh : TcpFlags::kFin)));
}

SegmentPlan Connection::plan_new_segment(const Resources& resources, SeqNum seq,
                                         std::uint32_t payload_bytes, std::uint8_t flags) noexcept {
  SegmentPlan plan = plan_segment(resources, seq, payload_bytes, flags);
  if (payload_bytes > 0) {
    // RFC 3168 §6.1.2, §6.1.4 to §6.1.6: new data alone is marked as fit for marks, neither pure
    // ACKs nor what is sent again nor probes of a window.
    plan.flags = plan.flags.with(ecn_.take_new_data_flags());
    plan.ecn = ecn_.new_data_mark();
  }
  return plan;
}

SegmentPlan Connection::plan_segment(const Resources& resources, SeqNum seq,
                                     std::uint32_t payload_bytes, std::uint8_t flags) noexcept {
  // Every segment carries the newest ACK. Duplicates count only without text, so those that are
  // still due follow.
  const bool is_pure_ack = payload_bytes == 0 && flags == TcpFlags::kAck;
  if (is_pure_ack && duplicate_acks_due_ > 0) {
    --duplicate_acks_due_;
  }
  ack_now_ = duplicate_acks_due_ > 0;
  ack_at_ = kNever;
  unacked_bytes_ = 0;
  quick_acks_.on_ack_sent();
  SegmentPlan plan;
  plan.seq = seq;
  plan.ack = receive_.rcv_nxt;
  plan.payload_bytes = payload_bytes;
  plan.flags = TcpFlags{flags}.with(ecn_.ack_flags());
  plan.window = select_window(resources);
  const auto user_timeout = user_timeout_.option_due();
  if (user_timeout && payload_bytes + wire::kUserTimeoutSize <= mss_) {
    plan.options.user_timeout = user_timeout;
    user_timeout_.on_option_sent();
  }
  point_to_urgent(plan);
  return plan;
}

SegmentPlan Connection::plan_reset() noexcept {
  SegmentPlan plan;
  plan.seq = send_.acceptable_seq();
  plan.ack = receive_.rcv_nxt;
  plan.flags = TcpFlags{TcpFlags::kRst | TcpFlags::kAck};
  return plan;
}

void Connection::on_segment_not_sent(const SegmentPlan& plan) noexcept {
  if (plan.options.user_timeout) {
    user_timeout_.say_again();
  }
  if (plan.flags.rst()) {
    reset_due_ = true;
  } else if (plan.flags.syn()) {
    syn_due_ = true;
    if (plan.payload_bytes > 0) {
      active_->sent.note_not_sent(plan.payload_seq());
    }
  } else if (plan.payload_bytes == 0 && !plan.flags.fin()) {
    if (plan.ack.is_before(receive_.rcv_nxt)) {
      // RFC 8257 §3.2: the one that told of a change of marks.
      ecn_.return_owed_ack(plan.ack, plan.flags.ece());
    }
    ack_now_ = true;
  } else {
    LossRecovery& recovery = active_->recovery;
    const bool had_left = active_->sent.note_not_sent(plan.seq);
    if (recovery.phase != LossRecovery::Phase::Open && had_left) {
      recovery.undo.on_not_sent();
      // Whatever the window says, as before the try.
      recovery.is_first_due = true;
    }
    const std::uint32_t length = plan.payload_bytes + (plan.flags.fin() ? 1 : 0);
    recovery.prr.on_not_sent(length);
    active_->slowdown.on_not_sent(length);
    ack_now_ = true;  // The frame would have carried it.
    if (plan.flags.cwr()) {
      ecn_.return_new_data_flags();
    }
  }
}

void Connection::arm_retransmission(const Resources& resources, Instant now) noexcept {
  // What is to leave again, and has to wait for its time, times out from then on.
  const bool is_held = active_ != nullptr && active_->sent.first_lost() != nullptr;
  const Instant leaves_at = is_held ? std::max(now, active_->pacer.next_at()) : now;
  retransmit_at_ = leaves_at + rtt_.rto(resources.config);
  if (!user_timeout_.is_limited()) {
    return;
  }
  const Duration limit = user_timeout_.limit();
  if (send_.snd_wnd == 0) {
    // Of several probes one may be lost, or its answer, before the peer counts as gone.
    retransmit_at_ = std::min(retransmit_at_, now + limit / 4);
  }
  retransmit_at_ = std::min(retransmit_at_, std::max(base::later(progress_at_, limit), now));
}

void Connection::update_persist_timer(const Resources& resources, Instant now) noexcept {
  // RFC 9293 §3.8.6.1, SHLD-29: the first probe after one RTO of a closed window. And whatever else
  // is not acknowledged never waits without a timer, in whichever order windows opened and closed.
  const bool has_unacked = active_ != nullptr && !active_->sent.empty();
  const bool is_blocked = send_.usable_window() == 0 && (unsent_bytes() > 0 || is_fin_unsent());
  if ((has_unacked || is_blocked) && retransmit_at_ == kNever && is_synchronized(state_)) {
    if (!has_unacked) {
      progress_at_ = std::max(progress_at_, now);
    }
    arm_retransmission(resources, now);
  }
}

}  // namespace millrace::tcp
