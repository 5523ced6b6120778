// Program: the way of one run, from the words on the command line to the exit status. Each station
// is a file of its own.
#include <millrace/program.hpp>

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <CLI/App.hpp>

#include "control/command_line.hpp"
#include "control/instance.hpp"
#include "control/launch.hpp"
#include "control/logger.hpp"
#include "control/option_adder.hpp"
#include "control/options.hpp"
#include "control/report.hpp"
#include "control/stop_signals.hpp"
#include "control/stop_switch.hpp"
#include "control/version.hpp"
#include "device/dpdk/eal.hpp"

namespace millrace {

namespace {

using control::Settings;
using control::Stop;

/// CLI11 finds an option by one of its names: "--port" of "-p,--port".
std::string last_name(const std::string& names) {
  const std::size_t comma = names.rfind(',');
  return comma == std::string::npos ? names : names.substr(comma + 1);
}

}  // namespace

struct Program::Implementation {
  Implementation(std::string program_name, const std::string& summary)
      : name{std::move(program_name)}, app{summary, name} {
    control::set_help_layout(app);
  }

  [[nodiscard]] std::string versions() const {
    return fmt::format("{} {} (DPDK {})", name, control::kMillraceVersion, device::Eal::version());
  }
  /// `add` declares an option with these names, or says more about one. What CLI11 objects to is
  /// kept for `run` to tell.
  template <class Add>
  void declare(const std::string& names, Add add) {
    if (const auto objection = control::objection_to([&] { add(app); }); objection && !mistake) {
      mistake = fmt::format("a mistake in the program, in declaring {}: {}", names, *objection);
    }
  }
  [[nodiscard]] Result<Settings, Stop> read(int argc, char** argv);
  /// The exit status after an orderly end.
  [[nodiscard]] Result<int, Stop> serve(const Settings& settings, Start& start);
  void show_report(const control::Instance& instance) const;
  [[nodiscard]] Stop surroundings(const std::string& problem) const {
    return {control::kExitSurroundings, control::error_line(name, problem)};
  }

