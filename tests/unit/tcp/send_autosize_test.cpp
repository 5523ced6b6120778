// SendAutosize: from the initial size to two congestion windows, within a limit.
#include "tcp/send_autosize.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

TEST(SendAutosize, StartsWithTheInitialSize) {
  EXPECT_EQ(SendAutosize{}.limit(1'000, 9'000), 1'000U);
}

TEST(SendAutosize, InitialSizeBeyondTheLimitIsTheLimit) {
  SendAutosize autosize;
  EXPECT_EQ(autosize.limit(10'000, 9'000), 9'000U);
  autosize.on_ack(1U << 20U);
  EXPECT_EQ(autosize.limit(10'000, 9'000), 9'000U);
}

TEST(SendAutosize, HasRoomForTwoWindowsAtHalfTheMemory) {
  SendAutosize autosize;
  autosize.on_ack(10'000);
  EXPECT_EQ(autosize.limit(1'000, 1'000'000), 40'000U);
  EXPECT_EQ(autosize.limit(50'000, 1'000'000), 50'000U);
  EXPECT_EQ(autosize.limit(1'000, 30'000), 30'000U);
}

TEST(SendAutosize, DoesNotShrinkWithTheWindow) {
  SendAutosize autosize;
  autosize.on_ack(10'000);
  autosize.on_ack(1'000);
  EXPECT_EQ(autosize.limit(1'000, 1'000'000), 40'000U);
}

TEST(SendAutosize, HugeWindowsDoNotWrapAround) {
  SendAutosize autosize;
  autosize.on_ack(1U << 30U);
  EXPECT_EQ(autosize.limit(1'000, 1U << 30U), 1U << 30U);
}

}  // namespace
}  // namespace millrace::tcp
