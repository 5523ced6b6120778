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
    DeliveryLog log{{.now = now}};
    const AckOutcome outcome = sent_.on_ack(pool_, at(offset), log);
    check();
    return outcome;
  }

  struct Plain {
    PlainOutcome outcome;
    std::optional<SentSegment> newest;  // As it was.
  };
  [[nodiscard]] Plain acknowledge_plainly(std::uint32_t offset, Instant now) {
    Plain plain;
    sent_.on_plain_ack(pool_, now, at(offset), [&plain](const PlainOutcome& outcome) {
      plain.outcome = outcome;
      if (outcome.newest != nullptr) {
        plain.newest = *outcome.newest;
      }
    });
    check();
    return plain;
  }

  std::uint32_t report(SentSegment& segment) {
    DeliveryLog log{{.now = kStart}};
    return sent_.note_sacked(segment, log);
  }
  /// The network loses the segment that starts there, if any.
  void lose(SeqNum seq) {
    SentSegment* segment = sent_.first();
    while (segment != nullptr && segment->seq != seq) {
      segment = segment->next;
    }
    if (segment != nullptr) {
      sent_.mark_lost(*segment);
    }
  }
  /// Those under way by transmission, by the offsets where they start.
  [[nodiscard]] std::vector<std::uint32_t> under_way() {
    std::vector<std::uint32_t> all;
    for (const SentSegment* each = sent_.oldest(); each != nullptr; each = each->newer) {
      all.push_back(static_cast<std::uint32_t>(each->seq - at(0)));
    }
    return all;
  }
  [[nodiscard]] std::vector<std::uint32_t> lost() {
    std::vector<std::uint32_t> all;
    for (const SentSegment* each = sent_.first(); each != nullptr; each = each->next) {
      if (each->is_lost && !each->is_sacked) {
        all.push_back(static_cast<std::uint32_t>(each->seq - at(0)));
      }
    }
    return all;
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
  sent_.mark_all_lost(Blame::Network);
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
  sent_.mark_all_lost(Blame::Network);
  EXPECT_EQ(acknowledge(200, kStart + 1s).newly_acked, 200U);
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  EXPECT_EQ(sent_.in_network(), 0U);
}

TEST_P(SentSegmentsTest, MarkingTwiceChangesNothing) {
  send(2);
  sent_.mark_first_lost();
  sent_.mark_first_lost();
  lose(at(0));
  EXPECT_EQ(sent_.in_network(), 100U);
  lose(at(50));
  EXPECT_EQ(sent_.in_network(), 100U) << "no segment starts there";
  lose(at(100));
  EXPECT_EQ(sent_.in_network(), 0U);
  check();
}

