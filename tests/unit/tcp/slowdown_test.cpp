// The way down behind a mark. RFC 3168 §6.1.2, RFC 9937.
#include "tcp/slowdown.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;

/// Ten segments of 1,000 octets, whose numbers wrap around.
class SlowdownTest : public testing::Test {
 protected:
  SlowdownTest() { slowdown_.start(kFirst + 10'000, 10'000, 5'000); }
  /// The next segment is acknowledged, and what may leave leaves. Returns how many that was.
  unsigned acknowledge() {
    in_network_ -= 1'000;
    const std::uint32_t window = slowdown_.on_ack(
        {.delivered = 1'000, .in_network = in_network_, .mss = 1'000, .is_safe = true});
    unsigned left = 0;
    for (; in_network_ + 1'000 <= window; ++left) {
      in_network_ += 1'000;
      slowdown_.on_sent(1'000);
    }
    return left;
  }

  static constexpr SeqNum kFirst{0xffff'f000U};
  Slowdown slowdown_;
  std::uint32_t in_network_ = 10'000;
};

TEST_F(SlowdownTest, LetsHalfAsMuchLeaveAsArrives) {
  covers({"RFC 3168 §6.1.2"});
  unsigned left = 0;
  for (unsigned i = 1; i < 10; ++i) {
    left += acknowledge();
    EXPECT_LE(left, 1 + i / 2);
    EXPECT_GE(left + 1, i / 2);
  }
  left += acknowledge();
  EXPECT_EQ(left, 5U);
  EXPECT_EQ(in_network_, 5'000U);
}

TEST_F(SlowdownTest, KnowsWhereAndWhenItEnds) {
  covers({"RFC 3168 §6.1.2"});
  EXPECT_TRUE(slowdown_.is_on());
  EXPECT_EQ(slowdown_.target(), 5'000U);
  EXPECT_EQ(slowdown_.until(), kFirst + 10'000);
  slowdown_.stop();
  EXPECT_FALSE(slowdown_.is_on());
  EXPECT_FALSE(Slowdown{}.is_on());
}

TEST_F(SlowdownTest, AnAckWithoutNewsLeavesTheWindowAsItWas) {
  EXPECT_EQ(slowdown_.on_ack({.delivered = 0, .in_network = 10'000, .mss = 1'000}), 0U);
}

}  // namespace

}  // namespace millrace::tcp
