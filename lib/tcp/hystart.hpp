// HyStart: when the first slow start of a connection ends before anything is lost, because round
// trips become longer (RFC 9406). How far a window grows meanwhile is its owner's business.
#pragma once

#include <cstdint>
#include <limits>

#include "tcp/ack_sample.hpp"

namespace millrace::tcp {

/// Twenty bytes, of use in the first slow start alone.
class HyStart {
 public:
  /// RFC 9406 §4.3, L: so many segments for one ACK at most, while nothing paces them.
  static constexpr std::uint32_t kSegmentsPerAck = 8;

  /// An ACK in slow start. True: it is over.
  [[nodiscard]] bool on_ack(const AckSample& sample, const PathView& path) noexcept;

  /// By what part of the usual growth the window opens: 1, or 4 while round trips that have become
  /// longer are looked at twice (RFC 9406 §4.2, CSS).
  [[nodiscard]] std::uint32_t growth_divisor() const noexcept {
    return is_conservative_ ? kGrowthDivisor : 1U;
  }

 private:
  static constexpr std::uint32_t kNoSample = std::numeric_limits<std::uint32_t>::max();
  // RFC 9406 §4.3.
  static constexpr std::uint32_t kThresholdMinUs = 4'000;
  static constexpr std::uint32_t kThresholdMaxUs = 16'000;
  static constexpr std::uint32_t kThresholdDivisor = 8;
  static constexpr std::uint8_t kSamplesMin = 8;
  static constexpr std::uint32_t kGrowthDivisor = 4;
  static constexpr std::uint8_t kConservativeRounds = 5;

  void add_sample(Duration round_trip) noexcept;
  void compare() noexcept;

  SeqNum round_end_{0};  // windowEnd.
  std::uint32_t last_min_us_ = kNoSample;
  std::uint32_t current_min_us_ = kNoSample;
  std::uint32_t baseline_us_ = kNoSample;  // Of the round that looked too long.
  std::uint8_t samples_ = 0;
  std::uint8_t conservative_rounds_ = 0;
  bool is_started_ = false;
  bool is_conservative_ = false;
};
static_assert(sizeof(HyStart) == 20);

}  // namespace millrace::tcp
