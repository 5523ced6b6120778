// Ideal: what the rules of Reno and CUBIC reach by themselves on a path, round trip by round trip,
// without segments, timers or mistakes. Response functions know of no link and no queue; where the
// window that they promise is near what the path holds, chance takes it above that as often as
// below, and above it nothing is gained. This says how much is left.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "apps/sim/bounds.hpp"

namespace swarm {

/// Bits a second for "reno" and "cubic"; nothing for others. Sizes are bytes. The same each time.
[[nodiscard]] std::optional<double> ideal_goodput(const CellPath& path, double buffer_bytes,
                                                  std::string_view controller);

}  // namespace swarm
