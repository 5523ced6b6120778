// The buckets' other direction: from a rank to a value.
#include "perf/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace perf {

Histogram::Histogram() : counts_((kValueBits - kStepBits + 1) * kSteps) {}

void Histogram::add(const Histogram& other) noexcept {
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    counts_[i] += other.counts_[i];
  }
  total_ += other.total_;
  sum_ += other.sum_;
  smallest_ = std::min(smallest_, other.smallest_);
  largest_ = std::max(largest_, other.largest_);
}

void Histogram::clear() noexcept {
  std::ranges::fill(counts_, 0);
  total_ = 0;
  sum_ = 0;
  smallest_ = kMaxValue;
  largest_ = 0;
}

std::uint64_t Histogram::at(double share) const noexcept {
  if (total_ == 0) {
    return 0;
  }
  const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(total_));
  const auto rank = std::max<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) {
      return std::min(upper_end(i), largest_);
    }
  }
  return largest_;
}

double Histogram::mean() const noexcept {
  return total_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(total_);
}

std::uint64_t Histogram::upper_end(std::size_t bucket) noexcept {
  const std::size_t group = bucket >> kStepBits;
  if (group < 2) {
    return bucket;
  }
  const std::size_t shift = group - 1;
  const std::uint64_t first = (std::uint64_t{bucket} - (std::uint64_t{shift} << kStepBits))
                              << shift;
  return first + (std::uint64_t{1} << shift) - 1;
}

}  // namespace perf
