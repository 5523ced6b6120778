// Records of segments in flight: order, loss, samples, and what is in the network.
#include "tcp/sent_segments.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{std::chrono::hours{1}};

class SentSegmentsTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  ~SentSegmentsTest() override {
    sent_.clear(pool_);
    EXPECT_EQ(pool_.size(), 0U);
  }
  [[nodiscard]] static SeqNum at(std::uint32_t offset) { return SeqNum{GetParam()} + offset; }
  /// `count` segments of 100 octets, a millisecond apart.
  void send(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      ASSERT_TRUE(sent_.append(pool_, kStart + i * 1ms, at(100 * i), 100, false));
    }
    check();
  }
  void check() { ASSERT_TRUE(sent_.check_invariants()); }
  [[nodiscard]] AckOutcome acknowledge(std::uint32_t offset, Instant now) {
    const AckOutcome outcome = sent_.on_ack(pool_, at(offset), now);
    check();
    return outcome;
  }

  SentSegmentPool pool_{64};
  SentSegments sent_;
};
INSTANTIATE_TEST_SUITE_P(From, SentSegmentsTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'ff60U, 0x7fff'ff60U));

TEST_P(SentSegmentsTest, CountsWhatIsInTheNetwork) {  // RFC 9293 §3.3.1
  send(3);
  EXPECT_EQ(sent_.in_network(), 300U);
  EXPECT_EQ(acknowledge(100, kStart + 50ms).newly_acked, 100U);
  EXPECT_EQ(sent_.in_network(), 200U);
  EXPECT_EQ(sent_.front()->seq, at(100));
  EXPECT_EQ(acknowledge(300, kStart + 60ms).newly_acked, 200U);
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(sent_.in_network(), 0U);
  EXPECT_EQ(pool_.size(), 0U);
}

TEST_P(SentSegmentsTest, AckInsideASegmentLeavesItsRest) {  // RFC 9293 §3.10.7.4, step 5
  send(2);
  EXPECT_EQ(acknowledge(130, kStart + 50ms).newly_acked, 130U);
  EXPECT_EQ(sent_.front()->seq, at(130));
  EXPECT_EQ(sent_.front()->length, 70U);
  EXPECT_EQ(sent_.in_network(), 70U);
}

TEST_P(SentSegmentsTest, OldAckTakesNothing) {
  send(1);
  const AckOutcome outcome = acknowledge(0, kStart + 50ms);
  EXPECT_EQ(outcome.newly_acked, 0U);
  EXPECT_EQ(outcome.rtt_sample, std::nullopt);
}

TEST_P(SentSegmentsTest, NewestSegmentGivesTheSample) {  // RFC 6298 §4
  send(3);
  EXPECT_EQ(acknowledge(200, kStart + 51ms).rtt_sample, 50ms);
  EXPECT_EQ(acknowledge(300, kStart + 62ms).rtt_sample, 60ms);
}

TEST_P(SentSegmentsTest,
       AckThatCoversASegmentSentTwiceGivesNoSample) {  // RFC 6298 §3, Karn's algorithm
  test::covers({"MUST-18", "RFC 6298 §3"});
  send(3);
  sent_.mark_first_lost();
  sent_.note_retransmission(*sent_.first_lost(), kStart + 40ms, true);
  EXPECT_EQ(acknowledge(300, kStart + 60ms).rtt_sample, std::nullopt);
}

TEST_P(SentSegmentsTest, RestOfASegmentSentTwiceGivesNoSample) {  // RFC 6298 §3, Karn's algorithm
  test::covers({"MUST-18", "RFC 6298 §3"});
  send(1);
  sent_.mark_first_lost();
  sent_.note_retransmission(*sent_.first_lost(), kStart + 40ms, true);
  EXPECT_EQ(acknowledge(50, kStart + 60ms).rtt_sample, std::nullopt);
  EXPECT_EQ(acknowledge(100, kStart + 61ms).rtt_sample, std::nullopt);
}

TEST_P(SentSegmentsTest, EverythingLostComesBackInOrder) {  // RFC 6298 §5.4
  send(3);
  sent_.mark_all_lost();
  check();
  EXPECT_EQ(sent_.in_network(), 0U);
  for (unsigned i = 0; i < 3; ++i) {
    SentSegment* const lost = sent_.first_lost();
    ASSERT_NE(lost, nullptr);
    EXPECT_EQ(lost->seq, at(100 * i));
    sent_.note_retransmission(*lost, kStart + 1s, true);
    EXPECT_EQ(lost->retransmissions, 1U);
    EXPECT_EQ(sent_.in_network(), 100U * (i + 1));
    check();
  }
  EXPECT_EQ(sent_.first_lost(), nullptr);
}

TEST_P(SentSegmentsTest, LostSegmentThatIsAcknowledgedIsNotSentAgain) {
  send(3);
  sent_.mark_all_lost();
  EXPECT_EQ(acknowledge(200, kStart + 1s).newly_acked, 200U);
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  EXPECT_EQ(sent_.in_network(), 0U);
}

