// Where groups of segments end.
#include "tcp/burst_push.hpp"

#include <string>

#include <gtest/gtest.h>

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1h};

/// A letter for each segment of a burst: P where a group ends.
std::string burst(BurstPush& push, unsigned segments, const BurstPush::Measure& measure,
                  Instant now = kStart) {
  std::string text;
  for (unsigned i = 1; i <= segments; ++i) {
    text += push.on_full_segment(now, measure, i < segments) ? 'P' : '.';
  }
  return text;
}

BurstPush::Measure measure(std::uint32_t cwnd, Duration round_trip) {
  return {.least_segments = 2,
          .segment_bytes = 1'000,
          .cwnd = cwnd * 1'000,
          .half_window = 30'000,
          .round_trip = round_trip};
}

TEST(BurstPush, GroupsHaveTheSizeOfAMillisecond) {
  BurstPush push;
  EXPECT_EQ(burst(push, 7, measure(40, 100ms)), ".P.P.P.");
  // 40 kB in 10 ms, twice: seven segments in a 1024th of a second.
  EXPECT_EQ(burst(push, 17, measure(40, 10ms), kStart + 1s), "......P......P..P");
  BurstPush::Measure later = measure(40, 10ms);
  later.starts_slowly = false;  // Four.
  EXPECT_EQ(burst(push, 9, later, kStart + 2s), "...P...P.");
}

TEST(BurstPush, HalfOfTheWindowEndsOne) {
  BurstPush push;
  EXPECT_EQ(burst(push, 10, measure(10, 0ms)), "....P....P");
  EXPECT_EQ(burst(push, 10, measure(10, 100ms), kStart + 1s), ".P.PPP.P.P");
  BurstPush::Measure narrow = measure(20, 0ms);
  narrow.half_window = 3'000;
  EXPECT_EQ(burst(push, 8, narrow, kStart + 2s), "..P..P.P");
}

TEST(BurstPush, OneAloneIsNoGroup) {
  BurstPush push;
  EXPECT_EQ(burst(push, 1, measure(10, 0ms)), ".");
  EXPECT_EQ(burst(push, 1, measure(1, 0ms), kStart + 1s), ".");
  EXPECT_EQ(burst(push, 3, measure(3, 0ms), kStart + 2s), "...");
  // What left before counts no more.
  EXPECT_EQ(push.on_full_segment(kStart + 3s, measure(10, 0ms), true), false);
  EXPECT_EQ(burst(push, 1, measure(10, 0ms), kStart + 4s), ".");
}

TEST(BurstPush, LimitsThatAreWorkedOutOnceAreThose) {
  for (const std::uint32_t cwnd : {1U, 2U, 3U, 10U, 40U, 1'000U}) {
    for (const Duration round_trip : {0ms, 1ms, 10ms, 100ms}) {
      BurstPush push;
      const BurstPush::Limits limits = BurstPush::limits_of(measure(cwnd, round_trip));
      std::string text;
      for (unsigned i = 1; i <= 50; ++i) {
        text += push.on_full_segment(kStart + 1s, limits, i < 50) ? 'P' : '.';
      }
      BurstPush other;
      EXPECT_EQ(text, burst(other, 50, measure(cwnd, round_trip)));
    }
  }
}

TEST(BurstPush, OneHandOverIsNotLargerThanItCanBe) {
  BurstPush push;
  BurstPush::Measure wide = measure(1'000, 0ms);
  wide.half_window = 1'000'000;
  EXPECT_EQ(burst(push, 70, wide), std::string(64, '.') + "P....P");
}

}  // namespace

}  // namespace millrace::tcp
