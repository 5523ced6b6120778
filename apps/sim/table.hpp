// Table: the goodput of one long transfer in the steady state, for each cell of a grid, with the
// bound beside it. What plots show of the same transfers is sampled here as well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/time.hpp>

#include "apps/sim/bulk.hpp"
#include "apps/sim/grid.hpp"

namespace swarm {

/// How long a cell is measured, so that its mean means something.
struct Effort {
  unsigned losses = 100;               ///< By chance, so many at least;
  unsigned sawteeth = 5;               ///< and so many times up to a full queue;
  std::uint64_t segments = 4'000'000;  ///< but no more than the link carries in this time, with
                                       ///< what comes before it.
};

/// Of the cells that every run of the tests measures.
inline constexpr Effort kQuickEffort{.losses = 100, .sawteeth = 3, .segments = 200'000};

/// When measuring begins and how long it goes on.
struct Phases {
  Duration warm_up{};
  Duration measured{};
};
[[nodiscard]] Phases phases_of(const Cell& cell, const Effort& effort) noexcept;

/// One moment of a transfer.
struct Sample {
  double seconds = 0;
  std::uint32_t cwnd = 0;         ///< Bytes.
  double bits_per_second = 0;     ///< Goodput since the moment before.
  std::uint64_t queue_bytes = 0;  ///< In the bottleneck.
};

struct CellResult {
  Cell cell;
  double goodput = 0;  ///< Bits a second, in steady state.
  double bound = 0;    ///< The same.
  std::string_view bound_law{};
  std::optional<double> ideal{};  ///< The same; see `ideal_goodput`.
  Phases phases{};
  LossCounts losses{};        ///< While it was measured.
  double window_limited = 0;  ///< Share of all time in which the peer's window held it up.
  std::vector<Sample> samples{};
  std::string problem{};  ///< Empty: it ran as it should.
};

/// Runs one. The EAL must run, with `table_memory` at hand. `samples`: so many in each phase.
[[nodiscard]] CellResult run_cell(const Cell& cell, const Effort& effort, std::uint64_t seed,
                                  unsigned samples);

/// Memory that the pools of the largest of them take.
[[nodiscard]] std::uint64_t table_memory(const std::vector<Cell>& cells) noexcept;

/// One JSON document.
[[nodiscard]] std::string to_json(const std::vector<CellResult>& results);

}  // namespace swarm
