// Closing: RFC 9293 §3.6 and §3.10.4, in every order of who finishes when.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;

class Close : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Close, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Close, ActiveCloseGoesThroughFinWaitToTimeWait) {  // RFC 9293 §3.6, figure 12
  covers({"RFC 9293 §3.6"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1).acks(1)).expect_state(TcpState::FinWait1).expect_events(0);
  t.at(100ms).peer_sends(ack(2)).expect_nothing().expect_state(TcpState::FinWait2);
  t.at(200ms).peer_sends(fin(1)).expect(ack(2)).expect_state(TcpState::TimeWait);
  t.expect_events(Events::kClosed).expect_outcome({}).expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_closed, 1U);
}

TEST_P(Close, FinThatAcknowledgesOursLeadsStraightToTimeWait) {  // RFC 9293 §3.10.7.4, step 8
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1));
  t.peer_sends(fin(1).acks(2))
      .expect(ack(2))
      .expect_state(TcpState::TimeWait)
      .expect_events(Events::kClosed);
  t.expect_silence_for_ever();
}

TEST_P(Close, PassiveCloseGoesThroughCloseWaitAndLastAck) {  // RFC 9293 §3.6, figure 12
  covers({"RFC 9293 §3.6"});
  TcpScript t{established()};
  t.peer_sends(fin(1))
      .expect(ack(2))
      .expect_state(TcpState::CloseWait)
      .expect_events(Events::kPeerFinished);
  EXPECT_EQ(t.connection().readable(), fail(Error::EndOfStream));
  t.expect_silence_for_ever();
  t.at(5s).app_closes().expect(fin(1).acks(2)).expect_state(TcpState::LastAck);
  t.peer_sends(ack(2)).expect_nothing().expect_state(TcpState::Closed);
  t.expect_events(Events::kClosed).expect_outcome({}).expect_silence_for_ever();
}

TEST_P(Close, SimultaneousCloseGoesThroughClosing) {  // RFC 9293 §3.6, figure 13
  covers({"RFC 9293 §3.6"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1));
  t.peer_sends(fin(1).acks(1)).expect(ack(2)).expect_state(TcpState::Closing);
  t.peer_sends(ack(2)).expect_nothing().expect_state(TcpState::TimeWait);
  t.expect_events(Events::kClosed).expect_silence_for_ever();
}

