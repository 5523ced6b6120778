// Sizes of the congestion window: RFC 5681 §3, RFC 6582 §3.2.
#include "tcp/new_reno.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

constexpr std::uint32_t kMss = 1'000;

NewReno started(std::uint32_t cwnd) {
  NewReno reno;
  reno.start(cwnd);
  return reno;
}

/// In congestion avoidance with that window.
NewReno avoiding(std::uint32_t cwnd) {
  NewReno reno;
  reno.start(cwnd);
  reno.enter_recovery(2 * cwnd, kMss);
  reno.leave_recovery(cwnd, kMss);
  return reno;
}

TEST(NewReno, SlowStartAddsWhatIsAcknowledgedUpToTwoSegments) {  // RFC 5681 §3.1, equation 2
  test::covers({"MUST-19", "RFC 5681 §3.1"});
  NewReno reno = started(2'000);
  reno.on_ack(300, kMss, 2);
  EXPECT_EQ(reno.cwnd(), 2'300U);
  reno.on_ack(1'000, kMss, 2);
  EXPECT_EQ(reno.cwnd(), 3'300U);
  reno.on_ack(5'000, kMss, 2);
  EXPECT_EQ(reno.cwnd(), 5'300U);
}

TEST(NewReno, SlowStartWithoutALimitEndsAtItsThreshold) {
  NewReno reno = started(10'000);
  reno.on_ack(10'000, kMss, 0);
  EXPECT_EQ(reno.cwnd(), 20'000U);
  NewReno after_timeout = started(10'000);
  after_timeout.on_timeout(8'000, kMss, true);
  ASSERT_EQ(after_timeout.ssthresh(), 4'000U);
  after_timeout.on_ack(5'000, kMss, 0);  // 3000 to the threshold, 2000 behind it.
  EXPECT_EQ(after_timeout.cwnd(), 4'000U);
  after_timeout.on_ack(1'999, kMss, 0);
  EXPECT_EQ(after_timeout.cwnd(), 4'000U);
  after_timeout.on_ack(1, kMss, 0);
  EXPECT_EQ(after_timeout.cwnd(), 5'000U);
}

TEST(NewReno, AvoidanceAddsOneSegmentForEachWindow) {  // RFC 5681 §3.1
  test::covers({"MUST-19", "RFC 5681 §3.1"});
  NewReno reno = avoiding(4'000);
  ASSERT_EQ(reno.cwnd(), 4'000U);
  ASSERT_EQ(reno.ssthresh(), 4'000U);
  reno.on_ack(3'999, kMss, 2);
  EXPECT_EQ(reno.cwnd(), 4'000U);
  reno.on_ack(1, kMss, 2);
  EXPECT_EQ(reno.cwnd(), 5'000U);
  reno.on_ack(4'999, kMss, 2);
  EXPECT_EQ(reno.cwnd(), 5'000U);
  reno.on_ack(2, kMss, 2);
  EXPECT_EQ(reno.cwnd(), 6'000U);
}

TEST(NewReno, RecoveryHalvesAndInflates) {  // RFC 5681 §3.2, steps 2 to 4
  test::covers({"RFC 5681 §3.2"});
  NewReno reno = started(10'000);
  reno.enter_recovery(9'000, kMss);
  EXPECT_EQ(reno.ssthresh(), 4'500U);
  EXPECT_EQ(reno.cwnd(), 7'500U);
  reno.on_duplicate_ack(kMss);
  EXPECT_EQ(reno.cwnd(), 8'500U);
}

TEST(NewReno, HalfIsAtLeastTwoSegments) {  // RFC 5681 §3.1, equation 4
  NewReno reno = started(10'000);
  reno.enter_recovery(1'000, kMss);
  EXPECT_EQ(reno.ssthresh(), 2'000U);
  reno.on_timeout(500, kMss, true);
  EXPECT_EQ(reno.ssthresh(), 2'000U);
}

TEST(NewReno, PartialAckDeflatesByWhatItAcknowledges) {  // RFC 6582 §3.2, step 3
  NewReno reno = started(10'000);
  reno.enter_recovery(10'000, kMss);
  reno.on_partial_ack(3'000, kMss);
  EXPECT_EQ(reno.cwnd(), 8'000U - 3'000U + 1'000U);
  reno.on_partial_ack(500, kMss);
  EXPECT_EQ(reno.cwnd(), 5'500U) << "less than a segment adds none back";
  reno.on_partial_ack(100'000, kMss);
  EXPECT_EQ(reno.cwnd(), kMss);
  EXPECT_EQ(reno.ssthresh(), 5'000U);
}

TEST(NewReno, RecoveryEndsWithTheSmallerOfBothWindows) {  // RFC 6582 §3.2, step 3, option 1
  NewReno much = started(10'000);
  much.enter_recovery(10'000, kMss);
  much.leave_recovery(9'000, kMss);
  EXPECT_EQ(much.cwnd(), 5'000U);
  NewReno little = started(10'000);
  little.enter_recovery(10'000, kMss);
  little.leave_recovery(0, kMss);
  EXPECT_EQ(little.cwnd(), 2'000U);
}

TEST(NewReno, TimeoutLeavesOneSegment) {  // RFC 5681 §3.1
  test::covers({"MUST-19", "RFC 5681 §3.1"});
  NewReno reno = started(10'000);
  reno.on_timeout(8'000, kMss, true);
  EXPECT_EQ(reno.cwnd(), kMss);
  EXPECT_EQ(reno.ssthresh(), 4'000U);
  reno.on_timeout(6'000, kMss, false);
  EXPECT_EQ(reno.ssthresh(), 4'000U);
  reno.on_ack(1'000, kMss, 2);
  EXPECT_EQ(reno.cwnd(), 2'000U) << "slow start again";
}

TEST(NewReno, ACongestionEchoHalvesAndNeverEnlarges) {
  test::covers({"RFC 3168 §6.1.2"});
  NewReno reno = started(10'000);
  reno.on_congestion_echo(kMss);
  EXPECT_EQ(reno.cwnd(), 5'000U);
  EXPECT_EQ(reno.ssthresh(), 5'000U);
  reno.on_ack(4'999, kMss, 2);
  EXPECT_EQ(reno.cwnd(), 5'000U) << "congestion avoidance from here on";
  reno.on_congestion_echo(kMss);
  reno.on_congestion_echo(kMss);
  EXPECT_EQ(reno.cwnd(), 2'000U);
  NewReno small = started(1'000);
  small.on_congestion_echo(kMss);
  EXPECT_EQ(small.cwnd(), 1'000U);
  EXPECT_EQ(small.ssthresh(), 2'000U);
}

TEST(NewReno, EveryReductionBeginsToCountAnew) {  // RFC 5681 §3.1
  test::covers({"RFC 5681 §3.1"});
  // What was acknowledged before it opens nothing behind it: a whole window must be.
  const auto expect_whole_window = [](NewReno& reno) {
    const std::uint32_t cwnd = reno.cwnd();
    reno.on_ack(cwnd - 1, kMss, 2);
    EXPECT_EQ(reno.cwnd(), cwnd);
    reno.on_ack(1, kMss, 2);
    EXPECT_EQ(reno.cwnd(), cwnd + kMss);
  };
  NewReno lost = avoiding(8'000);
  lost.on_ack(7'999, kMss, 2);
  lost.enter_recovery(8'000, kMss);
  lost.leave_recovery(8'000, kMss);
  expect_whole_window(lost);
  NewReno echoed = avoiding(8'000);
  echoed.on_ack(7'999, kMss, 2);
  echoed.on_congestion_echo(kMss);
  expect_whole_window(echoed);
  NewReno timed_out = avoiding(8'000);
  timed_out.on_ack(7'999, kMss, 2);
  timed_out.on_timeout(4'000, kMss, true);
  timed_out.on_ack(1'000, kMss, 2);
  ASSERT_EQ(timed_out.cwnd(), timed_out.ssthresh());
  expect_whole_window(timed_out);
}

TEST(NewReno, WindowHasALimit) {
  NewReno reno = started(10'000);
  for (unsigned i = 0; i < 40; ++i) {
    reno.on_ack(0x4000'0000U, 0x2000'0000U, 2);
  }
  EXPECT_GE(reno.cwnd(), 0x3fff'c000U) << "as large as any window";
  const std::uint32_t most = reno.cwnd();
  reno.on_duplicate_ack(kMss);
  EXPECT_EQ(reno.cwnd(), most);
}

TEST(NewReno, IdleRestartNeverEnlarges) {  // RFC 5681 §4.1
  NewReno large = started(50'000);
  large.on_idle_restart(10'000);
  EXPECT_EQ(large.cwnd(), 10'000U);
  NewReno small = started(4'000);
  small.on_idle_restart(10'000);
  EXPECT_EQ(small.cwnd(), 4'000U);
}

}  // namespace

}  // namespace millrace::tcp
