#include "apps/sim/grid.hpp"

#include <algorithm>
#include <array>

#include <millrace/congestion.hpp>

namespace swarm {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kFullFrame = 1'514;
constexpr std::uint64_t kFewestFrames = 20;

Cell path(std::chrono::microseconds round_trip, std::uint64_t bits_per_second, double buffer) {
  return {.controller = {},
          .round_trip = round_trip,
          .bits_per_second = bits_per_second,
          .buffer_bdp = buffer};
}

}  // namespace

std::uint64_t Cell::bdp_bytes() const noexcept {
  return bits_per_second / 8 * static_cast<std::uint64_t>(round_trip.count()) / 1'000'000;
}

std::uint64_t Cell::buffer_bytes() const noexcept {
  return std::max(static_cast<std::uint64_t>(static_cast<double>(bdp_bytes()) * buffer_bdp),
                  kFewestFrames * kFullFrame);
}

std::uint32_t Cell::mark_bytes() const noexcept {
  return static_cast<std::uint32_t>(static_cast<double>(bdp_bytes()) * mark_bdp);
}

std::vector<std::string> all_controllers() {
  return {millrace::kCongestionNames.begin(), millrace::kCongestionNames.end()};
}

std::vector<Cell> cells_of(const Grid& grid, std::uint64_t bdp_max) {
  std::vector<Cell> cells;
  for (const std::string& controller : grid.controllers) {
    for (const std::uint64_t rate : grid.rates) {
      for (const auto trip : grid.round_trips) {
        for (const double buffer : grid.buffers_bdp) {
          for (const std::uint32_t loss : grid.losses_ppm) {
            const Cell cell{.controller = controller,
                            .loss_ppm = loss,
                            .round_trip = trip,
                            .bits_per_second = rate,
                            .buffer_bdp = buffer,
                            .mark_bdp = grid.mark_bdp};
            if (cell.bdp_bytes() <= bdp_max) {
              cells.push_back(cell);
            }
          }
        }
      }
    }
  }
  return cells;
}

std::vector<Cell> quick_cells(const std::vector<std::string>& controllers) {
  // Paths at every loss: slow ones with little, some and much of a buffer, and fast ones whose
  // product is small.
  const std::array paths{path(10ms, 10'000'000, 4),   path(50ms, 10'000'000, 0.1),
                         path(50ms, 10'000'000, 1),   path(200ms, 10'000'000, 1),
                         path(1ms, 1'000'000'000, 1), path(100us, 10'000'000'000, 1)};
  std::vector<Cell> cells;
  for (const std::string& controller : controllers) {
    for (Cell cell : paths) {
      cell.controller = controller;
      for (const std::uint32_t loss : Grid{}.losses_ppm) {
        cell.loss_ppm = loss;
        cells.push_back(cell);
      }
    }
  }
  return cells;
}

}  // namespace swarm
