// Opening: RFC 9293 §3.5 and §3.10.7.2 to §3.10.7.4, RFC 6298 §5.7, RFC 6928.
#include <gtest/gtest.h>

#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;

class Handshake : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Handshake, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Handshake, ActiveOpenSendsSynAndAcknowledgesTheAnswer) {  // RFC 9293 §3.5, figure 6
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
  TcpScript t{closed().mss(1'400)};
  t.open_passive(syn()).expect(syn_ack().with_mss(1'400).with_scale(3).with_window(65'535));
  t.expect_state(TcpState::SynReceived).expect_events(0);
  t.at(100ms).peer_sends(ack(1)).expect_nothing();
  t.expect_state(TcpState::Established).expect_events(Events::kConnected).expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_passive_opens, 1U);
}

TEST_P(Handshake, AckOfTheSynAckMayCarryData) {  // RFC 9293 §3.10.7.4, steps 5 and 7
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.at(100ms).peer_sends(data(1, 500).acks(1)).expect_nothing();
  t.expect_state(TcpState::Established).expect_events(Events::kConnected | Events::kReadable);
  t.at(140ms).expect(ack(501)).app_reads(500);
}

TEST_P(Handshake, AckOfTheSynAckMayCarryFin) {  // RFC 9293 §3.10.7.4, step 8
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(fin(1, 100).acks(1)).expect(ack(102)).expect_state(TcpState::CloseWait);
  t.app_reads(100).expect_events(Events::kConnected | Events::kReadable | Events::kPeerFinished);
}

TEST_P(Handshake, SynAckMayCarryData) {  // RFC 9293 §3.10.7.3, fifth
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(100ms).peer_sends(syn_ack().with_bytes(300)).expect(ack(301));
  t.expect_events(Events::kConnected | Events::kReadable).app_reads(300);
}

TEST_P(Handshake, SynAckMayCarryDataAndFin) {  // RFC 9293 §3.10.7.3, fifth
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.peer_sends(syn_ack().with_bytes(300).with_flags(wire::TcpFlags::kSyn | wire::TcpFlags::kAck |
                                                    wire::TcpFlags::kFin));
  t.expect(ack(302)).expect_state(TcpState::CloseWait).app_reads(300);
}

TEST_P(Handshake,
       SimultaneousOpenIsEstablishedByTheOthersSynAck) {  // RFC 9293 §3.5, figure 7, MUST-10
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(50ms).peer_sends(syn()).expect(syn_ack(1).with_scale(3)).expect_state(TcpState::SynReceived);
  t.at(100ms).peer_sends(syn_ack(1)).expect(ack(1)).expect_state(TcpState::Established);
  t.expect_events(Events::kConnected).expect_silence_for_ever();
  t.app_sends(100).expect(data(1, 100)).peer_sends(ack(101)).expect_nothing();
}

TEST_P(Handshake, WindowOfTheSynAckOfASimultaneousOpenIsNotScaled) {  // RFC 7323 §2.2
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
  TcpScript t{closed()};
  t.open_active(10s).expect(syn());
  t.peer_sends(syn()).expect(syn_ack(1));
  t.at(1s).expect(syn_ack(1)).at(3s).expect(syn_ack(1)).at(7s).expect(syn_ack(1));
  t.expect_silence_until(10s).expect_state(TcpState::Closed).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Handshake, SynIsRepeatedAfterOneTwoAndFourSeconds) {  // RFC 6298 §2.1 and §5.5
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(1s).expect(syn().with_mss(1'000).with_scale(3)).at(3s).expect(syn()).at(7s).expect(syn());
  t.at(15s).expect(syn()).at(31s).expect(syn()).at(63s).expect(syn());
  t.at(64s).peer_sends(syn_ack()).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(Handshake, ActiveOpenGivesUpExactlyWhenItsTimeIsOver) {  // RFC 9293 §3.8.3, MUST-23
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
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.at(1s).expect(syn_ack()).at(3s).expect(syn_ack()).at(7s).expect(syn_ack()).at(15s).expect(
      syn_ack());
  t.at(31s).expect(syn_ack()).expect_silence_until(63s);
  t.expect_state(TcpState::Closed).expect_outcome(fail(Error::TimedOut)).expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_failed_opens, 1U);
}

TEST_P(Handshake, SynAckIsSentAgainForARepeatedSyn) {  // RFC 9293 §3.10.7.4, step 1
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.at(500ms).peer_sends(syn()).expect(syn_ack());
  t.at(1s).expect(syn_ack());
}

TEST_P(Handshake, SynAckSentTwiceGivesNoRoundTripTime) {  // RFC 6298 §3, Karn's algorithm
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.at(900ms).peer_sends(syn()).expect(syn_ack());
  t.at(950ms).peer_sends(ack(1)).expect_nothing().expect_state(TcpState::Established);
  EXPECT_FALSE(t.connection().rtt().has_sample());
}

TEST_P(Handshake, AfterALostSynDataStartsCautiously) {  // RFC 6298 §5.7, RFC 5681 §3.1
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
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.peer_sends(rst_ack(0, 2)).expect_nothing().expect_drop(DropReason::TcpBadHandshakeAck);
  t.peer_sends(rst_ack(0, 0)).expect_nothing().expect_drop(DropReason::TcpBadHandshakeAck);
  t.peer_sends(rst(0)).expect_nothing().expect_drop(DropReason::TcpBadReset);
  t.expect_state(TcpState::SynSent).at(1s).expect(syn());
}

TEST_P(Handshake,
       BadAckInSynSentIsAnsweredWithAReset) {  // RFC 9293 §3.10.7.3, first; §3.5.2, figure 9
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.peer_sends(syn_ack(0)).expect(rst(0)).expect_drop(DropReason::TcpBadHandshakeAck);
  t.peer_sends(syn_ack(2)).expect(rst(2)).expect_drop(DropReason::TcpBadHandshakeAck);
  t.peer_sends(ack(77).from(400)).expect(rst(77)).expect_state(TcpState::SynSent);
  t.at(1s).expect(syn()).peer_sends(syn_ack(1)).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(Handshake, GoodAckWithoutSynIsIgnoredInSynSent) {  // RFC 9293 §3.10.7.3, fifth
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.peer_sends(ack(1))
      .expect_nothing()
      .expect_drop(DropReason::TcpBadFlags)
      .expect_state(TcpState::SynSent);
  t.at(1s).expect(syn());
}

TEST_P(Handshake, BadAckInSynReceivedIsAnsweredWithAReset) {  // RFC 9293 §3.10.7.4, step 5
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(ack(2)).expect(rst(2)).expect_drop(DropReason::TcpBadHandshakeAck);
  t.peer_sends(ack(0)).expect(rst(0)).expect_state(TcpState::SynReceived);
  t.peer_sends(ack(1)).expect_nothing().expect_state(TcpState::Established);
}

TEST_P(Handshake, SegmentWithoutAckIsIgnoredInSynReceived) {  // RFC 9293 §3.10.7.4, step 5
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(data(1, 100).with_flags(wire::TcpFlags::kPsh))
      .expect_nothing()
      .expect_drop(DropReason::TcpNoAck);
  t.expect_state(TcpState::SynReceived).at(1s).expect(syn_ack());
}

TEST_P(Handshake, PeerThatNamesNoMssTakes536Bytes) {  // RFC 9293 §3.7.1, MUST-15
  TcpScript t{closed()};
  t.open_passive(syn().with_mss(0)).expect(syn_ack().with_mss(1'000));
  t.peer_sends(ack(1)).app_sends(1'072).expect(data(1, 536), data(537, 536));
}

TEST_P(Handshake, SmallerOfBothMssCounts) {  // RFC 9293 §3.7.1, MUST-16
  TcpScript small_peer{closed()};
  small_peer.open_passive(syn().with_mss(700)).expect(syn_ack().with_mss(1'000));
  small_peer.peer_sends(ack(1)).app_sends(1'400).expect(data(1, 700), data(701, 700));
  TcpScript large_peer{closed()};
  large_peer.open_passive(syn().with_mss(9'000)).expect(syn_ack().with_mss(1'000));
  large_peer.peer_sends(ack(1)).app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
}

TEST_P(Handshake, AbsurdMssIsRaised) {  // RFC 9293 §3.7.1
  TcpScript t{closed()};
  t.open_passive(syn().with_mss(1)).expect(syn_ack());
  t.peer_sends(ack(1)).app_sends(96).expect(data(1, 48), data(49, 48));
}

TEST_P(Handshake, SendingBeforeEstablishedIsRefused) {  // RFC 9293 §3.10.2
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  EXPECT_EQ(t.app_tries_to_send(10), fail(Error::InvalidState));
}

}  // namespace

}  // namespace millrace::test
