// The clock is read once in a turn; signals, lines and limits are looked at every millisecond.
#include "loopback/frame_run.hpp"

#include <sched.h>

#include <csignal>
#include <cstdio>
#include <utility>

#include "loopback/frame_test.hpp"

namespace loopback {
namespace {

using millrace::Duration;
using millrace::Instant;
namespace control = millrace::control;

constexpr Duration kLook = std::chrono::milliseconds{1};
// For a port that does not take what is left to be sent.
constexpr Duration kDrainMax = std::chrono::seconds{5};
constexpr unsigned kIdleTurnsBeforeYield = 64;

double seconds_of(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

class Run {
 public:
  Run(const Options& options, control::Core& core, std::vector<Port>& ports, FrameTest& test,
      control::StopSignals& signals)
      : options_{options},
        clock_{core.clock},
        ports_{ports},
        test_{test},
        signals_{signals},
        report_{.options = options},
        last_(ports.size()) {}

  [[nodiscard]] Report run() {
    start_ = clock_.now();
    Instant now = start_;
    Instant next_look = start_;
    unsigned idle_turns = 0;
    while (!is_over_) {
      now = clock_.now();
      idle_turns = test_.turn(now) ? 0 : idle_turns + 1;
      if (now >= next_look) {
        next_look = now + kLook;
        look(now);
      }
      if (idle_turns >= kIdleTurnsBeforeYield) {
        // Whoever shares the processor may be the one who is to send something.
        ::sched_yield();
        idle_turns = 0;
      }
    }
    return finish(now);
  }

 private:
  void look(Instant now) {
    take_signals();
    const bool is_time = options_.duration && now - start_ >= *options_.duration;
    if (is_time && !test_.is_stopping()) {
      test_.stop();
    }
    if (test_.is_stopping() && !stopped_at_) {
      stopped_at_ = now;
    }
    const bool is_late = stopped_at_ && test_.has_unsent() && now - *stopped_at_ >= kDrainMax;
    is_over_ = is_over_ || test_.is_over() || is_late;
    if (options_.period > Duration::zero() && now - last_time_or_start() >= options_.period) {
      tell_interval(now);
    }
  }

  void take_signals() {
    while (const auto signal = signals_.take()) {
      if (*signal == SIGUSR1) {
        std::fputs(port_statistics(reports_of_ports(), seconds_of(clock_.now() - start_)).c_str(),
                   stderr);
      } else if (std::exchange(report_.is_interrupted, true)) {
        is_over_ = true;  // Asked for twice: without waiting for what is on its way.
      } else {
        test_.stop();
      }
    }
  }

  [[nodiscard]] Instant last_time_or_start() const noexcept { return last_time_.value_or(start_); }

  void tell_interval(Instant now) {
    Interval interval{.from = seconds_of(last_time_or_start() - start_),
                      .to = seconds_of(now - start_),
                      .ports = {}};
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      const PortCounts counts = ports_[i].counts();
      interval.ports.push_back(counts - std::exchange(last_[i], counts));
    }
    last_time_ = now;
    if (options_.is_json) {
      report_.intervals.push_back(std::move(interval));
    } else {
      std::fputs(interval_lines(interval).c_str(), stdout);
      std::fflush(stdout);
    }
  }

  [[nodiscard]] std::vector<PortReport> reports_of_ports() const {
    std::vector<PortReport> reports;
    for (const Port& port : ports_) {
      reports.push_back(
          {.name = port.name(), .mac = port.capabilities().mac, .counts = port.counts()});
    }
    return reports;
  }

  [[nodiscard]] Report finish(Instant now) {
    test_.write_off();
    report_.seconds = seconds_of(stopped_at_.value_or(now) - start_);
    report_.ports = reports_of_ports();
    report_.verification = test_.verification();
    if (!test_.problem().empty()) {
      report_.problems.push_back(test_.problem());
    }
    return std::move(report_);
  }

  const Options& options_;
  millrace::runtime::TscClock& clock_;
  std::vector<Port>& ports_;
  FrameTest& test_;
  control::StopSignals& signals_;
  Report report_;
  std::vector<PortCounts> last_;
  Instant start_{};
  std::optional<Instant> last_time_;
  std::optional<Instant> stopped_at_;
  bool is_over_ = false;
};

}  // namespace

std::vector<std::string> port_names(const Options& options) {
  std::vector<std::string> names;
  for (const auto& device : options.config.devices) {
    names.push_back(device.spec);
  }
  if (options.separation.second) {
    names.push_back(names.front());
  }
  return names;
}

millrace::Result<Report, std::string> run_frames(const Options& options,
                                                 control::Instance& instance,
                                                 control::StopSignals& signals) {
  std::vector<Port> ports;
  const auto names = port_names(options);
  for (std::size_t i = 0; i < instance.cores().size(); ++i) {
    control::Core& core = *instance.cores()[i];
    ports.emplace_back(names[i], *core.devices.front(), core.pools.data);
  }
  auto test = FrameTest::make(options, ports);
  if (!test) {
    return millrace::fail(std::move(test).error());
  }
  return Run{options, *instance.cores().front(), ports, **test, signals}.run();
}

}  // namespace loopback
