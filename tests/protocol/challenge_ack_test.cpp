// Challenge ACKs: RFC 5961 §3 to §5 and §7, RFC 9293 §3.10.7.4, steps 1, 2, 4 and 5.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/synchronized_states.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;
using wire::TcpFlags;

constexpr std::uint32_t kWindow = 60'000;  // The largest that the peer has ever offered.

class ChallengeAck : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, ChallengeAck, testing::ValuesIn(kEveryStart), name_of);

TEST_P(ChallengeAck, AsksAboutAResetElsewhereInTheWindow) {
  covers({"RFC 5961 §3.2", "RFC 9293 §3.10.7.4 step 2"});
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    for (const std::uint32_t offset : {1U, 1'000U, 0U}) {
      TcpScript t{established()};
      go_to(t, at.state);
      const std::uint32_t rcv_wnd = t.connection().receive_sequence().rcv_wnd();
      t.peer_sends(rst(at.rcv_nxt + (offset == 0 ? rcv_wnd - 1 : offset)))
          .expect(ack(at.rcv_nxt))
          .expect_drop(DropReason::TcpBadReset)
          .expect_state(at.state);
      EXPECT_EQ(t.stats().tcp_challenge_acks_out, 1U);
      EXPECT_EQ(t.stats().tcp_resets_in, 0U);
    }
  }
}

TEST_P(ChallengeAck, APeerThatMeansItsResetAnswersWithTheExactOne) {
  covers({"RFC 5961 §3.2"});
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    TcpScript t{established()};
    go_to(t, at.state);
    t.peer_sends(rst(at.rcv_nxt + 10)).expect(ack(at.rcv_nxt));
    t.peer_sends(rst(at.rcv_nxt)).expect_nothing().expect_state(TcpState::Closed);
    t.expect_outcome(at.outcome);
  }
}

