// Timestamps: who carries them, what is echoed, and what a round trip took. RFC 7323 §3 and §4.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using wire::TcpFlags;

class TimestampsScript : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, TimestampsScript, testing::ValuesIn(kEveryStart), name_of);

/// Plain, and values that wrap around within the script, of either side.
constexpr TimestampStarts kStarts[] = {{},
                                       {.ours = 0xffff'ffff, .peers = 1},
                                       {.ours = 1, .peers = 0xffff'ffc0},
                                       {.ours = 0x7fff'ffc0, .peers = 0x7fff'ffff}};

TEST_P(TimestampsScript, ActiveOpenOffersThemAndEchoesTheAnswers) {
  covers({"RFC 7323 §3.2"});
  for (const TimestampStarts& starts : kStarts) {
    TcpScript t{closed().timestamps(starts)};
    t.open_active(180s).expect(syn().stamped(0, Seg::kNoEcho));
    t.at(100ms).peer_sends(syn_ack().value(40)).expect(ack(1).stamped(100, 40));
    EXPECT_TRUE(t.connection().timestamps().is_on());
  }
}

TEST_P(TimestampsScript, PassiveOpenAnswersThemAndEchoesTheSyn) {
  covers({"RFC 7323 §3.2"});
  for (const TimestampStarts& starts : kStarts) {
    TcpScript t{closed().timestamps(starts)};
    t.open_passive(syn().value(77)).expect(syn_ack().stamped(0, 77));
    t.at(100ms).peer_sends(ack(1).value(90)).expect_nothing();
    t.app_sends(10).expect(data(1, 10).stamped(100, 90));
  }
}

TEST_P(TimestampsScript, SynWithoutThemIsAnsweredWithoutThem) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack().without_timestamps());
  t.peer_sends(ack(1)).app_sends(10).expect(data(1, 10).without_timestamps());
  EXPECT_FALSE(t.connection().timestamps().is_on());
}

TEST_P(TimestampsScript, AnswerWithoutThemSwitchesThemOff) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn().stamped(0, Seg::kNoEcho));
  t.at(100ms).peer_sends(syn_ack()).expect(ack(1).without_timestamps());
  t.app_sends(10).expect(data(1, 10).without_timestamps());
}

TEST_P(TimestampsScript, SwitchedOffTheyAreNeitherOfferedNorAnswered) {
  covers({"RFC 7323 §3.2"});
  auto start = closed().timestamps();
  start.config.timestamps = false;
  TcpScript active{start};
  active.open_active(180s).expect(syn().without_timestamps());
  active.at(100ms).peer_sends(syn_ack()).expect(ack(1).without_timestamps());
  TcpScript passive{start};
  passive.open_passive(syn()).expect(syn_ack().without_timestamps());
  passive.peer_sends(ack(1).value(5)).expect_nothing().expect_state(TcpState::Established);
}

TEST_P(TimestampsScript, LaterOnesThatWereNotAgreedOnMeanNothing) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100).value(500)).expect_nothing();
  t.peer_sends(data(101, 100).value(3)).expect_drop(std::nullopt).app_reads(200);
  t.at(40ms).expect(ack(201).without_timestamps());
}

TEST_P(TimestampsScript, CrossedSynsAgreeOnThem) {
  covers({"RFC 7323 §3.2", "MUST-10"});
  TcpScript t{closed().timestamps()};
  t.open_active(180s).expect(syn().stamped(0, Seg::kNoEcho));
  t.at(50ms).peer_sends(syn().value(20)).expect(syn_ack(1).stamped(50, 20));
  t.at(100ms).peer_sends(syn_ack(1).value(60)).expect(ack(1).stamped(100, 60));
}

