// The options of `millrace-sim live`, from the command line to orders.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/sim/live_orders.hpp"

namespace swarm {

/// What is not yet in the orders' units.
struct LiveTexts {
  std::string from = "millrace";
  std::string to = "millrace";
  double rate_mbps = 10;
  double round_trip_ms = 20;
  double jitter_ms = 0;
  double loss_percent = 0;
  double back_loss_percent = 0;
  double duplicate_percent = 0;
  double corrupt_percent = 0;
  double reorder_percent = 0;
  double reorder_delay_ms = 5;
  double duration_s = 10;
  double late_limit_ms = 2;
  std::vector<std::string> tcp_settings{};
};

/// Both must outlive the parsing. Returns the sub-command.
CLI::App* add_live(CLI::App& app, LiveOrders& orders, LiveTexts& texts);
/// After the parsing: the rest of the orders. What is wrong with them, or nothing.
[[nodiscard]] std::string finish_live(LiveOrders& orders, const LiveTexts& texts);

}  // namespace swarm
