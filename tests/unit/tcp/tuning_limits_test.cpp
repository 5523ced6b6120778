// The ranges of what may be chosen for one connection, and how a time becomes a number of timeouts.
#include "tcp/tuning_limits.hpp"

#include <gtest/gtest.h>

#include "tcp/defer_accept.hpp"

namespace millrace::tcp {
namespace {

using namespace std::chrono_literals;

TEST(TuningLimits, HoldValuesToTheirRanges) {
  EXPECT_TRUE(is_valid({}));
  EXPECT_TRUE(is_valid({.send_buffer_bytes = 4'096, .receive_buffer_bytes = 2'304}));
  EXPECT_TRUE(is_valid({.window_clamp_bytes = 1'152, .unsent_limit_bytes = 1}));
  EXPECT_TRUE(is_valid({.max_segment_bytes = 88, .syn_retries = 127, .fin_wait_2 = 0s}));
  EXPECT_TRUE(is_valid({.max_segment_bytes = 32'767, .fin_wait_2 = 120s}));
  EXPECT_FALSE(is_valid({.send_buffer_bytes = 4'095}));
  EXPECT_FALSE(is_valid({.receive_buffer_bytes = 2'303}));
  EXPECT_FALSE(is_valid({.window_clamp_bytes = 1'151}));
  EXPECT_FALSE(is_valid({.max_segment_bytes = 87}));
  EXPECT_FALSE(is_valid({.max_segment_bytes = 32'768}));
  EXPECT_FALSE(is_valid({.syn_retries = 128}));
  EXPECT_FALSE(is_valid({.fin_wait_2 = -1ns}));
  EXPECT_FALSE(is_valid({.fin_wait_2 = 120s + 1ns}));
}

struct TimeoutsCase {
  Duration time;
  unsigned timeouts;
};

TEST(DeferAccept, CountsTimeoutsAsLinuxDoes) {
  for (const auto& [time, timeouts] :
       {TimeoutsCase{0s, 0}, TimeoutsCase{1ns, 1}, TimeoutsCase{1s, 1}, TimeoutsCase{2s, 2},
        TimeoutsCase{3s, 2}, TimeoutsCase{4s, 3}, TimeoutsCase{7s, 3}, TimeoutsCase{8s, 4},
        TimeoutsCase{127s, 7}, TimeoutsCase{128s, 8}, TimeoutsCase{247s, 8},
        TimeoutsCase{248s, 9}}) {
    EXPECT_EQ(timeouts_within(time, 1s, 120s), timeouts) << time.count();
  }
  EXPECT_EQ(timeouts_within(1'000h, 1s, 120s), 255U);
  // And back, rounded up to whole timeouts.
  EXPECT_EQ(time_of(0, 1s, 120s), 0s);
  EXPECT_EQ(time_of(timeouts_within(5s, 1s, 120s), 1s, 120s), 7s);
  EXPECT_EQ(time_of(timeouts_within(7s, 1s, 120s), 1s, 120s), 7s);
  EXPECT_EQ(time_of(8, 1s, 120s), 247s);
}

}  // namespace
}  // namespace millrace::tcp
