// millrace-sim: simulated networks from the command line. What the sub-commands do is in files of
// their own.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <type_traits>
#include <vector>

#include "apps/sim/crew.hpp"
#include "apps/sim/environment.hpp"
#include "apps/sim/fairness.hpp"
#include "apps/sim/live.hpp"
#include "apps/sim/options.hpp"
#include "apps/sim/report.hpp"
#include "apps/sim/run.hpp"
#include "apps/sim/table.hpp"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongCommandLine = 2;
constexpr int kNoEnvironment = 3;

using Clock = std::chrono::steady_clock;

void complain(const std::string& line) { std::fprintf(stderr, "millrace-sim: %s\n", line.c_str()); }

void report_failure(const swarm::RunResult& result) {
  std::printf("seed %llu failed: %s; replay: %s\n", static_cast<unsigned long long>(result.seed),
              result.problem.c_str(), swarm::replay_command(result.seed).c_str());
  std::fflush(stdout);
}

/// Says how far it is, now and then, where somebody is looking.
class ProgressLine {
 public:
  explicit ProgressLine(bool is_wanted) : is_wanted_{is_wanted && ::isatty(STDERR_FILENO) == 1} {}

  void show(const swarm::Summary& summary, std::chrono::duration<double> took) {
    if (is_wanted_ && Clock::now() - last_ > std::chrono::seconds{1}) {
      std::fprintf(stderr, "\r%s\x1b[K", summary.progress(took).c_str());
      last_ = Clock::now();
    }
  }
  void end() const {
    if (is_wanted_) {
      std::fprintf(stderr, "\r\x1b[K");
    }
  }

 private:
  bool is_wanted_;
  Clock::time_point last_{};
};

int run_swarm(const swarm::Options& options) {
  swarm::Crew crew{options.orders};
  swarm::Summary summary;
  ProgressLine progress{!options.is_quiet};
  const Clock::time_point begin = Clock::now();
  const std::string error = crew.work([&](const swarm::RunResult& result) {
    summary.add(result);
    if (!result.problem.empty()) {
      progress.end();
      report_failure(result);
    }
    progress.show(summary, Clock::now() - begin);
  });
  progress.end();
  if (!error.empty()) {
    complain(error);
    return kNoEnvironment;
  }
  if (!options.is_quiet) {
    std::fputs(summary.text(Clock::now() - begin).c_str(), stdout);
  }
  return summary.failures() == 0 && summary.seeds() > 0 ? 0 : kFailed;
}

int replay(const swarm::Options& options) {
  const auto environment = swarm::start_environment();
  if (!environment) {
    complain(environment.error());
    return kNoEnvironment;
  }
  const Clock::time_point begin = Clock::now();
  const swarm::RunResult result = swarm::run_seed(options.seed, options.capture_folder);
  std::printf("seed %llu drew %s\n", static_cast<unsigned long long>(result.seed),
              result.traits.names().c_str());
  std::printf("%llu bytes received, %llu segments sent, %.3f simulated seconds in %.3f s\n",
              static_cast<unsigned long long>(result.payload_bytes),
              static_cast<unsigned long long>(result.segments),
              std::chrono::duration<double>(result.simulated).count(),
              std::chrono::duration<double>(Clock::now() - begin).count());
  std::printf("trace %016llx\n", static_cast<unsigned long long>(result.trace_hash));
  if (!result.problem.empty()) {
    report_failure(result);
  }
  return result.problem.empty() ? 0 : kFailed;
}

/// Runs each and prints the results as one document.
template <class Plan, class Run>
int print_all(const std::vector<Plan>& plans, Run&& run) {
  std::vector<std::invoke_result_t<Run, const Plan&>> results;
  bool is_fine = true;
  for (const Plan& plan : plans) {
    results.push_back(run(plan));
    if (!results.back().problem.empty()) {
      complain("number " + std::to_string(results.size()) + ": " + results.back().problem);
      is_fine = false;
    }
  }
  std::fputs(to_json(results).c_str(), stdout);
  return is_fine ? 0 : kFailed;
}

int make_table(const swarm::Options& options) {
  constexpr std::uint64_t kMebibyte = 1ULL << 20U;
  const std::vector<swarm::Cell> cells =
      options.is_quick_table ? swarm::quick_cells(options.grid.controllers)
                             : swarm::cells_of(options.grid, options.bdp_max_mib * kMebibyte);
  if (cells.empty()) {
    complain("--bdp leaves out every cell: each has more than " +
             std::to_string(options.bdp_max_mib) + " MiB in flight");
    return kWrongCommandLine;
  }
  const auto environment = swarm::start_environment(swarm::table_memory(cells));
  if (!environment) {
    complain(environment.error());
    return kNoEnvironment;
  }
  return print_all(cells, [&options](const swarm::Cell& cell) {
    return swarm::run_cell(cell, options.effort, options.seed, options.samples);
  });
}

int share_path(const swarm::Options& options) {
  std::vector<swarm::FairnessPlan> plans;
  for (const std::string& controller : options.grid.controllers) {
    for (const std::size_t flows : options.flows) {
      plans.push_back({.controller = controller, .flows = flows, .seed = options.seed});
    }
  }
  const auto environment = swarm::start_environment(swarm::fairness_memory(plans));
  if (!environment) {
    complain(environment.error());
    return kNoEnvironment;
  }
  return print_all(plans, swarm::run_fairness);
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = swarm::read_options(argc, argv);
  if (!options) {
    return options.error();
  }
  switch (options->command) {
    case swarm::Command::Swarm: return run_swarm(*options);
    case swarm::Command::Replay: return replay(*options);
    case swarm::Command::Table: return make_table(*options);
    case swarm::Command::Live: return swarm::live(options->live);
    case swarm::Command::Fairness: return share_path(*options);
  }
  return kFailed;
}
