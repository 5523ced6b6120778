// Closing: half close, close, abort, and how a connection ends (RFC 9293 §3.6).
#include <algorithm>

#include "base/contract.hpp"
#include "base/deadline.hpp"
#include "tcp/connection.hpp"

namespace millrace::tcp {

void Connection::set_state(TcpState state) noexcept {
  base::expects(is_transition(state_, state));
  state_ = state;
}

Result<void> Connection::shutdown(const Resources& resources, Instant now) noexcept {
  if (state_ == TcpState::SynSent || state_ == TcpState::Closed) {
    return fail(Error::InvalidState);
  }
  queue_fin(resources, now);
  return {};
}

void Connection::close(const Resources& resources, Instant now) noexcept {
  if (app_closed_) {
    return;
  }
  app_closed_ = true;
  const bool has_unread =
      active_ != nullptr && (!active_->receive_queue.empty() || !active_->reassembly.empty());
  if (state_ == TcpState::SynSent) {
    end(resources, fail(Error::ConnectionAborted));
    return;
  }
  // RFC 9293 §3.6.1, SHLD-3: what nobody will read must not seem delivered.
  const bool is_open = state_ != TcpState::Closed && state_ != TcpState::TimeWait;
  if (is_open && (has_unread || linger_ms_ == 0)) {
    abort(resources, Error::ConnectionAborted);
    return;
  }
  if (has_unread) {
    active_->receive_queue.clear(resources.budget);
    detach_if_idle(resources);
  }
  queue_fin(resources, now);
  if (state_ == TcpState::FinWait2) {
    limit_fin_wait_2(resources, now);
  } else if (is_open && linger_ms_ != kNoLinger) {
    state_at_ = base::later(now, std::chrono::milliseconds{linger_ms_});
  }
  report_if_over();
}

void Connection::set_linger(const std::optional<Duration>& limit) noexcept {
  if (!limit) {
    linger_ms_ = kNoLinger;
    return;
  }
  // Rounded up, since zero means something else; 49 days are as good as any longer time.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*limit).count();
  linger_ms_ = static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 0, kNoLinger - 1));
}

void Connection::queue_fin(const Resources& resources, Instant now) noexcept {
  if (fin_queued_) {
    return;
  }
  switch (state_) {
    case TcpState::SynReceived: fin_queued_ = true; return;  // Sent once established.
    case TcpState::Established: set_state(TcpState::FinWait1); break;
    case TcpState::CloseWait: set_state(TcpState::LastAck); break;
    case TcpState::Closed:
    case TcpState::Listen:
    case TcpState::SynSent:
    case TcpState::FinWait1:
    case TcpState::FinWait2:
    case TcpState::Closing:
    case TcpState::LastAck:
    case TcpState::TimeWait: return;
  }
  fin_queued_ = true;
  update_persist_timer(resources, now);
}

void Connection::abort(const Resources& resources, Error reason) noexcept {
  if (state_ == TcpState::Closed) {
    // Over already, and perhaps with unread data: then this is what ends it for the application.
    events_.add(Events::kClosed);
    return;
  }
  // RFC 9293 §3.10.5: a reset only where the peer may believe in a connection.
  reset_due_ = is_synchronized(state_) && state_ != TcpState::TimeWait;
  reset_due_ = reset_due_ || state_ == TcpState::SynReceived;
  end(resources, fail(reason));
}

void Connection::abort_by_application(const Resources& resources) noexcept {
  app_closed_ = true;
  abort(resources, Error::ConnectionAborted);
}

void Connection::enter_time_wait(const Resources& resources) noexcept {
  set_state(TcpState::TimeWait);
  ++resources.stats.tcp_closed;
  retransmit_at_ = override_at_ = state_at_ = ack_at_ = kNever;
  keepalive_.stop();
  if (active_ != nullptr) {
    active_->send_buffer.clear(resources.budget);
    active_->drop_sent(resources.sent_segments);
    active_->drop_out_of_order(resources.budget);
    detach_if_idle(resources);
  }
  report_if_over();
}

void Connection::end(const Resources& resources, Result<void> outcome) noexcept {
  if (state_ == TcpState::Closed) {
    return;
  }
  ++(is_synchronized(state_) ? resources.stats.tcp_closed : resources.stats.tcp_failed_opens);
  set_state(TcpState::Closed);
  outcome_ = outcome;
  syn_due_ = ack_now_ = probe_due_ = keepalive_due_ = false;
  retransmit_at_ = override_at_ = state_at_ = ack_at_ = kNever;
  keepalive_.stop();
  if (active_ != nullptr) {
    active_->send_buffer.clear(resources.budget);
    active_->drop_sent(resources.sent_segments);
    active_->drop_out_of_order(resources.budget);
    detach_if_idle(resources);
  }
  if (!outcome) {
    events_.add(Events::kClosed);
  }
  report_if_over();
}

void Connection::report_if_over() noexcept {
  // In order, an end is reported only when the application has read all that came before it.
  const bool is_over = state_ == TcpState::TimeWait || state_ == TcpState::Closed;
  if (is_over && (app_closed_ || peer_finished_reported_)) {
    events_.add(Events::kClosed);
  }
}

}  // namespace millrace::tcp
