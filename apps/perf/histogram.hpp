// Durations by how often they came, in buckets whose width grows with the value, so that any share
// of them is known to within 0.4 %. Time and units are the caller's.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <millrace/time.hpp>

namespace perf {

/// Values are nanoseconds from zero to 2^40 (18 minutes); larger ones count as that. Adding costs a
/// few instructions and no memory.
class Histogram {
 public:
  /// Values of one power of two are told apart in so many steps.
  static constexpr unsigned kStepBits = 8;
  static constexpr unsigned kValueBits = 40;
  static constexpr std::uint64_t kMaxValue = (std::uint64_t{1} << kValueBits) - 1;

  Histogram();

  void add(std::uint64_t nanoseconds) noexcept {
    const std::uint64_t value = nanoseconds < kMaxValue ? nanoseconds : kMaxValue;
    ++counts_[bucket_of(value)];
    ++total_;
    sum_ += value;
    smallest_ = value < smallest_ ? value : smallest_;
    largest_ = value > largest_ ? value : largest_;
  }
  /// Everything that `other` has counted counts here, too.
  void add(const Histogram& other) noexcept;
  void clear() noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return total_; }
  /// The smallest value that `share` (0 to 1) of all values do not exceed, in nanoseconds: the
  /// upper end of its bucket, and never more than the largest. Zero while there are none.
  [[nodiscard]] std::uint64_t at(double share) const noexcept;
  /// Exact. Zero while there are none.
  [[nodiscard]] std::uint64_t smallest() const noexcept { return total_ == 0 ? 0 : smallest_; }
  [[nodiscard]] std::uint64_t largest() const noexcept { return largest_; }
  [[nodiscard]] double mean() const noexcept;

 private:
  static constexpr std::uint64_t kSteps = std::uint64_t{1} << kStepBits;

  // Below 2 * kSteps every value has a bucket; above, each power of two has kSteps of them.
  [[nodiscard]] static std::size_t bucket_of(std::uint64_t value) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(value | kSteps));
    const unsigned shift = width - (kStepBits + 1);
    return (std::size_t{shift} << kStepBits) + static_cast<std::size_t>(value >> shift);
  }
  [[nodiscard]] static std::uint64_t upper_end(std::size_t bucket) noexcept;

  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  std::uint64_t sum_ = 0;  // Of nanoseconds: 584 years of them.
  std::uint64_t smallest_ = kMaxValue;
  std::uint64_t largest_ = 0;
};

/// The shares that reports show, most usual first.
struct Share {
  double value;
  const char* name;  ///< For people: "99.9 %".
  const char* key;   ///< For JSON: "p99_9".
};
inline constexpr std::array<Share, 5> kShares{{
    {0.5, "50 %", "p50"},
    {0.9, "90 %", "p90"},
    {0.99, "99 %", "p99"},
    {0.999, "99.9 %", "p99_9"},
    {0.9999, "99.99 %", "p99_99"},
}};

}  // namespace perf
