// Live: a world of two hosts, two routers and a bad path between them, driven by the real clock. A
// host is Millrace, with an application, or Linux behind a TAP, where whoever likes runs programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/sim/live_ends.hpp"
#include "apps/sim/live_orders.hpp"
#include "sim/real_time.hpp"

namespace swarm {

/// What one TAP has carried.
struct TapReport {
  LiveEnd end;
  millrace::sim::TapCounts counts;
};

struct LiveResult {
  millrace::Duration took{};
  millrace::sim::Lateness lateness{};
  millrace::sim::LinkCounts forth{};
  millrace::sim::LinkCounts back{};
  std::optional<SenderReport> sender{};
  std::optional<ReceiverReport> receiver{};
  std::vector<TapReport> taps{};
  std::string problem{};  ///< Empty: it went as it should.

  /// The world was late: what the hosts have seen is not what was ordered.
  [[nodiscard]] bool is_void() const noexcept { return lateness.late_looks != 0; }
};

/// Carries them out. The EAL must run, with `memory_for(orders)`. `stop` is asked often, and when
/// `stop_descriptor` is readable. Error: the network could not be built.
[[nodiscard]] millrace::Result<LiveResult, std::string> run_live(
    const LiveOrders& orders, int stop_descriptor, std::move_only_function<bool()> stop);

/// Memory that the pools take.
[[nodiscard]] std::uint64_t memory_for(const LiveOrders& orders) noexcept;

/// A few lines, or a JSON document.
[[nodiscard]] std::string live_text(const LiveOrders& orders, const LiveResult& result);
[[nodiscard]] std::string live_json(const LiveOrders& orders, const LiveResult& result);

/// The sub-command from the environment to the exit status.
[[nodiscard]] int live(const LiveOrders& orders);

}  // namespace swarm
