// TscClock: the processor's time-stamp counter, calibrated against the system's monotonic clock.
// Reading it takes no system call. Where the counter does not tick evenly it reads the system's
// clock instead.
#pragma once

#include <cstdint>

#include <millrace/time.hpp>

#include "runtime/clock.hpp"

namespace millrace::runtime {

/// One per worker. Instants are those of CLOCK_MONOTONIC, to within the calibration's error.
class TscClock final : public Clock {
 public:
  /// Takes about 20 ms.
  [[nodiscard]] static TscClock calibrate();

  [[nodiscard]] Instant now() noexcept override;

  /// How often the time would have gone back and was held instead.
  [[nodiscard]] std::uint64_t steps_back() const noexcept { return steps_back_; }
  /// Ticks a second; zero where the system's clock is read.
  [[nodiscard]] std::uint64_t frequency_hz() const noexcept { return frequency_hz_; }

 private:
  static constexpr unsigned kShift = 32;

  TscClock() = default;

  std::uint64_t base_ticks_ = 0;
  std::uint64_t multiplier_ =
      0;  // Nanoseconds a tick, shifted left by kShift; zero: read the system's clock.
  std::uint64_t frequency_hz_ = 0;
  Instant base_{};
  Instant last_{};
  std::uint64_t steps_back_ = 0;
};

}  // namespace millrace::runtime
