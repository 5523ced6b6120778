// UrgentSend and UrgentReceive: pointers on both sides of every edge, at sequence numbers that wrap
// around.
#include "tcp/urgent.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {
namespace {

using test::covers;

class UrgentTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  [[nodiscard]] static SeqNum at(std::uint32_t number) { return SeqNum{GetParam()} + number; }
};
INSTANTIATE_TEST_SUITE_P(From, UrgentTest, testing::Values(1'000U, 0xffff'fff0U, 0x7fff'fff0U));

TEST_P(UrgentTest, PointerIsTheDistanceToTheOctetBehind) {
  covers({"MUST-62"});
  UrgentSend urgent;
  EXPECT_EQ(urgent.pointer_for(at(0), at(0)), std::nullopt);
  urgent.mark(at(100));
  EXPECT_EQ(urgent.pointer_for(at(0), at(50)), 100);
  EXPECT_EQ(urgent.pointer_for(at(99), at(100)), 1);
  EXPECT_EQ(urgent.pointer_for(at(100), at(100)), std::nullopt);
  EXPECT_EQ(urgent.pointer_for(at(200), at(200)), std::nullopt);
}

TEST_P(UrgentTest, PointerReachesAsFarAsItCan) {
  covers({"MUST-31"});
  UrgentSend urgent;
  urgent.mark(at(100'000));
  EXPECT_EQ(urgent.pointer_for(at(0), at(1'000)), 65'535);
  EXPECT_EQ(urgent.pointer_for(at(0), at(65'534)), 65'535);
  EXPECT_EQ(urgent.pointer_for(at(0), at(65'535)), std::nullopt) << "would name what was sent";
  EXPECT_EQ(urgent.pointer_for(at(100'000 - 65'535), at(99'000)), 65'535);
  EXPECT_EQ(urgent.pointer_for(at(100'000 - 65'534), at(99'000)), 65'534);
}

TEST_P(UrgentTest, SendingIsOverWhenAllIsAcknowledged) {
  UrgentSend urgent;
  urgent.mark(at(100));
  urgent.on_ack(at(99));
  EXPECT_TRUE(urgent.is_pending());
  urgent.on_ack(at(100));
  EXPECT_FALSE(urgent.is_pending());
  EXPECT_EQ(urgent.pointer_for(at(50), at(100)), std::nullopt);
}

TEST_P(UrgentTest, PointerIsNewsWhenItAdvances) {
  covers({"MUST-32"});
  UrgentReceive urgent;
  EXPECT_FALSE(urgent.on_pointer(at(10), at(10))) << "read already";
  EXPECT_TRUE(urgent.on_pointer(at(11), at(10)));
  EXPECT_FALSE(urgent.on_pointer(at(11), at(10)));
  EXPECT_FALSE(urgent.on_pointer(at(5), at(0)));
  EXPECT_TRUE(urgent.on_pointer(at(12), at(10)));
}

TEST_P(UrgentTest, LeftCountsToItsEnd) {
  covers({"MUST-33"});
  UrgentReceive urgent;
  EXPECT_EQ(urgent.left(at(0)), 0U);
  static_cast<void>(urgent.on_pointer(at(20), at(0)));
  EXPECT_EQ(urgent.left(at(0)), 20U);
  EXPECT_EQ(urgent.limit(50, at(0)), 50U);
  urgent.on_read(at(19));
  EXPECT_EQ(urgent.left(at(19)), 1U);
  urgent.on_read(at(20));
  EXPECT_FALSE(urgent.is_pending());
  EXPECT_EQ(urgent.left(at(20)), 0U);
}

TEST_P(UrgentTest, OutOfLineTheLastOctetIsKeptAndSkipped) {
  covers({"MUST-30", "RFC 6093 §3.2"});
  UrgentReceive urgent;
  urgent.set_inline(false);
  static_cast<void>(urgent.on_pointer(at(20), at(0)));
  EXPECT_EQ(urgent.left(at(0)), 19U);
  EXPECT_EQ(urgent.limit(50, at(0)), 19U);
  EXPECT_EQ(urgent.limit(5, at(0)), 5U);
  EXPECT_FALSE(urgent.lacks_octet(at(19)));
  EXPECT_TRUE(urgent.lacks_octet(at(20)));
  EXPECT_EQ(urgent.take(), std::nullopt);
  urgent.keep(std::byte{7});
  EXPECT_FALSE(urgent.lacks_octet(at(20)));
  EXPECT_FALSE(urgent.is_to_be_skipped(at(18)));
  EXPECT_TRUE(urgent.is_to_be_skipped(at(19)));
  EXPECT_EQ(urgent.take(), std::byte{7});
  EXPECT_EQ(urgent.take(), std::nullopt);
  urgent.on_read(at(20));
  EXPECT_FALSE(urgent.is_to_be_skipped(at(19)));
}

TEST_P(UrgentTest, LaterPointerForgetsTheKeptOctet) {
  UrgentReceive urgent;
  urgent.set_inline(false);
  static_cast<void>(urgent.on_pointer(at(20), at(0)));
  urgent.keep(std::byte{7});
  EXPECT_TRUE(urgent.on_pointer(at(30), at(0)));
  EXPECT_EQ(urgent.take(), std::nullopt);
  EXPECT_FALSE(urgent.is_to_be_skipped(at(19)));
  EXPECT_FALSE(urgent.lacks_octet(at(29)));
}

TEST_P(UrgentTest, InLineNothingIsSkipped) {
  UrgentReceive urgent;
  static_cast<void>(urgent.on_pointer(at(20), at(0)));
  EXPECT_FALSE(urgent.lacks_octet(at(20)));
  urgent.set_inline(false);
  urgent.keep(std::byte{7});
  urgent.set_inline(true);
  EXPECT_FALSE(urgent.is_to_be_skipped(at(19)));
}

}  // namespace
}  // namespace millrace::tcp