TEST_P(SentSegmentsTest, OneInTheMiddleCanBeLost) {
  send(3);
  lose(at(200));
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  lose(at(100));
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
  sent_.mark_all_lost(Blame::Network);
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
  report(*sent_.first());
  sent_.mark_all_lost(Blame::Network);
  check();
  EXPECT_EQ(sent_.in_network(), 0U);
  EXPECT_EQ(sent_.first_lost()->seq, at(100));
  sent_.mark_all_lost(Blame::Network);
  check();
  EXPECT_EQ(sent_.first_lost()->seq, at(100));
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  sent_.mark_all_lost(Blame::Network);
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
    switch (random.below(9)) {
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
      case 3:
        random.one_in(2) ? sent_.mark_first_lost() : sent_.mark_all_lost(Blame::Network);
        break;
      case 6:
        for (SentSegment* each = sent_.first(); each != nullptr; each = each->next) {
          if (random.one_in(8)) {
            report(*each);
          }
        }
        random.one_in(20) ? sent_.forget_sacked() : sent_.forgive();
        break;
      case 7: static_cast<void>(sent_.mark_overtaken(1 + random.below(5))); break;
      case 8:
        if (sent_.last() != nullptr && sent_.last()->is_under_way()) {
          sent_.note_retransmission(*sent_.last(), now, true);
        }
        break;
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
  EXPECT_EQ(report(*sent_.first()->next), 100U);
  EXPECT_EQ(report(*sent_.first()->next), 0U) << "no news";
  EXPECT_EQ(sent_.sacked(), 100U);
  EXPECT_EQ(sent_.in_network(), 300U) << "RFC 6675 §4, pipe";
  sent_.mark_all_lost(Blame::Network);
  check();
  ASSERT_NE(sent_.first_lost(), nullptr);
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  check();
}

TEST_P(SentSegmentsTest, WhatWasReportedCanBeForgotten) {  // RFC 2018 §8
  send(3);
  report(*sent_.first());
  report(*sent_.first()->next);
  sent_.mark_all_lost(Blame::Network);
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  sent_.forget_sacked();
  check();
  EXPECT_EQ(sent_.sacked(), 0U);
  EXPECT_EQ(sent_.first_lost()->seq, at(0));
}

TEST_P(SentSegmentsTest, WhatIsAskedForAlthoughReportedWasLetGoOf) {  // RFC 2018 §8
  send(2);
  report(*sent_.first());
  sent_.mark_first_lost();
  check();
  EXPECT_EQ(sent_.sacked(), 0U);
  EXPECT_EQ(sent_.first_lost()->seq, at(0));
  EXPECT_EQ(sent_.in_network(), 100U);
}

TEST_P(SentSegmentsTest, AcknowledgmentsTakeReportsOut) {  // RFC 2018 §5
  send(3);
  report(*sent_.first()->next);
  EXPECT_EQ(acknowledge(150, kStart + 50ms).newly_acked, 150U);
  EXPECT_EQ(sent_.sacked(), 50U);
  EXPECT_EQ(acknowledge(300, kStart + 50ms).newly_acked, 150U);
  EXPECT_EQ(sent_.sacked(), 0U);
}

TEST_P(SentSegmentsTest, CountsEachDeliveredSegmentOnce) {
  send(4);
  report(*sent_.first()->next);
  EXPECT_EQ(sent_.take_delivered(), 1U);
  EXPECT_EQ(sent_.take_delivered(), 0U);
  static_cast<void>(acknowledge(150, kStart + 50ms));  // Of the second only a part.
  EXPECT_EQ(sent_.take_delivered(), 1U);
  // RFC 2018 §8: what was let go of and reported again is the same segment.
  sent_.forget_sacked();
  report(*sent_.first());
  static_cast<void>(acknowledge(400, kStart + 50ms));
  EXPECT_EQ(sent_.take_delivered(), 2U);
}

using Offsets = std::vector<std::uint32_t>;

TEST_P(SentSegmentsTest, KnowsTheOrderOfTransmission) {  // RFC 8985 §6.1
  test::covers({"RFC 8985 §6.1"});
  send(4);
  EXPECT_EQ(under_way(), (Offsets{0, 100, 200, 300}));
  lose(at(100));
  EXPECT_EQ(under_way(), (Offsets{0, 200, 300}));
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  EXPECT_EQ(under_way(), (Offsets{0, 200, 300, 100}));
  report(*sent_.first()->next->next);
  EXPECT_EQ(under_way(), (Offsets{0, 300, 100}));
  static_cast<void>(acknowledge(100, kStart + 2s));
  EXPECT_EQ(under_way(), (Offsets{300, 100}));
  sent_.note_retransmission(*sent_.last(), kStart + 3s, true);
  EXPECT_EQ(under_way(), (Offsets{100, 300})) << "a probe, of what is not lost";
  EXPECT_EQ(sent_.in_network(), 200U);
}

TEST_P(SentSegmentsTest, ForgivenSegmentsAreUnderWayAsTheyWere) {
  test::covers({"RFC 4015 §3"});
  send(5);
  lose(at(100));
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  sent_.mark_all_lost(Blame::Network);
  report(*sent_.first()->next->next);
  sent_.note_retransmission(*sent_.first_lost(), kStart + 2s, true);
  sent_.forgive();
  check();
  EXPECT_EQ(sent_.first_lost(), nullptr);
  EXPECT_EQ(under_way(), (Offsets{300, 400, 100, 0}));
  EXPECT_EQ(sent_.in_network(), 400U);
}

TEST_P(SentSegmentsTest, SegmentsWithThreeReportedBehindThemAreLost) {
  test::covers({"RFC 6675 §4"});
  send(8);
  const auto nth = [&](unsigned n) {
    SentSegment* segment = sent_.first();
    for (; n > 0; --n) {
      segment = segment->next;
    }
    return segment;
  };
  report(*nth(2));
  report(*nth(4));
  EXPECT_EQ(sent_.mark_overtaken(3), 0U);
  report(*nth(5));
  EXPECT_EQ(sent_.mark_overtaken(3), 2U);
  EXPECT_EQ(lost(), (Offsets{0, 100}));
  check();
  EXPECT_EQ(sent_.mark_overtaken(3), 0U) << "no news";
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  report(*nth(6));
  EXPECT_EQ(sent_.mark_overtaken(3), 1U);
  EXPECT_EQ(lost(), (Offsets{100, 300})) << "what left again is not looked at";
  // A report of what lies before the place where it goes on is counted there.
  report(*nth(0));
  EXPECT_EQ(sent_.mark_overtaken(3), 0U);
  report(*nth(7));
  EXPECT_EQ(sent_.mark_overtaken(3), 0U) << "all of the others are reported";
  static_cast<void>(acknowledge(100, kStart + 2s));
  EXPECT_EQ(sent_.mark_overtaken(3), 0U);
}

TEST_P(SentSegmentsTest, WhatIsForgottenIsLost) {
  test::covers({"RFC 2018 §8"});
  send(4);
  report(*sent_.first()->next);
  report(*sent_.last());
  sent_.forget_sacked();
  check();
  EXPECT_EQ(lost(), (Offsets{100, 300}));
  EXPECT_EQ(sent_.in_network(), 200U);
  EXPECT_EQ(sent_.sacked_segments(), 0U);
}

TEST_P(SentSegmentsTest, CountsAllThatWasLost) {
  send(4);
  lose(at(100));
  EXPECT_EQ(sent_.lost_total(), 100U);
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  sent_.mark_all_lost(Blame::Network);
  EXPECT_EQ(sent_.lost_total(), 500U);
}

TEST_P(SentSegmentsTest, WhatIsNobodysBlameIsNotCounted) {
  test::covers({"RFC 5681 §4.3"});
  send(4);
  sent_.mark_all_lost(Blame::Nobody);
  EXPECT_EQ(sent_.lost_total(), 0U);
  EXPECT_FALSE(sent_.take_losses().has_any);
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  report(*sent_.last());
  sent_.forget_sacked();
  EXPECT_EQ(sent_.lost_total(), 0U) << "the peer's fault";
  EXPECT_TRUE(sent_.mark_larger_lost(50));
  EXPECT_EQ(sent_.lost_total(), 0U) << "a router's";
  check();
}

TEST_P(SentSegmentsTest, WhatIsLostAndLetGoOfCountsOnce) {
  test::covers({"RFC 2018 §8"});
  send(2);
  lose(at(0));
  report(*sent_.first());
  sent_.forget_sacked();
  EXPECT_EQ(sent_.lost_total(), 100U);
  EXPECT_EQ(sent_.first_lost()->seq, at(0));
}

TEST_P(SentSegmentsTest, TellsOfLossesOnceAndHowLateTheyLeft) {
  test::covers({"RFC 5681 §4.3"});
  send(4);
  lose(at(100));
  FreshLosses losses = sent_.take_losses();
  EXPECT_TRUE(losses.has_any);
  EXPECT_EQ(losses.end, at(200));
  EXPECT_EQ(losses.resent_at, Instant::min());
  EXPECT_FALSE(sent_.take_losses().has_any);
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  lose(at(300));
  lose(at(100));
  losses = sent_.take_losses();
  EXPECT_EQ(losses.end, at(400));
  EXPECT_EQ(losses.resent_at, kStart + 1s);
}

TEST_P(SentSegmentsTest, WhatDidNotLeaveIsAsItWas) {
  send(3);
  EXPECT_FALSE(sent_.note_not_sent(at(200)));
  check();
  EXPECT_EQ(sent_.first_lost()->seq, at(200));
  EXPECT_EQ(sent_.lost_total(), 0U);
  sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  EXPECT_EQ(sent_.last()->retransmissions, 0U) << "that is the first time";
  EXPECT_TRUE(sent_.take_losses().end == SeqNum{0});
  // One that had left, and should have once more.
  lose(at(0));
  sent_.note_retransmission(*sent_.first_lost(), kStart + 2s, true);
  EXPECT_TRUE(sent_.note_not_sent(at(0)));
  EXPECT_EQ(sent_.first()->retransmissions, 0U);
  // Its original may yet be reported: that says nothing of a round trip since the try.
  DeliveryLog log{{.now = kStart + 2s + 1ms, .highest = at(0), .recover = at(0)}};
  static_cast<void>(sent_.note_sacked(*sent_.first(), log));
  EXPECT_EQ(log.bytes(), 100U);
  EXPECT_FALSE(log.newest());
  EXPECT_FALSE(log.rtt_sample());
  EXPECT_FALSE(sent_.note_not_sent(at(50))) << "there is none";
  check();
}

TEST_P(SentSegmentsTest, WhatNeverLeftIsNotForgiven) {
  test::covers({"RFC 4015 §3"});
  send(4);
  static_cast<void>(sent_.note_not_sent(at(300)));
  lose(at(100));
  sent_.forgive();
  check();
  EXPECT_EQ(lost(), (Offsets{300}));
  ASSERT_NE(sent_.first_lost(), nullptr);
  EXPECT_EQ(under_way(), (Offsets{0, 100, 200}));
}

TEST_P(SentSegmentsTest, ForgivenOnesInEveryOtherPlaceKeepTheirOrder) {
  test::covers({"RFC 4015 §3", "RFC 8985 §6.1"});
  send(60);
  // The odd ones leave again, later; then all count as lost.
  for (std::uint32_t i = 1; i < 60; i += 2) {
    lose(at(100 * i));
    sent_.note_retransmission(*sent_.first_lost(), kStart + 1s, true);
  }
  sent_.mark_all_lost(Blame::Network);
  sent_.forgive();
  check();
  Offsets expected;
  for (std::uint32_t i = 0; i < 120; i += 2) {
    expected.push_back(100 * (i < 60 ? i : i - 59));
  }
  EXPECT_EQ(under_way(), expected);
}

TEST_P(SentSegmentsTest, WhatIsReportedAnewIsNoNews) {
  test::covers({"RFC 2018 §8"});
  send(3);
  EXPECT_EQ(report(*sent_.last()), 100U);
  sent_.forget_sacked();
  DeliveryLog log{{.now = kStart + 1s}};
  EXPECT_EQ(sent_.note_sacked(*sent_.last(), log), 0U);
  EXPECT_EQ(log.bytes(), 0U);
  EXPECT_FALSE(log.newest());
  EXPECT_EQ(sent_.sacked(), 100U);
}

TEST_P(SentSegmentsTest, WhatWasForgivenIsLookedAtAnew) {
  test::covers({"RFC 6675 §4", "RFC 4015 §3"});
  send(6);
  for (SentSegment* each = sent_.first()->next; each != sent_.last(); each = each->next) {
    report(*each);
  }
  EXPECT_EQ(sent_.mark_overtaken(3), 1U);
  sent_.forgive();
  EXPECT_EQ(sent_.mark_overtaken(3), 1U) << "nothing has changed but our mind";
}

TEST_P(SentSegmentsTest, WhatWaitedBehindAHoleIsNoMeasure) {
  test::covers({"RFC 6298 §3"});
  send(3);
  report(*sent_.last());
  // The last one arrived long ago; the newest that arrives now is the second.
  EXPECT_EQ(acknowledge(300, kStart + 61ms).rtt_sample, 60ms);
}

TEST_P(SentSegmentsTest, PlainOnesAreTakenOutTogether) {
  test::covers({"RFC 7323 §5.6"});
  send(4);
  ASSERT_TRUE(sent_.is_plain());
  sent_.first()->next->then.delivered = 7;
  const Plain plain = acknowledge_plainly(200, kStart + 51ms);
  EXPECT_EQ(plain.outcome.newly_acked, 200U);
  EXPECT_EQ(plain.outcome.rtt, 50ms) << "the second's";
  ASSERT_TRUE(plain.newest);
  EXPECT_EQ(plain.newest->end(), at(200));
  EXPECT_EQ(plain.newest->sent_at, kStart + 1ms);
  EXPECT_EQ(plain.newest->then.delivered, 7U);
  EXPECT_EQ(under_way(), (std::vector<std::uint32_t>{200, 300}));
  EXPECT_EQ(sent_.size(), 2U);
  EXPECT_EQ(sent_.in_network(), 200U);
  EXPECT_EQ(sent_.take_delivered(), 2U);
  EXPECT_EQ(pool_.size(), 2U);
  EXPECT_EQ(acknowledge_plainly(400, kStart + 53ms).outcome.rtt, 50ms);
  EXPECT_TRUE(sent_.empty());
}

TEST_P(SentSegmentsTest, WhatOneAckTakesOutCanBeUsedAgain) {
  SentSegmentPool small{4};
  SentSegments sent;
  std::uint32_t next = 0;
  const auto append = [&] {
    const SentSegment* const record = sent.append(small, kStart, at(next), 100, false);
    next += record == nullptr ? 0 : 100;
    return record;
  };
  for (std::uint32_t taken = 4; taken > 0; --taken) {
    // Whatever of the pool is free, in whichever order it came back.
    while (append() != nullptr) {
    }
    EXPECT_EQ(sent.size(), 4U);
    EXPECT_EQ(small.left(), 0U);
    ASSERT_TRUE(sent.check_invariants());
    sent.on_plain_ack(small, kStart, sent.front()->seq + 100 * taken, [](const auto&) {});
    EXPECT_EQ(small.left(), taken);
    ASSERT_TRUE(sent.check_invariants());
  }
  sent.clear(small);
  EXPECT_EQ(small.left(), 4U);
}

TEST_P(SentSegmentsTest, APlainOneMayBeAcknowledgedInPart) {
  test::covers({"RFC 7323 §5.6"});
  send(2);
  EXPECT_FALSE(acknowledge_plainly(30, kStart + 50ms).newest);
  const Plain plain = acknowledge_plainly(130, kStart + 51ms);
  EXPECT_EQ(plain.outcome.newly_acked, 100U);
  EXPECT_EQ(plain.outcome.rtt, 50ms) << "of the one that is left";
  ASSERT_TRUE(plain.newest);
  EXPECT_EQ(plain.newest->end(), at(100));
  EXPECT_EQ(sent_.front()->seq, at(130));
  EXPECT_EQ(sent_.in_network(), 70U);
}

TEST_P(SentSegmentsTest, NothingIsPlainUntilAllThatIsNotIsAcknowledged) {
  test::covers({"RFC 7323 §5.6"});
  for (const char* what : {"lost", "reported", "sent again", "not sent"}) {
    send(4);
    SentSegment& second = *sent_.first()->next;
    switch (what[0]) {
      case 'l': lose(second.seq); break;
      case 'r': report(second); break;
      case 's': sent_.note_retransmission(second, kStart + 9ms, true); break;
      default: sent_.note_not_sent(second.seq); break;
    }
    EXPECT_FALSE(sent_.is_plain()) << what;
    static_cast<void>(acknowledge(100, kStart + 50ms));
    EXPECT_FALSE(sent_.is_plain()) << what;
    static_cast<void>(acknowledge(200, kStart + 50ms));
    EXPECT_EQ(sent_.first_lost(), nullptr);
    static_cast<void>(sent_.take_losses());
    EXPECT_TRUE(sent_.is_plain()) << what;
    static_cast<void>(acknowledge(400, kStart + 50ms));
  }
}

}  // namespace

}  // namespace millrace::tcp
