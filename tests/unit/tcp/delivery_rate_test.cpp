// Delivery rate samples, and what an ACK's log gathers for them.
#include "tcp/delivery_rate.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "tcp/timestamps.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using test::covers;

constexpr Instant kStart{std::chrono::hours{1}};

class DeliveryTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  [[nodiscard]] static SeqNum at(std::uint32_t offset) { return SeqNum{GetParam()} + offset; }
  [[nodiscard]] static SentSegment segment(std::uint32_t offset, Duration time,
                                           std::uint16_t retransmissions = 0) {
    SentSegment made;
    made.seq = at(offset);
    made.length = 1'000;
    made.sent_at = kStart + time;
    made.retransmissions = retransmissions;
    return made;
  }
  [[nodiscard]] static DeliveryLog log_at(Duration time, std::uint32_t highest = 0) {
    return DeliveryLog{{.now = kStart + time, .highest = at(highest), .recover = at(3'000)}};
  }
  DeliveryRate rate_;
};
INSTANTIATE_TEST_SUITE_P(From, DeliveryTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'f800U, 0x7fff'f800U));

TEST_P(DeliveryTest, RateIsWhatArrivedWhileTheNewestWasUnderWay) {
  SentSegment first = segment(0, 0ms);
  SentSegment second = segment(1'000, 0ms);
  rate_.on_sent(first, kStart, 1'000, 0);
  rate_.on_sent(second, kStart, 2'000, 0);
  DeliveryLog log = log_at(50ms);
  log.note(first);
  log.note(second);
  const RateSample sample = rate_.on_ack(log, log.bytes(), 0, 10ms);
  EXPECT_EQ(sample.delivered_meanwhile(), 2'000U);
  EXPECT_EQ(sample.interval, 50ms);
  EXPECT_EQ(sample.bytes_per_second(), 40'000U);
  EXPECT_EQ(sample.in_network_then, 2'000U);
}

TEST_P(DeliveryTest, ACompressedRunOfAcksIsNoFasterThanItWasSent) {
  // Two segments leave 40 ms apart, and both ACKs come at once.
  SentSegment first = segment(0, 0ms);
  SentSegment second = segment(1'000, 40ms);
  SentSegment third = segment(2'000, 80ms);
  rate_.on_sent(first, kStart, 1'000, 0);
  rate_.on_sent(second, kStart + 40ms, 2'000, 0);
  DeliveryLog early = log_at(60ms);
  early.note(first);
  static_cast<void>(rate_.on_ack(early, 1'000, 0, 10ms));
  rate_.on_sent(third, kStart + 80ms, 2'000, 0);
  DeliveryLog log = log_at(100ms);
  log.note(second);
  log.note(third);
  const RateSample sample = rate_.on_ack(log, 2'000, 0, 10ms);
  EXPECT_EQ(sample.interval, 80ms) << "sent in 80 ms, arrived in 40";
}

TEST_P(DeliveryTest, TooShortAnIntervalIsNoSample) {
  SentSegment first = segment(0, 0ms);
  rate_.on_sent(first, kStart, 1'000, 0);
  DeliveryLog log = log_at(5ms);
  log.note(first);
  EXPECT_EQ(rate_.on_ack(log, 1'000, 0, 10ms).bytes_per_second(), 0U);
}

TEST_P(DeliveryTest, IdleTimeBelongsToNoFlight) {
  SentSegment first = segment(0, 0ms);
  rate_.on_sent(first, kStart, 1'000, 0);
  DeliveryLog log = log_at(50ms);
  log.note(first);
  static_cast<void>(rate_.on_ack(log, 1'000, 0, 10ms));
  SentSegment later = segment(1'000, 10s);
  rate_.on_sent(later, kStart + 10s, 1'000, 0);
  DeliveryLog answer = log_at(10'050ms);
  answer.note(later);
  EXPECT_EQ(rate_.on_ack(answer, 1'000, 0, 10ms).interval, 50ms);
}

TEST_P(DeliveryTest, SaysWhenTheApplicationWasTheLimit) {
  rate_.on_application_limited(500);
  EXPECT_TRUE(rate_.is_application_limited());
  SentSegment first = segment(0, 0ms);
  rate_.on_sent(first, kStart, 1'000, 0);
  DeliveryLog log = log_at(50ms);
  log.note(first);
  EXPECT_TRUE(rate_.on_ack(log, 1'000, 0, 10ms).is_application_limited);
  EXPECT_FALSE(rate_.is_application_limited()) << "all of that has arrived";
}

TEST_P(DeliveryTest, CountsLossesMeanwhile) {
  SentSegment first = segment(0, 0ms);
  rate_.on_sent(first, kStart, 1'000, 0xffff'ff00);
  DeliveryLog log = log_at(50ms);
  log.note(first);
  EXPECT_EQ(rate_.on_ack(log, 1'000, 0x100, 10ms).lost_meanwhile, 0x200U);
}

TEST_P(DeliveryTest, TotalsGoOnFromWhereTheyWere) {
  rate_.start(1ULL << 40U);
  SentSegment first = segment(0, 0ms);
  rate_.on_sent(first, kStart, 1'000, 0);
  DeliveryLog log = log_at(50ms);
  log.note(first);
  const RateSample sample = rate_.on_ack(log, 1'000, 0, 10ms);
  EXPECT_EQ(sample.delivered, (1ULL << 40U) + 1'000);
  EXPECT_EQ(sample.prior_delivered, 1ULL << 40U);
}

TEST_P(DeliveryTest, AnAckWithoutNewsIsNoSample) {
  const RateSample sample = rate_.on_ack(log_at(50ms), 0, 0, 10ms);
  EXPECT_EQ(sample.bytes_per_second(), 0U);
  EXPECT_EQ(sample.delivered_meanwhile(), 0U);
}

// The log.

TEST_P(DeliveryTest, NewestIsTheOneThatLeftLast) {
  covers({"RFC 8985 §6.2"});
  DeliveryLog log = log_at(100ms);
  log.note(segment(2'000, 10ms));
  log.note(segment(0, 30ms, 1));
  log.note(segment(1'000, 5ms));
  ASSERT_TRUE(log.newest());
  EXPECT_EQ(log.newest()->end, at(1'000));
  EXPECT_EQ(log.newest()->rtt, 70ms);
  EXPECT_EQ(log.bytes(), 3'000U);
  EXPECT_EQ(log.segments(), 3U);
  EXPECT_EQ(log.highest(), at(3'000));
  EXPECT_EQ(log.rtt_sample(), 90ms) << "of those that left once";
}

TEST_P(DeliveryTest, WhatArrivesBehindTheHighestWasReordered) {
  covers({"RFC 8985 §6.2"});
  DeliveryLog log = log_at(100ms, 5'000);
  log.note(segment(6'000, 10ms));
  EXPECT_EQ(log.reordering(), 0U);
  log.note(segment(1'000, 10ms, 1));
  EXPECT_EQ(log.reordering(), 0U) << "it was sent again";
  log.note(segment(3'000, 10ms));
  EXPECT_EQ(log.reordering(), 2'000U);
  // Blocks of one ACK come in any order.
  DeliveryLog fresh = log_at(100ms, 0);
  fresh.note(segment(2'000, 10ms));
  fresh.note(segment(1'000, 10ms));
  EXPECT_EQ(fresh.reordering(), 0U);
}

TEST_P(DeliveryTest, AnEchoOfAnEarlierTransmissionCountsForNothing) {
  covers({"RFC 8985 §6.2"});
  const auto log_with = [](std::uint32_t clock) {
    return DeliveryLog{{.now = kStart + 100ms, .echoed = clock}};
  };
  DeliveryLog old = log_with(timestamp_clock(kStart + 10ms));
  old.note(segment(0, 50ms, 1));
  EXPECT_FALSE(old.newest());
  DeliveryLog sure = log_with(timestamp_clock(kStart + 50ms));
  sure.note(segment(0, 50ms, 1));
  EXPECT_TRUE(sure.newest());
}

TEST_P(DeliveryTest, KnowsOriginalsFromBeforeTheRecovery) {
  covers({"RFC 5682 §3.1"});
  DeliveryLog log = log_at(100ms);
  log.note(segment(0, 10ms, 1));
  log.note(segment(3'000, 10ms));
  EXPECT_FALSE(log.has_original());
  log.note(segment(2'000, 10ms));
  EXPECT_TRUE(log.has_original());
  log.note_part(17);
  EXPECT_EQ(log.bytes(), 3'017U);
}

}  // namespace

}  // namespace millrace::tcp
