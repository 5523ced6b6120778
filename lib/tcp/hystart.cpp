#include "tcp/hystart.hpp"

#include <algorithm>

namespace millrace::tcp {

bool HyStart::on_ack(const AckSample& sample, const PathView& path) noexcept {
  if (!is_started_) {
    is_started_ = true;
    round_end_ = path.snd_nxt;
  } else if (path.snd_una.is_at_or_after(round_end_)) {
    // RFC 9406 §4.2: a round ends when what was the newest octet at its start is acknowledged.
    round_end_ = path.snd_nxt;
    last_min_us_ = current_min_us_;
    current_min_us_ = kNoSample;
    samples_ = 0;
    conservative_rounds_ =
        static_cast<std::uint8_t>(conservative_rounds_ + (is_conservative_ ? 1 : 0));
    if (conservative_rounds_ >= kConservativeRounds) {
      return true;
    }
  }
  if (sample.rtt) {
    add_sample(*sample.rtt);
    compare();
  }
  return false;
}

void HyStart::add_sample(Duration round_trip) noexcept {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(round_trip).count();
  const auto sample = static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, kNoSample - 1));
  current_min_us_ = std::min(current_min_us_, sample);
  samples_ = static_cast<std::uint8_t>(std::min(samples_ + 1, 255));
}

void HyStart::compare() noexcept {
  if (samples_ < kSamplesMin) {
    return;
  }
  if (is_conservative_) {
    // RFC 9406 §4.2: the delay was no queue's. Slow start goes on as before.
    if (current_min_us_ < baseline_us_) {
      is_conservative_ = false;
      conservative_rounds_ = 0;
      baseline_us_ = kNoSample;
    }
    return;
  }
  if (last_min_us_ == kNoSample) {
    return;
  }
  const std::uint32_t threshold =
      std::clamp(last_min_us_ / kThresholdDivisor, kThresholdMinUs, kThresholdMaxUs);
  if (current_min_us_ >= std::uint64_t{last_min_us_} + threshold) {
    baseline_us_ = current_min_us_;
    is_conservative_ = true;
  }
}

}  // namespace millrace::tcp
