// Is the congestion window what holds a sender back?
#include "tcp/window_use.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;

class WindowUseTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  [[nodiscard]] static SeqNum at(std::uint32_t offset) { return SeqNum{GetParam()} + offset; }
  WindowUse use_;
};
INSTANTIATE_TEST_SUITE_P(From, WindowUseTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'fe00U, 0x7fff'fe00U));

TEST_P(WindowUseTest, UnusedWindowsDoNotLimit) {
  covers({"RFC 7661 §4.4"});
  EXPECT_FALSE(use_.is_limited(1'000, false));
  use_.on_sent(400, false, at(0), at(400));
  EXPECT_FALSE(use_.is_limited(1'000, false));
  EXPECT_FALSE(use_.is_limited(1'000, true));
}

TEST_P(WindowUseTest, InSlowStartHalfIsEnough) {
  covers({"RFC 7661 §4.4"});
  use_.on_sent(501, false, at(0), at(501));
  EXPECT_TRUE(use_.is_limited(1'000, true));
  EXPECT_FALSE(use_.is_limited(1'000, false));
}

TEST_P(WindowUseTest, AFullOneCountsForAllOfItsRound) {
  covers({"RFC 7661 §4.4"});
  use_.on_sent(1'000, true, at(0), at(1'000));
  use_.on_sent(300, false, at(900), at(1'200));
  EXPECT_TRUE(use_.is_limited(1'000, false));
  use_.on_sent(200, false, at(1'000), at(1'200));
  EXPECT_FALSE(use_.is_limited(1'000, false)) << "the next round";
}

TEST_P(WindowUseTest, TheMostOfARoundCounts) {
  use_.on_sent(100, false, at(0), at(100));
  use_.on_sent(600, false, at(0), at(600));
  use_.on_sent(300, false, at(50), at(700));
  EXPECT_TRUE(use_.is_limited(1'000, true));
}

}  // namespace

}  // namespace millrace::tcp
