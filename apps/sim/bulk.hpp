// Bulk: long transfers side by side from one host to another, over one path with one queue. It runs
// them and says how they stand; when to look, and what the figures mean, is for `table` and
// `fairness`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <millrace/tcp.hpp>
#include <millrace/time.hpp>

#include "apps/sim/flow.hpp"
#include "apps/sim/grid.hpp"
#include "apps/sim/network.hpp"
#include "apps/sim/plan.hpp"
#include "apps/sim/wire_observer.hpp"

namespace swarm {

/// Payload of a full segment: Ethernet's MTU, IPv4, TCP with timestamps.
inline constexpr std::uint64_t kSegmentPayload = 1'448;

struct BulkPlan {
  Cell cell;
  std::size_t flows = 1;
  Duration stagger{};  ///< Between the starts of two.
  Duration jitter{};   ///< Of the path.
  std::uint64_t seed = 1;
};

/// What the sending host has counted.
struct LossCounts {
  std::uint64_t recoveries = 0;  ///< Fast recoveries.
  std::uint64_t timeouts = 0;
  std::uint64_t marks = 0;  ///< Reductions for echoed marks.

  friend LossCounts operator-(const LossCounts& a, const LossCounts& b) noexcept {
    return {.recoveries = a.recoveries - b.recoveries,
            .timeouts = a.timeouts - b.timeouts,
            .marks = a.marks - b.marks};
  }
};

class Bulk {
 public:
  /// The EAL must run, with `memory_for` of it at hand.
  explicit Bulk(const BulkPlan& plan);
  Bulk(const Bulk&) = delete;
  Bulk& operator=(const Bulk&) = delete;
  /// Ends the connections: their handlers go with this.
  ~Bulk();

  void run_for(Duration time) { network_.world().run_for(time); }
  [[nodiscard]] Duration elapsed() noexcept { return network_.world().now() - begin_; }
  [[nodiscard]] std::size_t flows() const noexcept { return flows_.size(); }
  /// Octets that the receiving application of one has read.
  [[nodiscard]] std::uint64_t received(std::size_t flow) const noexcept {
    return flows_[flow]->received();
  }
  /// The sending socket of one; invalid before it is connected.
  [[nodiscard]] millrace::TcpSocket sender(std::size_t flow) const;
  [[nodiscard]] LossCounts losses() noexcept;
  [[nodiscard]] std::uint64_t queue_bytes() noexcept;
  /// The first thing that is not as it should be; empty when all is.
  [[nodiscard]] std::string problem();

  /// Memory that the pools for one take.
  [[nodiscard]] static std::uint64_t memory_for(const BulkPlan& plan) noexcept;

 private:
  Plan plan_;
  Network network_;
  WireObserver observer_;
  std::vector<std::unique_ptr<Flow>> flows_;
  Instant begin_ = network_.world().now();
};

}  // namespace swarm
