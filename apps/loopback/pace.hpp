// Pace: how many frames a rate allows by now. What could not be sent in time is not made up for
// with a longer burst.
#pragma once

#include <algorithm>
#include <cstdint>

#include <millrace/time.hpp>

namespace loopback {

class Pace {
 public:
  /// Frames a second; zero: no limit.
  explicit Pace(double per_second = 0) noexcept : per_second_{per_second} {}

  /// At most `most`. Time never goes back.
  [[nodiscard]] std::uint64_t allowed(millrace::Instant now, std::uint64_t most) noexcept {
    if (per_second_ <= 0) {
      return most;
    }
    if (is_started_) {
      const double seconds = std::chrono::duration<double>(now - last_).count();
      credit_ = std::min(credit_ + seconds * per_second_, std::max(kBurst, 1.0));
    } else {
      is_started_ = true;
      credit_ = 1;
    }
    last_ = now;
    return std::min(most, static_cast<std::uint64_t>(credit_));
  }
  void note_sent(std::uint64_t frames) noexcept { credit_ -= static_cast<double>(frames); }

 private:
  static constexpr double kBurst = 256;

  double per_second_;
  double credit_ = 0;
  millrace::Instant last_{};
  bool is_started_ = false;
};

}  // namespace loopback
