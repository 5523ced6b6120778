// How often a SYN,ACK times out within the time that a listener waits for data (Linux's
// TCP_DEFER_ACCEPT counts so).
#pragma once

#include <algorithm>
#include <cstdint>

#include <millrace/time.hpp>

namespace millrace::tcp {

/// Timeouts, each twice as long as the one before, from `first` up to `longest`, that reach or pass
/// `time`; none for no time.
[[nodiscard]] constexpr std::uint8_t timeouts_within(Duration time, Duration first,
                                                     Duration longest) noexcept {
  constexpr std::uint8_t kMost = 255;
  std::uint8_t count = 0;
  Duration passed{};
  for (Duration timeout = first; passed < time && count < kMost;
       timeout = std::min(2 * timeout, longest)) {
    passed += timeout;
    ++count;
  }
  return count;
}

/// The other way round: how long so many timeouts last.
[[nodiscard]] constexpr Duration time_of(std::uint8_t timeouts, Duration first,
                                         Duration longest) noexcept {
  Duration passed{};
  Duration timeout = first;
  for (std::uint8_t count = 0; count < timeouts; ++count) {
    passed += timeout;
    timeout = std::min(2 * timeout, longest);
  }
  return passed;
}

}  // namespace millrace::tcp
