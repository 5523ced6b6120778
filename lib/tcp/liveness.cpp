// Is the peer still there: R1 and what the application hears of trouble, keepalive, user timeout
// (RFC 9293 §3.8.3, §3.8.4, §3.9.1.8; RFC 5482). When R2 is over is in timeout.cpp.
#include "tcp/connection.hpp"

namespace millrace::tcp {

void Connection::check_r1(const Resources& resources, unsigned retransmissions) noexcept {
  // RFC 9293 §3.8.3, MUST-20 and SHLD-9: from here to R2 each timeout asks IP for another way, and
  // tells the application.
  if (retransmissions < resources.config.r1_retransmissions) {
    return;
  }
  path_doubt_ = true;
  report_soft_error(resources, soft_error_.reason_for_timeout());
}

void Connection::report_soft_error(const Resources& resources, Error error) noexcept {
  if (state_ == TcpState::Closed || !soft_error_.note(error) || app_closed_) {
    return;
  }
  ++resources.stats.tcp_soft_errors;
  events_.add(Events::kSoftError);
}

bool Connection::take_path_doubt() noexcept {
  const bool was_doubted = path_doubt_;
  path_doubt_ = false;
  return was_doubted;
}

void Connection::advertise_user_timeout(const Resources& resources, Duration time) noexcept {
  user_timeout_.advertise(time, resources.config);
}

void Connection::set_keepalive(const std::optional<KeepaliveOptions>& options,
                               Instant now) noexcept {
  keepalive_due_ = false;
  if (options && state_ != TcpState::Closed && state_ != TcpState::TimeWait) {
    keepalive_.start(*options, now);
  } else {
    keepalive_.stop();
  }
}

void Connection::on_keepalive_timer(const Resources& resources, Instant now) noexcept {
  switch (keepalive_.on_timer(now, is_outstanding(), user_timeout_.chosen())) {
    case Keepalive::Verdict::Wait: return;
    case Keepalive::Verdict::Probe:
      keepalive_due_ = true;
      ++resources.stats.tcp_keepalive_probes;
      return;
    case Keepalive::Verdict::Gone: abort(resources, soft_error_.reason_for_timeout()); return;
  }
}

bool Connection::is_outstanding() const noexcept {
  // Before ESTABLISHED it is the SYN that waits.
  return !is_synchronized(state_) || send_.flight() > 0 || unsent_bytes() > 0 || is_fin_unsent();
}

}  // namespace millrace::tcp
