// What the command line of a simulation test may say beside GoogleTest's own options.
#pragma once

#include <cstdint>
#include <optional>

namespace millrace::test {

struct SimulationOptions {
  std::optional<std::uint64_t> seed;   ///< --seed=N: that one run alone.
  std::optional<std::uint64_t> seeds;  ///< --seeds=N: as many runs.
  bool trace = false;                  ///< --trace: print every frame.
};

/// Read from the command line of the process.
[[nodiscard]] const SimulationOptions& simulation_options();

}  // namespace millrace::test
