// What arrived ahead of a hole, or twice, and how it is reported: RFC 2018, RFC 2883.
#include <array>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "protocol/sack_model.hpp"
#include "support/covers.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class SackReceive : public NumbersTest {
 protected:
  [[nodiscard]] static Start established() { return NumbersTest::established().selective_acks(); }
};
INSTANTIATE_TEST_SUITE_P(From, SackReceive, testing::ValuesIn(kEveryStart), name_of);

TEST_P(SackReceive, BothSynsPermitThem) {
  covers({"RFC 2018 §2"});
  TcpScript active{closed().selective_acks()};
  active.open_active(180s).expect(syn().with_sack_permitted(true));
  active.at(1s).expect(syn().with_sack_permitted(true)).peer_sends(syn_ack()).expect(ack(1));
  EXPECT_TRUE(active.connection().has_selective_acks());
  TcpScript passive{closed().selective_acks()};
  passive.open_passive(syn()).expect(syn_ack().with_sack_permitted(true));
  passive.peer_sends(ack(1)).peer_sends(data(11, 10)).expect(ack(1).sacks({{11, 21}}));
}

TEST_P(SackReceive, PeerThatDoesNotPermitThemGetsNone) {
  covers({"RFC 2018 §2"});
  TcpScript active{closed()};
  active.open_active(180s).expect(syn().with_sack_permitted(true));
  active.peer_sends(syn_ack()).expect(ack(1)).peer_sends(data(11, 10)).expect(ack(1).sacks({}));
  TcpScript passive{closed()};
  passive.open_passive(syn()).expect(syn_ack().with_sack_permitted(false));
  passive.peer_sends(ack(1), data(11, 10)).expect(ack(1).sacks({}));
  passive.peer_sends(data(11, 10)).expect(ack(1).sacks({}));
}

TEST_P(SackReceive, SwitchedOffTheyAreNotPermitted) {
  covers({"RFC 2018 §2"});
  auto start = closed().selective_acks();
  start.config.selective_acks = false;
  TcpScript active{start};
  active.open_active(180s).expect(syn().with_sack_permitted(false));
  active.peer_sends(syn_ack()).expect(ack(1)).peer_sends(data(11, 10)).expect(ack(1).sacks({}));
  TcpScript passive{start};
  passive.open_passive(syn()).expect(syn_ack().with_sack_permitted(false));
}

TEST_P(SackReceive, CrossedSynsPermitThem) {
  covers({"RFC 2018 §2", "MUST-10"});
  TcpScript t{closed().selective_acks()};
  t.open_active(180s).expect(syn().with_sack_permitted(true));
  t.peer_sends(syn()).expect(syn_ack(1).with_sack_permitted(true));
  t.peer_sends(syn_ack(1)).expect(ack(1)).peer_sends(data(11, 10)).expect(ack(1).sacks({{11, 21}}));
}

TEST_P(SackReceive, InOrderThereIsNothingToReport) {
  covers({"RFC 2018 §4"});
  TcpScript t{established()};
  t.peer_sends(data(1, 1'000), data(1'001, 1'000)).expect(ack(2'001).sacks({}));
}

