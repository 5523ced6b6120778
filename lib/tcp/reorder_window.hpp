// ReorderWindow: how much longer than a round trip a segment may take before RACK counts it as lost
// (RFC 8985 §6.2, step 4): nothing while no path has changed our order, else a quarter of the
// shortest round trip, and more where that was too little.
#pragma once

#include <algorithm>
#include <cstdint>

#include <millrace/time.hpp>

#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// Part of every control block: what was learned of a path outlives idle times.
class ReorderWindow {
 public:
  static constexpr std::uint8_t kRecoveries = 16;  ///< That a wider window lasts.
  static constexpr std::uint8_t kDistanceMax = 255;

  struct Setting {
    Duration min_rtt{};
    Duration srtt{};
    bool is_recovering = false;
    std::uint32_t sacked_segments = 0;
    std::uint32_t threshold = 3;  ///< Duplicate ACKs that make a loss.
  };

  /// Segments have arrived in another order, `segments` apart.
  void on_reordering(std::uint32_t segments) noexcept {
    seen_ = static_cast<std::uint8_t>(std::min(seen_ + 1, 255));
    distance_ =
        static_cast<std::uint8_t>(std::clamp<std::uint32_t>(segments, distance_, kDistanceMax));
  }
  /// A D-SACK: something was sent again for nothing. It counts once in a round trip.
  void on_duplicate_report(SeqNum snd_una, SeqNum snd_nxt) noexcept {
    if (left_ > 0 && snd_una.is_before(round_)) {
      return;
    }
    round_ = snd_nxt;
    quarters_ = static_cast<std::uint8_t>(std::min(quarters_ + 1, 255));
    left_ = kRecoveries;
  }
  /// A recovery is over.
  void on_recovery_end() noexcept {
    left_ = static_cast<std::uint8_t>(left_ > 0 ? left_ - 1 : 0);
    if (left_ == 0) {
      quarters_ = 1;
    }
  }

  [[nodiscard]] Duration window(const Setting& setting) const noexcept {
    // Without reordering duplicate ACKs are worth as much as they were before RACK.
    if (seen_ == 0 && (setting.is_recovering || setting.sacked_segments >= setting.threshold)) {
      return Duration::zero();
    }
    return std::min<Duration>(setting.min_rtt / 4 * quarters_, setting.srtt);
  }
  [[nodiscard]] bool has_seen_reordering() const noexcept { return seen_ > 0; }
  /// How often, to 255.
  [[nodiscard]] std::uint32_t times_seen() const noexcept { return seen_; }
  /// The furthest that was seen, in segments.
  [[nodiscard]] std::uint32_t distance() const noexcept { return distance_; }

 private:
  SeqNum round_{0};  // A D-SACK counts again when that is acknowledged; while `left_` says so.
  std::uint8_t seen_ = 0;
  std::uint8_t distance_ = 0;
  std::uint8_t quarters_ = 1;
  std::uint8_t left_ = 0;  // Recoveries until `quarters_` is one again.
};
static_assert(sizeof(ReorderWindow) == 8);

}  // namespace millrace::tcp
