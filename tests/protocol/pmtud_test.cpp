// How large segments are on a path that takes less than the interface: RFC 1191, RFC 4821. Which
// ICMP messages are believed is in tests/unit/stack/tcp_icmp_test.cpp.
#include <algorithm>
#include <iterator>
#include <vector>

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::PathMtu;

class Pmtud : public NumbersTest {
 protected:
  /// A large MSS, so that there is something to search for; sixteen segments at once.
  [[nodiscard]] static Start large() {
    Start start = established().mss(1'460).cwnd(16 * 1'460);
    start.config.mtu_probing = MtuProbing::BlackHole;
    return start;
  }
  [[nodiscard]] static Start probing() {
    Start start = large();
    start.config.mtu_probing = MtuProbing::Always;
    return start;
  }
  /// Takes what was sent; every segment follows the one before, and none is larger than `most`.
  static std::vector<Seg> take(TcpScript& t, std::uint32_t from, std::uint32_t most) {
    std::vector<Seg> sent = t.take_output();
    for (const Seg& seg : sent) {
      EXPECT_EQ(seg.seq, from);
      EXPECT_LE(seg.bytes, most);
      from += seg.bytes;
    }
    return sent;
  }
};
INSTANTIATE_TEST_SUITE_P(From, Pmtud, testing::ValuesIn(kEveryStart), name_of);

// A router's word.

