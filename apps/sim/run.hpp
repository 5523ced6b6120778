// One seed from its plan to its verdict.
#pragma once

#include <cstdint>
#include <string>

#include <millrace/time.hpp>

#include "apps/sim/plan.hpp"
#include "sim/link_parameters.hpp"

namespace swarm {

struct RunResult {
  std::uint64_t seed = 0;
  std::string problem{};  ///< Empty: all was as it should be.
  Duration simulated{};
  std::uint64_t payload_bytes = 0;  ///< That applications have received.
  std::uint64_t segments = 0;       ///< That hosts have sent.
  std::uint64_t trace_hash = 0;     ///< Of the time and bytes of every frame.
  Traits traits{};
  millrace::sim::LinkCounts links{};
};

/// Runs the plan of the seed. Captures go into `capture_folder`; empty: none. The EAL must run. A
/// broken invariant of the library ends the process.
[[nodiscard]] RunResult run_seed(std::uint64_t seed, const std::string& capture_folder);

/// Likewise, for a plan of one's own.
[[nodiscard]] RunResult run_plan(const Plan& plan, const std::string& capture_folder);

}  // namespace swarm