TEST_P(ChallengeAck, ResetInTheWindowOnAPassiveConnection) {
  covers({"RFC 5961 §3.2"});
  TcpScript t{established_passively()};
  t.peer_sends(rst(500)).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(ChallengeAck, ResetThatCarriesDataDeliversNone) {
  covers({"RFC 5961 §3.2", "SHLD-2"});
  TcpScript t{established()};
  t.peer_sends(rst(2).with_bytes(100)).expect(ack(1)).expect_drop(DropReason::TcpBadReset);
  t.expect_events(0);
  EXPECT_EQ(t.connection().readable(), fail(Error::WouldBlock));
}

TEST_P(ChallengeAck, ResetAcrossTheLeftEdgeIsNotExact) {
  covers({"RFC 5961 §3.2"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).expect_nothing();
  // Begins before the next expected octet, its payload reaches beyond.
  t.peer_sends(rst(50).with_bytes(100)).expect_nothing().expect_drop(DropReason::TcpOutOfWindow);
  t.expect_state(TcpState::Established).at(40ms).expect(ack(101));
}

TEST_P(ChallengeAck, AsksAboutASynWhateverItsNumber) {
  covers({"RFC 5961 §4.2", "RFC 9293 §3.10.7.4 step 4"});
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    const Seg cases[] = {syn().from(at.rcv_nxt),     syn().from(at.rcv_nxt + 100), syn(),
                         syn().from(0xc000'0000U),   syn().from(0x4000'0000U),     syn_ack(1),
                         syn_ack(1).from(at.rcv_nxt)};
    for (const Seg& seg : cases) {
      TcpScript t{established()};
      go_to(t, at.state);
      t.peer_sends(seg).expect(ack(at.rcv_nxt)).expect_state(at.state);
      EXPECT_EQ(t.stats().tcp_challenge_acks_out, 1U);
    }
  }
}

TEST_P(ChallengeAck, APeerThatWasStartedAnewGetsThrough) {
  covers({"RFC 5961 §4.2", "RFC 9293 §3.5.1"});
  TcpScript t{established()};
  // Its SYN has numbers of its own; our challenge is strange to it, and its reset is exact.
  t.peer_sends(syn().from(0x2345'6789U)).expect(ack(1)).peer_sends(rst(1)).expect_nothing();
  t.expect_state(TcpState::Closed).expect_outcome(fail(Error::ConnectionReset));
}

TEST_P(ChallengeAck, SynWithDataAndFinDeliversNeither) {
  covers({"RFC 5961 §4.2"});
  TcpScript t{established()};
  t.peer_sends(syn().from(1).with_bytes(100).with_flags(TcpFlags::kSyn | TcpFlags::kFin))
      .expect(ack(1))
      .expect_drop(DropReason::TcpUnexpectedSyn)
      .expect_state(TcpState::Established)
      .expect_events(0);
}

TEST_P(ChallengeAck, SynRepeatedAfterTheHandshakeIsAnswered) {
  covers({"RFC 5961 §4.2"});
  TcpScript t{established_passively()};
  t.peer_sends(syn()).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(ChallengeAck, SynAckRepeatedAfterTheHandshakeIsAnswered) {
  covers({"RFC 9293 §3.10.7.4 step 1"});
  TcpScript t{established()};
  // Our ACK of it was lost.
  t.peer_sends(syn_ack(1)).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(ChallengeAck, AsksAboutAnAckOfTheUnsent) {
  covers({"RFC 5961 §5.2", "RFC 9293 §3.10.7.4 step 5", "MAY-12"});
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    for (const std::uint32_t offset : {1U, 0x1000U, 0x7fff'0000U}) {
      TcpScript t{established()};
      go_to(t, at.state);
      t.peer_sends(ack(at.snd_nxt + offset))
          .expect(ack(at.rcv_nxt))
          .expect_drop(DropReason::TcpBadAck)
          .expect_state(at.state);
    }
  }
}

TEST_P(ChallengeAck, AsksAboutAnAckOlderThanAnyWindow) {
  covers({"RFC 5961 §5.2", "MAY-12"});
  for (const Synchronized& at : kStates) {
    SCOPED_TRACE(state_name(at.state));
    TcpScript t{established()};
    go_to(t, at.state);
    const std::uint32_t una = at.state == TcpState::FinWait2 ? 2 : 1;
    t.peer_sends(ack(una - kWindow - 1).from(at.rcv_nxt))
        .expect(ack(at.rcv_nxt))
        .expect_drop(DropReason::TcpBadAck)
        .expect_state(at.state);
  }
}

TEST_P(ChallengeAck, AnAckWithinTheLargestWindowIsMerelyOld) {
  covers({"RFC 5961 §5.2"});
  TcpScript t{established()};
  t.peer_sends(ack(1 - kWindow)).expect_nothing().expect_drop(std::nullopt);
  t.peer_sends(ack(0)).expect_nothing().expect_drop(std::nullopt);
  t.peer_sends(data(1, 100).acks(1 - kWindow)).expect_nothing().expect_events(Events::kReadable);
  t.at(40ms).expect(ack(101));
}

TEST_P(ChallengeAck, TheLargestWindowCountsNotThePresentOne) {
  covers({"RFC 5961 §5.2"});
  TcpScript t{established()};
  t.peer_sends(ack(1).with_window(1'000)).expect_nothing();
  t.peer_sends(data(1, 10).acks(1 - kWindow)).expect_nothing().expect_drop(std::nullopt);
  t.at(40ms).expect(ack(11));
}

TEST_P(ChallengeAck, TheRangeMovesWithWhatIsAcknowledged) {
  covers({"RFC 5961 §5.2"});
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).peer_sends(ack(1'001)).expect_nothing();
  t.peer_sends(ack(1'001 - kWindow)).expect_nothing().expect_drop(std::nullopt);
  t.peer_sends(ack(1'000 - kWindow)).expect(ack(1)).expect_drop(DropReason::TcpBadAck);
}

TEST_P(ChallengeAck, DataWithAnAckOutOfRangeIsNotDelivered) {
  covers({"RFC 5961 §5.2"});
  for (const std::uint32_t bad : {2U, 1U - kWindow - 1}) {
    TcpScript t{established()};
    t.peer_sends(data(1, 100).acks(bad)).expect(ack(1)).expect_drop(DropReason::TcpBadAck);
    t.expect_events(0);
    t.peer_sends(data(1, 100).acks(1)).expect_nothing().expect_events(Events::kReadable);
    t.at(40ms).expect(ack(101));
  }
}

TEST_P(ChallengeAck, FinWithAnAckOutOfRangeClosesNothing) {
  covers({"RFC 5961 §5.2"});
  TcpScript t{established()};
  t.peer_sends(fin(1).acks(2)).expect(ack(1)).expect_state(TcpState::Established);
}

TEST_P(ChallengeAck, AWindowWithAnAckOutOfRangeIsNotTaken) {
  covers({"RFC 5961 §5.2"});
  TcpScript t{established()};
  t.peer_sends(ack(2).with_window(0)).expect(ack(1));
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, kWindow);
  t.peer_sends(ack(1 - kWindow - 1).with_window(0)).expect_nothing();
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, kWindow);
}

TEST_P(ChallengeAck, LeavesOncePerHalfSecond) {
  covers({"RFC 5961 §7"});
  TcpScript t{established()};
  t.peer_sends(rst(5)).expect(ack(1)).peer_sends(rst(5), rst(6), rst(7)).expect_nothing();
  t.at(499ms).peer_sends(rst(5)).expect_nothing();
  t.at(500ms).peer_sends(rst(5)).expect(ack(1)).peer_sends(rst(5)).expect_nothing();
  t.expect_state(TcpState::Established);
  EXPECT_EQ(t.stats().tcp_challenge_acks_out, 2U);
  EXPECT_EQ(t.stats().tcp_challenge_acks_limited, 5U);
}

TEST_P(ChallengeAck, AllThatIsStrangeSharesTheConnectionsLimit) {
  covers({"RFC 5961 §7"});
  TcpScript t{established()};
  t.peer_sends(syn()).expect(ack(1));
  t.peer_sends(rst(5), ack(2).from(1), ack(1 - kWindow - 1).from(1), ack(1).from(0))
      .expect_nothing();
  t.at(500ms).peer_sends(ack(1).from(0)).expect(ack(1));
  t.peer_sends(syn(), rst(5)).expect_nothing();
}

TEST_P(ChallengeAck, DataAndFinAgainAreAnsweredEachTime) {
  covers({"RFC 9293 §3.10.7.4 step 1"});
  TcpScript t{established()};
  t.peer_sends(syn()).expect(ack(1));
  t.peer_sends(data(0, 1).times(2)).expect(ack(1).times(2));
  t.peer_sends(fin(0).times(2)).expect(ack(1).times(2));
}

TEST_P(ChallengeAck, TheCoresLimitHoldsAcrossHalfSeconds) {
  covers({"RFC 5961 §7"});
  Start start = established();
  start.config.challenge_acks_per_second = 1;
  TcpScript t{start};
  t.peer_sends(rst(5)).expect(ack(1));
  t.at(500ms).peer_sends(rst(5)).expect_nothing().expect_drop(DropReason::TcpBadReset);
  t.at(999ms).peer_sends(syn()).expect_nothing();
  t.at(1'000ms).peer_sends(rst(5)).expect(ack(1));
  EXPECT_EQ(t.stats().tcp_challenge_acks_out, 2U);
  EXPECT_EQ(t.stats().tcp_challenge_acks_limited, 2U);
}

TEST_P(ChallengeAck, WhatTheCoreKeepsBackIsStillDropped) {
  covers({"RFC 5961 §7"});
  Start start = established();
  start.config.challenge_acks_per_second = 1;
  TcpScript t{start};
  t.peer_sends(syn()).expect(ack(1));
  t.at(600ms).peer_sends(data(1, 100).acks(2)).expect_nothing().expect_drop(DropReason::TcpBadAck);
  t.expect_events(0).expect_state(TcpState::Established);
}

TEST_P(ChallengeAck, TheCoresLimitDoesNotSilenceOrdinaryAcks) {
  covers({"RFC 5961 §7"});
  Start start = established();
  start.config.challenge_acks_per_second = 1;
  TcpScript t{start};
  t.peer_sends(syn()).expect(ack(1)).peer_sends(data(101, 100)).expect(ack(1));
  t.peer_sends(data(0, 1)).expect(ack(1)).peer_sends(data(1, 100)).expect(ack(201));
  t.at(600ms).peer_sends(ack(1).from(0)).expect(ack(201));
}

TEST_P(ChallengeAck, SaysWhereBothDirectionsStand) {
  covers({"RFC 5961 §3.2"});
  TcpScript t{established()};
  t.app_sends(500).expect(data(1, 500)).peer_sends(data(1, 300).acks(1)).expect_nothing();
  t.peer_sends(rst(600)).expect(ack(301).from(501)).app_reads(300);
}

TEST_P(ChallengeAck, StandsWhereAShrunkWindowEnds) {
  covers({"MUST-34"});
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.peer_sends(ack(1).with_window(500)).expect_nothing();
  t.peer_sends(syn()).expect(ack(1).from(501));
}

TEST_P(ChallengeAck, DisturbsNeitherRetransmissionNorCongestion) {
  covers({"RFC 5961 §3.2"});
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000));
  const std::uint32_t cwnd = t.cwnd();
  t.peer_sends(rst(5)).expect(ack(1).from(1'001)).at(300ms).expect(data(1, 1'000));
  t.peer_sends(ack(1'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_LE(t.cwnd(), cwnd);
}

TEST_P(ChallengeAck, TakesTheDelayedAcknowledgmentAlong) {
  covers({"SHLD-18"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).expect_nothing().peer_sends(rst(200)).expect(ack(101));
  t.expect_silence_for_ever();
}

TEST_P(ChallengeAck, InSynReceivedASecondPlaceInTheWindowIsAskedAbout) {
  covers({"RFC 5961 §3.2"});
  TcpScript t{closed()};
  t.open_passive(syn()).expect(syn_ack());
  t.peer_sends(rst(2)).expect(ack(1)).expect_state(TcpState::SynReceived);
  t.peer_sends(rst(3)).expect_nothing().expect_state(TcpState::SynReceived);
  t.peer_sends(ack(1)).expect_nothing().expect_state(TcpState::Established);
}

TEST_P(ChallengeAck, AnInjectorLearnsNothingFromALongRowOfGuesses) {
  covers({"RFC 5961 §7"});
  TcpScript t{established()};
  t.peer_sends(rst(5'000)).expect(ack(1));
  for (std::uint32_t guess = 2; guess < 2'000; guess += 37) {
    t.peer_sends(rst(guess)).expect_nothing();
    t.peer_sends(syn().from(guess)).expect_nothing();
  }
  t.expect_state(TcpState::Established);
}

}  // namespace

}  // namespace millrace::test