TEST_P(Pmtud, WhatIsInFlightAndTooLargeGoesAgainAtOnceInPieces) {
  covers({"RFC 1191 §6.5"});
  TcpScript t{established()};
  t.app_sends(3'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  const std::uint32_t cwnd = t.cwnd();
  const std::uint32_t ssthresh = t.ssthresh();
  t.router_allows(600).expect(data(1, 600), data(601, 400), data(1'001, 600), data(1'601, 400),
                              data(2'001, 600), data(2'601, 400));
  EXPECT_EQ(t.cwnd(), cwnd) << "no sign of congestion";
  EXPECT_EQ(t.ssthresh(), ssthresh);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
  t.at(100ms).peer_sends(ack(3'001)).expect_nothing().expect_silence_for_ever();
}

/// Every record is in use, so that no piece can have one of its own.
TEST_P(Pmtud, WithoutRecordsForThePiecesTheyGoOneByOne) {
  covers({"RFC 1191 §6.5"});
  Start start = established();
  start.sent_segments = 3;
  TcpScript t{start};
  t.app_sends(3'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  t.router_allows(600).expect(data(1, 600), data(1'001, 600), data(2'001, 600));
  t.at(100ms).peer_sends(ack(601)).expect(data(601, 400));
  t.expect_silence_until(200ms);
  t.peer_sends(ack(1'001)).expect_nothing();
  // Now there is a record; but what is in flight is not known to be lost.
  t.at(210ms).peer_sends(ack(1'601)).expect(data(1'601, 400));
  t.at(310ms).peer_sends(ack(2'601)).expect(data(2'601, 400));
  t.at(410ms).peer_sends(ack(3'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(Pmtud, WithoutARecordATimeoutSendsPiecesToo) {
  covers({"RFC 1191 §6.5", "RFC 6298 §5.4"});
  Start start = established();
  start.sent_segments = 1;
  TcpScript t{start};
  t.app_sends(2'000).expect(data(1, 1'000));
  t.router_allows(600).expect(data(1, 600));
  t.at(300ms).expect(data(1, 600));
  t.at(400ms).peer_sends(ack(601)).expect(data(601, 400));
  t.at(500ms).peer_sends(ack(1'001)).expect(data(1'001, 600));
  t.at(600ms).peer_sends(ack(1'601)).expect(data(1'601, 400));
  t.at(700ms).peer_sends(ack(2'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(Pmtud, AFinWaitsForThePieceBeforeIt) {
  covers({"RFC 1191 §6.5", "RFC 9293 §3.8.6"});
  Start start = established().cwnd(1'000);
  start.sent_segments = 1;
  TcpScript t{start};
  t.app_sends(1'500).expect(data(1, 1'000)).app_closes().expect_nothing();
  t.peer_sends(ack(1'001)).expect(fin(1'001, 500));
  t.router_allows(400).expect(data(1'001, 400));
  t.at(100ms).peer_sends(ack(1'401)).expect(fin(1'401, 100));
  t.at(200ms).peer_sends(ack(1'502)).expect_state(TcpState::FinWait2);
}

TEST_P(Pmtud, NewSegmentsAreNoLargerThanThePath) {
  covers({"RFC 1191 §3"});
  TcpScript t{established()};
  t.router_allows(600).expect_nothing();
  t.app_sends(1'500).expect(data(1, 600), data(601, 600), data(1'201, 300));
}

TEST_P(Pmtud, WhatFitsIsLeftAlone) {
  covers({"RFC 1191 §6.5"});
  TcpScript t{established()};
  t.connection().set_no_delay(true);
  t.app_sends(600).expect(data(1, 600)).app_sends(1'000).expect(data(601, 1'000));
  t.app_sends(601).expect(data(1'601, 601)).app_sends(10).expect(data(2'202, 10));
  t.router_allows(600).expect(data(601, 600), data(1'201, 400), data(1'601, 600), data(2'201, 1));
}

TEST_P(Pmtud, NothingInFlightNothingSent) {
  TcpScript t{established()};
  t.router_allows(600).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.connection().mss(), 600U);
}

TEST_P(Pmtud, TheTimerStartsAnewForThePieces) {
  covers({"RFC 1191 §6.5", "RFC 6298 §5.1"});
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000));
  t.at(200ms).router_allows(600).expect(data(1, 600), data(601, 400));
  t.expect_silence_until(500ms - 1ns).at(500ms).expect(data(1, 600));
}

TEST_P(Pmtud, ThePiecesGiveNoRoundTripTime) {
  covers({"RFC 6298 §3"});
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000));
  t.at(50ms).router_allows(600).expect(data(1, 600), data(601, 400));
  t.at(250ms).peer_sends(ack(1'001)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
}

TEST_P(Pmtud, AFullCongestionWindowIsFilledAgainAndNoMore) {
  covers({"RFC 1191 §6.5"});
  TcpScript t{established().cwnd(4'000)};
  t.app_sends(8'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000),
                            data(3'001, 1'000));
  t.router_allows(600);
  EXPECT_EQ(take(t, 1, 600).size(), 8U);
  t.at(100ms).peer_sends(ack(1'001)).expect(data(4'001, 600), data(4'601, 600), data(5'201, 600));
}

TEST_P(Pmtud, DuplicateAcksOfWhatDidArriveStartNoRecovery) {
  covers({"RFC 6582 §3.2"});
  TcpScript t{established()};
  t.app_sends(5'000);
  static_cast<void>(take(t, 1, 1'000));
  t.router_allows(600);
  EXPECT_EQ(take(t, 1, 600).size(), 10U);
  t.peer_sends(ack(1).times(5)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 0U);
  EXPECT_EQ(t.cwnd(), 10'000U);
}

TEST_P(Pmtud, LossBehindThatIsNoticedAsEver) {
  covers({"RFC 5681 §3.2"});
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).router_allows(600).expect(data(1, 600), data(601, 400));
  t.at(100ms).peer_sends(ack(1'001)).expect_nothing();
  t.app_sends(3'000).expect(data(1'001, 600), data(1'601, 600), data(2'201, 600), data(2'801, 600),
                            data(3'401, 600));
  t.at(200ms).peer_sends(ack(1'601), ack(1'601).times(3)).expect(data(1'601, 600));
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 1U);
}

TEST_P(Pmtud, AnotherRouterMayTakeStillLess) {
  covers({"RFC 1191 §3"});
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000));
  t.router_allows(800).expect(data(1, 800), data(801, 200));
  t.router_allows(600).expect(data(1, 600), data(601, 200));
  t.at(100ms).peer_sends(ack(601), ack(801), ack(1'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(Pmtud, TheSameWordAgainChangesNothing) {
  covers({"RFC 5927 §7.2"});
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).router_allows(600).expect(data(1, 600), data(601, 400));
  t.router_allows(600).expect_nothing();
}

TEST_P(Pmtud, InTheMiddleOfARecoveryItGoesOn) {
  TcpScript t{established()};
  t.app_sends(5'000);
  static_cast<void>(take(t, 1, 1'000));
  t.peer_sends(ack(1).times(3)).expect(data(1, 1'000));
  const std::uint32_t cwnd = t.cwnd();
  t.router_allows(600);
  EXPECT_EQ(take(t, 1, 600).size(), 4U) << "as far as the recovery's window goes";
  EXPECT_EQ(t.cwnd(), cwnd);
  t.at(100ms).peer_sends(ack(5'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
}

TEST_P(Pmtud, AFinBehindDataTakesNoRoomInAPiece) {
  covers({"RFC 1191 §6.5"});
  TcpScript t{established().cwnd(1'000)};
  t.app_sends(1'500).expect(data(1, 1'000)).app_closes().expect_nothing();
  t.peer_sends(ack(1'001)).expect(fin(1'001, 500));
  t.router_allows(400).expect(data(1'001, 400), fin(1'401, 100));
  t.router_allows(100).expect(data(1'001, 100), data(1'101, 100), data(1'201, 100),
                              data(1'301, 100));
}

TEST_P(Pmtud, AFinAloneFitsEverywhere) {
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).app_closes().expect(fin(1'001));
  t.router_allows(600).expect(data(1, 600), data(601, 400));
}

TEST_P(Pmtud, WhatIsForgottenIsTriedAgain) {
  covers({"RFC 1191 §6.3"});
  TcpScript t{established()};
  t.router_allows(600).app_sends(1'200).expect(data(1, 600), data(601, 600));
  t.at(100ms).peer_sends(ack(1'201)).router_allows(PathMtu::kUnknown).expect_nothing();
  t.app_sends(1'000).expect(data(1'201, 1'000));
}

TEST_P(Pmtud, NoWordMakesSegmentsLargerThanThePeerTakes) {
  covers({"MUST-16", "RFC 1191 §3"});
  TcpScript t{established()};
  t.router_allows(5'000).app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
}

TEST_P(Pmtud, APathKnownBeforeCountsFromTheFirstSegment) {
  covers({"RFC 1191 §6.3", "MUST-67", "SHLD-6"});
  for (auto start : {established().path(600), established_passively().path(600)}) {
    TcpScript t{start};
    t.app_sends(1'000).expect(data(1, 600), data(601, 400));
  }
}

TEST_P(Pmtud, WhatWeAdvertiseIsWhatWeTakeAndNotThePath) {
  covers({"MUST-67", "SHLD-6", "RFC 1191 §3.1"});
  TcpScript opening{closed().path(600)};
  opening.open_active(180s).expect(syn().with_mss(1'000));
  TcpScript accepting{closed().path(600)};
  accepting.open_passive(syn()).expect(syn_ack().with_mss(1'000));
}

TEST_P(Pmtud, AWordDuringTheHandshakeCounts) {
  TcpScript opening{closed()};
  opening.open_active(180s).expect(syn()).router_allows(600).expect_nothing();
  opening.peer_sends(syn_ack()).expect(ack(1)).app_sends(700).expect(data(1, 600), data(601, 100));
  TcpScript accepting{closed()};
  accepting.open_passive(syn()).expect(syn_ack()).router_allows(600).expect_nothing();
  accepting.peer_sends(ack(1)).expect_nothing().app_sends(700).expect(data(1, 600), data(601, 100));
}

TEST_P(Pmtud, AWordAfterTheEndIsHarmless) {
  TcpScript t{established()};
  t.app_closes().expect(fin(1)).peer_sends(fin(1).acks(2)).expect(ack(2));
  t.router_allows(600).expect_nothing().expect_state(TcpState::TimeWait);
}

TEST_P(Pmtud, ATimeoutSendsPiecesOnly) {
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(300ms).expect(data(1, 1'000)).router_allows(600).expect(data(1, 600), data(601, 400));
  t.at(400ms).peer_sends(ack(601)).expect(data(1'001, 600), data(1'601, 400));
}

// Black holes: RFC 4821 §7.7.

TEST_P(Pmtud, LargeSegmentsThatVanishAreMadeSmaller) {
  covers({"RFC 4821 §7.7"});
  TcpScript t{large()};
  t.app_sends(1'460).expect(data(1, 1'460));
  t.at(300ms).expect(data(1, 1'460)).at(900ms).expect(data(1, 1'460));
  EXPECT_EQ(t.stats().tcp_mtu_black_holes, 0U);
  t.at(2'100ms).expect(data(1, 1'024));
  EXPECT_EQ(t.stats().tcp_mtu_black_holes, 1U);
  t.at(2'200ms).peer_sends(ack(1'025)).expect(data(1'025, 436)).peer_sends(ack(1'461));
  t.app_sends(2'048).expect(data(1'461, 1'024), data(2'485, 1'024));
}

TEST_P(Pmtud, AndSmallerUntilTheLimit) {
  covers({"RFC 4821 §7.7"});
  TcpScript t{large()};
  t.app_sends(1'460).expect(data(1, 1'460));
  t.at(300ms).expect(data(1, 1'460)).at(900ms).expect(data(1, 1'460));
  t.at(2'100ms).expect(data(1, 1'024)).at(4'500ms).expect(data(1, 512));
  t.at(9'300ms).expect(data(1, 512));
  EXPECT_EQ(t.stats().tcp_mtu_black_holes, 2U);
}

TEST_P(Pmtud, ASearchForBlackHolesIsTheDefault) {
  EXPECT_EQ(TcpConfig{}.mtu_probing, MtuProbing::BlackHole);
  EXPECT_EQ(TcpConfig{}.ecn, EcnMode::Passive);
}

TEST_P(Pmtud, TimeoutsCountAsConfigured) {
  auto start = large();
  start.config.black_hole_timeouts = 1;
  start.config.mtu_probing_base = 600;
  TcpScript t{start};
  t.app_sends(1'460).expect(data(1, 1'460)).at(300ms).expect(data(1, 600));
}

TEST_P(Pmtud, SmallSegmentsThatVanishAreNotMadeSmaller) {
  covers({"RFC 4821 §7.7"});
  TcpScript t{large()};
  t.app_sends(1'000).expect(data(1, 1'000));
  for (const Duration time : {300ms, 900ms, 2'100ms, 4'500ms}) {
    t.at(time).expect(data(1, 1'000));
  }
  EXPECT_EQ(t.stats().tcp_mtu_black_holes, 0U);
  EXPECT_EQ(t.connection().mss(), 1'460U);
}

TEST_P(Pmtud, WithoutProbingSegmentsStayAsTheyAre) {
  auto start = large();
  start.config.mtu_probing = MtuProbing::Off;
  TcpScript t{start};
  t.app_sends(1'460).expect(data(1, 1'460));
  for (const Duration time : {300ms, 900ms, 2'100ms, 4'500ms}) {
    t.at(time).expect(data(1, 1'460));
  }
}

TEST_P(Pmtud, AClosedWindowIsNoBlackHole) {
  auto start = large();
  TcpScript t{start};
  t.app_sends(1'460).expect(data(1, 1'460)).peer_sends(ack(1).with_window(0)).expect_nothing();
  for (int probes = 0; probes < 6; ++probes) {
    t.at(*t.deadline()).expect(data(1, 1));
    t.peer_sends(ack(1).with_window(0)).expect_nothing();
  }
  EXPECT_EQ(t.stats().tcp_mtu_black_holes, 0U);
}

// Probes: RFC 4821 §7.

TEST_P(Pmtud, AlwaysProbingStartsSmallWithAProbe) {
  covers({"RFC 4821 §7.2", "RFC 4821 §7.4"});
  TcpScript t{probing()};
  t.app_sends(40'000);
  const auto sent = take(t, 1, 1'242);
  ASSERT_EQ(sent.size(), 15U);
  EXPECT_EQ(sent[0].bytes, 1'242U) << "between 1,024 and 1,460";
  EXPECT_EQ(sent[1].bytes, 1'024U);
  EXPECT_EQ(t.stats().tcp_mtu_probes, 1U);
  t.at(100ms).peer_sends(ack(1'243)).expect(data(15'579, 1'351), data(16'930, 1'242));
  EXPECT_EQ(t.stats().tcp_mtu_probes_arrived, 1U);
  EXPECT_EQ(t.connection().mss(), 1'242U);
}

TEST_P(Pmtud, AProbeThatIsLostTellsNothingOfCongestion) {
  covers({"RFC 4821 §7.6.2"});
  TcpScript t{probing()};
  t.app_sends(40'000);
  static_cast<void>(take(t, 1, 1'242));
  const std::uint32_t cwnd = t.cwnd();
  t.at(100ms).peer_sends(ack(1).times(2)).expect(data(15'579, 1'024), data(16'603, 1'024));
  t.peer_sends(ack(1)).expect(data(1, 1'024), data(1'025, 218), data(17'627, 1'024));
  EXPECT_EQ(t.cwnd(), cwnd);
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 0U);
  EXPECT_EQ(t.connection().mss(), 1'024U);
  t.at(200ms).peer_sends(ack(18'651));
  const auto sent = take(t, 18'651, 1'132);
  ASSERT_GT(sent.size(), 2U);
  EXPECT_EQ(sent[0].bytes, 1'024U);
  EXPECT_EQ(sent[1].bytes, 1'132U) << "the next one is smaller";
  EXPECT_EQ(t.stats().tcp_mtu_probes_arrived, 0U) << "what went in pieces is no proof";
}

TEST_P(Pmtud, TheSegmentBehindALostProbeIsCongestion) {
  covers({"RFC 4821 §7.6.1"});
  TcpScript t{probing()};
  t.app_sends(15'000);
  static_cast<void>(take(t, 1, 1'242));
  t.at(100ms).peer_sends(ack(1'243));
  static_cast<void>(t.take_output());
  t.peer_sends(ack(1'243).times(3)).expect(data(1'243, 1'024));
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 1U);
}

TEST_P(Pmtud, ATimeoutLeavesAProbeUndecided) {
  covers({"RFC 4821 §7.6.4"});
  Start start = probing();
  start.config.frto = false;
  TcpScript t{start};
  t.app_sends(40'000);
  static_cast<void>(take(t, 1, 1'242));
  t.at(300ms).expect(data(1, 1'024));
  EXPECT_EQ(t.connection().mss(), 1'024U);
  t.at(400ms).peer_sends(ack(1'025)).expect(data(1'025, 218), data(1'243, 1'024));
  EXPECT_EQ(t.stats().tcp_mtu_probes_arrived, 0U);
}

TEST_P(Pmtud, LittleDataIsNotProbedWith) {
  covers({"RFC 4821 §7.4"});
  TcpScript t{probing()};
  t.app_sends(5'000);
  EXPECT_EQ(take(t, 1, 1'024).size(), 5U);
  EXPECT_EQ(t.stats().tcp_mtu_probes, 0U);
}

TEST_P(Pmtud, ASmallWindowIsNotProbedWith) {
  covers({"RFC 4821 §7.4"});
  TcpScript t{probing().peer_window(5'000)};
  t.app_sends(40'000);
  static_cast<void>(take(t, 1, 1'024));
  EXPECT_EQ(t.stats().tcp_mtu_probes, 0U);
}

TEST_P(Pmtud, AProbeThatFoundNoPacketIsNoProbe) {
  TcpScript t{probing()};
  static_cast<void>(t.app_tries_to_send(40'000));
  const auto plan = t.connection().next_segment(t.resources(), t.clock());
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->payload_bytes, 1'242U);
  t.connection().on_segment_not_sent(*plan);
  t.drain();
  const auto sent = t.take_output();
  ASSERT_GT(sent.size(), 3U);
  EXPECT_EQ(sent[0].bytes, 1'024U);
  EXPECT_EQ(sent[1].bytes, 218U);
  t.at(100ms).peer_sends(ack(1'243));
  static_cast<void>(t.take_output());
  EXPECT_EQ(t.stats().tcp_mtu_probes_arrived, 0U);
}

TEST_P(Pmtud, AfterABlackHoleTheSearchGoesUpwardAgain) {
  covers({"RFC 4821 §7.3"});
  auto start = large();
  start.config.black_hole_timeouts = 1;
  TcpScript t{start};
  t.app_sends(1'460).expect(data(1, 1'460)).at(300ms).expect(data(1, 1'024));
  t.at(400ms).peer_sends(ack(1'025)).expect(data(1'025, 436)).peer_sends(ack(1'461));
  // Everything arrives from now on.
  t.app_sends(50'000);
  std::vector<Seg> flying = t.take_output();
  std::uint32_t high = 1'461;
  for (std::size_t i = 0; i < flying.size() && t.connection().mss() < 1'453; ++i) {
    ASSERT_LT(i, 2'000U);
    EXPECT_EQ(flying[i].seq, high);
    EXPECT_LE(flying[i].bytes, 1'460U);
    high += flying[i].bytes;
    t.peer_sends(ack(high));
    if (t.connection().unacknowledged() < 30'000) {
      static_cast<void>(t.app_tries_to_send(20'000));
      t.drain();
    }
    std::ranges::copy(t.take_output(), std::back_inserter(flying));
  }
  EXPECT_EQ(t.connection().mss(), 1'453U) << "what is left is not worthwhile";
  EXPECT_EQ(t.stats().tcp_mtu_probes, 6U);
  EXPECT_EQ(t.stats().tcp_mtu_probes_arrived, 6U);
}

TEST_P(Pmtud, ARouterMayEndAProbe) {
  TcpScript t{probing()};
  t.app_sends(40'000);
  static_cast<void>(take(t, 1, 1'242));
  t.router_allows(1'100).expect(data(1, 1'024), data(1'025, 218));
  t.at(100ms).peer_sends(ack(15'579));
  const auto sent = t.take_output();
  ASSERT_GT(sent.size(), 2U);
  EXPECT_EQ(sent[1].bytes, 1'062U);
}

}  // namespace

}  // namespace millrace::test
