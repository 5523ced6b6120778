// The client is on the first core, where signals are taken; its end is the test's.
#include "loopback/tcp_run.hpp"

#include <sched.h>

#include <array>
#include <csignal>
#include <future>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include "control/core_thread.hpp"
#include "loopback/frame_run.hpp"
#include "perf/client.hpp"
#include "perf/millrace_transport.hpp"
#include "perf/server.hpp"

namespace loopback {
namespace {

using millrace::Duration;
using millrace::Instant;
using millrace::Result;
namespace control = millrace::control;

constexpr Duration kLook = std::chrono::milliseconds{1};
constexpr unsigned kIdleTurnsBeforeYield = 64;
constexpr unsigned kQuietTurns = 16;
constexpr Duration kFlushLimit = std::chrono::milliseconds{100};

/// A stack as a thread turns it.
class Stack {
 public:
  explicit Stack(control::Core& core) : core_{core}, transport_{*core.face} {}

  void start() { core_.stack->start(core_.clock.now()); }
  [[nodiscard]] perf::Transport& transport() noexcept { return transport_; }
  [[nodiscard]] control::Core& core() noexcept { return core_; }
  bool turn() { return core_.loop->run_turn(); }
  /// Aborts what is left.
  void shut_down() { core_.stack->shut_down(); }
  [[nodiscard]] bool is_empty() const noexcept { return core_.stack->is_empty(); }

 private:
  control::Core& core_;
  perf::MillraceTransport transport_;
};

/// Turns stacks by turns, until `look`, called every millisecond, says that it is enough.
template <class Look>
void turn_until(std::span<Stack* const> stacks, Look look) {
  Instant next_look{};
  unsigned idle_turns = 0;
  for (bool goes_on = true; goes_on;) {
    bool was_busy = false;
    for (Stack* const stack : stacks) {
      was_busy = stack->turn() || was_busy;
    }
    const Instant now = stacks.front()->core().clock.now();
    if (now >= next_look) {
      next_look = now + kLook;
      goes_on = look(now);
    }
    idle_turns = was_busy ? 0 : idle_turns + 1;
    if (idle_turns >= kIdleTurnsBeforeYield) {
      ::sched_yield();
      idle_turns = 0;
    }
  }
}

/// The resets of aborted connections leave within the next turns.
void wind_up(std::span<Stack* const> stacks) {
  for (Stack* const stack : stacks) {
    stack->shut_down();
  }
  const Instant limit = stacks.front()->core().clock.now() + kFlushLimit;
  unsigned quiet_turns = 0;
  while (quiet_turns < kQuietTurns && stacks.front()->core().clock.now() < limit) {
    bool is_quiet = true;
    for (Stack* const stack : stacks) {
      is_quiet = !stack->turn() && stack->is_empty() && is_quiet;
    }
    quiet_turns = is_quiet ? quiet_turns + 1 : 0;
  }
}

class Run {
 public:
  Run(const Options& options, control::Instance& instance, control::StopSignals& signals,
      control::StopSwitch& stop)
      : options_{options},
        signals_{signals},
        stop_{stop},
        client_stack_{*instance.cores()[0]},
        server_stack_{*instance.cores()[1]},
        clock_{perf::Stopwatch::calibrated()} {
    client_options_ = options.traffic;
    client_options_.is_quiet = options.is_json;
    server_options_.is_server = true;
    server_options_.port = client_options_.port;
    server_options_.is_quiet = true;
    client_options_.program = server_options_.program = "millrace-loopback";
  }

  [[nodiscard]] Result<Report, std::string> run() {
    client_stack_.start();
    const bool has_two_processors = options_.config.cores.size() == 2;
    auto done = has_two_processors ? run_on_two() : run_on_one();
    if (!done) {
      return millrace::fail(std::move(done).error());
    }
    return report();
  }

