// Pacer: when the next segment of a paced connection may leave, so that what a window allows goes
// evenly over a round trip instead of at once. At which rate is the controller's word, or follows
// from its window.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include <millrace/time.hpp>

namespace millrace::tcp {

/// Octets a second. Zero: not paced.
using PacingRate = std::uint64_t;

/// What Linux's fq does for controllers that name no rate: somewhat more than a window in a round
/// trip, twice as much while the window doubles (`net.ipv4.tcp_pacing_ss_ratio`,
/// `tcp_pacing_ca_ratio`).
struct PacingRatios {
  std::uint32_t slow_start_percent = 200;
  std::uint32_t avoidance_percent = 120;
};
[[nodiscard]] inline PacingRate pacing_rate_of(std::uint32_t window, std::uint32_t ssthresh,
                                               Duration round_trip,
                                               const PacingRatios& ratios) noexcept {
  if (round_trip <= Duration::zero()) {
    return 0;
  }
  constexpr std::uint64_t kNanosecondsPerPercent = 10'000'000;
  const std::uint32_t percent =
      window < ssthresh / 2 ? ratios.slow_start_percent : ratios.avoidance_percent;
  const auto nanoseconds = static_cast<std::uint64_t>(round_trip.count());
  return std::max<PacingRate>(
      std::uint64_t{window} * percent * kNanosecondsPerPercent / nanoseconds, 1);
}

/// Of use while data is queued or in flight.
class Pacer {
 public:
  /// Whether a segment may leave.
  [[nodiscard]] bool may_send(Instant now) const noexcept { return next_at_ <= now; }
  /// When it may.
  [[nodiscard]] Instant next_at() const noexcept { return next_at_; }

  /// A segment of that length leaves at `now`. What a core was late by, or did not use, is made
  /// good up to `slack`, or two segments where that is more, and never by more than 64 KiB at once.
  void on_sent(Instant now, std::uint32_t bytes, PacingRate rate, Duration slack) noexcept {
    if (rate == 0) {
      next_at_ = now;
      return;
    }
    if (rate != rate_ || bytes != bytes_) {
      rate_ = rate;
      bytes_ = bytes;
      gap_ = time_of(bytes, rate);
      most_ = time_of(kBurstMax, rate);
    }
    const Duration credit = std::min(std::max(slack, gap_), std::max(most_, gap_));
    next_at_ = std::max(next_at_, now - credit) + gap_;
  }

  /// The next segment may leave at once.
  void reset() noexcept { next_at_ = Instant{}; }

 private:
  static constexpr std::uint32_t kBurstMax = 65'536;

  [[nodiscard]] static Duration time_of(std::uint32_t bytes, PacingRate rate) noexcept {
    constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
    // At one octet a second 64 KiB take 18 hours, which fits.
    return Duration{static_cast<std::int64_t>(bytes * kNanosecondsPerSecond / rate)};
  }

  Instant next_at_{};
  // What was worked out last: segments are mostly of one length, and rates seldom change.
  PacingRate rate_ = 0;
  std::uint32_t bytes_ = 0;
  Duration gap_{};   // Of so many bytes,
  Duration most_{};  // and of `kBurstMax`.
};

}  // namespace millrace::tcp
