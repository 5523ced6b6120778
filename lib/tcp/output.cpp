// Which segment is next: retransmission, new data, FIN, probe or ACK; Nagle and silly-window
// avoidance on both sides.
#include <algorithm>

#include "base/contract.hpp"
#include "base/deadline.hpp"
#include "tcp/connection.hpp"

namespace millrace::tcp {

namespace {

constexpr std::uint32_t kWindowFieldMax = 65'535;

// Of the records that are left no connection takes more than half, so that a few cannot starve the
// others.
std::uint32_t record_share(const SentSegmentPool& pool) {
  constexpr std::uint32_t kAlways = 16;
  return std::max(kAlways, (pool.capacity() - pool.size()) / 2);
}

}  // namespace

std::optional<SegmentPlan> Connection::next_segment(const Resources& resources,
                                                    Instant now) noexcept {
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
    ack_now_ = false;
    return std::nullopt;
  }
  if (auto plan = plan_retransmission(resources, now)) {
    return plan;
  }
  if (auto plan = plan_new_data(resources, now)) {
    return plan;
  }
  if (probe_due_) {
    if (auto plan = plan_probe(resources, now)) {
      return plan;
    }
  }
  if (ack_now_) {
    return plan_segment(resources, send_.acceptable_seq(), 0, TcpFlags::kAck);
  }
  update_persist_timer(resources, now);
  return std::nullopt;
}

std::optional<SegmentPlan> Connection::plan_retransmission(const Resources& resources,
                                                           Instant now) noexcept {
  SentSegment* const segment = active_ == nullptr ? nullptr : active_->sent.first_lost();
  if (segment == nullptr) {
    return std::nullopt;
  }
  // RFC 9293 §3.8.6, SHLD-16: only what still lies in the window; a probe may send one octet beyond
  // it.
  const auto into_window = static_cast<std::uint32_t>(segment->seq - send_.snd_una);
  std::uint32_t allowed = send_.snd_wnd > into_window ? send_.snd_wnd - into_window : 0;
  if (allowed == 0) {
    if (!probe_due_) {
      return std::nullopt;
    }
    probe_due_ = false;
    allowed = 1;
    ++resources.stats.tcp_zero_window_probes;
  } else if (active_->sent.in_network() > 0 &&
             std::uint64_t{active_->sent.in_network()} + segment->length > congestion_.cwnd() &&
             !in_recovery_) {
    return std::nullopt;
  }
  // A FIN's octet takes no room in the segment, but its place in the window.
  const std::uint32_t limit =
      std::min<std::uint32_t>(allowed, std::uint32_t{mss_} + (segment->has_fin ? 1 : 0));
  if (!active_->sent.split(resources.sent_segments, *segment, limit)) {
    return std::nullopt;
  }
  active_->sent.note_retransmission(*segment, now);
  ++resources.stats.tcp_retransmitted_segments;
  if (retransmit_at_ == kNever) {
    arm_retransmission(resources, now);
  }
  const std::uint32_t payload = segment->length - (segment->has_fin ? 1 : 0);
  const auto flags =
      static_cast<std::uint8_t>(TcpFlags::kAck | (segment->has_fin ? TcpFlags::kFin : 0) |
                                (payload > 0 ? TcpFlags::kPsh : 0));
  return plan_segment(resources, segment->seq, payload, flags);
}

std::uint32_t Connection::unsent_bytes() const noexcept {
  if (active_ == nullptr || fin_sent_ || active_->send_buffer.empty()) {
    return 0;
  }
  return static_cast<std::uint32_t>(active_->send_buffer.end() - send_.snd_nxt);
}