TEST_P(SackReceive, LostFirstSegmentOfEight) {
  covers({"RFC 2018 §4"});  // §7, case 2: each ACK's block grows.
  TcpScript t{established()};
  for (std::uint32_t end = 1'001; end <= 4'001; end += 500) {
    t.peer_sends(data(end - 500, 500)).expect(ack(1).sacks({{501, end}}));
  }
  t.peer_sends(data(1, 500)).expect(ack(4'001).sacks({}));
}

TEST_P(SackReceive, LostSecondFourthSixthAndEighth) {
  covers({"RFC 2018 §4"});  // §7, case 3.
  TcpScript t{established()};
  t.peer_sends(data(1, 500)).expect_nothing();
  t.peer_sends(data(1'001, 500)).expect(ack(501).sacks({{1'001, 1'501}}));
  t.peer_sends(data(2'001, 500)).expect(ack(501).sacks({{2'001, 2'501}, {1'001, 1'501}}));
  t.peer_sends(data(3'001, 500))
      .expect(ack(501).sacks({{3'001, 3'501}, {2'001, 2'501}, {1'001, 1'501}}));
  // The fourth is received late, then the second.
  t.peer_sends(data(1'501, 500)).expect(ack(501).sacks({{1'001, 2'501}, {3'001, 3'501}}));
  t.peer_sends(data(501, 500)).expect(ack(2'501).sacks({{3'001, 3'501}}));
}

TEST_P(SackReceive, FourBlocksFitWithoutTimestamps) {
  covers({"RFC 2018 §3"});
  TcpScript t{established()};
  for (const std::uint32_t seq : {101U, 301U, 501U, 701U}) {
    t.peer_sends(data(seq, 100)).expect(ack(1));
  }
  t.peer_sends(data(901, 100))
      .expect(ack(1).sacks({{901, 1'001}, {701, 801}, {501, 601}, {301, 401}}));
}

TEST_P(SackReceive, ThreeBlocksFitBesideTimestamps) {
  covers({"RFC 2018 §3", "RFC 7323 §3.2"});
  TcpScript t{established().timestamps()};
  for (const std::uint32_t seq : {101U, 301U, 501U}) {
    t.peer_sends(data(seq, 100)).expect(ack(1));
  }
  t.peer_sends(data(701, 100)).expect(ack(1).sacks({{701, 801}, {501, 601}, {301, 401}}));
}

TEST_P(SackReceive, BlockThatWasForgottenIsReportedWholeWhenItGrows) {
  covers({"RFC 2018 §4"});
  TcpScript t{established()};
  for (const std::uint32_t seq : {101U, 301U, 501U, 701U, 901U}) {
    t.peer_sends(data(seq, 100)).expect(ack(1));
  }
  t.peer_sends(data(201, 50))
      .expect(ack(1).sacks({{101, 251}, {901, 1'001}, {701, 801}, {501, 601}}));
  t.peer_sends(data(251, 50))
      .expect(ack(1).sacks({{101, 401}, {901, 1'001}, {701, 801}, {501, 601}}));
}

TEST_P(SackReceive, SegmentThatJoinsTwoBlocksMakesThemOne) {
  covers({"RFC 2018 §4"});
  TcpScript t{established()};
  t.peer_sends(data(101, 100)).expect(ack(1).sacks({{101, 201}}));
  t.peer_sends(data(301, 100)).expect(ack(1).sacks({{301, 401}, {101, 201}}));
  t.peer_sends(data(501, 100)).expect(ack(1).sacks({{501, 601}, {301, 401}, {101, 201}}));
  t.peer_sends(data(201, 100)).expect(ack(1).sacks({{101, 401}, {501, 601}}));
}

TEST_P(SackReceive, EveryAckRepeatsThem) {
  covers({"RFC 2018 §4"});
  TcpScript t{established()};
  t.peer_sends(data(1'001, 100)).expect(ack(1).sacks({{1'001, 1'101}}));
  t.peer_sends(data(1, 500)).expect(ack(501).sacks({{1'001, 1'101}}));
  t.app_sends(100).expect(data(1, 100).acks(501).sacks({{1'001, 1'101}}));
  t.app_shuts_down().expect(fin(101).acks(501).sacks({{1'001, 1'101}}));
}

TEST_P(SackReceive, ResetCarriesNone) {
  covers({"RFC 2018 §4"});
  TcpScript t{established()};
  t.peer_sends(data(101, 100)).expect(ack(1)).app_aborts().expect(rst_ack(1, 1).sacks({}));
}

TEST_P(SackReceive, BlocksTakeRoomFromData) {
  covers({"MUST-16", "RFC 6691 §2"});
  TcpScript t{established().mss(1'000)};
  t.peer_sends(data(101, 100)).expect(ack(1)).peer_sends(data(301, 100)).expect(ack(1));
  t.app_sends(3'000).expect(data(1, 980).sacks({{301, 401}, {101, 201}}),
                            data(981, 980).sacks({{301, 401}, {101, 201}}),
                            data(1'961, 980).sacks({{301, 401}, {101, 201}}),
                            data(2'941, 60).sacks({{301, 401}, {101, 201}}));
  t.peer_sends(data(1, 400)).expect(ack(401)).peer_sends(ack(3'001));
  t.app_sends(1'000).expect(data(3'001, 1'000).sacks({}));
}

TEST_P(SackReceive, TimestampsAndBlocksTakeRoomFromData) {
  covers({"MUST-16", "RFC 6691 §2"});
  TcpScript t{established().mss(1'000).timestamps()};
  t.peer_sends(data(101, 100)).expect(ack(1));
  t.app_sends(1'000).expect(data(1, 976).sacks({{101, 201}}), data(977, 24).sacks({{101, 201}}));
}

TEST_P(SackReceive, RepeatedSegmentIsCutWhereBlocksTakeItsRoom) {
  covers({"MUST-16", "RFC 6691 §2"});
  auto start = established().mss(1'000);
  start.config.tail_loss_probe = false;  // A probe is one segment alone.
  TcpScript t{start};
  t.app_sends(1'000).expect(data(1, 1'000)).peer_sends(data(101, 100)).expect(ack(1));
  t.at(300ms).expect(data(1, 988).sacks({{101, 201}}), data(989, 12).sacks({{101, 201}}));
}

TEST_P(SackReceive, SmallestSegmentsStillCarrySomething) {
  covers({"MUST-16", "RFC 6691 §2"});
  TcpScript t{closed().timestamps().selective_acks()};
  t.open_passive(syn().with_mss(1)).expect(syn_ack()).peer_sends(ack(1));
  for (const std::uint32_t seq : {101U, 301U, 501U}) {
    t.peer_sends(data(seq, 100)).expect(ack(1));
  }
  t.app_sends(20).expect(data(1, 8), data(9, 8), data(17, 4));
}

TEST_P(SackReceive, FullReassemblyReportsOnlyWhatIsKept) {
  covers({"RFC 2018 §8"});
  auto start = established();
  start.config.reassembly_segments_max = 1;
  TcpScript t{start};
  t.peer_sends(data(101, 100)).expect(ack(1).sacks({{101, 201}}));
  t.peer_sends(data(301, 100)).expect(ack(1).sacks({{101, 201}}));
  t.expect_drop(DropReason::TcpReassemblyFull);
}

TEST_P(SackReceive, WhatIsLetGoOfIsNotReportedAnyMore) {
  covers({"RFC 2018 §8"});
  TcpScript t{established().budget(4 * 2'432)};
  for (const std::uint32_t seq : {1'101U, 2'201U, 3'301U, 4'401U}) {
    t.peer_sends(data(seq, 1'000)).expect(ack(1));
  }
  // In order: takes the place of what was kept.
  t.peer_sends(data(1, 1'000)).expect_nothing().app_reads(1'000);
  t.peer_sends(data(1'001, 1'000)).expect(ack(2'001).sacks({})).app_reads(1'000);
}

TEST_P(SackReceive, DuplicateBelowTheAckIsReportedOnce) {
  covers({"RFC 2883 §4"});  // §4.1.1 and §4.1.2.
  TcpScript t{established()};
  t.peer_sends(data(1, 500)).expect_nothing();
  t.peer_sends(data(1, 500)).expect(ack(501).sacks({{1, 501}}));
  t.expect_drop(DropReason::TcpDuplicateData);
  t.peer_sends(data(501, 500)).expect_nothing().at(40ms).expect(ack(1'001).sacks({}));
  EXPECT_EQ(t.stats().tcp_duplicates_reported_out, 1U);
}

TEST_P(SackReceive, DuplicateThatBringsTheEndIsNotReported) {  // as Linux: nobody needs it then
  TcpScript t{established()};
  t.peer_sends(data(1, 500)).expect_nothing();
  t.peer_sends(fin(1).with_bytes(500)).expect(ack(502).sacks({}));
  EXPECT_EQ(t.stats().tcp_duplicates_reported_out, 0U);
}

TEST_P(SackReceive, DuplicateIsReportedBeforeTheBlocks) {
  covers({"RFC 2883 §4"});  // §4.1.3.
  TcpScript t{established()};
  t.peer_sends(data(1, 500)).expect_nothing();
  t.peer_sends(data(1'001, 500)).expect(ack(501).sacks({{1'001, 1'501}}));
  t.peer_sends(data(1, 500)).expect(ack(501).sacks({{1, 501}, {1'001, 1'501}}));
  t.peer_sends(data(1'501, 500)).expect(ack(501).sacks({{1'001, 2'001}}));
}

TEST_P(SackReceive, DuplicateAheadOfTheHoleIsFollowedByItsBlock) {
  covers({"RFC 2883 §4"});  // §4, rule 4.
  TcpScript t{established()};
  t.peer_sends(data(501, 500), data(2'001, 500));
  t.expect(ack(1).sacks({{501, 1'001}}), ack(1).sacks({{2'001, 2'501}, {501, 1'001}}));
  t.peer_sends(data(1'001, 500)).expect(ack(1).sacks({{501, 1'501}, {2'001, 2'501}}));
  t.peer_sends(data(2'001, 500));
  t.expect(ack(1).sacks({{2'001, 2'501}, {2'001, 2'501}, {501, 1'501}}));
  t.peer_sends(data(501, 500));
  t.expect(ack(1).sacks({{501, 1'001}, {501, 1'501}, {2'001, 2'501}}));
}

TEST_P(SackReceive, PartOfASegmentThatIsADuplicateBelowTheAck) {
  covers({"RFC 2883 §4"});  // §4.2.
  TcpScript t{established()};
  t.peer_sends(data(1, 500)).expect_nothing();
  t.peer_sends(data(301, 500)).expect(ack(801).sacks({{301, 501}}));
}

TEST_P(SackReceive, PartOfASegmentThatIsADuplicateAheadOfTheHole) {
  covers({"RFC 2883 §4"});  // §4.2.1.
  TcpScript t{established()};
  t.peer_sends(data(501, 500)).expect(ack(1));
  t.peer_sends(data(801, 500)).expect(ack(1).sacks({{801, 1'001}, {501, 1'301}}));
}

TEST_P(SackReceive, TwoPartsThatAreDuplicatesAndOnlyTheFirstIsReported) {
  covers({"RFC 2883 §4"});  // §4.2.3.
  TcpScript t{established()};
  t.peer_sends(data(501, 100), data(701, 100)).expect(ack(1).times(2));
  t.peer_sends(data(451, 500)).expect(ack(1).sacks({{501, 601}, {451, 601}, {701, 801}}));
}

TEST_P(SackReceive, SegmentThatFillsTheHoleAndMoreReportsTheMore) {
  covers({"RFC 2883 §4"});  // By then it lies below the ACK.
  TcpScript t{established()};
  t.peer_sends(data(501, 200)).expect(ack(1)).peer_sends(data(901, 100)).expect(ack(1));
  t.peer_sends(data(1, 800)).expect(ack(801).sacks({{501, 701}, {901, 1'001}}));
}

TEST_P(SackReceive, DuplicateTakesThePlaceOfTheOldestBlock) {
  covers({"RFC 2883 §4", "RFC 2018 §3"});
  TcpScript t{established().timestamps()};
  t.peer_sends(data(1, 50)).expect_nothing();
  for (const std::uint32_t seq : {101U, 301U, 501U}) {
    t.peer_sends(data(seq, 100)).expect(ack(51));
  }
  t.peer_sends(data(1, 50)).expect(ack(51).sacks({{1, 51}, {501, 601}, {301, 401}}));
  t.peer_sends(data(51, 1)).expect(ack(52).sacks({{501, 601}, {301, 401}, {101, 201}}));
}

TEST_P(SackReceive, EveryRepetitionIsReportedAgain) {
  covers({"RFC 2883 §4"});
  TcpScript t{established()};
  t.peer_sends(data(1, 500)).expect_nothing();
  t.peer_sends(data(1, 500)).expect(ack(501).sacks({{1, 501}}));
  t.peer_sends(data(1, 500)).expect(ack(501).sacks({{1, 501}}));
  EXPECT_EQ(t.stats().tcp_duplicates_reported_out, 2U);
}

TEST_P(SackReceive, EmptySegmentsAreNoDuplicates) {
  covers({"RFC 2883 §4", "SHLD-12"});
  TcpScript t{established()};
  t.peer_sends(data(1, 500)).expect_nothing();
  t.peer_sends(ack(1).from(500)).expect(ack(501).sacks({}));
}

TEST_P(SackReceive, KeepAliveWithAnOldOctetIsADuplicate) {
  covers({"RFC 2883 §4", "MAY-6"});
  TcpScript t{established()};
  t.peer_sends(data(1, 500)).expect_nothing();
  t.peer_sends(data(500, 1)).expect(ack(501).sacks({{500, 501}}));
}

TEST_P(SackReceive, DuplicateBehindAFinIsReported) {
  covers({"RFC 2883 §4"});
  TcpScript t{established()};
  t.peer_sends(fin(1, 500)).expect(ack(502).sacks({}));
  t.peer_sends(fin(1, 500)).expect(ack(502).sacks({{1, 501}}));
}

TEST_P(SackReceive, FinAheadOfAHoleIsNotReported) {
  covers({"RFC 2018 §3"});  // Blocks speak of octets of data.
  TcpScript t{established()};
  t.peer_sends(fin(101, 100)).expect(ack(1).sacks({{101, 201}}));
  t.peer_sends(data(1, 100)).expect(ack(202).sacks({}));
}

TEST_P(SackReceive, OneAckForEachSegmentOfATurnCarriesTheBlocks) {
  covers({"RFC 2018 §4", "RFC 5681 §4.2"});
  TcpScript t{established()};
  t.peer_sends_at_once(data(101, 100), data(201, 100), data(301, 100));
  t.expect(ack(1).sacks({{101, 401}}).times(3));
}

// Every order of five segments, each of its own case.
class SackOrders : public testing::TestWithParam<unsigned> {
 protected:
  static constexpr std::uint32_t kBytes = 100;

  [[nodiscard]] static std::array<unsigned, 5> order() {
    std::array<unsigned, 5> order{0, 1, 2, 3, 4};
    for (unsigned i = 0; i < GetParam(); ++i) {
      std::ranges::next_permutation(order);
    }
    return order;
  }
  /// Delivers a segment, and holds the answer against the model's.
  static void arrive(TcpScript& t, SackModel& model, std::uint32_t left, std::uint32_t right) {
    const bool had_holes = model.has_holes();
    const bool is_next = left == model.rcv_nxt();
    model.arrive(left, right);
    t.peer_sends(data(left, right - left));
    const std::vector<Seg> sent = t.take_output();
    // Only what is in order, with no hole behind it, may wait; every second one does not.
    if (sent.empty()) {
      ASSERT_TRUE(is_next && !had_holes && !model.reports_duplicate());
      return;
    }
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent.front().ack, model.rcv_nxt());
    EXPECT_EQ(sent.front().blocks, model.blocks());
  }
  template <class Play>
  static void for_each_start(Play play) {
    for (const Numbers& numbers : kEveryStart) {
      for (const bool with_timestamps : {false, true}) {
        SCOPED_TRACE(with_timestamps);
        auto start = established().at(numbers).selective_acks();
        if (with_timestamps) {
          start.timestamps();
        }
        TcpScript t{start};
        SackModel model{10 * kBytes, with_timestamps ? 3U : 4U};
        play(t, model);
        t.app_reads(5 * kBytes).after(40ms);
        static_cast<void>(t.take_output());
      }
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Of, SackOrders, testing::Range(0U, 120U));

TEST_P(SackOrders, OfFiveSegmentsAreReportedExactly) {
  covers({"RFC 2018 §4", "SHLD-31"});
  for_each_start([](TcpScript& t, SackModel& model) {
    for (const unsigned index : order()) {
      arrive(t, model, 1 + index * kBytes, 1 + (index + 1) * kBytes);
    }
    EXPECT_EQ(model.rcv_nxt(), 1 + 5 * kBytes);
  });
}

TEST_P(SackOrders, OfFiveSegmentsThatEachArriveTwiceAreReportedExactly) {
  covers({"RFC 2018 §4", "RFC 2883 §4"});
  for_each_start([](TcpScript& t, SackModel& model) {
    for (const unsigned index : order()) {
      arrive(t, model, 1 + index * kBytes, 1 + (index + 1) * kBytes);
      arrive(t, model, 1 + index * kBytes, 1 + (index + 1) * kBytes);
    }
  });
}

TEST_P(SackOrders, OfFiveSegmentsThatOverlapTheNextAreReportedExactly) {
  covers({"RFC 2018 §4", "RFC 2883 §4"});
  for_each_start([](TcpScript& t, SackModel& model) {
    for (const unsigned index : order()) {
      const std::uint32_t end = std::min(1 + (index + 1) * kBytes + 30, 5 * kBytes + 1);
      arrive(t, model, 1 + index * kBytes, end);
    }
    // Where a newcomer would have filled two gaps the rest comes again.
    for (unsigned index = 0; index < 5; ++index) {
      arrive(t, model, 1 + index * kBytes, 1 + (index + 1) * kBytes);
    }
    EXPECT_EQ(model.rcv_nxt(), 1 + 5 * kBytes);
  });
}

// A segment from every edge to every edge, over what has been delivered and two islands.
class SackOverlaps : public testing::TestWithParam<std::uint32_t> {};
constexpr std::uint32_t kEdges[] = {1,   50,  100, 101, 102, 150, 200, 201, 202, 250, 300,
                                    301, 302, 350, 400, 401, 402, 450, 500, 501, 502, 600};
INSTANTIATE_TEST_SUITE_P(From, SackOverlaps, testing::ValuesIn(kEdges, std::end(kEdges) - 1));

TEST_P(SackOverlaps, UpToEveryEdgeAreReportedExactly) {
  covers({"RFC 2018 §4", "RFC 2883 §4", "SHLD-31"});
  for (const std::uint32_t right : kEdges) {
    if (right <= GetParam()) {
      continue;
    }
    for (const Numbers& numbers : kEveryStart) {
      for (const bool with_timestamps : {false, true}) {
        SCOPED_TRACE(std::to_string(right) + (with_timestamps ? " with timestamps" : ""));
        auto start = established().at(numbers).selective_acks();
        if (with_timestamps) {
          start.timestamps();
        }
        TcpScript t{start};
        SackModel model{1'000, with_timestamps ? 3U : 4U};
        const auto arrive = [&](std::uint32_t from, std::uint32_t to) {
          model.arrive(from, to);
          t.peer_sends(data(from, to - from));
          return t.take_output();
        };
        static_cast<void>(arrive(1, 101));
        static_cast<void>(arrive(401, 501));
        static_cast<void>(arrive(201, 301));
        const std::vector<Seg> sent = arrive(GetParam(), right);
        ASSERT_EQ(sent.size(), 1U);
        EXPECT_EQ(sent.front().ack, model.rcv_nxt());
        EXPECT_EQ(sent.front().blocks, model.blocks());
        EXPECT_EQ(arrive(101, 700).front().ack, 700U);
        t.app_reads(699);
      }
    }
  }
}

TEST_P(SackReceive, RandomPiecesAreReportedExactly) {
  covers({"RFC 2018 §4", "RFC 2883 §4"});
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    base::Random random = base::Random::from_seed(seed);
    TcpScript t{established()};
    constexpr std::uint32_t kBytes = 600;
    SackModel model{kBytes + 10, 4};
    // So few islands that none is forgotten: pieces are large.
    while (model.rcv_nxt() <= kBytes) {
      const std::uint32_t left = 1 + random.below(kBytes);
      const std::uint32_t right = std::min(left + 60 + random.below(200), kBytes + 1);
      model.arrive(left, right);
      t.peer_sends(data(left, right - left));
      for (const Seg& sent : t.take_output()) {
        ASSERT_EQ(sent.ack, model.rcv_nxt());
        ASSERT_EQ(sent.blocks, model.blocks());
      }
    }
    t.app_reads(kBytes).after(40ms);
    static_cast<void>(t.take_output());
  }
}

}  // namespace

}  // namespace millrace::test
