#include "apps/sim/run.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "apps/sim/draw.hpp"
#include "apps/sim/flow.hpp"
#include "apps/sim/network.hpp"
#include "apps/sim/udp_flow.hpp"
#include "apps/sim/watch.hpp"
#include "apps/sim/wire_observer.hpp"

namespace swarm {

namespace {

using namespace std::chrono_literals;

/// Of simulated time.
constexpr Duration kLongestRun = 12h;
constexpr Duration kLookEvery = 2s;
/// TIME-WAIT, neighbors and what is left of aborted connections take so long at most.
constexpr Duration kLongestEnd = 3h;

class Run {
 public:
  Run(const Plan& plan, const std::string& capture_folder)
      : plan_{plan}, network_{plan, capture_folder}, observer_{network_.world()} {
    for (const FlowPlan& flow : plan.flows) {
      flows_.push_back(std::make_unique<Flow>(flow, network_.host(flow.client),
                                              network_.host(flow.server), observer_));
    }
    for (const UdpPlan& udp : plan.datagrams) {
      datagrams_.push_back(
          std::make_unique<UdpFlow>(udp, network_.host(udp.from), network_.host(udp.to)));
    }
  }

  [[nodiscard]] RunResult play() {
    RunResult result{.seed = plan_.seed, .traits = plan_.traits};
    millrace::sim::World& world = network_.world();
    const Instant begin = world.now();
    for (const auto& flow : flows_) {
      flow->start(world);
    }
    for (const auto& udp : datagrams_) {
      udp->start(world);
    }
    result.problem = network_.problem().empty() ? work() : network_.problem();
    if (result.problem.empty()) {
      result.problem = finish();
    }
    result.simulated = world.now() - begin;
    result.segments = observer_.segments();
    result.trace_hash = world.trace_hash();
    result.links = world.link_counts();
    for (const auto& flow : flows_) {
      result.payload_bytes += flow->received();
    }
    return result;
  }

 private:
  [[nodiscard]] bool is_done() const noexcept {
    return std::ranges::all_of(flows_, [](const auto& one) { return one->is_done(); }) &&
           std::ranges::all_of(datagrams_, [](const auto& one) { return one->is_done(); });
  }

  /// Until all connections have ended; says what went wrong before.
  [[nodiscard]] std::string work() {
    millrace::sim::World& world = network_.world();
    const Instant end = world.now() + kLongestRun;
    Watch watch{network_, flows_};
    while (world.now() < end) {
      const Instant slice_end = world.now() + kLookEvery;
      const bool is_over =
          world.run_until([this] { return is_done() || !observer_.problem().empty(); }, kLookEvery);
      if (world.failure()) {
        return *world.failure();
      }
      if (!observer_.problem().empty()) {
        return observer_.problem();
      }
      if (is_over) {
        return {};
      }
      // Where nothing is due for long, time passes all the same.
      world.run_for(std::max(slice_end - world.now(), Duration{}));
      if (world.is_quiet()) {
        return "nothing is going to happen any more: " + first_open();
      }
      if (std::string text = watch.look(); !text.empty()) {
        return text;
      }
    }
    return "not finished in 12 hours: " + first_open();
  }

  [[nodiscard]] std::string first_open() const {
    for (const auto& flow : flows_) {
      if (!flow->is_done()) {
        return "port " + std::to_string(flow->plan().port) + ", " + flow->verdict();
      }
    }
    return "datagrams";
  }

  /// Lets everything end, then holds it against the plan.
  [[nodiscard]] std::string finish() {
    millrace::sim::World& world = network_.world();
    for (const auto& udp : datagrams_) {
      udp->stop(world);
    }
    const auto clean = world.check_clean(kLongestEnd);
    for (const auto& flow : flows_) {
      if (std::string text = flow->verdict(); !text.empty()) {
        return "port " + std::to_string(flow->plan().port) + ": " + text;
      }
    }
    for (const auto& udp : datagrams_) {
      if (!udp->problem().empty()) {
        return udp->problem();
      }
    }
    if (!observer_.problem().empty()) {
      return observer_.problem();
    }
    return clean ? std::string{} : clean.error();
  }

  const Plan& plan_;
  Network network_;
  WireObserver observer_;
  std::vector<std::unique_ptr<Flow>> flows_;
  std::vector<std::unique_ptr<UdpFlow>> datagrams_;
};

}  // namespace

RunResult run_seed(std::uint64_t seed, const std::string& capture_folder) {
  return run_plan(draw_plan(seed), capture_folder);
}

RunResult run_plan(const Plan& plan, const std::string& capture_folder) {
  return Run{plan, capture_folder}.play();
}

}  // namespace swarm
