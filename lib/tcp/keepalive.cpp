#include "tcp/keepalive.hpp"

#include <algorithm>

#include "base/contract.hpp"

namespace millrace::tcp {

namespace {

using std::chrono::seconds;

bool is_valid_time(Duration time) { return time > Duration::zero() && time <= Keepalive::kTimeMax; }

std::uint16_t whole_seconds(Duration time) {
  return static_cast<std::uint16_t>(std::chrono::ceil<seconds>(time).count());
}

}  // namespace

bool Keepalive::is_valid(const KeepaliveOptions& options) noexcept {
  return is_valid_time(options.idle) && is_valid_time(options.interval) &&
         options.count >= kCountMin && options.count <= kCountMax;
}

void Keepalive::start(const KeepaliveOptions& options, Instant now) noexcept {
  base::expects(is_valid(options));
  idle_s_ = whole_seconds(options.idle);
  interval_s_ = whole_seconds(options.interval);
  count_ = static_cast<std::uint8_t>(options.count);
  rest(now);
}

void Keepalive::stop() noexcept { *this = Keepalive{}; }

Keepalive::Verdict Keepalive::on_timer(Instant now, bool is_outstanding,
                                       std::optional<Duration> user_timeout) noexcept {
  if (is_outstanding) {
    // RFC 9293 §3.8.4, MUST-26: what waits for an acknowledgment asks by itself.
    rest(now);
    return Verdict::Wait;
  }
  if (is_gone(user_timeout)) {
    deadline_ = Instant::max();
    return Verdict::Gone;
  }
  unanswered_ = static_cast<std::uint8_t>(std::min(unanswered_ + 1, 255));
  deadline_ = now + seconds{interval_s_};
  return Verdict::Probe;
}

bool Keepalive::is_gone(std::optional<Duration> user_timeout) const noexcept {
  if (!user_timeout) {
    return unanswered_ >= count_;
  }
  // RFC 9293 §3.8.4, MUST-29: however short the time, never after a single probe.
  const Duration silent = seconds{idle_s_} + unanswered_ * seconds{interval_s_};
  return unanswered_ >= kCountMin && silent >= *user_timeout;
}

}  // namespace millrace::tcp
