// The stateless reset: RFC 9293 §3.10.7.1.
#include "tcp/reset.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

TEST(Reset, TakesItsNumberFromTheAck) {  // RFC 9293 §3.10.7.1
  test::covers({"RFC 9293 §3.10.7.1"});
  Segment segment;
  segment.seq = SeqNum{100};
  segment.ack = SeqNum{777};
  segment.flags = TcpFlags{TcpFlags::kAck | TcpFlags::kFin};
  const SegmentPlan plan = make_reset(segment);
  EXPECT_EQ(plan.seq, SeqNum{777});
  EXPECT_EQ(plan.flags, TcpFlags{TcpFlags::kRst});
  EXPECT_EQ(plan.payload_bytes, 0U);
}

TEST(Reset, WithoutAnAckAcknowledgesTheWholeSegment) {  // RFC 9293 §3.10.7.1
  test::covers({"RFC 9293 §3.10.7.1"});
  struct Case {
    std::uint32_t seq;
    std::uint32_t bytes;
    std::uint8_t flags;
    std::uint32_t ack;
  };
  const Case cases[] = {
      {100, 0, TcpFlags::kSyn, 101},       {100, 10, TcpFlags::kSyn, 111},
      {100, 10, TcpFlags::kFin, 111},      {100, 10, 0, 110},
      {0xffff'ffff, 0, TcpFlags::kSyn, 0}, {0xffff'ffff, 10, TcpFlags::kSyn | TcpFlags::kFin, 11}};
  for (const Case& row : cases) {
    Segment segment;
    segment.seq = SeqNum{row.seq};
    segment.payload_bytes = row.bytes;
    segment.flags = TcpFlags{row.flags};
    const SegmentPlan plan = make_reset(segment);
    EXPECT_EQ(plan.seq, SeqNum{0});
    EXPECT_EQ(plan.ack, SeqNum{row.ack});
    EXPECT_EQ(plan.flags, TcpFlags{TcpFlags::kRst | TcpFlags::kAck});
  }
}

}  // namespace

}  // namespace millrace::tcp
