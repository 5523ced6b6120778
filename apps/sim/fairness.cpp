#include "apps/sim/fairness.hpp"

#include <algorithm>
#include <numeric>

#include <nlohmann/json.hpp>

#include "apps/sim/bounds.hpp"

namespace swarm {

namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

// Each flow has the path to itself for a while before the next comes. Sixteen still have ten
// segments each.
constexpr auto kStagger = 1s;
constexpr auto kSettling = 30s;
constexpr auto kMeasured = 30s;
constexpr auto kStretch = 1s;

BulkPlan bulk_of(const FairnessPlan& plan) {
  BulkPlan bulk{.cell = {.controller = plan.controller,
                         .round_trip = 20ms,
                         .bits_per_second = 50'000'000,
                         .buffer_bdp = 1},
                .flows = plan.flows,
                .stagger = kStagger,
                .seed = plan.seed};
  // Without chance the same flow would meet the full queue each time (phase effects): as much as a
  // segment takes on the link.
  bulk.jitter = 250us;
  if (plan.controller == "dctcp") {
    bulk.cell.mark_bdp = 0.25;
  }
  return bulk;
}

class FairnessRun {
 public:
  explicit FairnessRun(const FairnessPlan& plan)
      : result_{.plan = plan}, bulk_plan_{bulk_of(plan)}, bulk_{bulk_plan_} {
    result_.has_marks = bulk_plan_.cell.mark_bdp > 0;
  }

  [[nodiscard]] FairnessResult play() && {
    pass(kStagger * result_.plan.flows + kSettling);
    const std::vector<std::uint64_t> before = received();
    const LossCounts losses_before = bulk_.losses();
    pass(kMeasured);
    result_.losses = bulk_.losses() - losses_before;
    result_.bits_per_second = rates_since(before, kMeasured);
    result_.jain = jain_index(result_.bits_per_second);
    const double sum =
        std::accumulate(result_.bits_per_second.begin(), result_.bits_per_second.end(), 0.0);
    result_.use = sum / link_rate({.rate = static_cast<double>(bulk_plan_.cell.bits_per_second)});
    result_.problem = bulk_.problem();
    return std::move(result_);
  }

 private:
  void pass(Duration time) {
    for (Duration passed{}; passed < time; passed += kStretch) {
      const std::vector<std::uint64_t> before = received();
      bulk_.run_for(kStretch);
      result_.over_time.push_back({.seconds = Seconds(bulk_.elapsed()).count(),
                                   .bits_per_second = rates_since(before, kStretch)});
    }
  }

  [[nodiscard]] std::vector<std::uint64_t> received() const {
    std::vector<std::uint64_t> all;
    for (std::size_t i = 0; i < bulk_.flows(); ++i) {
      all.push_back(bulk_.received(i));
    }
    return all;
  }

  [[nodiscard]] std::vector<double> rates_since(const std::vector<std::uint64_t>& before,
                                                Duration time) const {
    std::vector<double> rates;
    for (std::size_t i = 0; i < before.size(); ++i) {
      rates.push_back(static_cast<double>(bulk_.received(i) - before[i]) * 8 /
                      Seconds(time).count());
    }
    return rates;
  }

  FairnessResult result_;
  BulkPlan bulk_plan_;
  Bulk bulk_;
};

nlohmann::ordered_json in_mbps(const std::vector<double>& rates) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const double rate : rates) {
    list.push_back(rate / 1e6);
  }
  return list;
}

}  // namespace

double jain_index(std::span<const double> shares) noexcept {
  double sum = 0;
  double squares = 0;
  for (const double share : shares) {
    sum += share;
    squares += share * share;
  }
  return squares > 0 ? sum * sum / (static_cast<double>(shares.size()) * squares) : 0;
}

FairnessResult run_fairness(const FairnessPlan& plan) { return FairnessRun{plan}.play(); }

std::uint64_t fairness_memory(const std::vector<FairnessPlan>& plans) {
  std::uint64_t most = 0;
  for (const FairnessPlan& plan : plans) {
    most = std::max(most, Bulk::memory_for(bulk_of(plan)));
  }
  return most;
}

std::string to_json(const std::vector<FairnessResult>& results) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const FairnessResult& one : results) {
    nlohmann::ordered_json row{{"controller", one.plan.controller},
                               {"flows", one.plan.flows},
                               {"marks", one.has_marks},
                               {"jain", one.jain},
                               {"use", one.use},
                               {"mbps", in_mbps(one.bits_per_second)},
                               {"recoveries", one.losses.recoveries},
                               {"timeouts", one.losses.timeouts},
                               {"reductions_by_marks", one.losses.marks}};
    if (!one.problem.empty()) {
      row["problem"] = one.problem;
    }
    for (const Shares& shares : one.over_time) {
      row["over_time"].push_back(
          {{"s", shares.seconds}, {"mbps", in_mbps(shares.bits_per_second)}});
    }
    list.push_back(std::move(row));
  }
  return list.dump(1) + "\n";
}

}  // namespace swarm
