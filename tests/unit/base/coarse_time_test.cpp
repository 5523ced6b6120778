// Counters of time: what they leave off, and that they wrap around.
#include "base/coarse_time.hpp"

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

using namespace std::chrono_literals;

TEST(CoarseTime, LeavesFractionsOff) {
  EXPECT_EQ(seconds_of(Instant{7s + 999ms}), 7U);
  EXPECT_EQ(milliseconds_of(Instant{7s + 999'999ns}), 7'000U);
  EXPECT_EQ(milliseconds_of(Instant{7s + 1ms}), 7'001U);
}

TEST(CoarseTime, DifferencesHoldAcrossTheEnd) {
  const Instant before{std::chrono::milliseconds{0xffff'fffe}};
  EXPECT_EQ(milliseconds_of(before), 0xffff'fffeU);
  EXPECT_EQ(milliseconds_of(before + 5ms), 3U);
  EXPECT_EQ(milliseconds_of(before + 5ms) - milliseconds_of(before), 5U);
  const Instant late{std::chrono::seconds{0xffff'ffff}};
  EXPECT_EQ(seconds_of(late + 2s) - seconds_of(late), 2U);
}

}  // namespace
}  // namespace millrace::base
