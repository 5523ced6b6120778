// A TCP sequence number and the comparisons that make sense on a circle. No `operator<`: order that
// wraps around is not transitive and must not reach a sort or a map. What the numbers mean is up to
// `tcp`.
#pragma once

#include <cstdint>

namespace millrace::wire {

/// A point on the circle of 2^32 sequence numbers (RFC 9293 §3.4).
///
///          0 / 2^32
///         .---+---.
///       .'    :    '.     b - a is positive when b lies in the half circle after a (clockwise)
///      /      : a    \    and negative when it lies in the half before it. Exactly opposite
///     |       :  \    |   points differ by INT32_MIN in both directions: each is "before" the
///      \      :   \  /    other, so callers keep distances below 2^31. Windows (at most 2^30)
///       '.    :    b'     always do.
///         '---+---'
class SeqNum {
 public:
  constexpr SeqNum() noexcept = default;
  constexpr explicit SeqNum(std::uint32_t value) noexcept : value_{value} {}

  [[nodiscard]] constexpr std::uint32_t value() const noexcept { return value_; }

  [[nodiscard]] constexpr bool is_before(SeqNum other) const noexcept { return *this - other < 0; }
  [[nodiscard]] constexpr bool is_after(SeqNum other) const noexcept { return other - *this < 0; }
  [[nodiscard]] constexpr bool is_at_or_before(SeqNum other) const noexcept {
    return *this - other <= 0;
  }
  [[nodiscard]] constexpr bool is_at_or_after(SeqNum other) const noexcept {
    return other - *this <= 0;
  }

  /// Whether this is one of the `size` numbers from `start` on. False for every number when `size`
  /// is zero.
  [[nodiscard]] constexpr bool is_in_window(SeqNum start, std::uint32_t size) const noexcept {
    return value_ - start.value_ < size;
  }

  constexpr SeqNum& operator+=(std::uint32_t count) noexcept {
    value_ += count;
    return *this;
  }

  friend constexpr bool operator==(SeqNum, SeqNum) noexcept = default;
  /// Signed distance from `b` to `a`.
  friend constexpr std::int32_t operator-(SeqNum a, SeqNum b) noexcept {
    return static_cast<std::int32_t>(a.value_ - b.value_);
  }
  friend constexpr SeqNum operator+(SeqNum a, std::uint32_t count) noexcept {
    return SeqNum{a.value_ + count};
  }
  friend constexpr SeqNum operator-(SeqNum a, std::uint32_t count) noexcept {
    return SeqNum{a.value_ - count};
  }

 private:
  std::uint32_t value_ = 0;
};

}  // namespace millrace::wire
