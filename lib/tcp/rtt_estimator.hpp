// RttEstimator: smoothed round-trip time and the retransmission timeout that follows from it (RFC
// 6298).
#pragma once

#include <algorithm>
#include <cstdint>

#include <millrace/config.hpp>
#include <millrace/time.hpp>

namespace millrace::tcp {

/// Sixteen bytes, in microseconds: part of every control block.
class RttEstimator {
 public:
  /// RFC 6298 §2.2 and §2.3, with alpha 1/8 and beta 1/4. It may have taken longer by up to `tick`:
  /// what is too short by chance would be the shortest for ever.
  void add_sample(Duration round_trip, Duration tick = {}) noexcept {
    const std::uint32_t sample = to_microseconds(round_trip);
    if (srtt_us_ == 0) {
      srtt_us_ = std::max(sample, 1U);
      rttvar_us_ = sample / 2;
    } else {
      const std::uint32_t deviation = srtt_us_ > sample ? srtt_us_ - sample : sample - srtt_us_;
      rttvar_us_ = static_cast<std::uint32_t>((3ULL * rttvar_us_ + deviation) / 4);
      srtt_us_ = std::max(static_cast<std::uint32_t>((7ULL * srtt_us_ + sample) / 8), 1U);
    }
    const std::uint32_t least = std::max(to_microseconds(round_trip + tick), 1U);
    min_us_ = min_us_ == 0 ? least : std::min(min_us_, least);
    backoffs_ = 0;
  }

  /// RFC 6298 §5.5: the timer went off, so the next one waits twice as long.
  void back_off() noexcept { backoffs_ = static_cast<std::uint8_t>(std::min(backoffs_ + 1, 30)); }
  /// New data was acknowledged: the path works again.
  void reset_backoff() noexcept { backoffs_ = 0; }
  /// RFC 6298 §5.7: a SYN was lost, so data starts with three seconds.
  void start_cautiously() noexcept { cautious_ = srtt_us_ == 0; }

  /// The timeout now, back-off included.
  [[nodiscard]] Duration rto(const TcpConfig& config) const noexcept {
    Duration base = config.rto_initial;
    if (srtt_us_ != 0) {
      const Duration variation =
          std::max<Duration>(std::chrono::microseconds{std::max(4ULL * rttvar_us_, kGranularityUs)},
                             config.rto_variation_min);
      base = std::clamp<Duration>(srtt() + variation, config.rto_min, config.rto_max);
    } else if (cautious_) {
      base = std::max<Duration>(base, std::chrono::seconds{3});
    }
    for (unsigned i = 0; i < backoffs_ && base < config.rto_max; ++i) {
      base *= 2;
    }
    return std::min(base, config.rto_max);
  }

  [[nodiscard]] bool has_sample() const noexcept { return srtt_us_ != 0; }
  [[nodiscard]] Duration srtt() const noexcept { return std::chrono::microseconds{srtt_us_}; }
  [[nodiscard]] Duration rttvar() const noexcept { return std::chrono::microseconds{rttvar_us_}; }
  /// The shortest sample; zero before the first.
  [[nodiscard]] Duration minimum() const noexcept { return std::chrono::microseconds{min_us_}; }
  [[nodiscard]] unsigned backoffs() const noexcept { return backoffs_; }

 private:
  static constexpr unsigned long long kGranularityUs = 33;  // One tick of the timer wheel.

  [[nodiscard]] static std::uint32_t to_microseconds(Duration duration) noexcept {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, 300'000'000));
  }

  std::uint32_t srtt_us_ = 0;
  std::uint32_t rttvar_us_ = 0;
  std::uint32_t min_us_ = 0;
  std::uint8_t backoffs_ = 0;
  bool cautious_ = false;
};

}  // namespace millrace::tcp
