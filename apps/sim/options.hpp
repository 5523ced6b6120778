// What the command line of millrace-sim asks for.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "apps/sim/crew.hpp"
#include "apps/sim/live_orders.hpp"

namespace swarm {

enum class Command : std::uint8_t { Swarm, Replay, Table, Live };

struct Options {
  Command command = Command::Swarm;
  CrewOrders orders;
  bool is_quiet = false;       ///< No progress and no summary.
  std::uint64_t seed = 1;      ///< Of `replay`.
  std::string capture_folder;  ///< Of `replay`.
  // Of `table`.
  std::vector<std::string> controllers;  ///< Empty: the library's default.
  std::uint64_t bdp_max_mib = 8;
  bool is_quick_table = false;
  bool with_samples = false;
  LiveOrders live{};
};

/// The error is the status to exit with: what there was to say is said.
[[nodiscard]] std::expected<Options, int> read_options(int argc, char** argv);

}  // namespace swarm
