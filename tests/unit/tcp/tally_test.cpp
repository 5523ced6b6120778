// Tally: what counts as sent again, what as progress, and how long sending was held up.
#include "tcp/tally.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1'000s};

SegmentPlan plan(SeqNum seq, std::uint32_t bytes, std::uint8_t flags = TcpFlags::kAck) {
  SegmentPlan made;
  made.seq = seq;
  made.payload_bytes = bytes;
  made.flags = TcpFlags{flags};
  return made;
}

Segment arrival(std::uint32_t bytes, std::uint8_t flags) {
  Segment made;
  made.payload_bytes = bytes;
  made.flags = TcpFlags{flags};
  return made;
}

TcpInfo told(const Tally& tally, Instant now = kStart) {
  TcpInfo info;
  tally.describe(info, now);
  return info;
}

TEST(Tally, KnowsWhatIsSentAgain) {
  for (const std::uint32_t iss : {1'000U, 0xffff'ffffU, 0xffff'fc00U, 0x7fff'ffffU}) {
    SCOPED_TRACE(iss);
    const SeqNum first = SeqNum{iss} + 1;
    Tally tally{kStart};
    tally.on_sent(plan(SeqNum{iss}, 0, TcpFlags::kSyn), kStart);
    tally.on_sent(plan(SeqNum{iss}, 0, TcpFlags::kSyn), kStart);
    EXPECT_EQ(told(tally).total_retransmitted, 1U);
    tally.on_sent(plan(first, 0), kStart);  // An ACK is nothing that is sent again.
    tally.on_sent(plan(first, 1'000), kStart);
    tally.on_sent(plan(first + 1'000, 1'000), kStart);
    EXPECT_EQ(told(tally).total_retransmitted, 1U);
    tally.on_sent(plan(first, 1'000), kStart);
    EXPECT_EQ(told(tally).total_retransmitted, 2U);
    EXPECT_EQ(told(tally).bytes_retransmitted, 1'000U);
    // Half of it is new.
    tally.on_sent(plan(first + 1'500, 1'000), kStart);
    EXPECT_EQ(told(tally).total_retransmitted, 3U);
    EXPECT_EQ(told(tally).bytes_retransmitted, 1'500U);
    tally.on_sent(plan(first + 2'500, 0, TcpFlags::kFin | TcpFlags::kAck), kStart);
    EXPECT_EQ(told(tally).total_retransmitted, 3U);
    tally.on_sent(plan(first + 2'500, 0, TcpFlags::kFin | TcpFlags::kAck), kStart);
    EXPECT_EQ(told(tally).total_retransmitted, 4U);
    tally.on_sent(plan(first, 0), kStart);  // A keepalive stands far back, and carries nothing.
    EXPECT_EQ(told(tally).total_retransmitted, 4U);
    EXPECT_EQ(told(tally).segments_out, 10U);
    EXPECT_EQ(told(tally).data_segments_out, 4U);
    EXPECT_EQ(told(tally).bytes_sent, 4'000U);
  }
}

TEST(Tally, StartsAtAnyNumberWithoutASyn) {
  // As behind a SYN cookie: the first to leave may be an ACK.
  for (const std::uint32_t first : {1'000U, 0xffff'ffffU, 0x7fff'ffffU, 0xc000'0000U}) {
    SCOPED_TRACE(first);
    Tally tally{kStart};
    tally.on_sent(plan(SeqNum{first}, 0), kStart);
    tally.on_sent(plan(SeqNum{first}, 1'000), kStart);
    EXPECT_EQ(told(tally).total_retransmitted, 0U);
    EXPECT_EQ(told(tally).bytes_retransmitted, 0U);
    tally.on_sent(plan(SeqNum{first}, 1'000), kStart);
    EXPECT_EQ(told(tally).total_retransmitted, 1U);
    EXPECT_EQ(told(tally).bytes_retransmitted, 1'000U);
  }
}

TEST(Tally, CountsDataOfASynOnce) {
  Tally tally{kStart};
  tally.on_sent(plan(SeqNum{10}, 300, TcpFlags::kSyn), kStart);
  tally.on_sent(plan(SeqNum{11}, 300), kStart);
  EXPECT_EQ(told(tally).bytes_sent, 600U);
  EXPECT_EQ(told(tally).bytes_retransmitted, 300U);
}

TEST(Tally, ARunIsWhatItsSegmentsAre) {
  for (const std::uint32_t iss : {1'000U, 0xffff'fc00U, 0x7fff'ffffU}) {
    SCOPED_TRACE(iss);
    const SeqNum first = SeqNum{iss} + 1;
    Tally one{kStart};
    Tally other{kStart};
    for (Tally* each : {&one, &other}) {
      each->on_sent(plan(SeqNum{iss}, 0, TcpFlags::kSyn), kStart);
    }
    for (std::uint32_t offset = 0; offset < 3'000; offset += 1'000) {
      one.on_sent(plan(first + offset, 1'000), kStart + 1s);
    }
    other.on_run_sent(3, 3'000, first + 3'000, kStart + 1s);
    one.on_sent(plan(first + 3'000, 0), kStart + 2s);
    other.on_run_sent(1, 0, first + 3'000, kStart + 2s);
    other.on_run_sent(0, 0, SeqNum{0}, kStart + 3s);
    // What is sent again afterwards is known to be that.
    for (Tally* each : {&one, &other}) {
      each->on_sent(plan(first + 2'500, 1'000), kStart + 4s);
      const TcpInfo info = told(*each, kStart + 5s);
      EXPECT_EQ(info.segments_out, 6U);
      EXPECT_EQ(info.data_segments_out, 4U);
      EXPECT_EQ(info.bytes_sent, 4'000U);
      EXPECT_EQ(info.total_retransmitted, 1U);
      EXPECT_EQ(info.bytes_retransmitted, 500U);
      EXPECT_EQ(info.since_data_sent, 1s);
    }
  }
}

TEST(Tally, CountsArrivals) {
  Tally tally{kStart};
  tally.on_arrival(arrival(10, TcpFlags::kAck), {.is_out_of_order = true}, {}, kStart + 1s);
  tally.on_arrival(arrival(0, TcpFlags::kAck), {.reports_duplicate = true, .delivered = 3},
                   {.acked = 500, .received = 20}, kStart + 3s);
  tally.on_arrival(arrival(0, TcpFlags::kSyn), {}, {}, kStart + 4s);
  const TcpInfo info = told(tally, kStart + 5s);
  EXPECT_EQ(info.segments_in, 3U);
  EXPECT_EQ(info.data_segments_in, 1U);
  EXPECT_EQ(info.out_of_order_in, 1U);
  EXPECT_EQ(info.duplicate_reports, 1U);
  EXPECT_EQ(info.delivered, 3U);
  EXPECT_EQ(info.bytes_acked, 500U);
  EXPECT_EQ(info.bytes_received, 20U);
  EXPECT_EQ(info.since_data_received, 4s);
  EXPECT_EQ(info.since_ack_received, 2s);
  EXPECT_EQ(info.since_data_sent, 5s);
}

TEST(Tally, CountsArrivalsTogetherAsOneByOne) {
  const struct {
    Segment segment;
    Disposition disposition;
  } each[] = {
      {arrival(10, TcpFlags::kAck), {.is_out_of_order = true, .delivered = 2}},
      {arrival(0, TcpFlags::kAck | TcpFlags::kPsh), {.reports_duplicate = true}},
      {arrival(7, 0), {.delivered = 1}},
  };
  Tally one_by_one{kStart};
  Tally together{kStart};
  Tally::Arrivals arrivals{.segments = 3};
  std::uint32_t acked = 0;
  for (const auto& [segment, disposition] : each) {
    acked += 100;
    one_by_one.on_arrival(segment, disposition, {.acked = acked, .received = 5}, kStart + 1s);
    arrivals.add(segment, disposition);
  }
  together.on_arrivals(arrivals, {.acked = 600, .received = 15}, kStart + 1s);
  const TcpInfo expected = told(one_by_one, kStart + 3s);
  const TcpInfo info = told(together, kStart + 3s);
  EXPECT_EQ(info.segments_in, 3U);
  EXPECT_EQ(info.segments_in, expected.segments_in);
  EXPECT_EQ(info.data_segments_in, expected.data_segments_in);
  EXPECT_EQ(info.out_of_order_in, expected.out_of_order_in);
  EXPECT_EQ(info.duplicate_reports, expected.duplicate_reports);
  EXPECT_EQ(info.delivered, expected.delivered);
  EXPECT_EQ(info.bytes_acked, expected.bytes_acked);
  EXPECT_EQ(info.bytes_received, expected.bytes_received);
  EXPECT_EQ(info.since_data_received, expected.since_data_received);
  EXPECT_EQ(info.since_ack_received, expected.since_ack_received);
}

TEST(Tally, AddsUpWhatHeldUpSending) {
  Tally tally{kStart};
  tally.on_limit(SendLimit::Idle, kStart + 1s);
  tally.on_limit(SendLimit::Busy, kStart + 2s);
  tally.on_limit(SendLimit::ReceiveWindow, kStart + 3s);
  tally.on_limit(SendLimit::ReceiveWindow, kStart + 4s);
  tally.on_limit(SendLimit::SendBuffer, kStart + 6s);
  tally.on_limit(SendLimit::ReceiveWindow, kStart + 7s);
  TcpInfo info = told(tally, kStart + 8s);
  EXPECT_EQ(info.receive_window_limited, 4s);
  EXPECT_EQ(info.send_buffer_limited, 1s);
  EXPECT_EQ(info.busy, 6s);
  tally.on_limit(SendLimit::Idle, kStart + 8s);
  info = told(tally, kStart + 100s);
  EXPECT_EQ(info.receive_window_limited, 4s);
  EXPECT_EQ(info.busy, 6s);
}

}  // namespace
}  // namespace millrace::tcp
