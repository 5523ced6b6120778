// Reno: how far it opens and closes the window. RFC 5681 §3.1.
#include "tcp/reno.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "unit/tcp/path_bed.hpp"

namespace millrace::tcp {

namespace {

using test::ack_of;
using test::kMss;
using test::path_with;

struct Bed {
  CongestionWindow window;
  Reno reno;

  void ack(std::uint32_t bytes, std::uint32_t segments_max = 2) {
    PathView path = path_with(window.bytes());
    path.slow_start_segments = segments_max;
    reno.on_ack(window, ack_of(bytes), path);
  }
};

/// In congestion avoidance with that window.
Bed avoiding(std::uint32_t bytes) {
  Bed bed{.window = CongestionWindow{bytes}, .reno = {}};
  bed.window.set_ssthresh(bytes);
  return bed;
}

TEST(Reno, SlowStartAddsWhatIsAcknowledgedUpToALimit) {  // RFC 5681 §3.1, equation 2
  millrace::test::covers({"MUST-19", "RFC 5681 §3.1"});
  Bed bed{.window = CongestionWindow{2'000}, .reno = {}};
  bed.ack(300);
  EXPECT_EQ(bed.window.bytes(), 2'300U);
  bed.ack(1'000);
  EXPECT_EQ(bed.window.bytes(), 3'300U);
  bed.ack(5'000);
  EXPECT_EQ(bed.window.bytes(), 5'300U);
  bed.ack(5'000, 3);
  EXPECT_EQ(bed.window.bytes(), 8'300U);
}

TEST(Reno, SlowStartWithoutALimitEndsAtItsThreshold) {
  Bed bed{.window = CongestionWindow{10'000}, .reno = {}};
  bed.ack(10'000, 0);
  EXPECT_EQ(bed.window.bytes(), 20'000U);
  bed.window = CongestionWindow{1'000};
  bed.window.set_ssthresh(4'000);
  bed.ack(5'000, 0);  // 3000 to the threshold, 2000 behind it.
  EXPECT_EQ(bed.window.bytes(), 4'000U);
  bed.ack(1'999, 0);
  EXPECT_EQ(bed.window.bytes(), 4'000U);
  bed.ack(1, 0);
  EXPECT_EQ(bed.window.bytes(), 5'000U);
}

TEST(Reno, SlowStartWithALimitCountsTheRestOfIt) {
  Bed bed{.window = CongestionWindow{3'500}, .reno = {}};
  bed.window.set_ssthresh(4'000);
  bed.ack(5'000);  // 2000 count, 500 to the threshold, 1500 behind it.
  EXPECT_EQ(bed.window.bytes(), 4'000U);
  bed.ack(2'499);
  EXPECT_EQ(bed.window.bytes(), 4'000U);
  bed.ack(1);
  EXPECT_EQ(bed.window.bytes(), 5'000U);
}

TEST(Reno, AvoidanceAddsOneSegmentForEachWindow) {
  millrace::test::covers({"MUST-19", "RFC 5681 §3.1"});
  Bed bed = avoiding(4'000);
  bed.ack(3'999);
  EXPECT_EQ(bed.window.bytes(), 4'000U);
  bed.ack(1);
  EXPECT_EQ(bed.window.bytes(), 5'000U);
  bed.ack(4'999);
  EXPECT_EQ(bed.window.bytes(), 5'000U);
  bed.ack(2);
  EXPECT_EQ(bed.window.bytes(), 6'000U);
}

TEST(Reno, HalfOfWhatIsUnderWayIsLeftAtLeastTwoSegments) {  // Equation 4
  millrace::test::covers({"RFC 5681 §3.1"});
  struct Case {
    const char* name;
    std::uint32_t window;
    std::uint32_t flight;
    std::uint32_t ssthresh;
  };
  for (const Case& c :
       {Case{"all of it used", 10'000, 10'000, 5'000}, Case{"used in part", 10'000, 6'000, 3'000},
        Case{"more, for what was reported counts no more", 10'000, 14'000, 5'000},
        Case{"little", 10'000, 1'000, 2'000}, Case{"none", 10'000, 0, 2'000}}) {
    SCOPED_TRACE(c.name);
    Bed bed{.window = CongestionWindow{c.window}, .reno = {}};
    bed.reno.on_reduction(bed.window, path_with(c.flight), Reduction::Loss);
    EXPECT_EQ(bed.window.ssthresh(), c.ssthresh);
  }
}

TEST(Reno, EveryReductionBeginsToCountAnew) {
  millrace::test::covers({"RFC 5681 §3.1"});
  Bed bed = avoiding(8'000);
  bed.ack(7'999);
  bed.reno.on_reduction(bed.window, path_with(8'000), Reduction::Loss);
  bed.window.set(bed.window.ssthresh());
  ASSERT_EQ(bed.window.bytes(), 4'000U);
  bed.ack(3'999);
  EXPECT_EQ(bed.window.bytes(), 4'000U);
  bed.ack(1);
  EXPECT_EQ(bed.window.bytes(), 5'000U);
}

TEST(Reno, AnAckOpensNothingInARecoveryOrBehindAnEchoOrWithoutUse) {
  millrace::test::covers({"RFC 7661 §4.4", "RFC 3168 §6.1.2"});
  AckSample recovering = ack_of(4'000);
  recovering.is_recovering = true;
  AckSample echo = ack_of(4'000);
  echo.is_congestion_echo = true;
  AckSample unused = ack_of(4'000);
  unused.is_window_limited = false;
  for (const AckSample& sample : {recovering, echo, unused}) {
    for (const std::uint32_t ssthresh : {CongestionWindow::kMax, 4'000U}) {
      Bed bed{.window = CongestionWindow{4'000}, .reno = {}};
      bed.window.set_ssthresh(ssthresh);
      bed.reno.on_ack(bed.window, sample, path_with(4'000));
      bed.reno.on_ack(bed.window, sample, path_with(4'000));
      EXPECT_EQ(bed.window.bytes(), 4'000U);
    }
  }
}

TEST(Reno, TheWindowHasALimit) {
  Bed bed = avoiding(CongestionWindow::kMax - 10);
  for (unsigned i = 0; i < 4; ++i) {
    bed.ack(0xffff'ffffU);
  }
  EXPECT_EQ(bed.window.bytes(), CongestionWindow::kMax);
}

}  // namespace

}  // namespace millrace::tcp
