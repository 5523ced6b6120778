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

std::string to_text(const StallReport& report) {
  return fmt::format(
      "worker {}: {} turn{} took over {:.0f} ms; {:.1f} ms of the longest, {:.1f} ms, passed in "
      "handlers",
      report.worker, report.slow_turns, report.slow_turns == 1 ? "" : "s",
      milliseconds(StallMonitor::kSlowTurn), milliseconds(report.in_handlers),
      milliseconds(report.longest));
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