std::optional<SegmentPlan> Connection::plan_new_data(const Resources& resources,
                                                     Instant now) noexcept {
  const std::uint32_t unsent = unsent_bytes();
  if (unsent == 0 && !is_fin_unsent()) {
    return std::nullopt;
  }
  if (active_ != nullptr && (active_->sent.first_lost() != nullptr ||
                             active_->sent.size() >= record_share(resources.sent_segments))) {
    // RFC 5681 §3.1: what was lost comes first.
    return std::nullopt;
  }
  if (idle_restart_ && unsent > 0) {
    idle_restart_ = false;
    if (now - progress_at_ > rtt_.rto(resources.config)) {
      congestion_.on_idle_restart(initial_window(resources.config.initial_window_segments, mss_));
    }
    progress_at_ = std::max(progress_at_, now);
  }
  const std::uint32_t window = send_.usable_window();
  const std::uint32_t bytes = std::min({unsent, std::uint32_t{mss_}, window});
  const bool sends_last = bytes == unsent;
  const bool has_fin = is_fin_unsent() && sends_last && window > bytes && is_synchronized(state_);
  if (bytes == 0 && !has_fin) {
    return std::nullopt;
  }
  const std::uint32_t in_network = active_ == nullptr ? 0 : active_->sent.in_network();
  if (bytes > 0 && in_network > 0 && std::uint64_t{in_network} + bytes > congestion_.cwnd()) {
    return std::nullopt;
  }
  if (!has_fin && !may_send_now(bytes, unsent, now, resources)) {
    return std::nullopt;
  }
  const SeqNum seq = send_.snd_nxt;
  if (!note_transmission(resources, now, bytes, has_fin)) {
    return std::nullopt;
  }
  // RFC 9293 §3.9.1.2, MUST-61: pushed when nothing is left to send.
  const auto flags = static_cast<std::uint8_t>(TcpFlags::kAck | (has_fin ? TcpFlags::kFin : 0) |
                                               (bytes > 0 && sends_last ? TcpFlags::kPsh : 0));
  return plan_segment(resources, seq, bytes, flags);
}

