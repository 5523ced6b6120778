// Resets: RFC 9293 §3.5.2, §3.10.5, §3.10.7; RFC 5961 §3 and §4.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;
using wire::TcpFlags;

class Reset : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Reset, testing::ValuesIn(kEveryStart), name_of);

/// A synchronized state, how to get there, and what to expect of it.
struct Synchronized {
  TcpState state;
  std::uint32_t rcv_nxt;
  std::uint32_t snd_nxt;
  Result<void> outcome;  ///< Of a reset.
};

const Synchronized kStates[] = {
    {TcpState::Established, 1, 1, fail(Error::ConnectionReset)},
    {TcpState::FinWait1, 1, 2, fail(Error::ConnectionReset)},
    {TcpState::FinWait2, 1, 2, fail(Error::ConnectionReset)},
    {TcpState::CloseWait, 2, 1, fail(Error::ConnectionReset)},
    {TcpState::Closing, 2, 2, {}},
    {TcpState::LastAck, 2, 2, {}},
};

void go_to(TcpScript& t, TcpState state) {
  if (state == TcpState::CloseWait || state == TcpState::LastAck) {
    t.peer_sends(fin(1)).expect(ack(2));
  }
  if (state != TcpState::Established && state != TcpState::CloseWait) {
    t.app_shuts_down().expect(fin(1));
  }
  if (state == TcpState::FinWait2) {
    t.peer_sends(ack(2)).expect_nothing();
  }
  if (state == TcpState::Closing) {
    t.peer_sends(fin(1).acks(1)).expect(ack(2));
  }
  t.expect_state(state);
}

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

TEST_P(Reset, ElsewhereInTheWindowIsAnsweredWithAChallenge) {  // RFC 5961 §3.2
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    TcpScript t{established()};
    go_to(t, at.state);
    const std::uint32_t rcv_wnd = t.connection().receive_sequence().rcv_wnd();
    for (const std::uint32_t offset : {1U, 1'000U, rcv_wnd - 1}) {
      t.peer_sends(rst(at.rcv_nxt + offset))
          .expect(ack(at.rcv_nxt))
          .expect_drop(DropReason::TcpBadReset);
    }
    t.expect_state(at.state);
  }
}

TEST_P(Reset, OutsideOfTheWindowIsIgnored) {  // RFC 9293 §3.10.7.4, step 1
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    TcpScript t{established()};
    go_to(t, at.state);
    const std::uint32_t rcv_wnd = t.connection().receive_sequence().rcv_wnd();
    for (const std::uint32_t offset : {0xffff'ffffU, 0x8000'0000U, rcv_wnd + 1, rcv_wnd + 1'000}) {
      t.peer_sends(rst(at.rcv_nxt + offset))
          .expect_nothing()
          .expect_drop(DropReason::TcpOutOfWindow);
    }
    t.expect_state(at.state);
  }
}

TEST_P(Reset, SynInASynchronizedStateIsAnsweredWithAChallenge) {  // RFC 5961 §4.2
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    const Seg cases[] = {syn().from(at.rcv_nxt), syn().from(at.rcv_nxt + 100), syn(),
                         syn().from(0xc000'0000U), syn_ack(1)};
    for (const Seg& seg : cases) {
      TcpScript t{established()};
      go_to(t, at.state);
      t.peer_sends(seg).expect(ack(at.rcv_nxt)).expect_state(at.state);
    }
  }
}

TEST_P(Reset, EmptySegmentsOutsideOfTheWindowAreAnsweredTwiceASecond) {  // RFC 5961 §7: lest two
                                                                         // ends talk for ever
  TcpScript t{established()};
  t.peer_sends(syn()).expect(ack(1)).peer_sends(syn(), ack(1).from(0)).expect_nothing();
  t.at(499ms)
      .peer_sends(ack(1).from(0))
      .expect_nothing()
      .at(500ms)
      .peer_sends(ack(1).from(0))
      .expect(ack(1));
  t.peer_sends(data(0, 1).times(2))
      .expect(ack(1).times(2))
      .peer_sends(fin(0).times(2))
      .expect(ack(1).times(2));
}

TEST_P(Reset, IsNeverAnsweredWithAReset) {  // RFC 9293 §3.10.7
  TcpScript t{established()};
  t.peer_sends(rst(1)).expect_nothing();
  t.peer_sends(rst(1), rst_ack(1, 1), rst_ack(5, 7)).expect_nothing();
}

TEST_P(Reset, EndsAPassiveOpen) {  // RFC 9293 §3.10.7.4, step 2, SYN-RECEIVED
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(rst(2)).expect(ack(1)).expect_state(TcpState::SynReceived);
  t.peer_sends(rst(1)).expect_nothing().expect_state(TcpState::Closed).expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_failed_opens, 1U);
}

TEST_P(Reset, RefusesASimultaneousOpen) {  // RFC 9293 §3.10.7.4, step 2, SYN-RECEIVED
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).peer_sends(syn()).expect(syn_ack());
  t.peer_sends(rst(1)).expect_nothing().expect_outcome(fail(Error::ConnectionRefused));
}

TEST_P(Reset, LeavesWhatArrivedBeforeToBeRead) {  // RFC 9293 §3.10.7.4, step 2
  TcpScript t{established()};
  t.peer_sends(data(1, 300)).expect_nothing().peer_sends(rst(301)).expect_nothing();
  t.expect_events(Events::kReadable | Events::kClosed).app_reads(300);
  EXPECT_EQ(t.connection().readable(), fail(Error::ConnectionReset));
}

TEST_P(Reset, DropsWhatWasNotSent) {  // RFC 9293 §3.10.7.4, step 2
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
  TcpScript t{closed()};
  t.open_passive(syn())
      .expect(syn_ack())
      .app_aborts()
      .expect(rst_ack(1, 1))
      .expect_silence_for_ever();
}

TEST_P(Reset, AbortSendsNoneInSynSentAndTimeWait) {  // RFC 9293 §3.10.5
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

TEST_P(Reset, OnlyTheLastOfACrowdOfFlagsCounts) {  // RFC 9293 §3.10.7.4: RST is checked before SYN,
                                                   // ACK and FIN
  TcpScript t{established()};
  t.peer_sends(
      rst(1).with_flags(TcpFlags::kRst | TcpFlags::kSyn | TcpFlags::kFin | TcpFlags::kAck));
  t.expect_nothing().expect_state(TcpState::Closed);
}

}  // namespace

}  // namespace millrace::test
