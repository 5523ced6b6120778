// RepeatWatch: whether a sender that hears nothing slows down (RFC 6298 §5.5): it notes the times
// at which one and the same segment leaves again while nothing arrives.
#pragma once

#include <cstdint>

#include <millrace/time.hpp>

namespace swarm {

class RepeatWatch {
 public:
  /// Anything has arrived.
  void on_arrival() noexcept { repeats_ = 0; }
  /// The segment that begins there has left again. False: it leaves at an unchanged pace, for the
  /// fourth time in a row.
  [[nodiscard]] bool on_repeat(std::uint64_t begin, millrace::Instant now) noexcept {
    if (repeats_ == 0 || begin != begin_) {
      *this = {};
      begin_ = begin;
      last_ = now;
      repeats_ = 1;
      return true;
    }
    const millrace::Duration interval = now - last_;
    // Timers have ticks, and a probe of another kind may come between.
    const bool is_slower = interval >= interval_ + interval_ / 4 || interval >= kLongest;
    steady_ = is_slower ? 0 : steady_ + 1;
    interval_ = interval;
    last_ = now;
    ++repeats_;
    return steady_ < kSteadyMax;
  }

 private:
  static constexpr unsigned kSteadyMax = 4;
  static constexpr millrace::Duration kLongest = std::chrono::seconds{50};  // Near `rto_max`.

  std::uint64_t begin_ = 0;
  millrace::Instant last_{};
  millrace::Duration interval_{};
  unsigned repeats_ = 0;
  unsigned steady_ = 0;
};

}  // namespace swarm
