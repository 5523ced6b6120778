// Chances and random times of links, from a generator of their own.
#pragma once

#include <cstdint>

#include <millrace/time.hpp>

#include "base/random.hpp"

namespace millrace::sim {

inline constexpr std::uint32_t kMillion = 1'000'000;

/// Asks the generator only if there is a chance at all, so that a fault that is off changes nothing
/// else.
[[nodiscard]] inline bool happens(base::Random& random, std::uint32_t ppm) noexcept {
  return ppm != 0 && random.below(kMillion) < ppm;
}

/// Evenly from zero to `limit`, in microseconds, which fit the generator for more than an hour.
[[nodiscard]] inline Duration up_to(base::Random& random, Duration limit) noexcept {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(limit).count();
  return microseconds <= 0 ? Duration{}
                           : Duration{std::chrono::microseconds{
                                 random.below(static_cast<std::uint32_t>(microseconds) + 1)}};
}

}  // namespace millrace::sim