TEST_P(Close, AfterOurHalfCloseThePeersDataIsStillRead) {  // RFC 9293 §3.6, case 1
  covers({"RFC 9293 §3.6"});
  TcpScript t{established()};
  t.app_shuts_down().expect(fin(1)).peer_sends(ack(2)).expect_nothing();
  t.expect_state(TcpState::FinWait2).expect_silence_for_ever();
  t.at(600s).peer_sends(data(1, 1'000)).expect_nothing().expect_events(Events::kReadable);
  t.app_reads(1'000).after(40ms).expect(ack(1'001));
  t.peer_sends(fin(1'001)).expect(ack(1'002)).expect_state(TcpState::TimeWait);
  t.expect_events(Events::kPeerFinished | Events::kClosed);
}

TEST_P(Close, InFinWait1ThePeersDataIsStillRead) {  // RFC 9293 §3.6, case 1
  covers({"RFC 9293 §3.6"});
  TcpScript t{established()};
  t.app_shuts_down().expect(fin(1));
  t.peer_sends(data(1, 100).acks(1)).expect_nothing().app_reads(100);
  t.peer_sends(ack(2))
      .expect_nothing()
      .expect_state(TcpState::FinWait2)
      .after(40ms)
      .expect(ack(101));
}

TEST_P(Close, AfterThePeersHalfCloseWeMaySend) {  // RFC 9293 §3.6, case 2
  covers({"RFC 9293 §3.6"});
  TcpScript t{established()};
  t.peer_sends(fin(1)).expect(ack(2));
  t.app_sends(1'500).expect(data(1, 1'000).acks(2), data(1'001, 500).acks(2));
  t.peer_sends(ack(1'501)).expect_nothing().expect_state(TcpState::CloseWait);
  t.app_shuts_down().expect(fin(1'501)).peer_sends(ack(1'502)).expect_state(TcpState::Closed);
  t.expect_outcome({})
      .expect_events(Events::kPeerFinished | Events::kClosed)
      .expect_silence_for_ever();
}

TEST_P(Close, FinWaitsForDataThatIsQueued) {  // RFC 9293 §3.10.4, CLOSE in ESTABLISHED
  covers({"RFC 9293 §3.10.4"});
  TcpScript t{established().cwnd(2'000)};
  t.app_sends(4'500).expect(data(1, 1'000), data(1'001, 1'000));
  t.app_closes().expect_nothing().expect_state(TcpState::FinWait1);
  t.peer_sends(ack(2'001)).expect(data(2'001, 1'000), data(3'001, 1'000), fin(4'001, 500));
  t.peer_sends(ack(4'502)).expect_nothing().expect_state(TcpState::FinWait2);
}

TEST_P(Close, FinTravelsWithTheLastDataAndEndsNaglesWait) {  // RFC 9293 §3.9.1.2
  covers({"RFC 9293 §3.9.1.2"});
  TcpScript t{established()};
  t.app_sends(300).expect(data(1, 300)).app_sends(200).expect_nothing();
  t.app_closes().expect(fin(301, 200).pushed());
}

TEST_P(Close, PeersFinWithDataIsReadFirst) {  // RFC 9293 §3.10.7.4, steps 7 and 8
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(fin(1, 400))
      .expect(ack(402))
      .expect_events(Events::kReadable)
      .expect_state(TcpState::CloseWait);
  EXPECT_EQ(t.connection().readable(), 400U);
  t.app_reads(400).expect_events(Events::kPeerFinished);
  EXPECT_EQ(t.connection().readable(), fail(Error::EndOfStream));
}

TEST_P(Close, LostFinIsRepeated) {  // RFC 9293 §3.8.1
  covers({"RFC 9293 §3.8.1"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1));
  t.at(300ms).expect(fin(1)).at(900ms).expect(fin(1)).at(2'100ms).expect(fin(1));
  t.peer_sends(ack(2)).expect_nothing().expect_state(TcpState::FinWait2);
}

TEST_P(Close, LostFinWithDataIsRepeatedWithIt) {  // RFC 9293 §3.8.1
  covers({"RFC 9293 §3.8.1"});
  TcpScript t{established()};
  t.app_sends(300).expect(data(1, 300)).app_sends(200).app_closes().expect(fin(301, 200));
  t.at(300ms).expect(data(1, 300), fin(301, 200)).peer_sends(ack(301)).expect_nothing();
  t.peer_sends(ack(502)).expect_nothing().expect_state(TcpState::FinWait2);
}

TEST_P(Close, FinAheadOfAHoleTakesEffectWhenItIsFilled) {  // RFC 9293 §3.10.7.4, MAY-13
  covers({"MAY-13", "RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(fin(1'001)).expect(ack(1)).expect_state(TcpState::Established).expect_events(0);
  t.peer_sends(data(1, 1'000)).expect(ack(1'002)).expect_state(TcpState::CloseWait);
  t.expect_events(Events::kReadable).app_reads(1'000).expect_events(Events::kPeerFinished);
}

TEST_P(Close, FinBehindDataAheadOfAHoleTakesEffectWhenItIsFilled) {  // RFC 9293 §3.10.7.4, MAY-13
  covers({"MAY-13", "RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(fin(1'001, 500)).expect(ack(1));
  t.peer_sends(data(1, 1'000))
      .expect(ack(1'502))
      .expect_state(TcpState::CloseWait)
      .app_reads(1'500);
}

TEST_P(Close, RepeatedFinIsAcknowledgedAgain) {  // RFC 9293 §3.10.7.4, step 1
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(fin(1)).expect(ack(2)).peer_sends(fin(1)).expect(ack(2)).expect_state(
      TcpState::CloseWait);
  t.app_closes()
      .expect(fin(1))
      .peer_sends(fin(1).acks(1))
      .expect(ack(2))
      .expect_state(TcpState::LastAck);
  t.peer_sends(fin(1).acks(2)).expect(ack(2)).expect_state(TcpState::LastAck);
  t.peer_sends(ack(2)).expect_nothing().expect_state(TcpState::Closed);
}

TEST_P(Close, NothingCanFollowThePeersFin) {  // RFC 9293 §3.10.7.4, step 7
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(fin(1)).expect(ack(2));
  t.peer_sends(data(2, 100)).expect_nothing().expect_drop(DropReason::TcpDuplicateData);
  EXPECT_EQ(t.connection().readable(), fail(Error::EndOfStream));
}

TEST_P(Close, CloseWithUnreadDataResets) {  // RFC 9293 §3.6.1, SHLD-3
  covers({"SHLD-3", "RFC 9293 §3.6.1"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).expect_nothing();
  t.app_closes().expect(rst_ack(1, 101)).expect_state(TcpState::Closed);
  t.expect_outcome(fail(Error::ConnectionAborted))
      .expect_events(Events::kReadable | Events::kClosed);
  t.expect_silence_for_ever();
}

TEST_P(Close, CloseWithDataBehindAHoleResets) {  // RFC 9293 §3.6.1, SHLD-3
  covers({"SHLD-3", "RFC 9293 §3.6.1"});
  TcpScript t{established()};
  t.peer_sends(data(501, 100)).expect(ack(1));
  t.app_closes().expect(rst_ack(1, 1)).expect_state(TcpState::Closed);
}

TEST_P(Close, DataAfterCloseIsAnsweredWithAReset) {  // RFC 9293 §3.6.1, SHLD-3
  covers({"SHLD-3", "RFC 9293 §3.6.1"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1)).peer_sends(ack(2)).expect_nothing();
  t.peer_sends(data(1, 100)).expect(rst(2)).expect_drop(DropReason::TcpAfterClose);
  t.expect_state(TcpState::Closed)
      .expect_outcome(fail(Error::ConnectionAborted))
      .expect_events(Events::kClosed);
}

TEST_P(Close, DataAfterCloseWithMoreInFlightIsAnsweredWithTheConnectionsReset) {
  covers({"SHLD-3", "RFC 9293 §3.6.1"});
  // The peer may have had what is in flight: a reset at what it has acknowledged would be old.
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).app_closes().expect(fin(1'001));
  t.peer_sends(data(1, 100).acks(1)).expect(rst_ack(1'002, 1));
  t.expect_drop(DropReason::TcpAfterClose).expect_state(TcpState::Closed);
}

TEST_P(Close, DataWithFinAfterCloseIsAnsweredWithAReset) {  // RFC 9293 §3.6.1, SHLD-3
  covers({"SHLD-3", "RFC 9293 §3.6.1"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1));
  t.peer_sends(fin(1, 100).acks(2)).expect(rst(2)).expect_state(TcpState::Closed);
}

TEST_P(Close, OldDataAfterCloseIsOnlyAcknowledged) {  // RFC 9293 §3.10.7.4, step 1
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).app_reads(100).after(40ms).expect(ack(101));
  t.app_closes().expect(fin(1));
  t.peer_sends(data(1, 100)).expect(ack(101)).expect_state(TcpState::FinWait1);
}

TEST_P(Close, LingerOfZeroResets) {  // RFC 9293 §3.6, §3.10.5
  covers({"RFC 9293 §3.6", "RFC 9293 §3.10.5"});
  TcpScript t{established()};
  t.connection().set_linger(0ms);
  t.app_sends(100).expect(data(1, 100));
  t.app_closes()
      .expect(rst_ack(101, 1))
      .expect_state(TcpState::Closed)
      .expect_outcome(fail(Error::ConnectionAborted));
}

TEST_P(Close, LingerGivesUpWhenItsTimeIsOver) {  // RFC 9293 §3.10.4
  covers({"RFC 9293 §3.10.4"});
  TcpScript t{established()};
  t.connection().set_linger(1s);
  t.app_sends(1'000).expect(data(1, 1'000)).app_closes().expect(fin(1'001));
  t.at(300ms).expect(data(1, 1'000)).at(900ms).expect(data(1, 1'000));
  t.expect_silence_until(1s - 1ns).at(1s).expect(rst_ack(1'002, 1));
  t.expect_state(TcpState::Closed)
      .expect_outcome(fail(Error::ConnectionAborted))
      .expect_events(Events::kClosed);
}

TEST_P(Close, LingerIsOverWhenAllIsDelivered) {  // RFC 9293 §3.10.4
  covers({"RFC 9293 §3.10.4"});
  TcpScript t{established()};
  t.connection().set_linger(1s);
  t.app_sends(1'000).expect(data(1, 1'000)).app_closes().expect(fin(1'001));
  t.at(100ms)
      .peer_sends(ack(1'002))
      .expect_nothing()
      .expect_silence_until(2s)
      .expect_state(TcpState::FinWait2);
  t.peer_sends(fin(1)).expect(ack(2)).expect_outcome({});
}

TEST_P(Close, ClosingGivesWhatIsInFlightNoMoreTime) {
  covers({"RFC 9293 §3.8.3"});
  auto start = established();
  start.config.user_timeout = 10s;
  TcpScript t{start};
  t.app_sends(1'000).expect(data(1, 1'000)).at(300ms).expect(data(1, 1'000));
  t.at(900ms).expect(data(1, 1'000)).at(2'100ms).expect(data(1, 1'000));
  t.at(3s).app_closes().expect(fin(1'001));
  t.at(4'500ms).expect(data(1, 1'000)).at(9'300ms).expect(data(1, 1'000));
  t.at(10s).expect(rst_ack(1'002, 1)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Close, WhatIsReleasedHasNoTimersLeft) {
  TcpScript t{established()};
  t.app_sets_keepalive(KeepaliveOptions{.idle = 10s, .interval = 1s, .count = 3});
  t.app_sends(1'000).expect(data(1, 1'000)).app_sends(10).expect(data(1'001, 10));
  t.app_sends(10).expect_nothing().peer_sends(data(1, 100)).expect_nothing();
  t.connection().set_linger(1s);
  t.app_reads(100).app_closes().expect(fin(1'011, 10));
  t.connection().release(t.resources());
  t.expect_silence_for_ever();
  EXPECT_EQ(t.budget().used(), 0U);
  EXPECT_EQ(t.resources().active_blocks.size(), 0U);
  EXPECT_EQ(t.resources().sent_segments.size(), 0U);
}

TEST_P(Close, FinWait2OfAClosedSocketEnds) {  // our choice: RFC 9293 has no such time-out
  TcpScript t{established()};
  t.app_closes().expect(fin(1));
  t.at(100ms).peer_sends(ack(2)).expect_nothing();
  t.expect_silence_until(60'100ms - 1ns)
      .expect_state(TcpState::FinWait2)
      .expect_silence_until(60'100ms);
  t.expect_state(TcpState::Closed)
      .expect_outcome({})
      .expect_events(Events::kClosed)
      .expect_silence_for_ever();
}

TEST_P(Close, FinWait2BeginsItsTimeWhenAHalfClosedSocketIsClosed) {  // as above
  TcpScript t{established()};
  t.app_shuts_down().expect(fin(1)).peer_sends(ack(2)).expect_silence_for_ever();
  t.at(100s).app_closes().expect_silence_until(160s).expect_state(TcpState::Closed);
}

TEST_P(Close, NothingCanBeSentAfterShutdown) {  // RFC 9293 §3.10.2, SEND in FIN-WAIT-1
  covers({"RFC 9293 §3.10.2"});
  TcpScript t{established()};
  t.app_shuts_down().expect(fin(1));
  EXPECT_EQ(t.app_tries_to_send(10), fail(Error::InvalidState));
  t.app_shuts_down().expect_nothing().app_closes().expect_nothing().app_closes().expect_nothing();
}

TEST_P(Close, CloseInSynSentEndsInSilence) {  // RFC 9293 §3.10.4, CLOSE in SYN-SENT
  covers({"RFC 9293 §3.10.4"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.app_closes().expect_nothing().expect_state(TcpState::Closed).expect_events(Events::kClosed);
  t.expect_silence_for_ever();
}

TEST_P(Close,
       CloseInSynReceivedSendsFinOnceEstablished) {  // RFC 9293 §3.10.4, CLOSE in SYN-RECEIVED
  covers({"RFC 9293 §3.10.4"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.app_closes().expect_nothing();
  t.peer_sends(ack(1)).expect(fin(1)).expect_state(TcpState::FinWait1);
}

TEST_P(Close, ClosedConnectionAnswersWithResets) {  // RFC 9293 §3.10.7.1
  covers({"RFC 9293 §3.10.7.1"});
  TcpScript t{established()};
  t.app_aborts().expect(rst_ack(1, 1));
  t.peer_sends(data(1, 100).acks(1)).expect(rst(1)).expect_drop(DropReason::TcpNoConnection);
  t.peer_sends(syn().from(7)).expect(blind_rst(8));
  t.peer_sends(rst(1)).expect_nothing();
}

TEST_P(Close, OrderlyEndAndResetAreToldApart) {
  covers({"MUST-12", "RFC 9293 §3.6"});
  TcpScript orderly{established()};
  orderly.peer_sends(fin(1)).expect(ack(2)).expect_events(Events::kPeerFinished);
  orderly.app_closes().expect(fin(1)).peer_sends(ack(2)).expect_state(TcpState::Closed);
  orderly.expect_events(Events::kClosed).expect_outcome({});
  TcpScript aborted{established()};
  aborted.peer_sends(rst(1)).expect_events(Events::kClosed);
  aborted.expect_outcome(fail(Error::ConnectionReset));
}

TEST_P(Close, ResetAfterThePeersFinIsStillAReset) {
  covers({"MUST-12", "RFC 9293 §3.6"});
  TcpScript t{established()};
  t.peer_sends(fin(1)).expect(ack(2)).expect_events(Events::kPeerFinished);
  t.peer_sends(rst(2)).expect_events(Events::kClosed);
  t.expect_outcome(fail(Error::ConnectionReset));
}

TEST_P(Close, SimultaneousCloseWithDataOnBothSides) {
  covers({"RFC 9293 §3.6"});
  TcpScript t{established()};
  t.app_sends(10).expect(data(1, 10)).app_shuts_down().expect(fin(11));
  t.peer_sends(fin(1, 20).acks(1)).expect(ack(22)).expect_state(TcpState::Closing);
  t.peer_sends(ack(12)).expect_nothing().expect_state(TcpState::TimeWait).app_reads(20);
}

TEST_P(Close, LostFinOfASimultaneousCloseIsRepeated) {
  covers({"RFC 9293 §3.6"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1)).peer_sends(fin(1)).expect(ack(2)).expect_state(TcpState::Closing);
  t.at(300ms).expect(fin(1)).at(900ms).expect(fin(1));
  t.at(1s).peer_sends(ack(2)).expect_nothing().expect_state(TcpState::TimeWait);
}

TEST_P(Close, PeersFinOfASimultaneousCloseIsAcknowledgedAgain) {
  covers({"RFC 9293 §3.6"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1)).peer_sends(fin(1)).expect(ack(2)).expect_state(TcpState::Closing);
  t.peer_sends(fin(1)).expect(ack(2)).expect_state(TcpState::Closing);
  t.peer_sends(ack(2)).expect_nothing().expect_state(TcpState::TimeWait);
}

TEST_P(Close, SimultaneousCloseEndsAfterTheUserTimeout) {
  covers({"MUST-20", "RFC 9293 §3.8.3"});
  auto start = established();
  start.config.user_timeout = 2s;
  TcpScript t{start};
  t.app_closes().expect(fin(1)).peer_sends(fin(1)).expect(ack(2));
  t.at(300ms).expect(fin(1)).at(900ms).expect(fin(1));
  t.at(2s).expect(rst_ack(2, 2)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Close, ActiveCloserEndsInTimeWait) {
  covers({"MUST-13", "RFC 9293 §3.6.1"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1)).peer_sends(ack(2)).expect_state(TcpState::FinWait2);
  t.peer_sends(fin(1)).expect(ack(2)).expect_state(TcpState::TimeWait).expect_outcome({});
}

TEST_P(Close, PassiveCloserDoesNotWait) {
  covers({"MUST-13", "RFC 9293 §3.6.1"});
  TcpScript t{established()};
  t.peer_sends(fin(1)).expect(ack(2)).app_closes().expect(fin(1)).peer_sends(ack(2));
  t.expect_state(TcpState::Closed).expect_outcome({}).expect_silence_for_ever();
}

TEST_P(Close, HalfDuplexCloseReadsNothingMore) {
  covers({"MAY-1", "SHLD-3", "RFC 9293 §3.6.1"});
  TcpScript t{established()};
  t.app_sends(10).expect(data(1, 10)).app_closes().expect(fin(11));
  t.peer_sends(data(1, 5).acks(12)).expect(rst(12)).expect_state(TcpState::Closed);
  t.expect_events(Events::kClosed).expect_outcome(fail(Error::ConnectionAborted));
}

TEST_P(Close, UrgentOctetKeptAsideDoesNotCountAsUnread) {
  covers({"SHLD-3", "RFC 9293 §3.6.1"});
  TcpScript t{established()};
  t.connection().set_urgent_inline(t.resources(), false);
  t.peer_sends(data(1, 1).with_urgent(1)).at(40ms).expect(ack(2)).app_closes().expect(fin(1));
}

}  // namespace

}  // namespace millrace::test