TEST_P(SentSegmentsTest, MarkingTwiceChangesNothing) {
  send(2);
  sent_.mark_first_lost();
  sent_.mark_first_lost();
  sent_.mark_lost(at(0));
  EXPECT_EQ(sent_.in_network(), 100U);
  sent_.mark_lost(at(50));
  EXPECT_EQ(sent_.in_network(), 100U) << "no segment starts there";
  sent_.mark_lost(at(100));
  EXPECT_EQ(sent_.in_network(), 0U);
  check();
}

TEST_P(SentSegmentsTest, OneInTheMiddleCanBeLost) {
  send(3);
  sent_.mark_lost(at(200));
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  sent_.mark_lost(at(100));
  EXPECT_EQ(sent_.first_lost()->seq, at(100));
  check();
}

TEST_P(SentSegmentsTest, WhatIsTooLargeIsLostAndTheRestIsNot) {
  test::covers({"RFC 1191 §6.5"});
  ASSERT_TRUE(sent_.append(pool_, kStart, at(0), 100, false));
  ASSERT_TRUE(sent_.append(pool_, kStart, at(100), 101, false));
  ASSERT_TRUE(sent_.append(pool_, kStart, at(201), 100, false));
  ASSERT_TRUE(sent_.append(pool_, kStart, at(301), 101, true));  // Its FIN is no payload.
  EXPECT_FALSE(sent_.mark_larger_lost(101));
  EXPECT_TRUE(sent_.mark_larger_lost(100));
  check();
  EXPECT_EQ(sent_.in_network(), 301U);
  SentSegment* const first = sent_.first_lost();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->seq, at(100));
  sent_.note_retransmission(*first, kStart, true);
  EXPECT_EQ(sent_.first_lost(), nullptr);
  EXPECT_TRUE(sent_.mark_larger_lost(99)) << "all of them";
  check();
  EXPECT_EQ(sent_.in_network(), 0U);
  EXPECT_EQ(sent_.first_lost()->seq, at(0));
  EXPECT_TRUE(sent_.mark_larger_lost(99)) << "lost already";
  check();
}

TEST_P(SentSegmentsTest, SplitKeepsFinBehind) {  // RFC 9293 §3.8.6, SHLD-16
  ASSERT_TRUE(sent_.append(pool_, kStart, at(0), 101, true));
  sent_.mark_first_lost();
  ASSERT_TRUE(sent_.split(pool_, *sent_.first_lost(), 101));
  EXPECT_EQ(pool_.size(), 1U);
  ASSERT_TRUE(sent_.split(pool_, *sent_.first_lost(), 40));
  check();
  SentSegment* first = sent_.first_lost();
  EXPECT_EQ(first->length, 40U);
  EXPECT_FALSE(first->has_fin);
  sent_.note_retransmission(*first, kStart + 1s, true);
  EXPECT_EQ(sent_.first_lost()->seq, at(40));
  EXPECT_EQ(sent_.first_lost()->length, 61U);
  EXPECT_TRUE(sent_.first_lost()->has_fin);
  ASSERT_TRUE(sent_.append(pool_, kStart + 2s, at(101), 10, false));
  check();
}

TEST_P(SentSegmentsTest, ExhaustedPoolChangesNothing) {  // decision 5
  SentSegmentPool small{1};
  SentSegments sent;
  ASSERT_TRUE(sent.append(small, kStart, at(0), 100, false));
  EXPECT_FALSE(sent.append(small, kStart, at(100), 100, false));
  EXPECT_EQ(sent.in_network(), 100U);
  sent.mark_first_lost();
  EXPECT_FALSE(sent.split(small, *sent.first_lost(), 10));
  EXPECT_EQ(sent.first_lost()->length, 100U);
  EXPECT_TRUE(sent.check_invariants());
  sent.clear(small);
}

TEST_P(SentSegmentsTest, RestOfWhatLeftInPartIsLostOnceThatArrived) {
  test::covers({"RFC 1191 §6.5"});
  send(2);
  sent_.mark_all_lost();
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, false);
  check();
  EXPECT_EQ(sent_.first_lost()->seq, at(100));
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  EXPECT_EQ(sent_.first_lost(), nullptr) << "until the first part is acknowledged";
  EXPECT_EQ(acknowledge(40, kStart + 2s).newly_acked, 40U);
  ASSERT_NE(sent_.first_lost(), nullptr);
  EXPECT_EQ(sent_.first_lost()->seq, at(40));
  EXPECT_EQ(sent_.first_lost()->length, 60U);
  EXPECT_EQ(sent_.in_network(), 100U);
  // Lost already: the next ACK within it changes nothing.
  EXPECT_EQ(acknowledge(50, kStart + 2s).newly_acked, 10U);
  EXPECT_EQ(sent_.in_network(), 100U);
  sent_.note_retransmission(*sent_.first_lost(), kStart + 3s, true);
  EXPECT_EQ(acknowledge(70, kStart + 4s).newly_acked, 20U);
  EXPECT_EQ(sent_.first_lost(), nullptr) << "it left whole the last time";
}

