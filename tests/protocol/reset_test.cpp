// Resets: RFC 9293 §3.5.2, §3.10.5, §3.10.7; RFC 5961 §3.
#include <algorithm>

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/synchronized_states.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;
using wire::TcpFlags;

class Reset : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Reset, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Reset, ExactSequenceNumberEndsEveryState) {  // RFC 9293 §3.10.7.4, step 2; RFC 5961 §3.2
  covers({"RFC 9293 §3.10.7.4 step 2", "RFC 5961 §3.2"});
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    TcpScript t{established()};
    go_to(t, at.state);
    t.peer_sends(rst(at.rcv_nxt))
        .expect_nothing()
        .expect_state(TcpState::Closed)
        .expect_outcome(at.outcome);
    t.expect_silence_for_ever();
    EXPECT_EQ(t.stats().tcp_resets_in, 1U);
  }
}

TEST_P(Reset, OutsideOfTheWindowIsIgnored) {  // RFC 9293 §3.10.7.4, step 1
  covers({"RFC 9293 §3.10.7.4"});
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    TcpScript t{established()};
    go_to(t, at.state);
    const std::uint32_t rcv_wnd = t.connection().receive_sequence().rcv_wnd();
    for (const std::uint32_t offset :
         {0xffff'ffffU, 0x8000'0000U, rcv_wnd, rcv_wnd + 1, rcv_wnd + 1'000}) {
      t.peer_sends(rst(at.rcv_nxt + offset))
          .expect_nothing()
          .expect_drop(DropReason::TcpOutOfWindow);
    }
    t.expect_state(at.state);
  }
}

TEST_P(Reset, IsNeverAnsweredWithAReset) {  // RFC 9293 §3.10.7
  covers({"RFC 9293 §3.10.7"});
  TcpScript t{established()};
  t.peer_sends(rst(1)).expect_nothing();
  t.peer_sends(rst(1), rst_ack(1, 1), rst_ack(5, 7)).expect_nothing();
}

TEST_P(Reset, EndsAPassiveOpen) {  // RFC 9293 §3.10.7.4, step 2, SYN-RECEIVED
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(rst(2)).expect(ack(1)).expect_state(TcpState::SynReceived);
  t.peer_sends(rst(1)).expect_nothing().expect_state(TcpState::Closed).expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_failed_opens, 1U);
}

TEST_P(Reset, RefusesASimultaneousOpen) {  // RFC 9293 §3.10.7.4, step 2, SYN-RECEIVED
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).peer_sends(syn()).expect(syn_ack());
  t.peer_sends(rst(1)).expect_nothing().expect_outcome(fail(Error::ConnectionRefused));
}

TEST_P(Reset, LeavesWhatArrivedBeforeToBeRead) {  // RFC 9293 §3.10.7.4, step 2
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(data(1, 300)).expect_nothing().peer_sends(rst(301)).expect_nothing();
  t.expect_events(Events::kReadable | Events::kClosed).app_reads(300);
  EXPECT_EQ(t.connection().readable(), fail(Error::ConnectionReset));
}

