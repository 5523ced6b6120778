// What MSG_MORE holds, and what lets go.
#include "tcp/more_hold.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

TEST(MoreHold, HoldsUntilAWriteWithoutIt) {
  MoreHold more;
  EXPECT_FALSE(more.holds() || more.withholds_push());
  more.on_write(true);
  EXPECT_TRUE(more.holds() && more.withholds_push());
  more.on_write(false);
  EXPECT_FALSE(more.holds() || more.withholds_push());
}

TEST(MoreHold, AnAckLetsGoWithoutPush) {
  MoreHold more;
  more.on_write(true);
  more.release();
  EXPECT_FALSE(more.holds());
  EXPECT_TRUE(more.withholds_push());
}

TEST(MoreHold, TimeLetsGoWithPush) {
  MoreHold more;
  more.on_write(true);
  more.on_waited();
  EXPECT_FALSE(more.holds() || more.withholds_push());
}

}  // namespace
}  // namespace millrace::tcp
