// Grid: which long transfers `millrace-sim table` measures: loss, round trip, rate and buffer of a
// path, and who controls the congestion on it. How one of them is run is in `table`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <millrace/time.hpp>

namespace swarm {

/// A path between two hosts, and the controller of what goes over it.
struct Cell {
  std::string controller;  ///< By the library's name for it.
  std::uint32_t loss_ppm = 0;
  std::chrono::microseconds round_trip{};
  std::uint64_t bits_per_second = 0;
  double buffer_bdp = 1;  ///< Of the bandwidth-delay product, but at least twenty packets.
  double mark_bdp = 0;    ///< From that backlog on what is ECN-capable is marked; 0: never.

  [[nodiscard]] std::uint64_t bdp_bytes() const noexcept;
  [[nodiscard]] std::uint64_t buffer_bytes() const noexcept;
  [[nodiscard]] std::uint32_t mark_bytes() const noexcept;
};

/// The sides of the table. As it stands it is the whole of it, for no controller.
struct Grid {
  std::vector<std::string> controllers{};
  std::vector<std::uint32_t> losses_ppm{0, 100, 1'000, 10'000, 30'000};
  std::vector<std::chrono::microseconds> round_trips{
      std::chrono::microseconds{100}, std::chrono::milliseconds{1}, std::chrono::milliseconds{10},
      std::chrono::milliseconds{50}, std::chrono::milliseconds{200}};
  std::vector<std::uint64_t> rates{10'000'000, 1'000'000'000, 10'000'000'000};
  std::vector<double> buffers_bdp{0.1, 1, 4};
  double mark_bdp = 0;  ///< Of all of them.
};

/// Every controller that the library has.
[[nodiscard]] std::vector<std::string> all_controllers();

/// All cells whose bandwidth-delay product is at most `bdp_max` bytes, controller by controller.
[[nodiscard]] std::vector<Cell> cells_of(const Grid& grid, std::uint64_t bdp_max);

/// Thirty for each controller that are soon done: each value of each side is in some of them.
[[nodiscard]] std::vector<Cell> quick_cells(const std::vector<std::string>& controllers);

}  // namespace swarm
