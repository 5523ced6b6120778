// millrace-loopback MODE: does what testpmd does, and looks at what comes back: frames without a
// stack, or TCP between two stacks, over a ring, a port with a plug, or two ports with a cable.
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <CLI/App.hpp>

#include "control/command_line.hpp"
#include "control/core_thread.hpp"
#include "control/instance.hpp"
#include "control/logger.hpp"
#include "control/options.hpp"
#include "control/report.hpp"
#include "control/stop_signals.hpp"
#include "control/stop_switch.hpp"
#include "control/version.hpp"
#include "device/dpdk/eal.hpp"
#include "loopback/frame_run.hpp"
#include "loopback/options.hpp"
#include "loopback/report.hpp"
#include "loopback/tcp_run.hpp"

namespace {

namespace control = millrace::control;
using control::Stop;

constexpr const char* kName = "millrace-loopback";
constexpr const char* kSummary =
    "Sends frames or TCP around a loop and verifies all that comes back.";

std::unexpected<Stop> stop_with(int status, const std::string& problem) {
  return millrace::fail(Stop{status, control::error_line(kName, problem)});
}

struct Asked {
  control::Settings settings;
  loopback::Options options;
};

std::string versions() {
  return fmt::format("{} {} (DPDK {})", kName, control::kMillraceVersion,
                     millrace::device::Eal::version());
}

millrace::Result<Asked, Stop> read(int argc, char** argv) {
  CLI::App app{kSummary, kName};
  control::set_help_layout(app);
  loopback::Arguments arguments;
  loopback::declare_options(app, arguments);
  app.set_version_flag("--version", versions(), "Print Millrace's and DPDK's version");
  // The second device has an address of its own without being told.
  const auto devices = std::count_if(argv, argv + argc, [](const char* word) {
    return std::string_view{word}.starts_with("--device");
  });
  millrace::Config defaults;
  defaults.devices = loopback::default_devices(static_cast<std::size_t>(devices));
  control::SharedOptions shared{app, defaults};
  if (auto stop = control::read_command_line(app, argc, argv)) {
    return millrace::fail(*std::move(stop));
  }
  if (auto help = shared.help_asked_for()) {
    return millrace::fail(Stop{0, *std::move(help)});
  }
  auto settings = shared.settle(2);
  if (!settings) {
    return stop_with(control::kExitUsage, settings.error());
  }
  auto options = loopback::read_options(arguments, settings->config);
  if (!options) {
    return stop_with(control::kExitUsage, options.error());
  }
  return Asked{*std::move(settings), *std::move(options)};
}

void show_start(const control::Instance& instance, const loopback::Options& options) {
  control::StartReport report = instance.report();
  report.program = kName;
  report.versions = versions();
  report.max_connections = options.is_tcp() ? report.max_connections : 0;
  std::fputs(control::to_text(report).c_str(), stderr);
}

millrace::Result<int, Stop> serve(const Asked& asked) {
  const loopback::Options& options = asked.options;
  spdlog::logger log = control::make_logger(kName, asked.settings.log_level);
  auto signals = control::StopSignals::block();
  auto stop = control::StopSwitch::make();
  if (!signals || !stop) {
    return stop_with(control::kExitSurroundings,
                     "cannot make descriptors for signals and events; raise the limit on open "
                     "files");
  }
  auto instance =
      control::Instance::make({.config = options.config,
                               .is_verbose = asked.settings.log_level <= control::LogLevel::Debug,
                               .stop = *stop,
                               .log = log,
                               .separation = options.separation});
  if (!instance) {
    return stop_with(control::kExitSurroundings, instance.error());
  }
  const auto& processors = options.config.cores;
  const auto place = control::CoreThread::enter(
      0, processors.empty() ? control::Affinity::of_this_thread()
                            : control::Affinity::only(processors.front()));
  if (!place) {
    return stop_with(control::kExitSurroundings, place.error());
  }
  show_start(**instance, options);
  auto report = options.is_tcp() ? loopback::run_tcp(options, **instance, *signals, *stop)
                                 : loopback::run_frames(options, **instance, *signals);
  if (!report) {
    return stop_with(control::kExitSurroundings, report.error());
  }
  std::fputs((options.is_json ? json_text(*report) : summary_text(*report)).c_str(), stdout);
  std::fflush(stdout);
  if (asked.settings.print_counters) {
    std::fputs(control::counters_text((*instance)->stats(), (*instance)->usage()).c_str(), stderr);
  }
  return loopback::failures_of(*report).empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto asked = read(argc, argv);
  const auto served =
      asked ? serve(*asked) : millrace::Result<int, Stop>{millrace::fail(asked.error())};
  if (served) {
    return *served;
  }
  std::fputs(served.error().text.c_str(), served.error().status == 0 ? stdout : stderr);
  return served.error().status;
}
