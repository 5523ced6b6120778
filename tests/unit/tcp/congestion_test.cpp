// Congestion: what all controllers share. RFC 5681 §3.1 and §4.1, RFC 3168 §6.1.2.
#include "tcp/congestion.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "unit/tcp/path_bed.hpp"

namespace millrace::tcp {

namespace {

using test::ack_of;
using test::kMss;
using test::path_with;

Congestion started(std::uint32_t window) {
  Congestion congestion;
  congestion.start(CongestionKind::Reno, window);
  return congestion;
}

TEST(Congestion, BeginsWithTheInitialWindowAndNoThreshold) {  // RFC 6928 §2, RFC 5681 §3.1
  millrace::test::covers({"RFC 6928 §2", "RFC 5681 §3.1"});
  EXPECT_EQ(initial_window_bytes(10, 1'460), 14'600U);
  EXPECT_EQ(initial_window_bytes(10, 536), 5'360U);
  EXPECT_EQ(initial_window_bytes(10, 8'960), 17'920U);
  EXPECT_EQ(initial_window_bytes(1, 1'460), 1'460U);
  const Congestion congestion = started(10'000);
  EXPECT_EQ(congestion.window(), 10'000U);
  EXPECT_TRUE(congestion.is_in_slow_start());
  EXPECT_EQ(congestion.name(), "reno");
  EXPECT_EQ(congestion.kind(), CongestionKind::Reno);
  EXPECT_EQ(congestion.pacing_rate(), 0U);
  EXPECT_FALSE(congestion.moves_own_window());
}

TEST(Congestion, StartingAnewForgetsEverything) {
  Congestion congestion = started(10'000);
  congestion.on_timeout(path_with(8'000), true);
  congestion.start(CongestionKind::Reno, 3'000);
  EXPECT_EQ(congestion.window(), 3'000U);
  EXPECT_EQ(congestion.ssthresh(), CongestionWindow::kMax);
  congestion.on_undo(path_with(0));
  EXPECT_EQ(congestion.window(), 3'000U);
}

TEST(Congestion, ALossMovesTheThresholdAndTheRecoverysEndTheWindow) {
  millrace::test::covers({"RFC 5681 §3.2"});
  Congestion congestion = started(10'000);
  congestion.on_loss(path_with(10'000));
  EXPECT_EQ(congestion.ssthresh(), 5'000U);
  EXPECT_EQ(congestion.window(), 10'000U) << "that is left to PRR";
  congestion.set_window(3'000);
  EXPECT_EQ(congestion.window(), 3'000U);
  congestion.on_recovery_end(path_with(1'000));
  EXPECT_EQ(congestion.window(), 5'000U);
  EXPECT_FALSE(congestion.is_in_slow_start());
}

TEST(Congestion, AnEchoHalvesAtOnceAndNeverEnlarges) {
  millrace::test::covers({"RFC 3168 §6.1.2"});
  Congestion congestion = started(10'000);
  congestion.on_congestion_echo(path_with(10'000));
  EXPECT_EQ(congestion.window(), 5'000U);
  EXPECT_EQ(congestion.ssthresh(), 5'000U);
  Congestion small = started(1'000);
  small.on_congestion_echo(path_with(1'000));
  EXPECT_EQ(small.window(), 1'000U);
  EXPECT_EQ(small.ssthresh(), 2'000U);
}

TEST(Congestion, ATimeoutLeavesOneSegmentAndRepeatedOnesTheThreshold) {
  millrace::test::covers({"MUST-19", "RFC 5681 §3.1"});
  Congestion congestion = started(10'000);
  congestion.on_timeout(path_with(8'000), true);
  EXPECT_EQ(congestion.window(), kMss);
  EXPECT_EQ(congestion.ssthresh(), 4'000U);
  congestion.on_timeout(path_with(8'000), false);
  EXPECT_EQ(congestion.ssthresh(), 4'000U);
  congestion.on_ack(ack_of(1'000), path_with(0));
  EXPECT_EQ(congestion.window(), 2'000U) << "slow start again";
}

TEST(Congestion, AnUndoneReductionLeavesNoTrace) {
  millrace::test::covers({"RFC 5682 §3", "RFC 4015 §3.2"});
  Congestion lost = started(10'000);
  lost.on_loss(path_with(10'000));
  lost.set_window(6'000);
  lost.on_undo(path_with(6'000));
  EXPECT_EQ(lost.window(), 10'000U);
  EXPECT_EQ(lost.ssthresh(), CongestionWindow::kMax);
  Congestion timed_out = started(10'000);
  timed_out.on_timeout(path_with(10'000), true);
  timed_out.on_timeout(path_with(10'000), false);
  timed_out.on_undo(path_with(1'000));
  EXPECT_EQ(timed_out.window(), 10'000U);
  EXPECT_EQ(timed_out.ssthresh(), CongestionWindow::kMax);
}

TEST(Congestion, AnUndoneReductionTakesNothingThatWasGainedSince) {
  Congestion congestion = started(10'000);
  congestion.on_timeout(path_with(10'000), true);
  for (unsigned i = 0; i < 20; ++i) {
    congestion.on_ack(ack_of(2'000), path_with(2'000));
  }
  const std::uint32_t reached = congestion.window();
  congestion.on_undo(path_with(1'000));
  EXPECT_EQ(congestion.window(), std::max(reached, 10'000U));
}

TEST(Congestion, AnIdleRestartNeverEnlarges) {
  millrace::test::covers({"RFC 5681 §4.1"});
  Congestion large = started(50'000);
  large.on_idle_restart(10'000);
  EXPECT_EQ(large.window(), 10'000U);
  Congestion small = started(4'000);
  small.on_idle_restart(10'000);
  EXPECT_EQ(small.window(), 4'000U);
}

TEST(CongestionKind, NamesAreLinuxs) {
  EXPECT_EQ(to_string(CongestionKind::Reno), "reno");
  EXPECT_EQ(congestion_kind("reno"), CongestionKind::Reno);
  EXPECT_FALSE(congestion_kind("vegas"));
  EXPECT_FALSE(congestion_kind(""));
}

}  // namespace

}  // namespace millrace::tcp
