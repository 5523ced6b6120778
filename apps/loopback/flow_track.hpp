// What has arrived of one flow: its numbers in order, those that are missing, late or repeated.
#pragma once

#include <cstdint>

namespace loopback {

class FlowTrack {
 public:
  /// So far back it is known which numbers have arrived; what comes later than that counts as
  /// repeated.
  static constexpr std::uint64_t kRemembered = 64;

  enum class Place : std::uint8_t {
    InOrder,   ///< Behind all that came before; what lies between is missing.
    Late,      ///< It was missing.
    Repeated,  ///< It was there.
  };

  [[nodiscard]] Place take(std::uint64_t sequence) noexcept {
    if (sequence >= expected_) {
      expect(sequence);
      expected_ = sequence + 1;
      seen_ = seen_ << 1U | 1U;
      return Place::InOrder;
    }
    const std::uint64_t back = expected_ - 1 - sequence;
    const std::uint64_t bit = back < kRemembered ? std::uint64_t{1} << back : 0;
    if (bit == 0 || (seen_ & bit) != 0) {
      return Place::Repeated;
    }
    seen_ |= bit;
    --missing_;
    return Place::Late;
  }

  /// All numbers below `sequence` were sent: those that have not come are missing.
  void expect(std::uint64_t sequence) noexcept {
    if (sequence > expected_) {
      const std::uint64_t gap = sequence - expected_;
      missing_ += gap;
      seen_ = gap < kRemembered ? seen_ << gap : 0;
      expected_ = sequence;
    }
  }

  /// The number after the highest that is known of.
  [[nodiscard]] std::uint64_t expected() const noexcept { return expected_; }
  [[nodiscard]] std::uint64_t missing() const noexcept { return missing_; }

 private:
  std::uint64_t expected_ = 0;
  std::uint64_t missing_ = 0;
  std::uint64_t seen_ = 0;  // Bit i: number expected_ - 1 - i has arrived.
};

}  // namespace loopback
