// What a connection can tell of itself: a copy of its variables, in the terms of Linux's tcp_info.
#include <algorithm>

#include "tcp/connection.hpp"
#include "tcp/steering.hpp"

namespace millrace::tcp {

namespace {

constexpr std::uint32_t kHeaderBytes = 40;  // Of IPv4 and TCP, without options.
constexpr std::uint32_t kRecordsMax = 4'096;

void count_in_flight(const SentSegments& sent, TcpInfo& info) noexcept {
  info.unacked = sent.size();
  std::uint32_t looked_at = 0;
  for (const SentSegment* segment = sent.front(); segment != nullptr && looked_at < kRecordsMax;
       segment = segment->next, ++looked_at) {
    info.sacked += segment->is_sacked ? 1 : 0;
    info.lost += segment->is_lost && !segment->is_sacked ? 1 : 0;
    info.retransmitted +=
        segment->retransmissions > 0 && !segment->is_lost && !segment->is_sacked ? 1 : 0;
  }
}

}  // namespace

void Connection::describe(const Resources& resources, TcpInfo& info) const noexcept {
  info.state = state_;
  info.recovery = recovery();
  info.has_timestamps = timestamps_.is_on();
  info.has_selective_acks = sack_;
  info.has_window_scale = offers_wscale_;
  info.has_ecn = ecn_.may_mark();
  info.has_syn_data = fast_open_outcome_ == FastOpenOutcome::Taken;
  info.send_window_scale = snd_wscale_;
  info.receive_window_scale = rcv_wscale_;
  info.send_mss = mss_;
  info.receive_mss = rcv_mss_;
  info.advertised_mss = mss_limit_;
  // What routers leave of it; what the interface does is the stack's to know.
  info.path_mtu = path_mtu_.path() + kHeaderBytes;
  info.rto = rtt_.rto(resources.config);
  info.ack_delay = resources.config.delayed_ack;
  info.backoff = rtt_.backoffs();
  const bool is_probing = is_synchronized(state_) && send_.snd_wnd == 0;
  info.retransmits = is_probing ? 0 : rtt_.backoffs();
  info.probes = is_probing ? rtt_.backoffs() : keepalive_.unanswered();
  info.rtt = rtt_.srtt();
  info.rtt_variation = rtt_.rttvar();
  info.min_rtt = rtt_.minimum();
  info.receive_rtt = std::chrono::microseconds{receive_autotune_.round_trip_us()};
  info.cwnd = congestion_.window();
  info.ssthresh = congestion_.ssthresh();
  Steering::describe(*this, resources.config, info);
  info.reordering = std::max(resources.config.duplicate_threshold, reorder_.distance());
  info.reordering_seen = reorder_.times_seen();
  info.send_window = send_.snd_wnd;
  info.receive_window = receive_.rcv_wnd();
  info.receive_window_limit = receive_limit(resources) / 2;
  info.receive_space = receive_autotune_.most_read();
  info.send_buffer = send_buffer_limit(resources);
  info.receive_buffer = receive_limit(resources);
  info.unsent_bytes = unsent_bytes();
  if (active_ != nullptr) {
    info.unacked_bytes = active_->send_buffer.size();
    info.unread_bytes = active_->receive_queue.size();
    info.send_memory = active_->send_buffer.charge();
    info.receive_memory = active_->receive_queue.charge() + active_->reassembly.charge();
    count_in_flight(active_->sent, info);
    if (!sack_) {
      // As Linux: what duplicate ACKs tell of.
      info.sacked = active_->recovery.duplicates.segments();
    }
  }
}

std::uint32_t Connection::unacknowledged() const noexcept {
  return active_ == nullptr ? 0 : active_->send_buffer.size();
}

std::uint32_t Connection::unread() const noexcept {
  return active_ == nullptr ? 0 : active_->receive_queue.size();
}

TcpRecovery Connection::recovery() const noexcept {
  if (active_ == nullptr || active_->sent.empty()) {
    return TcpRecovery::Open;
  }
  switch (active_->recovery.phase) {
    case LossRecovery::Phase::Recovery: return TcpRecovery::Recovery;
    case LossRecovery::Phase::Loss: return TcpRecovery::Loss;
    case LossRecovery::Phase::Open: break;
  }
  if (ecn_.is_reduced()) {
    return TcpRecovery::Cwr;
  }
  const bool hints = active_->recovery.duplicates.count() > 0 || active_->sent.sacked() > 0;
  return hints ? TcpRecovery::Disorder : TcpRecovery::Open;
}

NextTimer Connection::next_timer() const noexcept {
  const bool is_probing = is_synchronized(state_) && send_.snd_wnd == 0;
  const NextTimer timers[] = {
      {.kind = is_probing ? TimerKind::Persist : TimerKind::Retransmission, .at = retransmit_at_},
      // As Linux, which does not tell its timers of losses from that of retransmissions.
      {.kind = TimerKind::Retransmission,
       .at = active_ == nullptr ? kNever : active_->recovery.timer_at},
      {.kind = TimerKind::Keepalive, .at = keepalive_.deadline()},
      {.kind = is_synchronized(state_) ? TimerKind::TimeWait : TimerKind::Other,
       .at = state_deadline()},
      {.kind = TimerKind::Other, .at = std::min(ack_at_, override_at_)},
  };
  const NextTimer* const first = std::ranges::min_element(timers, {}, &NextTimer::at);
  return first->at == kNever ? NextTimer{} : *first;
}

SendLimit Connection::send_limit() const noexcept {
  if (!is_synchronized(state_)) {
    return SendLimit::Idle;  // As Linux: a handshake is no work.
  }
  const std::uint32_t unsent = unsent_bytes();
  if (unsent == 0) {
    if (send_.flight() == 0) {
      return SendLimit::Idle;
    }
    return wants_writable_ ? SendLimit::SendBuffer : SendLimit::Busy;
  }
  const bool is_window_full = send_.usable_window() < std::min<std::uint32_t>(unsent, mss_);
  return is_window_full ? SendLimit::ReceiveWindow : SendLimit::Busy;
}

}  // namespace millrace::tcp
