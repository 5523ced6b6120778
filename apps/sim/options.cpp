#include "apps/sim/options.hpp"

#include <CLI/CLI.hpp>

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

void add_table(CLI::App& app, Options& options) {
  CLI::App* const table = app.add_subcommand(
      "table", "Goodput of one long transfer over loss, round trip, rate and buffer, as JSON");
  table
      ->add_option("--controller", options.controllers,
                   "Congestion control, by Linux's name; may be repeated. Otherwise the default")
      ->type_name("NAME");
  table->add_option("--bdp", options.bdp_max_mib, "Leaves out cells with more in flight, in MiB")
      ->check(CLI::Range(1, 512))
      ->capture_default_str()
      ->type_name("MIB");
  table->add_flag("--quick", options.is_quick_table, "Thirty cells that are soon done");
  table->add_flag("--samples", options.with_samples,
                  "Congestion window, rate and queue over time, for plots");
  table->callback([&options] { options.command = Command::Table; });
}

}  // namespace

std::expected<Options, int> read_options(int argc, char** argv) {
  Options options;
  options.orders.jobs = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t minutes = 0;
  std::uint64_t seconds = 0;
  CLI::App app{kAbout, "millrace-sim"};
  app.footer(kHelpEnd);
  app.require_subcommand(1);
  add_swarm(app, options, minutes, seconds);
  add_replay(app, options);
  add_table(app, options);
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
  return options;
}

}  // namespace swarm
