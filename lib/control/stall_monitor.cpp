// The first slow turn is reported at once, so that a single one is not lost; later ones wait for
// the interval.
#include "control/stall_monitor.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace millrace::control {

namespace {

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>{duration}.count();
}

}  // namespace

/// Where handlers have no part in it, a program that has none is not told of any.
std::string to_text(const StallReport& report) {
  const std::string turns =
      fmt::format("worker {}: {} turn{} took over {:.0f} ms", report.worker, report.slow_turns,
                  report.slow_turns == 1 ? "" : "s", milliseconds(StallMonitor::kSlowTurn));
  if (2 * report.in_handlers < report.longest) {
    return fmt::format("{}, the longest {:.1f} ms: the processor was busy elsewhere", turns,
                       milliseconds(report.longest));
  }
  return fmt::format("{}; {:.1f} ms of the longest, {:.1f} ms, passed in handlers", turns,
                     milliseconds(report.in_handlers), milliseconds(report.longest));
}

std::optional<StallReport> StallMonitor::on_slow_turn(Instant end, Duration took,
                                                      Duration in_handlers) noexcept {
  ++next_.slow_turns;
  if (took > next_.longest) {
    next_.longest = took;
    next_.in_handlers = in_handlers;
  }
  if (last_report_ && end - *last_report_ < kReportInterval) {
    return std::nullopt;
  }
  last_report_ = end;
  StallReport report = std::exchange(next_, {});
  report.worker = worker_;
  return report;
}

}  // namespace millrace::control
