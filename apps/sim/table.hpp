// Table: the goodput of one long transfer over loss, round trip, rate and buffer, with the bound
// beside it. What plots show of the same transfers is sampled here as well.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <millrace/time.hpp>

namespace swarm {

struct Cell {
  std::string controller;  ///< Empty: the library's default.
  std::uint32_t loss_ppm = 0;
  std::chrono::microseconds round_trip{};
  std::uint64_t bits_per_second = 0;
  double buffer_bdp = 1;  ///< Of the bandwidth-delay product, but at least twenty packets.

  [[nodiscard]] std::uint64_t bdp_bytes() const noexcept;
  [[nodiscard]] std::uint64_t buffer_bytes() const noexcept;
};

/// One moment of a transfer.
struct Sample {
  double seconds = 0;
  std::uint32_t cwnd = 0;         ///< Bytes.
  double bits_per_second = 0;     ///< Goodput since the moment before.
  std::uint64_t queue_bytes = 0;  ///< In the bottleneck.
};

struct CellResult {
  Cell cell;
  std::string controller{};  ///< By the name that the connection says.
  double goodput = 0;        ///< Bits a second, in steady state.
  double bound = 0;
  std::uint64_t retransmitted = 0;  ///< Segments, from the beginning.
  std::vector<Sample> samples{};
  std::string problem{};  ///< Empty: it ran as it should.
};

/// All of the cells whose bandwidth-delay product is at most `bdp_max`, for each of the
/// controllers; or thirty that are soon done.
[[nodiscard]] std::vector<Cell> table_cells(const std::vector<std::string>& controllers,
                                            std::uint64_t bdp_max, bool is_quick);

/// Runs one. The EAL must run, with enough memory for what is in flight at both ends.
[[nodiscard]] CellResult run_cell(const Cell& cell, std::uint64_t seed, bool with_samples);

/// Memory that the pools of the largest of them take.
[[nodiscard]] std::uint64_t memory_for(const std::vector<Cell>& cells) noexcept;

/// One JSON document.
[[nodiscard]] std::string to_json(const std::vector<CellResult>& results);

}  // namespace swarm
