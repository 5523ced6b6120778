// What the command line of millrace-sim asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "apps/sim/crew.hpp"
#include "apps/sim/grid.hpp"
#include "apps/sim/live_orders.hpp"
#include "apps/sim/table.hpp"

namespace swarm {

enum class Command : std::uint8_t { Swarm, Replay, Table, Fairness, Live };

struct Options {
  Command command = Command::Swarm;
  CrewOrders orders;
  bool is_quiet = false;       ///< No progress and no summary.
  std::uint64_t seed = 1;      ///< Of `replay`, `table` and `fairness`.
  std::string capture_folder;  ///< Of `replay`.
  // Of `table`.
  Grid grid;  ///< Without controllers: all of the library's.
  std::uint64_t bdp_max_mib = 64;
  bool is_quick_table = false;
  Effort effort;
  unsigned samples = 0;  ///< In each phase.
  // Of `fairness`; the controllers are the grid's.
  std::vector<std::size_t> flows{2, 4, 16};
  LiveOrders live{};
};

/// The error is the status to exit with: what there was to say is said.
[[nodiscard]] std::expected<Options, int> read_options(int argc, char** argv);

}  // namespace swarm
