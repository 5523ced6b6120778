// Opening: RFC 9293 §3.5 and §3.10.7.2 to §3.10.7.4, RFC 6298 §5.7, RFC 6928.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;

class Handshake : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Handshake, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Handshake, ActiveOpenSendsSynAndAcknowledgesTheAnswer) {  // RFC 9293 §3.5, figure 6
  covers({"RFC 9293 §3.5"});
  TcpScript t{closed().mss(1'400)};
  t.open_active(180s)
      .expect(syn().with_mss(1'400).with_scale(3).with_window(65'535))
      .expect_state(TcpState::SynSent);
  t.at(100ms).peer_sends(syn_ack()).expect(ack(1));
  t.expect_state(TcpState::Established).expect_events(Events::kConnected).expect_outcome({});
  t.expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_active_opens, 1U);
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
  EXPECT_EQ(t.connection().send_sequence().flight(), 0U);
}

TEST_P(Handshake, PassiveOpenAnswersSynAndAwaitsItsAck) {  // RFC 9293 §3.5, figure 6
  covers({"RFC 9293 §3.5"});
  TcpScript t{closed().mss(1'400)};
  t.open_passive(syn()).expect(syn_ack().with_mss(1'400).with_scale(3).with_window(65'535));
  t.expect_state(TcpState::SynReceived).expect_events(0);
  t.at(100ms).peer_sends(ack(1)).expect_nothing();
  t.expect_state(TcpState::Established).expect_events(Events::kConnected).expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_passive_opens, 1U);
}

TEST_P(Handshake, AckOfTheSynAckMayCarryData) {  // RFC 9293 §3.10.7.4, steps 5 and 7
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.at(100ms).peer_sends(data(1, 500).acks(1)).expect_nothing();
  t.expect_state(TcpState::Established).expect_events(Events::kConnected | Events::kReadable);
  t.at(140ms).expect(ack(501)).app_reads(500);
}

TEST_P(Handshake, AckOfTheSynAckMayCarryFin) {  // RFC 9293 §3.10.7.4, step 8
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(fin(1, 100).acks(1)).expect(ack(102)).expect_state(TcpState::CloseWait);
  t.app_reads(100).expect_events(Events::kConnected | Events::kReadable | Events::kPeerFinished);
}

TEST_P(Handshake, SynAckMayCarryData) {  // RFC 9293 §3.10.7.3, fifth
  covers({"RFC 9293 §3.10.7.3"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(100ms).peer_sends(syn_ack().with_bytes(300)).expect(ack(301));
  t.expect_events(Events::kConnected | Events::kReadable).app_reads(300);
}

TEST_P(Handshake, SynAckMayCarryDataAndFin) {  // RFC 9293 §3.10.7.3, fifth
  covers({"RFC 9293 §3.10.7.3"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.peer_sends(syn_ack().with_bytes(300).with_flags(wire::TcpFlags::kSyn | wire::TcpFlags::kAck |
                                                    wire::TcpFlags::kFin));
  t.expect(ack(302)).expect_state(TcpState::CloseWait).app_reads(300);
}

TEST_P(Handshake,
       SimultaneousOpenIsEstablishedByTheOthersSynAck) {  // RFC 9293 §3.5, figure 7, MUST-10
  covers({"RFC 9293 §3.5", "MUST-10"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(50ms).peer_sends(syn()).expect(syn_ack(1).with_scale(3)).expect_state(TcpState::SynReceived);
  t.at(100ms).peer_sends(syn_ack(1)).expect(ack(1)).expect_state(TcpState::Established);
  t.expect_events(Events::kConnected).expect_silence_for_ever();
  t.app_sends(100).expect(data(1, 100)).peer_sends(ack(101)).expect_nothing();
}

TEST_P(Handshake, WindowOfTheSynAckOfASimultaneousOpenIsNotScaled) {  // RFC 7323 §2.2
  covers({"RFC 7323 §2.2"});
  TcpScript t{closed().peer_scale(7)};
  t.open_active(180s)
      .expect(syn())
      .peer_sends(syn())
      .expect(syn_ack(1))
      .peer_sends(syn_ack(1))
      .expect(ack(1));
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 60'000U);
  EXPECT_EQ(t.connection().send_sequence().max_snd_wnd, 60'000U);
}

TEST_P(Handshake, SimultaneousOpenIsEstablishedByAnAck) {  // RFC 9293 §3.5, figure 7, MUST-10
  covers({"RFC 9293 §3.5", "MUST-10"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(50ms).peer_sends(syn()).expect(syn_ack(1));
  t.at(100ms)
      .peer_sends(ack(1))
      .expect_nothing()
      .expect_state(TcpState::Established)
      .expect_silence_for_ever();
}

TEST_P(Handshake, SimultaneousOpenEndsWithTheConnectTimeout) {  // RFC 9293 §3.8.3
  covers({"RFC 9293 §3.8.3"});
  TcpScript t{closed()};
  t.open_active(10s).expect(syn());
  t.peer_sends(syn()).expect(syn_ack(1));
  t.at(1s).expect(syn_ack(1)).at(3s).expect(syn_ack(1)).at(7s).expect(syn_ack(1));
  t.expect_silence_until(10s).expect_state(TcpState::Closed).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Handshake, SimultaneousOpenLateInAnOpenGetsItsTimeAsWell) {  // RFC 9293 §3.8.3, MUST-23
  covers({"RFC 9293 §3.8.3", "MUST-23", "MUST-10"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).at(1s).expect(syn()).at(3s).expect(syn()).at(7s).expect(syn());
  t.at(15s).expect(syn()).at(31s).expect(syn());
  // As many as a SYN,ACK of a listener's would get have left already.
  t.at(32s).peer_sends(syn()).expect(syn_ack(1));
  t.at(64s).expect(syn_ack(1)).expect_state(TcpState::SynReceived);
  t.at(65s).peer_sends(ack(1)).expect_nothing().expect_state(TcpState::Established);
}

TEST_P(Handshake, SynIsRepeatedAfterOneTwoAndFourSeconds) {  // RFC 6298 §2.1 and §5.5
  covers({"RFC 6298 §2.1", "RFC 6298 §5.5"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(1s).expect(syn().with_mss(1'000).with_scale(3)).at(3s).expect(syn()).at(7s).expect(syn());
  t.at(15s).expect(syn()).at(31s).expect(syn()).at(63s).expect(syn());
  t.at(64s).peer_sends(syn_ack()).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(Handshake, ActiveOpenGivesUpExactlyWhenItsTimeIsOver) {  // RFC 9293 §3.8.3, MUST-23
  covers({"RFC 9293 §3.8.3", "MUST-23"});
  TcpScript t{closed()};
  t.open_active(10s).expect(syn());
  t.at(1s).expect(syn()).at(3s).expect(syn()).at(7s).expect(syn());
  t.expect_silence_until(10s - 1ns).expect_state(TcpState::SynSent).expect_silence_until(10s);
  t.expect_state(TcpState::Closed)
      .expect_outcome(fail(Error::TimedOut))
      .expect_events(Events::kClosed);
  t.expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_failed_opens, 1U);
}

TEST_P(Handshake, SynAckIsRepeatedFiveTimesAndGivenUp) {  // RFC 9293 §3.8.3
  covers({"RFC 9293 §3.8.3"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.at(1s).expect(syn_ack()).at(3s).expect(syn_ack()).at(7s).expect(syn_ack()).at(15s).expect(
      syn_ack());
  t.at(31s).expect(syn_ack()).expect_silence_until(63s);
  t.expect_state(TcpState::Closed).expect_outcome(fail(Error::TimedOut)).expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_failed_opens, 1U);
}

TEST_P(Handshake, SynAckIsSentAgainForARepeatedSyn) {  // RFC 9293 §3.10.7.4, step 1
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.at(500ms).peer_sends(syn()).expect(syn_ack());
  t.at(1s).expect(syn_ack());
}

TEST_P(Handshake, AckBesideARepeatedSynIsEnough) {  // RFC 9293 §3.10.7.4, step 5
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends_at_once(syn(), ack(1).from(1)).expect_nothing().expect_state(TcpState::Established);
}

TEST_P(Handshake, SynAckSentTwiceGivesNoRoundTripTime) {  // RFC 6298 §3, Karn's algorithm
  covers({"RFC 6298 §3"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.at(900ms).peer_sends(syn()).expect(syn_ack());
  t.at(950ms).peer_sends(ack(1)).expect_nothing().expect_state(TcpState::Established);
  EXPECT_FALSE(t.connection().rtt().has_sample());
}

TEST_P(Handshake, AfterALostSynDataStartsCautiously) {  // RFC 6298 §5.7, RFC 5681 §3.1
  covers({"RFC 6298 §5.7", "RFC 5681 §3.1"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(1s).expect(syn());
  t.at(1'100ms).peer_sends(syn_ack()).expect(ack(1));
  EXPECT_FALSE(t.connection().rtt().has_sample());
  t.app_sends(3'000)
      .expect(data(1, 1'000))
      .expect_silence_until(4'100ms - 1ns)
      .at(4'100ms)
      .expect(data(1, 1'000));
}

TEST_P(Handshake, ResetWithTheRightAckRefuses) {  // RFC 9293 §3.10.7.3, second
  covers({"RFC 9293 §3.10.7.3"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(100ms).peer_sends(rst_ack(0, 1)).expect_nothing();
  t.expect_state(TcpState::Closed)
      .expect_outcome(fail(Error::ConnectionRefused))
      .expect_events(Events::kClosed);
  t.expect_silence_for_ever();
}

TEST_P(Handshake,
       ResetWithoutTheRightAckIsIgnoredInSynSent) {  // RFC 9293 §3.10.7.3, first and second
  covers({"RFC 9293 §3.10.7.3"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.peer_sends(rst_ack(0, 2)).expect_nothing().expect_drop(DropReason::TcpBadHandshakeAck);
  t.peer_sends(rst_ack(0, 0)).expect_nothing().expect_drop(DropReason::TcpBadHandshakeAck);
  t.peer_sends(rst(0)).expect_nothing().expect_drop(DropReason::TcpBadReset);
  t.expect_state(TcpState::SynSent).at(1s).expect(syn());
}

TEST_P(Handshake,
       BadAckInSynSentIsAnsweredWithAReset) {  // RFC 9293 §3.10.7.3, first; §3.5.2, figure 9
  covers({"RFC 9293 §3.10.7.3", "RFC 9293 §3.5.2"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.peer_sends(syn_ack(0)).expect(rst(0)).expect_drop(DropReason::TcpBadHandshakeAck);
  t.peer_sends(syn_ack(2)).expect(rst(2)).expect_drop(DropReason::TcpBadHandshakeAck);
  t.peer_sends(ack(77).from(400)).expect(rst(77)).expect_state(TcpState::SynSent);
  t.at(1s).expect(syn()).peer_sends(syn_ack(1)).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(Handshake, GoodAckWithoutSynIsIgnoredInSynSent) {  // RFC 9293 §3.10.7.3, fifth
  covers({"RFC 9293 §3.10.7.3"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.peer_sends(ack(1))
      .expect_nothing()
      .expect_drop(DropReason::TcpBadFlags)
      .expect_state(TcpState::SynSent);
  t.at(1s).expect(syn());
}

TEST_P(Handshake, BadAckInSynReceivedIsAnsweredWithAReset) {  // RFC 9293 §3.10.7.4, step 5
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(ack(2)).expect(rst(2)).expect_drop(DropReason::TcpBadHandshakeAck);
  t.peer_sends(ack(0)).expect(rst(0)).expect_state(TcpState::SynReceived);
  t.peer_sends(ack(1)).expect_nothing().expect_state(TcpState::Established);
}

TEST_P(Handshake, SegmentWithoutAckIsIgnoredInSynReceived) {  // RFC 9293 §3.10.7.4, step 5
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(data(1, 100).with_flags(wire::TcpFlags::kPsh))
      .expect_nothing()
      .expect_drop(DropReason::TcpNoAck);
  t.expect_state(TcpState::SynReceived).at(1s).expect(syn_ack());
}

TEST_P(Handshake, PeerThatNamesNoMssTakes536Bytes) {  // RFC 9293 §3.7.1, MUST-15
  covers({"RFC 9293 §3.7.1", "MUST-15"});
  TcpScript t{closed()};
  t.open_passive(syn().with_mss(0)).expect(syn_ack().with_mss(1'000));
  t.peer_sends(ack(1)).app_sends(1'072).expect(data(1, 536), data(537, 536));
}

TEST_P(Handshake, SmallerOfBothMssCounts) {  // RFC 9293 §3.7.1, MUST-16
  covers({"RFC 9293 §3.7.1", "MUST-16"});
  TcpScript small_peer{closed()};
  small_peer.open_passive(syn().with_mss(700)).expect(syn_ack().with_mss(1'000));
  small_peer.peer_sends(ack(1)).app_sends(1'400).expect(data(1, 700), data(701, 700));
  TcpScript large_peer{closed()};
  large_peer.open_passive(syn().with_mss(9'000)).expect(syn_ack().with_mss(1'000));
  large_peer.peer_sends(ack(1)).app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
}

TEST_P(Handshake, AbsurdMssIsRaised) {  // RFC 9293 §3.7.1
  covers({"RFC 9293 §3.7.1"});
  TcpScript t{closed()};
  t.open_passive(syn().with_mss(1)).expect(syn_ack());
  t.peer_sends(ack(1)).app_sends(96).expect(data(1, 48), data(49, 48));
}

TEST_P(Handshake, SendingBeforeEstablishedIsRefused) {  // RFC 9293 §3.10.2
  covers({"RFC 9293 §3.10.2"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  EXPECT_EQ(t.app_tries_to_send(10), fail(Error::InvalidState));
}

/// What arrives, its ACK, and what must come of it in SYN-SENT.
struct SynSentCase {
  const char* name;
  std::uint8_t flags;
  std::optional<std::uint32_t> acks;
  std::optional<std::uint32_t> reset;  ///< Its sequence number, if one is due.
  std::optional<DropReason> dropped;
};

constexpr std::uint8_t kS = wire::TcpFlags::kSyn;
constexpr std::uint8_t kF = wire::TcpFlags::kFin;
constexpr std::uint8_t kR = wire::TcpFlags::kRst;
constexpr std::uint8_t kA = wire::TcpFlags::kAck;

const SynSentCase kSynSent[] = {
    {"nothing at all", 0, {}, {}, DropReason::TcpBadFlags},
    {"FIN", kF, {}, {}, DropReason::TcpBadFlags},
    {"RST", kR, {}, {}, DropReason::TcpBadReset},
    {"RST,SYN", kR | kS, {}, {}, DropReason::TcpBadReset},
    {"good ACK", kA, 1, {}, DropReason::TcpBadFlags},
    {"good FIN,ACK", kF | kA, 1, {}, DropReason::TcpBadFlags},
    {"ACK of the SYN's own number", kA, 0, 0, DropReason::TcpBadHandshakeAck},
    {"ACK of the unsent", kA, 2, 2, DropReason::TcpBadHandshakeAck},
    {"ACK far ahead", kA, 0x7fff'fff0, 0x7fff'fff0, DropReason::TcpBadHandshakeAck},
    {"ACK far behind", kA, 0x9000'0000, 0x9000'0000, DropReason::TcpBadHandshakeAck},
    {"FIN,ACK of the unsent", kF | kA, 2, 2, DropReason::TcpBadHandshakeAck},
    {"SYN,ACK of the SYN's own number", kS | kA, 0, 0, DropReason::TcpBadHandshakeAck},
    {"SYN,ACK of the unsent", kS | kA, 2, 2, DropReason::TcpBadHandshakeAck},
    {"SYN,FIN,ACK of the unsent", kS | kF | kA, 2, 2, DropReason::TcpBadHandshakeAck},
    {"RST,ACK of the SYN's own number", kR | kA, 0, {}, DropReason::TcpBadHandshakeAck},
    {"RST,ACK of the unsent", kR | kA, 2, {}, DropReason::TcpBadHandshakeAck},
    {"SYN,RST,ACK of the unsent", kS | kR | kA, 2, {}, DropReason::TcpBadHandshakeAck},
};

TEST_P(Handshake, SynSentLetsNothingElsePass) {
  covers({"RFC 9293 §3.10.7.3"});
  for (const SynSentCase& each : kSynSent) {
    SCOPED_TRACE(each.name);
    TcpScript t{closed()};
    t.open_active(180s).expect(syn());
    Seg seg = syn().with_flags(each.flags).with_bytes(10);
    t.peer_sends(each.acks ? seg.acks(*each.acks) : seg);
    if (each.reset) {
      t.expect(rst(*each.reset));
    } else {
      t.expect_nothing();
    }
    t.expect_drop(each.dropped).expect_state(TcpState::SynSent).expect_events(0);
    t.at(1s).expect(syn()).peer_sends(syn_ack(1)).expect(ack(1));
    t.expect_state(TcpState::Established);
  }
}

TEST_P(Handshake, ResetOutranksSynInSynSent) {
  covers({"RFC 9293 §3.10.7.3"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).peer_sends(syn_ack(1).with_flags(kS | kR | kA));
  t.expect_nothing().expect_outcome(fail(Error::ConnectionRefused));
}

TEST_P(Handshake, RefusalCountsWhateverItsSequenceNumber) {
  covers({"RFC 9293 §3.10.7.3"});
  for (const std::uint32_t seq : {0U, 1U, 0x8000'0000U, 0xffff'ffffU}) {
    TcpScript t{closed()};
    t.open_active(180s).expect(syn()).peer_sends(rst_ack(seq, 1)).expect_nothing();
    t.expect_outcome(fail(Error::ConnectionRefused));
  }
}

TEST_P(Handshake, SynWithFinInSynSentIsASimultaneousOpen) {
  covers({"MUST-10", "RFC 9293 §3.10.7.3"});
  TcpScript t{closed()};
  // Its FIN and data are not acknowledged, so they come again.
  t.open_active(180s).expect(syn()).peer_sends(syn().with_flags(kS | kF).with_bytes(100));
  t.expect(syn_ack(1)).expect_state(TcpState::SynReceived).expect_events(0);
  t.peer_sends(ack(1).from(1)).expect_nothing().expect_state(TcpState::Established);
  t.peer_sends(fin(1, 100)).expect(ack(102)).app_reads(100);
}

TEST_P(Handshake, SimultaneousOpenSurvivesALostSynAck) {
  covers({"MUST-10"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(50ms).peer_sends(syn()).expect(syn_ack(1));
  t.at(500ms).peer_sends(syn()).expect(syn_ack(1));
  t.at(600ms).peer_sends(syn_ack(1)).expect(ack(1)).expect_state(TcpState::Established);
  t.expect_silence_for_ever();
}

TEST_P(Handshake, SimultaneousOpenTakesDataWithTheLastAck) {
  covers({"MUST-10"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).peer_sends(syn()).expect(syn_ack(1));
  t.peer_sends(data(1, 200).acks(1)).expect_nothing().expect_state(TcpState::Established);
  t.at(40ms).expect(ack(201)).app_reads(200);
  EXPECT_EQ(t.stats().tcp_active_opens, 1U) << "it was opened actively";
}

TEST_P(Handshake, SimultaneousOpenWithAWrongSynAckIsReset) {
  covers({"MUST-10", "RFC 9293 §3.10.7.4 step 5"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).peer_sends(syn()).expect(syn_ack(1));
  t.peer_sends(syn_ack(2)).expect(rst(2)).expect_state(TcpState::SynReceived);
  t.peer_sends(syn_ack(1)).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(Handshake, SimultaneousOpenSendsDataBothWays) {
  covers({"MUST-10"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).peer_sends(syn()).expect(syn_ack(1));
  t.peer_sends(syn_ack(1)).expect(ack(1));
  t.app_sends(300).expect(data(1, 300)).peer_sends(data(1, 400).acks(301)).expect_nothing();
  t.at(40ms).expect(ack(401)).app_reads(400).app_closes().expect(fin(301));
  t.peer_sends(fin(401).acks(302)).expect(ack(402)).expect_state(TcpState::TimeWait);
}

TEST_P(Handshake, AnotherSynInSynReceivedReturnsAPassiveOpenToListen) {
  covers({"MUST-11", "RFC 9293 §3.10.7.4 step 4"});
  for (const std::uint32_t seq : {1U, 100U}) {
    TcpScript t{closed()};
    t.open_passive(syn()).expect(syn_ack());
    t.peer_sends(syn().from(seq)).expect_nothing().expect_drop(DropReason::TcpUnexpectedSyn);
    t.expect_state(TcpState::Closed).expect_silence_for_ever();
    EXPECT_EQ(t.stats().tcp_failed_opens, 1U);
  }
}

TEST_P(Handshake, AnotherSynInSynReceivedIsAskedAboutInAnActiveOpen) {
  covers({"MUST-11", "RFC 9293 §3.10.7.4 step 4", "RFC 5961 §4.2"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).peer_sends(syn()).expect(syn_ack(1));
  t.peer_sends(syn().from(100)).expect(ack(1)).expect_state(TcpState::SynReceived);
  t.peer_sends(syn_ack(1)).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(Handshake, SynOutsideOfTheWindowIsAskedAboutInSynReceived) {
  covers({"RFC 9293 §3.10.7.4 step 1"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(syn().from(0x8000'0000U)).expect(ack(1)).expect_state(TcpState::SynReceived);
  t.peer_sends(ack(1).from(1)).expect_nothing().expect_state(TcpState::Established);
}

TEST_P(Handshake, SynRepeatedWithDataGetsTheAnswerAgain) {
  covers({"RFC 9293 §3.10.7.2"});
  TcpScript t{closed()};
  t.open_passive(syn().with_bytes(100)).expect(syn_ack(1));
  t.at(200ms).peer_sends(syn().with_bytes(100)).expect(syn_ack(1));
  t.expect_state(TcpState::SynReceived).expect_events(0);
  t.peer_sends(data(1, 100).acks(1)).expect_nothing().expect_state(TcpState::Established);
  t.at(240ms).expect(ack(101)).app_reads(100);
}

TEST_P(Handshake, SynRepeatedWithFinGetsTheAnswerAgain) {
  covers({"RFC 9293 §3.10.7.2"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack(1));
  t.peer_sends(syn().with_flags(kS | kF)).expect(syn_ack(1)).expect_state(TcpState::SynReceived);
}

TEST_P(Handshake, SegmentOutsideOfTheWindowIsAcknowledgedInSynReceived) {
  covers({"RFC 9293 §3.10.7.4 step 1"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(data(0x1000'0000U, 10).acks(1)).expect(ack(1));
  t.expect_drop(DropReason::TcpOutOfWindow).expect_state(TcpState::SynReceived).expect_events(0);
}

TEST_P(Handshake, BadAcksInSynReceivedAreAnsweredByTheirOwnReset) {
  covers({"RFC 9293 §3.10.7.4 step 5"});
  for (const std::uint32_t bad : {0U, 2U, 0x7fff'0000U, 0x9000'0000U}) {
    TcpScript t{closed()};
    t.open_passive(syn()).expect(syn_ack());
    t.peer_sends(data(1, 50).acks(bad)).expect(rst(bad));
    t.expect_drop(DropReason::TcpBadHandshakeAck).expect_state(TcpState::SynReceived);
    t.peer_sends(data(1, 50).acks(1))
        .expect_nothing()
        .expect_events(Events::kConnected | Events::kReadable);
    t.at(40ms).expect(ack(51)).app_reads(50);
  }
}

TEST_P(Handshake, FinWithoutAckIsIgnoredInSynReceived) {
  covers({"RFC 9293 §3.10.7.4 step 5"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(fin(1).with_flags(kF)).expect_nothing().expect_drop(DropReason::TcpNoAck);
  t.expect_state(TcpState::SynReceived);
}

TEST_P(Handshake, AckOutOfOrderInSynReceivedStillEstablishes) {
  covers({"RFC 9293 §3.10.7.4 step 5", "SHLD-31"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  // The first segment was lost; the second one's ACK completes the handshake.
  t.peer_sends(data(101, 100).acks(1)).expect(ack(1)).expect_state(TcpState::Established);
  t.peer_sends(data(1, 100).acks(1)).expect(ack(201)).app_reads(200);
}

TEST_P(Handshake, AbortInSynReceivedAfterASimultaneousOpenResets) {
  covers({"RFC 9293 §3.10.5"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).peer_sends(syn()).expect(syn_ack(1));
  t.app_aborts().expect(rst_ack(1, 1)).expect_silence_for_ever();
}

TEST_P(Handshake, CloseInSynSentSendsNothing) {
  covers({"RFC 9293 §3.10.4"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).app_closes().expect_nothing().expect_state(TcpState::Closed);
  t.expect_silence_for_ever();
}

TEST_P(Handshake, AfterATakenOverFourTupleTheNumbersMustBeNew) {
  covers({"RFC 6191 §2"});
  // The old connection's numbers ended at 5'000.
  for (const std::uint32_t seq : {5'001U, 5'002U, 0x7000'0000U}) {
    TcpScript t{closed()};
    t.open_active(180s).expect(syn());
    t.connection().require_irs_after(wire::SeqNum{GetParam().irs} + 5'000);
    t.peer_sends(syn_ack(1).from(seq)).expect(ack(seq + 1)).expect_state(TcpState::Established);
  }
  for (const std::uint32_t seq : {5'000U, 4'999U, 1U, 0x9000'0000U}) {
    TcpScript t{closed()};
    t.open_active(180s).expect(syn());
    t.connection().require_irs_after(wire::SeqNum{GetParam().irs} + 5'000);
    t.peer_sends(syn_ack(1).from(seq)).expect(rst(1));
    t.expect_drop(DropReason::TcpTimeWait).expect_outcome(fail(Error::AddressInUse));
    t.expect_silence_for_ever();
  }
}

TEST_P(Handshake, AfterATakenOverFourTupleASynAloneEndsNothing) {
  covers({"RFC 6191 §2"});
  // Anybody could have sent it, and half of all numbers are old.
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.connection().require_irs_after(wire::SeqNum{GetParam().irs} + 5'000);
  t.peer_sends(syn().from(4'000)).expect_nothing().expect_drop(DropReason::TcpTimeWait);
  t.peer_sends(syn_ack(1).from(6'000)).expect(ack(6'001)).expect_state(TcpState::Established);
}

}  // namespace

}  // namespace millrace::test
