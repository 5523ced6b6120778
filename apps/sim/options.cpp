#include "apps/sim/options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <thread>

#include "apps/sim/live_options.hpp"

namespace swarm {

namespace {

constexpr const char* kAbout =
    "Whole hosts of Millrace in simulated networks, with every fault that a network can have.\n"
    "The same seed gives the same run, to the byte.";
constexpr const char* kHelpEnd =
    "Status: 0; 1 if a run has failed; 2 if the command line is wrong; 3 if the environment could\n"
    "not be set up.";
constexpr unsigned kJobsMax = 256;

void add_swarm(CLI::App& app, Options& options, std::uint64_t& minutes, std::uint64_t& seconds) {
  CLI::App* const swarm = app.add_subcommand(
      "swarm", "Runs many seeds, each of which draws its network, hosts and applications");
  swarm->add_option("--seeds", options.orders.seeds, "How many; 0: as many as the time allows")
      ->capture_default_str()
      ->type_name("N");
  swarm->add_option("--first", options.orders.first_seed, "The first of them")
      ->capture_default_str()
      ->type_name("SEED");
  swarm->add_option("--minutes", minutes, "No new seed after so long; 0: no limit")
      ->check(CLI::Range(0, 100'000))
      ->type_name("M");
  swarm->add_option("--jobs", options.orders.jobs, "Processes that share the seeds")
      ->check(CLI::Range(1U, kJobsMax))
      ->capture_default_str()
      ->type_name("J");
  swarm->add_option("--failures", options.orders.failures_max, "Stops after so many")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->type_name("N");
  swarm->add_option("--seed-seconds", seconds, "A seed that takes longer is stuck")
      ->check(CLI::Range(1, 86'400))
      ->default_val(options.orders.seed_limit.count())
      ->type_name("S");
  swarm
      ->add_option("--capture", options.orders.capture_folder,
                   "Every host's frames as pcapng into this folder: SEED-ADDRESS.pcapng")
      ->check(CLI::ExistingDirectory)
      ->type_name("FOLDER");
  swarm->add_flag("-q,--quiet", options.is_quiet, "Failures only");
  swarm->callback([&options] { options.command = Command::Swarm; });
}

void add_replay(CLI::App& app, Options& options) {
  CLI::App* const replay =
      app.add_subcommand("replay", "Runs one seed again and says what it drew and what came of it");
  replay->add_option("--seed", options.seed, "Which")->required()->type_name("SEED");
  replay
      ->add_option("--capture", options.capture_folder,
                   "Every host's frames as pcapng into this folder: SEED-ADDRESS.pcapng")
      ->check(CLI::ExistingDirectory)
      ->type_name("FOLDER");
  replay->callback([&options] { options.command = Command::Replay; });
}

/// What of the table is given in other units than it is kept in. Empty or zero: as it is.
struct TableWords {
  std::vector<double> losses_percent;
  std::vector<double> round_trips_ms;
  std::vector<double> rates_mbps;
  unsigned losses = 0;
  std::uint64_t segments = 0;
};

template <class T>
void take_side(std::vector<T>& side, const std::vector<double>& words, double unit) {
  if (!words.empty()) {
    side.clear();
    std::ranges::transform(words, std::back_inserter(side), [unit](double word) {
      return static_cast<T>(std::llround(word * unit));
    });
  }
}

void take_words(Options& options, const TableWords& words) {
  take_side(options.grid.losses_ppm, words.losses_percent, 1e4);
  take_side(options.grid.round_trips, words.round_trips_ms, 1e3);
  take_side(options.grid.rates, words.rates_mbps, 1e6);
  if (options.grid.controllers.empty()) {
    options.grid.controllers = all_controllers();
  }
  options.effort = options.is_quick_table ? kQuickEffort : Effort{};
  if (words.losses > 0) {
    options.effort.losses = words.losses;
  }
  if (words.segments > 0) {
    options.effort.segments = words.segments;
  }
}

void add_controllers(CLI::App& command, Options& options) {
  command
      .add_option("--controller", options.grid.controllers,
                  "Congestion control, by Linux's name; may be repeated. Otherwise all there are")
      ->check(CLI::IsMember(all_controllers()))
      ->type_name("NAME");
}

void add_sides(CLI::App& table, Grid& grid, TableWords& words) {
  constexpr double kFastest = 100'000;
  const auto add = [&table](const char* name, std::vector<double>& side, const char* about,
                            const char* unit, double least, double most) {
    table.add_option(name, side, about)->check(CLI::Range(least, most))->type_name(unit);
  };
  add("--loss", words.losses_percent, "Only these losses instead of the table's", "PERCENT", 0, 50);
  add("--rtt", words.round_trips_ms, "Only these round trips", "MS", 0.01, 10'000);
  add("--rate", words.rates_mbps, "Only these rates", "MBPS", 0.1, kFastest);
  add("--buffer", grid.buffers_bdp, "Only these buffers, in bandwidth-delay products", "BDP", 0,
      100);
  table
      .add_option("--mark", grid.mark_bdp,
                  "Backlog from which queues mark what is ECN-capable; 0: never")
      ->check(CLI::Range(0.0, 100.0))
      ->type_name("BDP");
}

void add_table(CLI::App& app, Options& options, TableWords& words) {
  CLI::App* const table = app.add_subcommand(
      "table", "Goodput of one long transfer over loss, round trip, rate and buffer, as JSON");
  add_controllers(*table, options);
  table->add_flag("--quick", options.is_quick_table,
                  "Thirty cells for each controller, not measured as long");
  add_sides(*table, options.grid, words);
  table->add_option("--bdp", options.bdp_max_mib, "Leaves out cells with more in flight, in MiB")
      ->check(CLI::Range(1, 512))
      ->capture_default_str()
      ->type_name("MIB");
  table->add_option("--seed", options.seed, "Of what is lost by chance")
      ->capture_default_str()
      ->type_name("SEED");
  for (const char* const side : {"--loss", "--rtt", "--rate", "--buffer", "--mark", "--bdp"}) {
    table->get_option("--quick")->excludes(side);  // Its cells are chosen.
  }
  table->add_option("--losses", words.losses, "Measures over so many losses by chance")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  table
      ->add_option("--segments", words.segments,
                   "Measures no longer than the link takes for so many segments")
      ->check(CLI::Range(1'000.0, 1e10))
      ->type_name("N");
  table
      ->add_option("--samples", options.samples,
                   "Congestion window, rate and queue over time, so often in each phase")
      ->check(CLI::Range(0, 100'000))
      ->type_name("N");
  table->callback([&options] { options.command = Command::Table; });
}

void add_fairness(CLI::App& app, Options& options) {
  CLI::App* const fairness = app.add_subcommand(
      "fairness", "How several transfers of one controller share a path, as JSON");
  add_controllers(*fairness, options);
  fairness->add_option("--flows", options.flows, "So many at once; may be repeated")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->type_name("N");
  fairness->add_option("--seed", options.seed, "Of the path's small differences in delay")
      ->capture_default_str()
      ->type_name("SEED");
  fairness->callback([&options] { options.command = Command::Fairness; });
}

}  // namespace

std::expected<Options, int> read_options(int argc, char** argv) {
  Options options;
  options.orders.jobs = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t minutes = 0;
  std::uint64_t seconds = 0;
  TableWords words;
  CLI::App app{kAbout, "millrace-sim"};
  app.footer(kHelpEnd);
  app.require_subcommand(1);
  add_swarm(app, options, minutes, seconds);
  add_replay(app, options);
  add_table(app, options, words);
  add_fairness(app, options);
  LiveTexts live_texts;
  add_live(app, options.live, live_texts)->callback([&options] {
    options.command = Command::Live;
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11's own statuses are above 100; a mistake on the command line is 2 in Millrace's
    // programs.
    return std::unexpected{app.exit(error) == 0 ? 0 : 2};
  }
  if (options.command == Command::Live) {
    if (const std::string wrong = finish_live(options.live, live_texts); !wrong.empty()) {
      std::fprintf(stderr, "millrace-sim: %s\n", wrong.c_str());
      return std::unexpected{2};
    }
  }
  if (options.orders.seeds == 0 && minutes == 0) {
    std::fprintf(stderr, "millrace-sim: --seeds 0 needs --minutes\n");
    return std::unexpected{2};
  }
  options.orders.time_limit = std::chrono::minutes{minutes};
  options.orders.seed_limit = std::chrono::seconds{seconds};
  take_words(options, words);
  return options;
}

}  // namespace swarm
