// BurstPush: which of the full segments that leave together carry PSH, as those do that Linux hands
// to a device as one and the device cuts up: a sign to the receiver that no more follows at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <millrace/time.hpp>

namespace millrace::tcp {

class BurstPush {
 public:
  /// What bounds a group.
  struct Measure {
    std::uint32_t least_segments = 2;  ///< `TcpConfig::push_burst_segments`.
    std::uint32_t segment_bytes = 1;
    std::uint32_t cwnd = 0;         ///< Bytes.
    std::uint32_t half_window = 0;  ///< Bytes: half of the largest window that the peer offered.
    Duration round_trip{};          ///< Smoothed; zero before the first sample.
    bool starts_slowly = true;      ///< Far below the slow-start threshold.
  };

  /// What follows from it, in segments, and stays the same while nothing but segments leave.
  struct Limits {
    std::uint32_t half = 1;   ///< Of the window.
    std::uint32_t group = 1;  ///< The most in a group.
  };
  [[nodiscard]] static Limits limits_of(const Measure& measure) noexcept {
    const std::uint32_t half = std::max(measure.cwnd / measure.segment_bytes / 2, 1U);
    const std::uint32_t most =
        std::min(half, std::max(measure.half_window / measure.segment_bytes, 1U));
    return {.half = half, .group = std::min(most, segments(measure))};
  }

  /// A full segment leaves now; `goes_on`: another one follows at once. Whether it ends a group.
  [[nodiscard]] bool on_full_segment(Instant now, const Limits& limits, bool goes_on) noexcept {
    if (now != at_) {
      at_ = now;
      in_burst_ = in_group_ = 0;
    }
    ++in_burst_;
    ++in_group_;
    // Two groups at least make a window.
    const bool is_half =
        limits.half > 1 && in_burst_ >= limits.half && in_burst_ % limits.half == 0;
    const bool ends = !goes_on || in_group_ >= limits.group;
    const bool pushes = is_half || (ends && in_group_ > 1);
    in_group_ = ends ? 0 : in_group_;
    return pushes;
  }
  [[nodiscard]] bool on_full_segment(Instant now, const Measure& measure, bool goes_on) noexcept {
    return on_full_segment(now, limits_of(measure), goes_on);
  }

 private:
  static constexpr std::uint64_t kLargest = 65'215;  // Of one hand-over.

  /// What a millisecond's worth of the rate takes, or, where the round trip is short, far more.
  [[nodiscard]] static std::uint32_t segments(const Measure& measure) noexcept {
    const auto us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(measure.round_trip).count());
    std::uint64_t bytes = kLargest;
    if (us >= kShortUs) {
      const std::uint64_t percent = measure.starts_slowly ? 200 : 120;
      const std::uint64_t of_rate = measure.cwnd * percent * 10'000 / us / 1'024;
      bytes = std::min(kLargest, of_rate + (kLargest >> std::min<std::uint64_t>(us / 512, 32)));
    }
    return static_cast<std::uint32_t>(
        std::max<std::uint64_t>(bytes / measure.segment_bytes, measure.least_segments));
  }
  static constexpr std::uint64_t kShortUs = 64;  // No rate worth the name follows from less.

  Instant at_{};
  std::uint32_t in_burst_ = 0;
  std::uint32_t in_group_ = 0;
};

}  // namespace millrace::tcp
