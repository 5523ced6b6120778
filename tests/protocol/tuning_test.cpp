// What an application chooses for one connection alone: segments held back, buffers of a fixed
// size, the most that a segment carries, how often a SYN is repeated, how long FIN-WAIT-2 takes.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;

class Tuning : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Tuning, testing::ValuesIn(kEveryStart), name_of);

// TCP_CORK

TEST_P(Tuning, CorkHoldsASmallSegmentFor200Ms) {
  covers({"RFC 9293 §3.8.6.2.1"});
  TcpScript t{established()};
  t.app_corks(true).app_sends(10).expect_nothing().at(50ms).app_sends(10).expect_nothing();
  t.expect_silence_until(200ms - 1ns).at(200ms).expect(data(1, 20));
  t.app_sends(5).expect_nothing().expect_silence_until(400ms - 1ns).at(400ms).expect(data(21, 5));
}

TEST_P(Tuning, CorkLetsFullSegmentsGo) {
  TcpScript t{established()};
  t.app_corks(true).app_sends(2'300).expect(data(1, 1'000), data(1'001, 1'000));
  t.app_sends(700).expect(data(2'001, 1'000));
  t.at(100ms).peer_sends(ack(3'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(Tuning, CorkOutweighsNoDelay) {
  TcpScript t{established()};
  t.connection().set_no_delay(true);
  t.app_corks(true).app_sends(10).expect_nothing().at(200ms).expect(data(1, 10));
}

TEST_P(Tuning, PullingTheCorkReleasesWhatWaits) {
  TcpScript t{established()};
  t.app_corks(true).app_sends(10).expect_nothing().app_sends(20).at(30ms).expect_nothing();
  t.app_corks(false).expect(data(1, 30));
  t.app_sends(10).expect_nothing().at(130ms).peer_sends(ack(31)).expect(data(31, 10));
}

TEST_P(Tuning, FinAndUrgentDataWaitForNoCork) {
  covers({"RFC 9293 §3.8.5"});
  TcpScript t{established()};
  t.app_corks(true).app_sends_urgent(3).expect(data(1, 3).with_urgent(3));
  t.at(100ms).peer_sends(ack(4)).app_sends(10).expect_nothing().app_shuts_down();
  t.expect(fin(4, 10));
}

// TCP_QUICKACK

TEST_P(Tuning, QuickAcksOnSendsTheAckThatWaits) {
  covers({"MUST-58", "RFC 9293 §3.8.6.3"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).expect_nothing().at(10ms).app_sets_quick_acks(true).expect(ack(101));
  t.app_sets_quick_acks(true).expect_nothing().expect_silence_for_ever();
}

TEST_P(Tuning, QuickAcksEndAConversation) {
  TcpScript t{established().quick_acks(16)};
  t.peer_sends(data(1, 100)).expect(ack(101)).app_sends(10).expect(data(1, 10));
  t.peer_sends(data(101, 100).acks(11)).expect_nothing().at(40ms).expect(ack(201));
  t.app_sets_quick_acks(true).peer_sends(data(201, 100)).expect(ack(301));
}

// SO_RCVBUF, TCP_WINDOW_CLAMP

TEST_P(Tuning, ReceiveBufferIsWhatTheSynOffers) {
  covers({"RFC 7323 §2.2"});
  TcpScript t{closed().tuned({.receive_buffer_bytes = 16'384})};
  t.open_active(180s).expect(syn().with_window(8'192).with_scale(0));
  t.at(100ms).peer_sends(syn_ack()).expect(ack(1).with_window(8'192));
}

TEST_P(Tuning, ReceiveBufferThatIsLargeDecidesTheScale) {
  covers({"RFC 7323 §2.2"});
  TcpScript t{closed().tuned({.receive_buffer_bytes = 512 * 1'024})};
  t.open_active(180s).expect(syn().with_window(65'535).with_scale(3));
  t.at(100ms).peer_sends(syn_ack().with_scale(0)).expect(ack(1).with_window(256 * 1'024));
}

TEST_P(Tuning, ClampAloneLeavesTheScaleToTheBufferItBounds) {
  covers({"RFC 7323 §2.2"});
  // A buffer that starts small may grow to what the clamp allows, and the scale must be able to say
  // that.
  auto start = closed();
  start.config.receive_buffer_initial_bytes = 32 * 1'024;
  TcpScript t{start.tuned({.window_clamp_bytes = 200'000})};
  t.open_active(180s).expect(syn().with_scale(2)).at(100ms).peer_sends(syn_ack()).expect(ack(1));
  TcpScript small{start.tuned({.window_clamp_bytes = 10'000})};
  small.open_active(180s).expect(syn().with_window(10'000).with_scale(0));
  TcpScript large{start.tuned({.window_clamp_bytes = 0xffff'ffff})};
  large.open_active(180s).expect(syn().with_scale(3));
}

TEST_P(Tuning, FixedReceiveBufferDoesNotGrow) {
  auto start = established();
  start.config.receive_buffer_initial_bytes = 32 * 1'024;
  for (const std::uint32_t fixed : {32U * 1'024, 0U}) {
    SCOPED_TRACE(fixed);
    TcpScript t{start.tuned({.receive_buffer_bytes = fixed})};
    std::uint32_t seq = 1;
    for (Duration time = 100ms; time < 2s; time += 100ms) {
      while (t.deadline().value_or(time) < time) {
        t.at(*t.deadline()).ignore_output();
      }
      t.at(time).ignore_output();
      for (unsigned i = 0; i < 14; ++i, seq += 1'000) {
        t.peer_sends(data(seq, 1'000)).ignore_output().app_reads(1'000).ignore_output();
      }
    }
    EXPECT_EQ(t.connection().receive_sequence().rcv_wnd() > 16U * 1'024, fixed == 0);
  }
}

TEST_P(Tuning, ClampBoundsTheWindowFromNowOn) {
  TcpScript t{established()};
  t.app_sets_tuning({.window_clamp_bytes = 4'000});
  // The edge that was offered stays (RFC 9293 §3.8.6, SHLD-14).
  const std::uint32_t edge = 1 + t.connection().receive_sequence().rcv_wnd();
  std::uint32_t seq = 1;
  for (; seq + 1'000 <= edge; seq += 1'000) {
    t.peer_sends(data(seq, 1'000)).ignore_output().app_reads(1'000).ignore_output();
    ASSERT_LE(t.connection().receive_sequence().rcv_wnd(), std::max(edge - seq, 4'000U));
  }
  for (unsigned i = 0; i < 20; ++i, seq += 1'000) {
    t.peer_sends(data(seq, 1'000)).ignore_output().app_reads(1'000).ignore_output();
    ASSERT_LE(t.connection().receive_sequence().rcv_wnd(), 4'000U);
    ASSERT_GE(t.connection().receive_sequence().rcv_wnd(), 1'000U);
  }
  t.after(40ms).ignore_output();
}

// SO_SNDBUF, TCP_NOTSENT_LOWAT

TEST_P(Tuning, FixedSendBufferTakesNoMore) {
  TcpScript t{established().cwnd(1'000)};
  const std::size_t before = t.connection().writable(t.resources());
  t.app_sets_tuning({.send_buffer_bytes = 8'192});
  EXPECT_EQ(t.info().send_buffer, 8'192U);
  const std::size_t room = t.connection().writable(t.resources());
  EXPECT_LE(room, 8'192U);
  EXPECT_GE(room, 4'096U);
  EXPECT_GT(before, 10 * room);
  const auto taken = t.app_tries_to_send(30'000);
  ASSERT_TRUE(taken.has_value());
  EXPECT_LE(*taken, 10'000U);
  t.drain();
  t.expect(data(1, 1'000));
  EXPECT_EQ(t.app_tries_to_send(30'000), fail(Error::WouldBlock));
}

TEST_P(Tuning, UnsentLimitHoldsTheApplicationBack) {
  TcpScript t{established().cwnd(2'000)};
  t.app_sets_tuning({.unsent_limit_bytes = 3'000});
  const auto taken = t.app_tries_to_send(20'000);
  ASSERT_TRUE(taken.has_value());
  // A packet may be filled whatever the limit is.
  EXPECT_GE(*taken, 3'000U);
  EXPECT_LE(*taken, 3'000U + packet::CorePools::kDataRoomBytes);
  EXPECT_EQ(t.app_tries_to_send(1), fail(Error::WouldBlock));
  t.drain();
  t.expect(data(1, 1'000), data(1'001, 1'000));
}

TEST_P(Tuning, UnsentLimitTellsWhenHalfOfItHasLeft) {
  TcpScript t{established().cwnd(1'000)};
  t.app_sets_tuning({.unsent_limit_bytes = 2'000});
  t.app_sends(2'000).expect(data(1, 1'000)).app_sends(1'000).expect_nothing();
  EXPECT_EQ(t.info().unsent_bytes, 2'000U);
  EXPECT_EQ(t.app_tries_to_send(100), fail(Error::WouldBlock));
  // Nothing but what leaves makes room: no timer is armed for it.
  EXPECT_EQ(t.deadline(), 300ms);
  t.expect_events(0).at(100ms).peer_sends(ack(1'001).with_window(1'000));
  // Half of it is not less than half of it.
  t.expect(data(1'001, 1'000)).expect_events(0);
  t.at(200ms).peer_sends(ack(2'001)).expect(data(2'001, 1'000)).expect_events(Events::kWritable);
}

TEST_P(Tuning, LargerUnsentLimitWakesWhoeverWaits) {
  TcpScript t{established().cwnd(1'000)};
  t.app_sets_tuning({.unsent_limit_bytes = 2'000});
  t.app_sends(2'000).expect(data(1, 1'000)).app_sends(1'000).expect_nothing();
  EXPECT_EQ(t.app_tries_to_send(100), fail(Error::WouldBlock));
  t.app_sets_tuning({.unsent_limit_bytes = 4'000}).expect_events(0);
  t.app_sets_tuning({}).expect_events(Events::kWritable);
}

TEST_P(Tuning, LargerSendBufferWakesWhoeverWaits) {
  TcpScript t{established().cwnd(1'000)};
  t.app_sets_tuning({.send_buffer_bytes = 8'192});
  ASSERT_TRUE(t.app_tries_to_send(30'000));
  EXPECT_EQ(t.app_tries_to_send(1), fail(Error::WouldBlock));
  t.drain();
  t.expect(data(1, 1'000)).expect_events(0);
  t.app_sets_tuning({.send_buffer_bytes = 128 * 1'024}).expect_events(Events::kWritable);
}

TEST_P(Tuning, LargestUnsentLimitWakesAsNoneDoes) {
  TcpScript t{established().cwnd(1'000)};
  t.app_sets_tuning({.send_buffer_bytes = 8'192, .unsent_limit_bytes = 0xffff'ffff});
  const auto taken = t.app_tries_to_send(30'000);
  ASSERT_TRUE(taken);
  EXPECT_EQ(t.app_tries_to_send(1), fail(Error::WouldBlock));
  t.drain();
  t.expect(data(1, 1'000)).expect_events(0);
  for (std::uint32_t acked = 1'001; acked <= *taken; acked += 1'000) {
    t.peer_sends(ack(acked).with_window(1'000)).ignore_output();
  }
  t.expect_events(Events::kWritable);
}

// TCP_MAXSEG

TEST_P(Tuning, MaxSegmentIsSaidAndKept) {
  covers({"MUST-14", "RFC 9293 §3.7.1"});
  TcpScript t{closed().tuned({.max_segment_bytes = 600})};
  t.open_active(180s).expect(syn().with_mss(600)).at(100ms).peer_sends(syn_ack()).expect(ack(1));
  t.app_sends(1'500).expect(data(1, 600), data(601, 600), data(1'201, 300));
  EXPECT_EQ(t.info().send_mss, 600U);
  EXPECT_EQ(t.info().advertised_mss, 600U);
}

TEST_P(Tuning, MaxSegmentIsNeverMoreThanTheDeviceTakes) {
  covers({"RFC 9293 §3.7.1"});
  TcpScript t{closed().tuned({.max_segment_bytes = 9'000})};
  t.open_passive(syn().with_mss(8'000)).expect(syn_ack(1).with_mss(1'000));
  t.at(100ms).peer_sends(ack(1)).app_sends(1'000).expect(data(1, 1'000));
}

// TCP_SYNCNT

TEST_P(Tuning, SynIsRepeatedAsOftenAsChosen) {
  TcpScript t{closed().tuned({.syn_retries = 2})};
  t.open_active(1s).expect(syn()).at(1s).expect(syn()).at(3s).expect(syn());
  t.expect_silence_until(7s - 1ns).at(7s).expect_nothing();
  t.expect_state(TcpState::Closed).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Tuning, RetriesChosenLaterCountAsWell) {
  TcpScript t{closed()};
  t.open_active(2s).expect(syn()).app_sets_tuning({.syn_retries = 3});
  t.at(1s).expect(syn()).at(3s).expect(syn()).at(7s).expect(syn()).at(15s).expect_nothing();
  t.expect_outcome(fail(Error::TimedOut));
}

TEST_P(Tuning, RetriesWithdrawnLeaveTheTimeForOpening) {
  TcpScript t{closed()};
  t.open_active(5s).expect(syn()).app_sets_tuning({.syn_retries = 6}).at(1s).expect(syn());
  t.app_sets_tuning({}).at(3s).expect(syn()).expect_silence_until(5s - 1ns).at(5s);
  t.expect_nothing().expect_state(TcpState::Closed).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Tuning, RetriesWithdrawnAfterTheTimeForOpeningEndItAtOnce) {
  TcpScript t{closed().tuned({.syn_retries = 6})};
  t.open_active(2s).expect(syn()).at(1s).expect(syn()).at(3s).expect(syn());
  t.connection().set_tuning(t.resources(), {});
  ASSERT_LE(t.deadline(), 3s);
  t.connection().on_timer(t.resources(), t.clock());
  t.drain();
  t.expect_state(TcpState::Closed).expect_outcome(fail(Error::TimedOut));
}

// TCP_LINGER2

TEST_P(Tuning, FinWait2TakesAsLongAsChosen) {
  TcpScript t{established()};
  t.app_sets_tuning({.fin_wait_2 = 3s}).app_closes().expect(fin(1)).at(100ms).peer_sends(ack(2));
  t.expect_state(TcpState::FinWait2).expect_silence_until(3'100ms - 1ns).at(3'100ms);
  t.expect_nothing().expect_state(TcpState::Closed);
}

TEST_P(Tuning, FinWait2OfNoTimeIsAReset) {
  TcpScript t{established()};
  t.app_sets_tuning({.fin_wait_2 = 0s}).app_closes().expect(fin(1)).at(100ms);
  t.peer_sends(ack(2)).expect(rst_ack(2, 1)).expect_state(TcpState::Closed);
}

TEST_P(Tuning, FinWait2OfNoTimeIsAResetWhenClosedLater) {
  TcpScript t{established()};
  t.app_sets_tuning({.fin_wait_2 = 0s}).app_shuts_down().expect(fin(1)).at(100ms);
  t.peer_sends(ack(2)).expect_nothing().expect_state(TcpState::FinWait2).at(5s);
  t.app_closes().expect(rst_ack(2, 1)).expect_state(TcpState::Closed);
}

// TCP_DEFER_ACCEPT

Start deferring(std::uint8_t timeouts, const Numbers& numbers) {
  Start start = closed().at(numbers);
  start.deferred_timeouts = timeouts;
  return start;
}

TEST_P(Tuning, DeferredOpenWaitsForData) {
  TcpScript t{deferring(2, GetParam())};
  t.open_passive(syn()).expect(syn_ack(1)).at(100ms).peer_sends(ack(1)).expect_nothing();
  t.expect_drop(DropReason::TcpAcceptDeferred).expect_state(TcpState::SynReceived);
  t.at(900ms).peer_sends(data(1, 10).acks(1)).expect_state(TcpState::Established);
  t.expect_events(Events::kConnected | Events::kReadable).at(940ms).expect(ack(11)).app_reads(10);
  // The client's silence says nothing of the path.
  EXPECT_EQ(t.info().rtt, Duration::zero());
}

TEST_P(Tuning, DeferredOpenBacksNothingOffThatFollows) {
  covers({"RFC 6298 §5.7"});
  TcpScript t{deferring(3, GetParam())};
  t.open_passive(syn()).expect(syn_ack(1)).at(100ms).peer_sends(ack(1)).expect_nothing();
  t.at(4s).peer_sends(data(1, 10).acks(1)).expect_state(TcpState::Established).app_reads(10);
  t.expect(ack(11));
  EXPECT_EQ(t.rto(), 1s);
  t.app_sends(10).expect(data(1, 10).acks(11)).at(5s).expect(data(1, 10).acks(11));
}

TEST_P(Tuning, DeferredOpenAsksOnceMoreAtItsEnd) {
  TcpScript t{deferring(2, GetParam())};
  t.open_passive(syn()).expect(syn_ack(1)).at(100ms).peer_sends(ack(1)).expect_nothing();
  t.expect_silence_until(3s - 1ns).at(3s).expect(syn_ack(1));
  t.at(3'100ms).peer_sends(ack(1)).expect_nothing().expect_state(TcpState::Established);
}

TEST_P(Tuning, DeferredOpenStillRepeatsAnUnansweredSynAck) {
  TcpScript t{deferring(3, GetParam())};
  t.open_passive(syn()).expect(syn_ack(1)).at(1s).expect(syn_ack(1)).at(3s).expect(syn_ack(1));
  t.at(3'100ms).peer_sends(ack(1)).expect_nothing().expect_state(TcpState::SynReceived);
  t.at(7s).expect(syn_ack(1)).peer_sends(ack(1)).expect_state(TcpState::Established);
}

TEST_P(Tuning, DeferredOpenTakesAFinForData) {
  TcpScript t{deferring(2, GetParam())};
  t.open_passive(syn()).expect(syn_ack(1)).at(100ms).peer_sends(fin(1).acks(1)).expect(ack(2));
  t.expect_state(TcpState::CloseWait);
}

TEST_P(Tuning, DeferredOpenEndsWhenNobodyAnswers) {
  auto start = deferring(2, GetParam());
  start.config.syn_ack_retries = 1;
  TcpScript t{start};
  t.open_passive(syn()).expect(syn_ack(1)).at(100ms).peer_sends(ack(1)).expect_nothing();
  t.at(3s).expect(syn_ack(1)).expect_silence_until(7s - 1ns).at(7s).expect_nothing();
  t.expect_state(TcpState::Closed);
}

}  // namespace

}  // namespace millrace::test