TEST_P(TimestampsScript, EachRepetitionOfASynTellsItsOwnTime) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{closed().timestamps()};
  t.open_active(180s).expect(syn().stamped(0, Seg::kNoEcho));
  t.at(1s).expect(syn().stamped(1'000, Seg::kNoEcho));
  t.at(3s).expect(syn().stamped(3'000, Seg::kNoEcho));
}

TEST_P(TimestampsScript, EverySegmentCarriesThem) {
  covers({"RFC 7323 §3.2", "MUST-5"});
  TcpScript t{established().timestamps()};  // The script checks each segment.
  t.app_sends(2'000).expect(data(1, 988), data(989, 988), data(1'977, 24));
  t.at(100ms).peer_sends(ack(2'001)).expect_nothing();
  t.peer_sends(data(1'001, 10)).expect(ack(1).stamped(200, 200));
  t.app_sends(100).expect(data(2'001, 100)).at(350ms).expect(data(2'001, 100).stamped(450, 200));
  t.app_shuts_down().expect(fin(2'101)).peer_sends(rst(9)).expect(ack(1));
}

TEST_P(TimestampsScript, ResetOfAConnectionCarriesThem) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{established().timestamps()};
  t.at(50ms).app_aborts().expect(rst_ack(1, 1).stamped(150, 100));
}

TEST_P(TimestampsScript, FinAndItsRepetitionCarryThem) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{established().timestamps()};
  t.app_shuts_down().expect(fin(1).stamped(100, 100));
  t.at(300ms).expect(fin(1).stamped(400, 100));
}

TEST_P(TimestampsScript, ProbeOfAClosedWindowCarriesThem) {
  covers({"RFC 7323 §3.2", "MUST-36"});
  TcpScript t{established().timestamps()};
  t.peer_sends(ack(1).with_window(0)).app_sends(500).expect_nothing();
  t.at(300ms).expect(data(1, 1).stamped(400, 100));
}

TEST_P(TimestampsScript, LastAckOfAConnectionCarriesThem) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{established().timestamps()};
  t.app_shuts_down().expect(fin(1)).at(100ms).peer_sends(ack(2)).expect_nothing();
  t.at(200ms).peer_sends(fin(1)).expect(ack(2).stamped(300, 300));
  t.expect_state(TcpState::TimeWait);
}

TEST_P(TimestampsScript, ConfirmedAcksEchoTheEarliestSegmentThatWasDelayed) {
  covers({"RFC 7323 §4.3"});  // Example A: the delay of an ACK belongs to the round trip.
  for (const TimestampStarts& starts : kStarts) {
    TcpScript t{established().timestamps(starts)};
    t.peer_sends(data(1, 100).value(110)).expect_nothing();
    t.at(10ms).peer_sends(data(101, 100).value(120)).expect_nothing();
    t.at(20ms).peer_sends(data(201, 100).value(130)).expect_nothing();
    t.at(40ms).expect(ack(301).stamped(140, 110));
    t.peer_sends(data(301, 100).value(150)).expect_nothing().at(80ms).expect(ack(401).echo(150));
  }
}

TEST_P(TimestampsScript, WhatIsAheadOfAHoleIsNotEchoed) {
  covers({"RFC 7323 §4.3"});  // Example B.
  for (const TimestampStarts& starts : kStarts) {
    TcpScript t{established().timestamps(starts)};
    t.peer_sends(data(1, 100).value(101)).expect_nothing().at(40ms).expect(ack(101).echo(101));
    t.peer_sends(data(201, 100).value(103)).expect(ack(101).echo(101));
    t.peer_sends(data(101, 100).value(102)).expect(ack(301).echo(102));
    t.peer_sends(data(401, 100).value(105)).expect(ack(301).echo(102));
    t.peer_sends(data(301, 100).value(104)).expect(ack(501).echo(104));
  }
}

TEST_P(TimestampsScript, PureAcksAreEchoedToo) {
  covers({"RFC 7323 §4.3"});
  TcpScript t{established().timestamps()};
  t.app_sends(100).expect(data(1, 100).echo(100));
  t.at(100ms).peer_sends(ack(101).value(180)).expect_nothing();
  t.app_sends(100).expect(data(101, 100).echo(180));
}

TEST_P(TimestampsScript, SegmentWithAnUnacceptableAckIsNotEchoed) {
  covers({"RFC 7323 §5.3"});  // Or a blind guess of the window would shut out the real peer.
  TcpScript t{established().timestamps()};
  t.peer_sends(ack(5'000).value(0x4000'0000)).expect(ack(1).echo(100));
  t.expect_drop(DropReason::TcpBadAck);
  t.peer_sends(data(1, 10).acks(1).value(120)).expect_drop(std::nullopt).app_reads(10);
  t.at(40ms).expect(ack(11).echo(120));
}

TEST_P(TimestampsScript, SegmentOutsideOfTheWindowIsNotEchoed) {
  covers({"RFC 7323 §5.3"});
  TcpScript t{established().timestamps()};
  t.peer_sends(data(500'000, 10).value(130)).expect(ack(1).echo(100));
  t.peer_sends(ack(1).from(1).value(140)).app_sends(10).expect(data(1, 10).echo(140));
}

TEST_P(TimestampsScript, RoundTripOfARepeatedSegmentComesFromTheEcho) {
  covers({"MUST-18", "RFC 7323 §4.1", "RFC 6298 §3"});
  for (const TimestampStarts& starts : kStarts) {
    TcpScript t{established().timestamps(starts)};  // SRTT is 100 ms.
    t.app_sends(500).expect(data(1, 500)).at(300ms).expect(data(1, 500).stamped(400, 100));
    // The answer is to the first transmission, 340 ms ago: the timer went off too early.
    t.at(340ms).peer_sends(ack(501).echo(100)).expect_nothing();
    EXPECT_EQ(t.connection().rtt().srtt(), 130ms);
    EXPECT_EQ(t.connection().rtt().backoffs(), 0U);
  }
}

TEST_P(TimestampsScript, RoundTripOfTheSecondTransmissionComesFromTheEcho) {
  covers({"MUST-18", "RFC 7323 §4.1"});
  TcpScript t{established().timestamps()};
  t.app_sends(500).expect(data(1, 500)).at(300ms).expect(data(1, 500));
  t.at(340ms).peer_sends(ack(501).echo(400)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 92'500us);
}

TEST_P(TimestampsScript, WithoutThemARepeatedSegmentIsNoMeasure) {
  covers({"MUST-18", "RFC 6298 §3"});
  TcpScript t{established()};
  t.app_sends(500).expect(data(1, 500)).at(300ms).expect(data(1, 500));
  t.at(340ms).peer_sends(ack(501)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
  EXPECT_EQ(t.connection().rtt().backoffs(), 1U);
}

TEST_P(TimestampsScript, EveryAckOfNewDataIsAMeasure) {
  covers({"RFC 7323 §4.1"});
  TcpScript t{established().timestamps()};
  t.app_sends(1'976).expect(data(1, 988), data(989, 988));
  t.at(60ms).peer_sends(ack(989)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 95ms);
  t.at(135ms).peer_sends(ack(1'977)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
}

TEST_P(TimestampsScript, AckOfNothingNewIsNoMeasure) {
  covers({"RFC 7323 §4.1"});
  TcpScript t{established().timestamps()};
  t.at(5s).peer_sends(ack(1).echo(100), data(1, 10).echo(0)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
  t.after(40ms).expect(ack(11));
}

TEST_P(TimestampsScript, EchoOfNothingOrOfTheFutureIsNoMeasure) {
  covers({"RFC 7323 §3.2", "RFC 7323 §4.1"});
  for (const std::uint32_t echo : {Seg::kNoEcho, 401U, 90'000U}) {
    TcpScript t{established().timestamps()};
    t.app_sends(500).expect(data(1, 500)).at(300ms).expect(data(1, 500));
    t.peer_sends(ack(501).echo(echo)).expect_nothing();
    EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
    EXPECT_EQ(t.connection().send_sequence().flight(), 0U) << "it acknowledges all the same";
  }
}

TEST_P(TimestampsScript, AnswerToASynMustEchoOneOfOurs) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{closed().timestamps()};
  t.open_active(180s).expect(syn()).at(1s).expect(syn().stamped(1'000, Seg::kNoEcho));
  t.at(1'100ms).peer_sends(syn_ack().echo(1'101)).expect(rst(1));
  t.expect_drop(DropReason::TcpBadHandshakeAck).expect_state(TcpState::SynSent);
  t.peer_sends(syn_ack().echo(0xffff'fff0)).expect(rst(1)).expect_state(TcpState::SynSent);
  t.peer_sends(rst_ack(0, 1).echo(5'000)).expect_nothing().expect_state(TcpState::SynSent);
  t.peer_sends(syn_ack().echo(0)).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(TimestampsScript, AnswerToASynMayEchoNothing) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{closed().timestamps()};
  t.open_active(180s).expect(syn());
  t.at(100ms).peer_sends(syn_ack().echo(Seg::kNoEcho)).expect(ack(1));
  t.expect_state(TcpState::Established);
}

TEST_P(TimestampsScript, RefusalWithoutThemCounts) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).peer_sends(rst_ack(0, 1)).expect_nothing();
  t.expect_outcome(fail(Error::ConnectionRefused));
}

TEST_P(TimestampsScript, SegmentThatLacksThemIsLetGoSilently) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{established().timestamps()};
  t.peer_sends(data(1, 100).without_timestamps()).expect_nothing();
  t.expect_drop(DropReason::TcpNoTimestamp).expect_silence_for_ever();
  t.peer_sends(fin(1).without_timestamps()).expect_nothing().expect_state(TcpState::Established);
  t.peer_sends(data(1, 100)).expect_drop(std::nullopt).app_reads(100).at(40ms).expect(ack(101));
}

TEST_P(TimestampsScript, SegmentThatLacksThemIsTakenIfConfiguredSo) {
  covers({"RFC 7323 §3.2"});
  auto start = established().timestamps();
  start.config.timestamps_required = false;
  TcpScript t{start};
  t.peer_sends(data(1, 100).without_timestamps()).expect_nothing().expect_drop(std::nullopt);
  t.at(40ms).expect(ack(101).stamped(140, 100)).app_reads(100);
}

TEST_P(TimestampsScript, ResetThatLacksThemCounts) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{established().timestamps()};
  t.peer_sends(rst(1).without_timestamps()).expect_nothing();
  t.expect_outcome(fail(Error::ConnectionReset));
}

TEST_P(TimestampsScript, SynThatLacksThemIsChallengedAsAny) {
  covers({"RFC 5961 §4.2"});
  TcpScript t{established().timestamps()};
  t.peer_sends(syn().from(1).without_timestamps()).expect(ack(1));
  t.expect_drop(DropReason::TcpUnexpectedSyn);
}

TEST_P(TimestampsScript, RepeatedSynThatLacksThemIsAnswered) {
  covers({"RFC 7323 §3.2"});
  TcpScript t{closed().timestamps()};
  t.open_passive(syn()).expect(syn_ack());
  t.at(500ms).peer_sends(syn().without_timestamps()).expect(syn_ack().stamped(500, 0));
}

TEST_P(TimestampsScript, LongQuietConnectionGoesOn) {
  covers({"RFC 7323 §5.5"});
  TcpScript t{established().timestamps()};
  t.at(std::chrono::hours{24 * 40}).peer_sends(data(1, 100)).expect_drop(std::nullopt);
  t.app_reads(100).after(40ms).expect(ack(101));
}

TEST_P(TimestampsScript, MillisecondsMakeNoPathShorterThanItIs) {
  covers({"RFC 6298 §3", "RFC 7323 §4.1"});
  // The answer to what was sent twice is timed by the echo alone, in whole ticks.
  for (const Duration at : {Duration{300ms}, Duration{300'100us}}) {
    auto start = established().rtt(1'900us).timestamps();
    TcpScript t{start};
    ASSERT_EQ(t.connection().rtt().minimum(), 1'900us);
    t.at(at - 250ms).app_sends(1'000).ignore_output();
    while (t.stats().tcp_retransmitted_segments == 0) {
      t.at(*t.deadline()).ignore_output();
    }
    const Duration srtt = t.connection().rtt().srtt();
    t.after(1'900us).peer_sends(ack(1'001)).expect_nothing();
    EXPECT_NE(t.connection().rtt().srtt(), srtt) << "it is a sample";
    EXPECT_EQ(t.connection().rtt().minimum(), 1'900us);
  }
}

}  // namespace

}  // namespace millrace::test
