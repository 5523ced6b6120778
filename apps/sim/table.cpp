#include "apps/sim/table.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "apps/sim/bounds.hpp"
#include "apps/sim/ideal.hpp"

namespace swarm {

namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

CellPath path_of(const Cell& cell) noexcept {
  return {.rate = static_cast<double>(cell.bits_per_second),
          .round_trip = Seconds(cell.round_trip).count(),
          .loss = static_cast<double>(cell.loss_ppm) / 1e6,
          .payload = static_cast<double>(kSegmentPayload)};
}

double rate_of(std::uint64_t bytes, Duration time) noexcept {
  return static_cast<double>(bytes) * 8 / Seconds(time).count();
}

Duration whole(Seconds time) noexcept { return std::chrono::ceil<std::chrono::milliseconds>(time); }

/// From half of a full path and queue up to all of it, by a segment in each round trip: what takes
/// longest. CUBIC is there sooner where the path is long, and then after the third root of what it
/// has lost.
Seconds sawtooth_of(const Cell& cell, double shortest) noexcept {
  const double rate = link_rate(path_of(cell)) / 8;
  const double full = rate * shortest + static_cast<double>(cell.buffer_bytes());
  const double segments = full / static_cast<double>(kSegmentPayload);
  const double mean_trip = (shortest + full / rate) / 2;
  const double by_reno = segments / 2 * mean_trip;
  const double by_cubic = std::cbrt(segments * 0.3 / 0.4);
  // BBR looks at the path anew every ten seconds at most.
  return Seconds{cell.controller == "cubic" ? std::min(by_reno, by_cubic)
                 : cell.controller == "bbr" ? 10
                                            : by_reno};
}

class CellRun {
 public:
  CellRun(const Cell& cell, const BulkPlan& plan, unsigned samples)
      : result_{.cell = cell}, samples_{samples}, bulk_{plan} {}

  [[nodiscard]] CellResult play(const Phases& phases) && {
    result_.phases = phases;
    pass(phases.warm_up);
    const std::uint64_t before = bulk_.received(0);
    const LossCounts losses_before = bulk_.losses();
    pass(phases.measured);
    result_.goodput = rate_of(bulk_.received(0) - before, phases.measured);
    result_.losses = bulk_.losses() - losses_before;
    const Bound bound = goodput_bound(path_of(result_.cell), result_.cell.controller);
    result_.bound = bound.bits_per_second;
    result_.bound_law = bound.law;
    result_.ideal =
        ideal_goodput(path_of(result_.cell), static_cast<double>(result_.cell.buffer_bytes()),
                      result_.cell.controller);
    result_.problem = bulk_.problem();
    if (const auto info = bulk_.sender(0).info()) {
      result_.window_limited =
          Seconds(info->receive_window_limited).count() / Seconds(bulk_.elapsed()).count();
      if (to_string(info->congestion_control) != result_.cell.controller) {
        result_.problem = "another controller than asked for";
      }
    }
    return std::move(result_);
  }

 private:
  void pass(Duration time) {
    const Duration step = samples_ > 0 ? time / samples_ : time;
    Duration left = time;
    while (left > Duration{}) {
      const Duration now = std::min(step, left);
      const std::uint64_t before = bulk_.received(0);
      bulk_.run_for(now);
      left -= now;
      if (samples_ > 0) {
        const auto info = bulk_.sender(0).info();
        result_.samples.push_back({.seconds = Seconds(bulk_.elapsed()).count(),
                                   .cwnd = info ? info->cwnd : 0,
                                   .bits_per_second = rate_of(bulk_.received(0) - before, now),
                                   .queue_bytes = bulk_.queue_bytes()});
      }
    }
  }

  CellResult result_;
  unsigned samples_;
  Bulk bulk_;
};

BulkPlan plan_of(const Cell& cell, std::uint64_t seed = 1) { return {.cell = cell, .seed = seed}; }

nlohmann::ordered_json row_of(const CellResult& one) {
  nlohmann::ordered_json row{{"controller", one.cell.controller},
                             {"loss_percent", static_cast<double>(one.cell.loss_ppm) / 1e4},
                             {"rtt_ms", static_cast<double>(one.cell.round_trip.count()) / 1e3},
                             {"rate_mbps", static_cast<double>(one.cell.bits_per_second) / 1e6},
                             {"buffer_bdp", one.cell.buffer_bdp},
                             {"goodput_mbps", one.goodput / 1e6},
                             {"bound_mbps", one.bound / 1e6},
                             {"bound_law", one.bound_law},
                             {"share", one.goodput / one.bound},
                             {"warm_up_s", Seconds(one.phases.warm_up).count()},
                             {"measured_s", Seconds(one.phases.measured).count()},
                             {"recoveries", one.losses.recoveries},
                             {"timeouts", one.losses.timeouts},
                             {"window_limited_share", one.window_limited}};
  if (one.ideal) {
    row["ideal_mbps"] = *one.ideal / 1e6;
  }
  if (!one.problem.empty()) {
    row["problem"] = one.problem;
  }
  for (const Sample& sample : one.samples) {
    row["samples"].push_back({{"s", sample.seconds},
                              {"cwnd", sample.cwnd},
                              {"mbps", sample.bits_per_second / 1e6},
                              {"queue", sample.queue_bytes}});
  }
  return row;
}

}  // namespace

Phases phases_of(const Cell& cell, const Effort& effort) noexcept {
  const CellPath path = path_of(cell);
  const double shortest = shortest_round_trip(path);
  const double segment_bits = static_cast<double>(kSegmentPayload) * 8;
  const Seconds sawtooth = sawtooth_of(cell, shortest);
  const Seconds between_losses{
      cell.loss_ppm == 0
          ? 0
          : segment_bits / goodput_bound(path, cell.controller).bits_per_second / path.loss};
  // A tooth is cut short by losses; without any it is as long as it is.
  const Seconds cycle = cell.loss_ppm == 0 ? sawtooth : std::min(sawtooth, 20 * between_losses);
  const Seconds warm_up = std::max(Seconds{200 * shortest}, 1.5 * cycle);
  const Seconds measured =
      std::max({Seconds{200 * shortest}, effort.sawteeth * cycle, effort.losses * between_losses});
  const Seconds most{static_cast<double>(effort.segments) * segment_bits / link_rate(path)};
  const double scale = std::min(1.0, most / (warm_up + measured));
  return {.warm_up = whole(scale * warm_up), .measured = whole(scale * measured)};
}

CellResult run_cell(const Cell& cell, const Effort& effort, std::uint64_t seed, unsigned samples) {
  return CellRun{cell, plan_of(cell, seed), samples}.play(phases_of(cell, effort));
}

std::uint64_t table_memory(const std::vector<Cell>& cells) noexcept {
  std::uint64_t most = 0;
  for (const Cell& cell : cells) {
    most = std::max(most, Bulk::memory_for(plan_of(cell)));
  }
  return most;
}

std::string to_json(const std::vector<CellResult>& results) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::ranges::transform(results, std::back_inserter(list), row_of);
  return list.dump(1) + "\n";
}

}  // namespace swarm
