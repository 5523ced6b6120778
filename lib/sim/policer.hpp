// Policer: a token bucket that lets frames by or not; none of them waits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <millrace/time.hpp>

#include "sim/link_parameters.hpp"

namespace millrace::sim {

class Policer {
 public:
  [[nodiscard]] bool admits(const PolicerParameters& parameters, Instant now,
                            std::size_t bytes) noexcept {
    if (parameters.bits_per_second == 0) {
      return true;
    }
    // The bucket as the time at which it would be full again, which needs no fractions.
    const Instant begin = std::max(full_at_, now);
    const Instant after = begin + time_of(parameters, bytes);
    if (after - now > time_of(parameters, parameters.burst_bytes)) {
      return false;
    }
    full_at_ = after;
    return true;
  }

 private:
  [[nodiscard]] static Duration time_of(const PolicerParameters& parameters,
                                        std::uint64_t bytes) noexcept {
    constexpr std::uint64_t kBitsNanoseconds = 8'000'000'000;
    return Duration{
        static_cast<Duration::rep>(bytes * kBitsNanoseconds / parameters.bits_per_second)};
  }

  Instant full_at_{};
};

}  // namespace millrace::sim
