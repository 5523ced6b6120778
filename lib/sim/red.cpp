#include "sim/red.hpp"

#include <algorithm>

#include "sim/chance.hpp"

namespace millrace::sim {

bool RedState::strikes(const RedParameters& parameters, std::uint64_t queued,
                       base::Random& random) noexcept {
  if (parameters.max_bytes == 0) {
    return false;
  }
  const std::uint64_t scaled = queued << kScale;
  // In two branches, for the numbers have no sign.
  if (scaled >= scaled_average_) {
    scaled_average_ += (scaled - scaled_average_) >> parameters.weight_shift;
  } else {
    scaled_average_ -= (scaled_average_ - scaled) >> parameters.weight_shift;
  }
  if (average() < parameters.min_bytes) {
    since_last_ = 0;
    return false;
  }
  if (average() >= parameters.max_bytes) {
    since_last_ = 0;
    return true;
  }
  const std::uint64_t chance = std::uint64_t{parameters.max_ppm} *
                               (average() - parameters.min_bytes) /
                               (parameters.max_bytes - parameters.min_bytes);
  // The longer the last one is ago, the likelier the next, so that they come evenly.
  const std::uint64_t let_by = std::min<std::uint64_t>(chance * since_last_, kMillion - 1);
  ++since_last_;
  const std::uint64_t ppm =
      std::min<std::uint64_t>(chance * kMillion / (kMillion - let_by), kMillion);
  if (!happens(random, static_cast<std::uint32_t>(ppm))) {
    return false;
  }
  since_last_ = 0;
  return true;
}

}  // namespace millrace::sim