TEST_P(Reset, DropsWhatWasNotSent) {  // RFC 9293 §3.10.7.4, step 2
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established().cwnd(1'000)};
  t.app_sends(10'000)
      .expect(data(1, 1'000))
      .peer_sends(rst(1))
      .expect_nothing()
      .expect_silence_for_ever();
  EXPECT_EQ(t.budget().used(), 0U);
  EXPECT_EQ(t.app_tries_to_send(10), fail(Error::InvalidState));
}

TEST_P(Reset, AbortSendsOneWhileThePeerHasAConnection) {  // RFC 9293 §3.10.5
  covers({"RFC 9293 §3.10.5"});
  for (const Synchronized& at : kStates) {
    if (at.state == TcpState::Closing || at.state == TcpState::LastAck) {
      continue;
    }
    SCOPED_TRACE(state_name(at.state));
    TcpScript t{established()};
    go_to(t, at.state);
    t.app_aborts().expect(rst_ack(at.snd_nxt, at.rcv_nxt)).expect_state(TcpState::Closed);
    t.expect_outcome(fail(Error::ConnectionAborted)).expect_silence_for_ever();
  }
}

TEST_P(Reset, AbortInSynReceivedSendsOne) {  // RFC 9293 §3.10.5
  covers({"RFC 9293 §3.10.5"});
  TcpScript t{closed()};
  t.open_passive(syn())
      .expect(syn_ack())
      .app_aborts()
      .expect(rst_ack(1, 1))
      .expect_silence_for_ever();
}

TEST_P(Reset, AbortSendsNoneInSynSentAndTimeWait) {  // RFC 9293 §3.10.5
  covers({"RFC 9293 §3.10.5"});
  TcpScript opening{closed()};
  opening.open_active(180s).expect(syn()).app_aborts().expect_nothing().expect_silence_for_ever();
  TcpScript over{established()};
  over.app_closes()
      .expect(fin(1))
      .peer_sends(fin(1).acks(2))
      .expect(ack(2))
      .app_aborts()
      .expect_nothing();
}

TEST_P(Reset, MayCarryData) {
  covers({"SHLD-2"});
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    TcpScript t{established()};
    go_to(t, at.state);
    t.peer_sends(rst(at.rcv_nxt).with_bytes(40)).expect_nothing().expect_state(TcpState::Closed);
    t.expect_outcome(at.outcome);
  }
}

TEST_P(Reset, ItsDataIsNotTheStreams) {
  covers({"SHLD-2"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).expect_nothing().peer_sends(rst(101).with_bytes(50)).expect_nothing();
  t.app_reads(100);
  EXPECT_EQ(t.connection().readable(), fail(Error::ConnectionReset));
}

TEST_P(Reset, ItsAckIsNotLookedAtInSynchronizedStates) {
  covers({"RFC 9293 §3.10.7.4 step 2"});
  for (const std::uint32_t any : {0U, 1U, 2U, 0x8000'0000U}) {
    TcpScript t{established()};
    t.peer_sends(rst_ack(1, any)).expect_nothing().expect_state(TcpState::Closed);
  }
}

/// The window is full and closed.
void close_window(TcpScript& t) {
  std::uint32_t next = 1;
  for (unsigned sent = 0; t.connection().receive_sequence().rcv_wnd() > 0 && sent < 10'000;
       ++sent) {
    const std::uint32_t bytes = std::min(1'000U, t.connection().receive_sequence().rcv_wnd());
    t.peer_sends(data(next, bytes));
    static_cast<void>(t.take_output());
    next += bytes;
  }
  ASSERT_EQ(t.connection().receive_sequence().rcv_wnd(), 0U);
}

std::uint32_t rcv_nxt_of(TcpScript& t, const Numbers& numbers) {
  return static_cast<std::uint32_t>(t.connection().receive_sequence().rcv_nxt -
                                    wire::SeqNum{numbers.irs});
}

TEST_P(Reset, CountsAtAClosedWindow) {
  covers({"MUST-66"});
  Start start = established();
  start.config.receive_buffer_bytes = 16'384;
  TcpScript t{start};
  close_window(t);
  t.peer_sends(rst(rcv_nxt_of(t, GetParam()))).expect_nothing().expect_state(TcpState::Closed);
  EXPECT_EQ(t.stats().tcp_resets_in, 1U);
}

TEST_P(Reset, IsIgnoredBesideAClosedWindow) {
  covers({"MUST-66", "RFC 5961 §3.2"});
  Start start = established();
  start.config.receive_buffer_bytes = 16'384;
  TcpScript t{start};
  close_window(t);
  const std::uint32_t rcv_nxt = rcv_nxt_of(t, GetParam());
  for (const std::uint32_t seq : {rcv_nxt - 1, rcv_nxt + 1, rcv_nxt + 1'000}) {
    t.peer_sends(rst(seq)).expect_nothing().expect_drop(DropReason::TcpOutOfWindow);
  }
  t.expect_state(TcpState::Established);
}

TEST_P(Reset, IsExactBehindAHole) {
  covers({"RFC 5961 §3.2"});
  TcpScript t{established()};
  // What lies beyond the hole moves nothing: the next expected octet is still the first.
  t.peer_sends(data(501, 500)).expect(ack(1));
  t.peer_sends(rst(1'001)).expect(ack(1)).expect_drop(DropReason::TcpBadReset);
  t.peer_sends(rst(1)).expect_nothing().expect_state(TcpState::Closed);
}

TEST_P(Reset, ExactSequenceNumberMovesWithWhatArrived) {
  covers({"RFC 5961 §3.2"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).expect_nothing();
  t.peer_sends(rst(1)).expect_nothing().expect_drop(DropReason::TcpOutOfWindow);
  t.peer_sends(rst(101)).expect_nothing().expect_state(TcpState::Closed);
}

TEST_P(Reset, InSynReceivedOutsideOfTheWindowIsIgnored) {
  covers({"RFC 9293 §3.10.7.4 step 1"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  const std::uint32_t rcv_wnd = t.connection().receive_sequence().rcv_wnd();
  for (const std::uint32_t seq : {0U, 0xffff'ffffU, 1 + rcv_wnd, 2 + rcv_wnd}) {
    t.peer_sends(rst(seq)).expect_nothing().expect_drop(DropReason::TcpOutOfWindow);
  }
  t.expect_state(TcpState::SynReceived).at(1s).expect(syn_ack());
}

TEST_P(Reset, WithSynInSynReceivedIsNoRepeatedSyn) {
  covers({"RFC 9293 §3.10.7.4 step 1"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(syn().with_flags(TcpFlags::kSyn | TcpFlags::kRst))
      .expect_nothing()
      .expect_state(TcpState::SynReceived);
}

TEST_P(Reset, InSynReceivedTellsAnActiveOpenAlone) {
  covers({"MUST-11", "RFC 9293 §3.10.7.4 step 2"});
  TcpScript passive{closed()};
  passive.open_passive(syn()).expect(syn_ack()).peer_sends(rst(1)).expect_nothing();
  passive.expect_outcome(fail(Error::ConnectionReset));
  TcpScript active{closed()};
  active.open_active(180s).expect(syn()).peer_sends(syn()).expect(syn_ack());
  active.peer_sends(rst(1)).expect_nothing().expect_outcome(fail(Error::ConnectionRefused));
  active.expect_events(Events::kClosed);
}

TEST_P(Reset, TellsTheApplicationAnAbortFromAnOrderlyEnd) {
  covers({"MUST-12"});
  TcpScript aborted{established()};
  aborted.peer_sends(rst(1)).expect_nothing().expect_events(Events::kClosed);
  aborted.expect_outcome(fail(Error::ConnectionReset));
  TcpScript finished{established()};
  finished.peer_sends(fin(1)).expect(ack(2)).expect_events(Events::kPeerFinished);
  finished.expect_outcome({});
}

TEST_P(Reset, OfAnAbortStandsAtTheEdgeOfAShrunkWindow) {
  covers({"MUST-34", "RFC 9293 §3.10.5"});
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.peer_sends(ack(1).with_window(500)).expect_nothing();
  t.app_aborts().expect(rst_ack(501, 1)).expect_silence_for_ever();
}

TEST_P(Reset, OnlyTheLastOfACrowdOfFlagsCounts) {  // RFC 9293 §3.10.7.4: RST is checked before SYN,
                                                   // ACK and FIN
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(
      rst(1).with_flags(TcpFlags::kRst | TcpFlags::kSyn | TcpFlags::kFin | TcpFlags::kAck));
  t.expect_nothing().expect_state(TcpState::Closed);
}

}  // namespace

}  // namespace millrace::test
