// A plan from a seed. By topic: draw.cpp (which traits, which topology), draw_links.cpp,
// draw_hosts.cpp, draw_flows.cpp.
#pragma once

#include <cstdint>

#include "apps/sim/dice.hpp"
#include "apps/sim/plan.hpp"

namespace swarm {

/// Moves at least so much.
inline constexpr std::uint64_t kPayloadMin = 1'000'000;

/// The same plan for the same seed, always.
[[nodiscard]] Plan draw_plan(std::uint64_t seed);

// Its steps, each by what is there already.
void draw_links(Dice& dice, Plan& plan);
void draw_hosts(Dice& dice, Plan& plan);
void draw_flows(Dice& dice, Plan& plan);

}  // namespace swarm
