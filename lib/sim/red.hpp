// RedState: random early detection for one queue (S. Floyd, V. Jacobson, 1993): the average of its
// length, and whether a frame that arrives is to be marked or dropped. Marking itself is in
// `frame_view`, dropping in the link.
#pragma once

#include <cstdint>

#include "base/random.hpp"
#include "sim/link_parameters.hpp"

namespace millrace::sim {

class RedState {
 public:
  /// Whether the frame that finds `queued` bytes before it is to be noticed by its sender.
  [[nodiscard]] bool strikes(const RedParameters& parameters, std::uint64_t queued,
                             base::Random& random) noexcept;
  /// In bytes.
  [[nodiscard]] std::uint64_t average() const noexcept { return scaled_average_ >> kScale; }

 private:
  static constexpr unsigned kScale = 16;  // The average has so many bits behind the point.

  std::uint64_t scaled_average_ = 0;
  std::uint32_t since_last_ = 0;  // Frames let by since the last one that was struck.
};

}  // namespace millrace::sim
