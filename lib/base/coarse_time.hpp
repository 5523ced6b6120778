// Points in time as counters of seconds or milliseconds that wrap around: what control blocks
// remember of a time that matters only to that grain.
#pragma once

#include <chrono>
#include <cstdint>

#include <millrace/time.hpp>

namespace millrace::base {

/// Wraps around after 136 years.
[[nodiscard]] constexpr std::uint32_t seconds_of(Instant time) noexcept {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

/// Wraps around after 49 days.
[[nodiscard]] constexpr std::uint32_t milliseconds_of(Instant time) noexcept {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

}  // namespace millrace::base