TEST_P(SentSegmentsTest, EverythingLostAgainStartsAtTheFirstThatHadLeft) {
  send(4);
  static_cast<void>(sent_.note_sacked(*sent_.first()));
  sent_.mark_all_lost();
  check();
  EXPECT_EQ(sent_.in_network(), 0U);
  EXPECT_EQ(sent_.first_lost()->seq, at(100));
  sent_.mark_all_lost();
  check();
  EXPECT_EQ(sent_.first_lost()->seq, at(100));
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  sent_.mark_all_lost();
  check();
  EXPECT_EQ(sent_.in_network(), 0U);
  EXPECT_EQ(sent_.first_lost()->seq, at(100));
}

TEST_P(SentSegmentsTest, HoldsUnderRandomUse) {
  base::Random random = base::Random::from_seed(GetParam());
  std::uint32_t una = 0;
  std::uint32_t nxt = 0;
  for (unsigned i = 0; i < 20'000; ++i) {
    const Instant now = kStart + i * 1ms;
    switch (random.below(6)) {
      case 0:
      case 1:
        if (const std::uint32_t length = 1 + random.below(50);
            sent_.append(pool_, now, at(nxt), length, false)) {
          nxt += length;
        }
        break;
      case 2:
        una += random.below(nxt - una + 1);
        static_cast<void>(acknowledge(una, now));
        break;
      case 3: random.one_in(2) ? sent_.mark_first_lost() : sent_.mark_all_lost(); break;
      default:
        if (SentSegment* const lost = sent_.first_lost(); lost != nullptr) {
          if (sent_.split(pool_, *lost, 1 + random.below(40))) {
            sent_.note_retransmission(*lost, now, true);
          }
        }
    }
    check();
    ASSERT_LE(sent_.in_network(), nxt - una);
    ASSERT_EQ(sent_.empty(), nxt == una);
  }
}

TEST_P(SentSegmentsTest, WhatThePeerReportedIsNotSentAgain) {  // RFC 2018 §5
  send(4);
  EXPECT_EQ(sent_.note_sacked(*sent_.first()->next), 100U);
  EXPECT_EQ(sent_.note_sacked(*sent_.first()->next), 0U) << "no news";
  EXPECT_EQ(sent_.sacked(), 100U);
  EXPECT_EQ(sent_.in_network(), 400U);
  sent_.mark_all_lost();
  check();
  ASSERT_NE(sent_.first_lost(), nullptr);
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  check();
}

TEST_P(SentSegmentsTest, WhatWasReportedCanBeForgotten) {  // RFC 2018 §8
  send(3);
  sent_.note_sacked(*sent_.first());
  sent_.note_sacked(*sent_.first()->next);
  sent_.mark_all_lost();
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  sent_.forget_sacked();
  check();
  EXPECT_EQ(sent_.sacked(), 0U);
  EXPECT_EQ(sent_.first_lost()->seq, at(0));
}

TEST_P(SentSegmentsTest, WhatIsAskedForAlthoughReportedWasLetGoOf) {  // RFC 2018 §8
  send(2);
  sent_.note_sacked(*sent_.first());
  sent_.mark_first_lost();
  check();
  EXPECT_EQ(sent_.sacked(), 0U);
  EXPECT_EQ(sent_.first_lost()->seq, at(0));
  EXPECT_EQ(sent_.in_network(), 100U);
}

TEST_P(SentSegmentsTest, AcknowledgmentsTakeReportsOut) {  // RFC 2018 §5
  send(3);
  sent_.note_sacked(*sent_.first()->next);
  EXPECT_EQ(acknowledge(150, kStart + 50ms).newly_acked, 150U);
  EXPECT_EQ(sent_.sacked(), 50U);
  EXPECT_EQ(acknowledge(300, kStart + 50ms).newly_acked, 150U);
  EXPECT_EQ(sent_.sacked(), 0U);
}

TEST_P(SentSegmentsTest, CountsEachDeliveredSegmentOnce) {
  send(4);
  sent_.note_sacked(*sent_.first()->next);
  EXPECT_EQ(sent_.take_delivered(), 1U);
  EXPECT_EQ(sent_.take_delivered(), 0U);
  static_cast<void>(acknowledge(150, kStart + 50ms));  // Of the second only a part.
  EXPECT_EQ(sent_.take_delivered(), 1U);
  // RFC 2018 §8: what was let go of and reported again is the same segment.
  sent_.forget_sacked();
  sent_.note_sacked(*sent_.first());
  static_cast<void>(acknowledge(400, kStart + 50ms));
  EXPECT_EQ(sent_.take_delivered(), 2U);
}

}  // namespace

}  // namespace millrace::tcp
