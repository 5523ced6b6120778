#include "control/embedded_core.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <CLI/App.hpp>

#include "control/core_messages.hpp"
#include "control/core_thread.hpp"
#include "control/logger.hpp"
#include "control/report.hpp"
#include "control/signal_gate.hpp"
#include "control/version.hpp"
#include "device/dpdk/eal.hpp"

namespace millrace::control {

namespace {

Result<Settings, Stop> read(const std::string& name, const std::vector<std::string>& arguments) {
  CLI::App app{"A program with Millrace's sockets.", name};
  set_help_layout(app);
  app.set_version_flag(
      "--version", fmt::format("Millrace {} (DPDK {})", kMillraceVersion, device::Eal::version()));
  SharedOptions shared{app, Config{}};
  std::vector<const char*> words;
  for (const std::string& argument : arguments) {
    words.push_back(argument.c_str());
  }
  if (auto stop = read_command_line(app, static_cast<int>(words.size()), words.data())) {
    return fail(*std::move(stop));
  }
  if (auto help = shared.help_asked_for()) {
    return fail(Stop{0, *std::move(help)});
  }
  Result<Settings, std::string> settings = shared.settle();
  if (!settings) {
    return fail(Stop{kExitUsage, error_line(name, settings.error())});
  }
  if (settings->config.cores.size() > 1) {
    return fail(Stop{kExitUsage, error_line(name, "--cores: sockets live on one core; give one")});
  }
  return *std::move(settings);
}

}  // namespace

Result<std::unique_ptr<EmbeddedCore>, Stop> EmbeddedCore::start(
    const std::vector<std::string>& arguments) {
  // The threads that are started below, DPDK's among them, take none of the program's signals.
  SignalGate signals;
  signals.close();
  const std::string name = arguments.empty() ? "millrace" : arguments.front();
  const auto refuse = [&name](const std::string& problem) {
    return fail(Stop{kExitSurroundings, error_line(name, problem)});
  };
  Result<Settings, Stop> settings = read(name, arguments.empty() ? std::vector{name} : arguments);
  if (!settings) {
    return fail(std::move(settings).error());
  }
  auto stop = StopSwitch::make();
  auto wake = WakeEvent::make();
  auto request_wake = WakeEvent::make();
  auto answered = WakeEvent::make();
  if (!stop || !wake || !request_wake || !answered) {
    return refuse("cannot make descriptors for events; raise the limit on open files");
  }
  std::unique_ptr<EmbeddedCore> core{new EmbeddedCore{name,
                                                      *settings,
                                                      *std::move(stop),
                                                      {.wake = *std::move(wake),
                                                       .request_wake = *std::move(request_wake),
                                                       .answered = *std::move(answered)}}};
  const sigset_t handled_before = SignalGate::handled();
  auto instance = Instance::make({.config = settings->config,
                                  .is_verbose = settings->log_level <= LogLevel::Debug,
                                  .stop = core->stop_,
                                  .log = core->log_});
  if (!instance) {
    return refuse(instance.error());
  }
  core->instance_ = *std::move(instance);
  core->drivers_signals_ = SignalGate::handled();
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (sigismember(&handled_before, signal) == 1) {
      sigdelset(&core->drivers_signals_, signal);
    }
  }
  const std::vector<unsigned>& processors = settings->config.cores;
  if (!processors.empty() && !Affinity::only(processors.front()).apply()) {
    return refuse("--cores: this thread cannot run there; give a processor that it may use");
  }
  // As for workers: timers of the kernel wake a thread that sleeps on time.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  core->core().stack->start(core->core().clock.now());
  core->loop_ =
      std::make_unique<CoreLoop>(core->core(), 0U, core->instance_->sleeps_when_idle(), core->stop_,
                                 MainLine{.mailbox = core->mailbox_,
                                          .wake = core->wake_,
                                          .requests = core->requests_,
                                          .request_wake = core->request_wake_,
                                          .pages = core->pages_},
                                 core->on_stop_);
  core->telemetry_.emplace(std::vector<Telemetry::Core>{{core->pages_, core->request_wake_}});
  return core;
}

EmbeddedCore::EmbeddedCore(const std::string& name, const Settings& settings, StopSwitch stop,
                           Events events)
    : settings_{settings},
      log_{make_logger(name, settings.log_level)},
      stop_{std::move(stop)},
      wake_{std::move(events.wake)},
      request_wake_{std::move(events.request_wake)},
      pages_{std::move(events.answered)} {}

EmbeddedCore::~EmbeddedCore() {
  if (loop_ == nullptr) {
    return;
  }
  telemetry_.reset();  // Nobody answers from here on.
  loop_->end();
  show_messages();
  if (settings_.print_counters) {
    std::fputs(counters_text(instance_->stats(), instance_->usage()).c_str(), stderr);
  }
}

CoreLoop::Step EmbeddedCore::step(Instant wake_at, int beside, const sigset_t* signals) {
  const CoreLoop::Step step = loop_->step(wake_at, beside, signals);
  if (step != CoreLoop::Step::Turned) {
    show_messages();
  }
  return step;
}

void EmbeddedCore::deliver(Duration limit) {
  const Instant deadline = core().clock.now() + limit;
  while (core().stack->tcp().has_undelivered() && core().clock.now() < deadline) {
    static_cast<void>(step(deadline, -1));
  }
}

void EmbeddedCore::show_messages() {
  CoreMessage message;
  while (mailbox_.try_pop(message)) {
    show(message, *instance_, log_);
  }
}

}  // namespace millrace::control