  std::string name;
  CLI::App app;
  Config config;
  std::vector<std::move_only_function<Result<void, std::string>()>> checks;
  std::vector<std::string> suggestions;
  std::optional<std::string> mistake;  // The first one in declaring options.
  OnStop on_stop;
  bool reports_to_stderr = false;
};

Program::Program(std::string name, std::string summary)
    : implementation_{std::make_unique<Implementation>(std::move(name), summary)} {}
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;
Program::~Program() = default;

Program& Program::flag(const std::string& names, bool& target, const std::string& help) {
  implementation_->declare(names, [&](CLI::App& app) { app.add_flag(names, target, help); });
  return *this;
}

Program& Program::option(const std::string& names, std::string& target, const std::string& help) {
  implementation_->declare(names, [&](CLI::App& app) {
    app.add_option(names, target, help)->capture_default_str()->type_name("TEXT");
  });
  return *this;
}

Program& Program::option(const std::string& names, std::uint64_t& target, const std::string& help) {
  const auto parse = [](std::string_view text) { return control::parse_count(text, {}); };
  implementation_->declare(names, [&](CLI::App& app) {
    control::add_checked_option(
        app, names, parse, [&target](std::uint64_t value) { target = value; }, help)
        ->type_name("N")
        ->default_str(std::to_string(target));
  });
  return *this;
}

Program& Program::option(const std::string& names, std::optional<std::uint64_t>& target,
                         const std::string& help) {
  const auto parse = [](std::string_view text) { return control::parse_count(text, {}); };
  implementation_->declare(names, [&](CLI::App& app) {
    control::add_checked_option(
        app, names, parse, [&target](std::uint64_t value) { target = value; }, help)
        ->type_name("N")
        ->default_str(target ? std::to_string(*target) : "");
  });
  return *this;
}

Program& Program::option(const std::string& names, Duration& target, const std::string& help) {
  const auto parse = [](std::string_view text) {
    return control::parse_seconds(text, {.min = 0, .max = 1'000'000});
  };
  implementation_->declare(names, [&](CLI::App& app) {
    control::add_checked_option(
        app, names, parse, [&target](Duration value) { target = value; }, help)
        ->type_name("SECONDS")
        ->default_str(control::seconds_text(target));
  });
  return *this;
}

Program& Program::option(const std::string& names, Port& target, const std::string& help) {
  implementation_->declare(names, [&](CLI::App& app) {
    control::add_checked_option(
        app, names, control::parse_port, [&target](Port value) { target = value; }, help)
        ->type_name("PORT")
        ->default_str(target.is_unspecified() ? "" : std::to_string(target.number()));
  });
  return *this;
}

Program& Program::option(const std::string& names, std::optional<Endpoint>& target,
                         const std::string& help) {
  implementation_->declare(names, [&](CLI::App& app) {
    control::add_checked_option(
        app, names, control::parse_endpoint, [&target](const Endpoint& value) { target = value; },
        help)
        ->type_name("ADDRESS:PORT")
        ->default_str(target ? target->to_string() : "");
  });
  return *this;
}

Program& Program::required(const std::string& names) {
  implementation_->declare(names,
                           [&](CLI::App& app) { app.get_option(last_name(names))->required(); });
  return *this;
}

Program& Program::check(std::move_only_function<Result<void, std::string>()> validator) {
  implementation_->checks.push_back(std::move(validator));
  return *this;
}

Program& Program::suggest(std::string command) {
  implementation_->suggestions.push_back(std::move(command));
  return *this;
}

Program& Program::report_to_stderr(bool on) {
  implementation_->reports_to_stderr = on;
  return *this;
}

Program& Program::on_stop(OnStop handler) {
  implementation_->on_stop = std::move(handler);
  return *this;
}

Config& Program::config() noexcept { return implementation_->config; }

int Program::run(int argc, char** argv, Start start) {
  const Result<Settings, Stop> settings = implementation_->read(argc, argv);
  const Result<int, Stop> served = settings ? implementation_->serve(*settings, start)
                                            : Result<int, Stop>{fail(settings.error())};
  if (served) {
    return *served;
  }
  const Stop& stop = served.error();
  std::fputs(stop.text.c_str(), stop.status == 0 ? stdout : stderr);
  return stop.status;
}

Result<Settings, Stop> Program::Implementation::read(int argc, char** argv) {
  std::optional<control::SharedOptions> shared;
  declare("the options of all Millrace programs", [&](CLI::App&) {
    app.set_version_flag("--version", versions(), "Print Millrace's and DPDK's version");
    shared.emplace(app, config);
  });
  if (mistake) {
    return fail(Stop{control::kExitUsage, control::error_line(name, *mistake)});
  }
  if (std::optional<Stop> stop = control::read_command_line(app, argc, argv)) {
    return fail(*std::move(stop));
  }
  if (std::optional<std::string> help = shared->help_asked_for()) {
    return fail(Stop{0, *std::move(help)});
  }
  Result<Settings, std::string> settings = shared->settle();
  if (!settings) {
    return fail(Stop{control::kExitUsage, control::error_line(name, settings.error())});
  }
  for (auto& check : checks) {
    if (const Result<void, std::string> sound = check(); !sound) {
      return fail(Stop{control::kExitUsage, control::error_line(name, sound.error())});
    }
  }
  return *std::move(settings);
}

Result<int, Stop> Program::Implementation::serve(const Settings& settings, Start& start) {
  spdlog::logger log = control::make_logger(name, settings.log_level);
  auto signals = control::StopSignals::block();
  auto stop = control::StopSwitch::make();
  auto main_wake = control::WakeEvent::make();
  if (!signals || !stop || !main_wake) {
    return fail(surroundings(
        "cannot make descriptors for signals and events; raise the limit on open files"));
  }
  auto instance =
      control::Instance::make({.config = settings.config,
                               .is_verbose = settings.log_level <= control::LogLevel::Debug,
                               .stop = *stop,
                               .log = log});
  if (!instance) {
    return fail(surroundings(instance.error()));
  }
  {
    control::Launch launch{{**instance, *stop, *signals, *main_wake, log, on_stop}};
    if (const Result<void, std::string> started = launch.start_workers(start); !started) {
      return fail(surroundings(started.error()));
    }
    show_report(**instance);
    launch.wait();
    // Cleaning up may wait for a helper thread on a slow disk: a signal ends that, too.
    signals->restore();
  }
  if (settings.print_counters || log.should_log(spdlog::level::debug)) {
    std::fputs(control::counters_text((*instance)->stats(), (*instance)->usage()).c_str(), stderr);
  }
  return (*instance)->exit_status();
}

void Program::Implementation::show_report(const control::Instance& instance) const {
  control::StartReport report = instance.report();
  report.program = name;
  report.versions = versions();
  report.suggestions = suggestions;
  std::FILE* const out = reports_to_stderr ? stderr : stdout;
  std::fputs(control::to_text(report).c_str(), out);
  std::fflush(out);
}

}  // namespace millrace