bool Connection::may_send_now(std::uint32_t bytes, std::uint32_t unsent, Instant now,
                              const Resources& resources) noexcept {
  // RFC 9293 §3.8.6.2.1, conditions 1 to 4. Nagle's algorithm is read as Minshall's: what holds a
  // small segment back is another small one in flight, not full ones (RFC 9293 appendix A.3).
  const bool is_full = bytes == mss_;
  const bool sends_all = bytes == unsent;
  const bool has_small_in_flight = small_end_.is_after(send_.snd_una);
  const bool fills_half_window = bytes >= send_.max_snd_wnd / 2 && bytes > 0 && send_.flight() == 0;
  if (is_full || (sends_all && (no_delay_ || !has_small_in_flight)) || fills_half_window ||
      override_due_) {
    override_due_ = false;
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
  if (!attach(resources) ||
      !active_->sent.append(resources.sent_segments, now, send_.snd_nxt, length, has_fin)) {
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
  if (payload_bytes > 0 && payload_bytes < mss_) {
    small_end_ = send_.snd_nxt;
  }
  resources.stats.tcp_bytes_out += payload_bytes;
  if (retransmit_at_ == kNever) {
    arm_retransmission(resources, now);
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
  const SeqNum seq = send_.snd_nxt;
  if (!note_transmission(resources, now, has_data ? 1 : 0, !has_data)) {
    return std::nullopt;
  }
  ++resources.stats.tcp_zero_window_probes;
  return plan_segment(
      resources, seq, has_data ? 1 : 0,
      static_cast<std::uint8_t>(TcpFlags::kAck | (has_data ? TcpFlags::kPsh : TcpFlags::kFin)));
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
  SegmentPlan plan;
  plan.seq = seq;
  plan.ack = receive_.rcv_nxt;
  plan.payload_bytes = payload_bytes;
  plan.flags = TcpFlags{flags};
  plan.window = select_window(resources);
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
  if (plan.flags.rst()) {
    reset_due_ = true;
  } else if (plan.flags.syn()) {
    syn_due_ = true;
    if (plan.payload_bytes > 0) {
      active_->sent.mark_lost(plan.payload_seq());
    }
  } else if (plan.payload_bytes == 0 && !plan.flags.fin()) {
    ack_now_ = true;
  } else {
    active_->sent.mark_lost(plan.seq);
    ack_now_ = true;  // The frame would have carried it.
  }
}

std::uint32_t Connection::receive_room(const Resources& resources) const noexcept {
  const std::uint32_t limit = resources.config.receive_buffer_bytes;
  const std::uint32_t charge =
      active_ == nullptr ? 0 : active_->receive_queue.charge() + active_->reassembly.charge();
  if (charge >= limit) {
    return 0;
  }
  // What the core has left bounds it, too.
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(
      limit - charge, resources.budget.left(packet::BudgetUse::InOrder) / 2));
}

std::uint32_t Connection::free_receive_window(const Resources& resources) const noexcept {
  // The charge of queued payload is at most about twice the payload. And only what the field can
  // say is offered.
  return std::min(receive_room(resources) / 2, kWindowFieldMax << rcv_wscale_);
}

std::uint16_t Connection::select_window(const Resources& resources) noexcept {
  // RFC 9293 §3.8.6.2.2: the right edge moves in steps worth having, and never to the left
  // (SHLD-14).
  const SeqNum wanted = receive_.rcv_nxt + free_receive_window(resources);
  if (wanted.is_after(receive_.rcv_adv)) {
    const auto gain = static_cast<std::uint32_t>(wanted - receive_.rcv_adv);
    const std::uint32_t step =
        std::min<std::uint32_t>(resources.config.receive_buffer_bytes / 4, rcv_mss_);
    if (gain >= step) {
      receive_.rcv_adv = wanted;
    }
  }
  const std::uint32_t window = receive_.rcv_wnd();
  std::uint32_t field = window >> rcv_wscale_;
  // Rounding down would take back what was offered before: round up, and stand by it, while there
  // is room. Without that limit each ACK of a little data would move the edge, and the window would
  // never close.
  const bool is_inexact = (field << rcv_wscale_) < window;
  field += is_inexact && (field + 1) << rcv_wscale_ <= receive_room(resources) ? 1U : 0U;
  field = std::min(field, kWindowFieldMax);
  const SeqNum offered = receive_.rcv_nxt + (field << rcv_wscale_);
  if (offered.is_after(receive_.rcv_adv)) {
    receive_.rcv_adv = offered;
  }
  return static_cast<std::uint16_t>(field);
}

bool Connection::is_window_update_due(const Resources& resources) const noexcept {
  // RFC 9293 §3.8.6.2.2: worth a segment of its own once two full segments, or half of the buffer,
  // more fit.
  if (!accepts_text(state_) || app_closed_) {
    return false;
  }
  const SeqNum wanted = receive_.rcv_nxt + free_receive_window(resources);
  const std::uint32_t step =
      std::min<std::uint32_t>(resources.config.receive_buffer_bytes / 4, 2U * rcv_mss_);
  // What is still open matters as well: while half of the window is free nobody waits for more.
  const bool is_needed = receive_.rcv_wnd() < resources.config.receive_buffer_bytes / 4;
  return is_needed && wanted - receive_.rcv_adv >= static_cast<std::int32_t>(step);
}

void Connection::arm_retransmission(const Resources& resources, Instant now) noexcept {
  retransmit_at_ = now + rtt_.rto(resources.config);
  if (send_.snd_wnd == 0 && user_timeout_ > Duration::zero()) {
    // Of several probes one may be lost, or its answer, before the peer counts as gone.
    retransmit_at_ = std::min(retransmit_at_, now + user_timeout_ / 4);
  }
  if (user_timeout_ > Duration::zero()) {
    retransmit_at_ =
        std::min(retransmit_at_, std::max(base::later(progress_at_, user_timeout_), now));
  }
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
