// TokenBucket: at most so many events a second in the long run, and so many at once. What an event
// is, is up to its owner.
#pragma once

#include <cstdint>

#include <millrace/time.hpp>

#include "base/contract.hpp"

namespace millrace::net {

struct RateLimit {
  std::uint32_t per_second = 1'000;  ///< 1 to 1,000,000,000.
  std::uint32_t burst = 50;          ///< At least 1.
};

/// Keeps one instant instead of a number of tokens, so that taking one needs no division: the time
/// at which the bucket would be full again. Each event moves it by one interval; it may lead the
/// clock by a burst's worth.
class TokenBucket {
 public:
  /// Full at first.
  explicit TokenBucket(const RateLimit& limit) noexcept {
    base::expects(limit.per_second > 0);
    base::expects(limit.burst > 0);
    interval_ = Duration{std::chrono::seconds{1}} / limit.per_second;
    lead_max_ = interval_ * (limit.burst - 1);
  }

  /// Whether the event may happen at `now`, which is then accounted for.
  [[nodiscard]] bool try_take(Instant now) noexcept {
    if (full_at_ < now) {
      full_at_ = now;
    }
    if (full_at_ - now > lead_max_) {
      return false;
    }
    full_at_ += interval_;
    return true;
  }

 private:
  Duration interval_{};
  Duration lead_max_{};
  Instant full_at_ = Instant::min();
};

}  // namespace millrace::net