 private:
  /// On the thread that turns it: a stack belongs to the one that starts it.
  [[nodiscard]] Result<void, std::string> start_server() {
    server_stack_.start();
    server_.emplace(server_options_, server_stack_.transport(), clock_, std::vector<std::string>{});
    return server_->start();
  }
  [[nodiscard]] Result<void, std::string> start_client() {
    client_.emplace(client_options_, client_stack_.transport(), clock_, std::vector<std::string>{});
    return client_->start();
  }

  [[nodiscard]] Result<void, std::string> run_on_one() {
    if (auto started = start_server(); !started) {
      return started;
    }
    if (auto started = start_client(); !started) {
      return started;
    }
    const std::array both{&client_stack_, &server_stack_};
    turn_until(both, [this](Instant now) { return look(now); });
    wind_up(both);
    return {};
  }

  [[nodiscard]] Result<void, std::string> run_on_two() {
    std::promise<Result<void, std::string>> promise;
    auto ready = promise.get_future();
    std::jthread server{[this, &promise](const std::stop_token& stop) { serve(promise, stop); }};
    if (auto started = ready.get(); !started) {
      return started;
    }
    if (auto started = start_client(); !started) {
      return started;
    }
    const std::array own{&client_stack_};
    turn_until(own, [this](Instant now) { return look(now); });
    wind_up(own);
    return {};
  }

  /// The second processor's thread.
  void serve(std::promise<Result<void, std::string>>& promise, const std::stop_token& stop) {
    const auto place =
        control::CoreThread::enter(1, control::Affinity::only(options_.config.cores[1]));
    Result<void, std::string> outcome = place ? start_server() : millrace::fail(place.error());
    const bool runs = outcome.has_value();
    promise.set_value(std::move(outcome));
    if (runs) {
      const std::array own{&server_stack_};
      turn_until(own, [&stop](Instant) { return !stop.stop_requested(); });
      wind_up(own);
    }
  }

  /// Whether to go on.
  [[nodiscard]] bool look(Instant now) {
    while (const auto signal = signals_.take()) {
      if (*signal != SIGUSR1) {
        const Duration granted = signals_taken_++ == 0 ? client_->interrupt() : Duration::zero();
        deadline_ = now + granted;
      }
    }
    return !stop_.is_stop_requested() && !client_->is_done() && (!deadline_ || now < *deadline_);
  }

  [[nodiscard]] Report report() {
    Report made{.options = options_};
    made.traffic = client_->report();
    made.seconds = made.traffic->client.seconds;
    made.is_interrupted = made.traffic->is_interrupted;
    const auto names = port_names(options_);
    const std::array stacks{std::pair{"client", &client_stack_},
                            std::pair{"server", &server_stack_}};
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      control::Core& core = stacks[i].second->core();
      const auto& stats = core.stack->stats();
      made.stacks.push_back({.role = stacks[i].first, .stats = stats});
      const PortCounts counts{.rx_frames = stats.rx_frames,
                              .rx_bytes = stats.rx_bytes,
                              .tx_frames = stats.tx_frames,
                              .tx_bytes = stats.tx_bytes,
                              .tx_no_buffer = stats.dropped(millrace::DropReason::OutOfPackets)};
      made.ports.push_back({.name = names[i],
                            .mac = core.devices.front()->capabilities().mac,
                            .counts = with_losses(counts, core.devices.front()->losses())});
    }
    return made;
  }

  const Options& options_;
  control::StopSignals& signals_;
  control::StopSwitch& stop_;
  Stack client_stack_;
  Stack server_stack_;
  perf::Stopwatch clock_;
  perf::Options client_options_;
  perf::Options server_options_;
  std::optional<perf::Server> server_;
  std::optional<perf::Client> client_;
  std::optional<Instant> deadline_;
  unsigned signals_taken_ = 0;
};

}  // namespace

Result<Report, std::string> run_tcp(const Options& options, control::Instance& instance,
                                    control::StopSignals& signals, control::StopSwitch& stop) {
  // Large: connections of a client are in it.
  return std::make_unique<Run>(options, instance, signals, stop)->run();
}

}  // namespace loopback
