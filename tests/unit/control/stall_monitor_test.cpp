// Slow turns are noticed, summed up and told at most once a second.
#include "control/stall_monitor.hpp"

#include <chrono>
#include <optional>

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1h};

TEST(StallMonitor, SaysNothingAboutTurnsWithinTheLimit) {
  StallMonitor monitor{0};
  EXPECT_FALSE(monitor.on_turn(kStart, kStart + StallMonitor::kSlowTurn - 1ns, 0ns));
}

TEST(StallMonitor, TellsOfTheFirstSlowTurnAtOnce) {
  StallMonitor monitor{3};
  EXPECT_FALSE(monitor.on_turn(kStart, kStart + 1ms, 500us));
  const std::optional<StallReport> report =
      monitor.on_turn(kStart + 1ms, kStart + 41ms, 30ms + 500us);
  ASSERT_TRUE(report);
  EXPECT_EQ(
      to_text(*report),
      "worker 3: 1 turn took over 10 ms; 30.0 ms of the longest, 40.0 ms, passed in handlers");
}

TEST(StallMonitor, DoesNotBlameHandlersForATimeThatWasNotTheirs) {
  StallMonitor monitor{0};
  const std::optional<StallReport> report = monitor.on_turn(kStart, kStart + 40ms, 19ms);
  ASSERT_TRUE(report);
  EXPECT_EQ(to_text(*report),
            "worker 0: 1 turn took over 10 ms, the longest 40.0 ms: the processor was busy "
            "elsewhere");
}

TEST(StallMonitor, SumsUpUntilTheIntervalIsOver) {
  StallMonitor monitor{0};
  ASSERT_TRUE(monitor.on_turn(kStart, kStart + 20ms, 0ns));
  EXPECT_FALSE(monitor.on_turn(kStart + 100ms, kStart + 150ms, 45ms));
  EXPECT_FALSE(monitor.on_turn(kStart + 200ms, kStart + 230ms, 50ms));
  const std::optional<StallReport> report = monitor.on_turn(kStart + 1010ms, kStart + 1020ms, 50ms);
  ASSERT_TRUE(report) << "a second after the line before";
  EXPECT_EQ(report->slow_turns, 3U);
  EXPECT_EQ(report->longest, Duration{50ms});
  EXPECT_EQ(report->in_handlers, Duration{45ms});
  EXPECT_FALSE(monitor.on_turn(kStart + 1100ms, kStart + 1120ms, 50ms));
}

}  // namespace
}  // namespace millrace::control
