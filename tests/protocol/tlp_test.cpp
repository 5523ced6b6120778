// Tail-loss probes (RFC 8985 §7): when the end of a flight is lost, or its ACKs are. The round trip
// is 100 ms, the retransmission timeout 300 ms.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class TlpScript : public NumbersTest {
 protected:
  [[nodiscard]] static Start established() {
    return NumbersTest::established().selective_acks().cwnd(10'000);
  }
  static void send(TcpScript& t, std::uint32_t first, std::uint32_t count) {
    t.app_sends(1'000 * count);
    const auto sent = t.take_output();
    ASSERT_EQ(sent.size(), count);
    for (std::uint32_t i = 0; i < count; ++i) {
      ASSERT_EQ(sent[i].seq, first + 1'000 * i);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(From, TlpScript, testing::ValuesIn(kEveryStart), name_of);

// When.

TEST_P(TlpScript, IsDueAfterTwoRoundTrips) {
  covers({"RFC 8985 §7.2", "RFC 8985 §7.3"});
  TcpScript t{established()};
  send(t, 1, 3);
  t.expect_silence_until(200ms - 1ns).at(200ms).expect(data(2'001, 1'000));
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 1U);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
  EXPECT_EQ(t.cwnd(), 10'000U);
}

TEST_P(TlpScript, ALoneSegmentWaitsForADelayedAck) {
  covers({"RFC 8985 §7.2"});
  Start start = established();
  start.config.peer_ack_delay_max = 60ms;
  TcpScript t{start};
  send(t, 1, 1);
  t.expect_silence_until(260ms - 1ns).at(260ms).expect(data(1, 1'000));
}

TEST_P(TlpScript, IsNeverLaterThanTheTimeout) {
  covers({"RFC 8985 §7.2"});
  TcpScript t{established()};
  send(t, 1, 1);
  t.at(300ms).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 1U) << "2 · 100 + 200 ms would be later";
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(TlpScript, EachSegmentPutsItOff) {
  covers({"RFC 8985 §7.2"});
  TcpScript t{established()};
  send(t, 1, 2);
  t.at(80ms);
  send(t, 2'001, 1);
  t.expect_silence_until(280ms - 1ns).at(280ms).expect(data(2'001, 1'000));
}

TEST_P(TlpScript, EachAckPutsItOff) {
  covers({"RFC 8985 §7.2"});
  TcpScript t{established()};
  send(t, 1, 3);
  t.at(100ms).peer_sends(ack(1'001)).expect_nothing();
  const Duration round_trip = t.connection().rtt().srtt();
  t.expect_silence_until(100ms + 2 * round_trip - 1ns);
  t.at(100ms + 2 * round_trip).expect(data(2'001, 1'000));
}

TEST_P(TlpScript, AnAckWithoutNewsDoesNotPutItOff) {
  covers({"RFC 8985 §7.2"});
  TcpScript t{established()};
  send(t, 1, 3);
  t.at(150ms).peer_sends(ack(1)).expect_nothing();
  t.at(200ms).expect(data(2'001, 1'000));
}

TEST_P(TlpScript, IsOffWhenAllIsAcknowledged) {
  covers({"RFC 8985 §7.2"});
  TcpScript t{established()};
  send(t, 1, 3);
  t.at(100ms).peer_sends(ack(3'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(TlpScript, IsNotSentWhileSomethingIsReported) {
  covers({"RFC 8985 §7.2"});
  TcpScript t{established()};
  send(t, 1, 3);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  t.at(125ms).expect(data(1, 1'000));
  t.at(375ms).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 0U);
}

TEST_P(TlpScript, PeersWithoutSelectiveAcksGetNone) {
  covers({"RFC 8985 §7.2"});
  TcpScript t{NumbersTest::established().cwnd(10'000)};
  send(t, 1, 3);
  t.expect_silence_until(300ms - 1ns).at(300ms).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 0U);
}

TEST_P(TlpScript, CanBeSwitchedOff) {
  covers({"RFC 8985 §7"});
  Start start = established();
  start.config.tail_loss_probe = false;
  TcpScript t{start};
  send(t, 1, 3);
  t.expect_silence_until(300ms - 1ns).at(300ms).expect(data(1, 1'000));
}

TEST_P(TlpScript, IsNotSentIntoAClosedWindow) {
  covers({"RFC 8985 §7.3"});
  TcpScript t{established()};
  send(t, 1, 3);
  t.at(100ms).peer_sends(ack(1'001).with_window(0)).expect_nothing();
  t.expect_silence_until(300ms);
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 0U);
}

// What.

TEST_P(TlpScript, NewDataGoesRatherThanTheLastSegment) {
  covers({"RFC 8985 §7.3"});
  TcpScript t{established().cwnd(3'000)};
  t.app_sends(5'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  t.at(200ms).expect(data(3'001, 1'000));
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 1U);
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 0U);
  EXPECT_EQ(t.cwnd(), 3'000U) << "the window lets it pass, once";
}

TEST_P(TlpScript, NewDataThatIsSmallGoesToo) {
  covers({"RFC 8985 §7.3"});
  TcpScript t{established()};
  t.app_sends(1'100).expect(data(1, 1'000), data(1'001, 100)).app_sends(50).expect_nothing();
  t.at(200ms).expect(data(1'101, 50));
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 1U);
}

TEST_P(TlpScript, BeyondThePeersWindowTheLastSegmentGoes) {
  covers({"RFC 8985 §7.3"});
  TcpScript t{established().peer_window(3'000)};
  t.app_sends(5'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  t.at(200ms).expect(data(2'001, 1'000));
}

TEST_P(TlpScript, AFinIsTheLastSegmentToo) {
  covers({"RFC 8985 §7.3"});
  TcpScript t{established()};
  send(t, 1, 2);
  t.app_closes().expect(fin(2'001));
  t.at(200ms).expect(fin(2'001));
  t.at(300ms).peer_sends(ack(2'002)).expect_nothing();
  t.expect_state(TcpState::FinWait2);
}

TEST_P(TlpScript, OneIsOutAtATime) {
  covers({"RFC 8985 §7.3"});
  TcpScript t{established()};
  send(t, 1, 3);
  t.at(200ms).expect(data(2'001, 1'000));
  // The timer counts from the probe.
  t.expect_silence_until(500ms - 1ns).at(500ms).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 1U);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 1U);
}

TEST_P(TlpScript, FollowsATimeoutOnlyWhenThatIsOver) {
  covers({"RFC 8985 §7.2"});
  TcpScript t{established()};
  send(t, 1, 3);
  t.at(200ms).expect(data(2'001, 1'000)).at(500ms).expect(data(1, 1'000));
  t.at(600ms).peer_sends(ack(3'001)).expect_nothing();
  send(t, 3'001, 2);
  t.at(*t.deadline()).expect(data(4'001, 1'000));
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 2U);
}

// The answer.

TEST_P(TlpScript, TheLastOfAFlightIsMendedByIt) {
  covers({"RFC 8985 §7.4.2"});
  TcpScript t{established()};
  send(t, 1, 4);
  t.at(100ms).peer_sends(ack(3'001)).expect_nothing();
  t.at(*t.deadline()).expect(data(3'001, 1'000));
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 1U);
  const Duration probed = t.now();
  t.at(probed + 100ms).peer_sends(ack(4'001)).expect_nothing();
  EXPECT_EQ(t.cwnd(), 10'000U) << "the original may still be on its way";
  // Data behind it, acknowledged without a word of a duplicate: it was lost.
  t.app_sends(1'000).expect(data(4'001, 1'000));
  t.at(probed + 200ms).peer_sends(ack(5'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_tail_losses_repaired, 0U) << "nothing was in flight to remember it";
}

TEST_P(TlpScript, AMendedLossIsCongestion) {
  covers({"RFC 8985 §7.4.2"});
  TcpScript t{established()};
  send(t, 1, 4);
  t.at(200ms).expect(data(3'001, 1'000));
  t.app_sends(1'000).expect(data(4'001, 1'000));
  // All of the first four have arrived, by the probe, and the next one: no duplicate.
  t.at(300ms).peer_sends(ack(5'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_tail_losses_repaired, 1U);
  EXPECT_LT(t.cwnd(), 10'000U);
  EXPECT_EQ(t.cwnd(), t.ssthresh());
}

TEST_P(TlpScript, AReportedDuplicateIsNoCongestion) {
  covers({"RFC 8985 §7.4.2", "RFC 2883 §4"});
  TcpScript t{established()};
  send(t, 1, 4);
  t.at(200ms).expect(data(3'001, 1'000));
  t.at(290ms).app_sends(2'000).expect(data(4'001, 1'000), data(5'001, 1'000));
  t.at(295ms).peer_sends(ack(4'001)).expect_nothing();
  t.at(300ms).peer_sends(ack(4'001).sacks({{3'001, 4'001}})).expect_nothing();
  t.at(390ms).peer_sends(ack(6'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_tail_losses_repaired, 0U);
  EXPECT_EQ(t.ssthresh(), 1U << 30U);
  EXPECT_GE(t.cwnd(), 10'000U);
}

TEST_P(TlpScript, NewDataAsProbeIsNoCongestion) {
  covers({"RFC 8985 §7.4.1"});
  TcpScript t{established().cwnd(3'000)};
  t.app_sends(5'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  t.at(200ms).expect(data(3'001, 1'000));
  t.at(300ms).peer_sends(ack(4'001)).expect(data(4'001, 1'000));
  EXPECT_GE(t.cwnd(), 3'000U);
  EXPECT_EQ(t.stats().tcp_tail_losses_repaired, 0U);
}

TEST_P(TlpScript, ReportsOfTheProbeTellOfTheLossesBeforeIt) {
  covers({"RFC 8985 §7.4", "RFC 8985 §6.2"});
  TcpScript t{established()};
  send(t, 1, 4);
  t.at(200ms).expect(data(3'001, 1'000));
  // All four were lost: RACK knows as soon as the probe has arrived.
  t.at(300ms).peer_sends(ack(1).sacks({{3'001, 4'001}})).expect(data(1, 1'000));
  t.at(400ms).peer_sends(ack(1'001).sacks({{3'001, 4'001}}));
  t.expect(data(1'001, 1'000), data(2'001, 1'000));
  t.at(500ms).peer_sends(ack(4'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(TlpScript, TailOfTwoIsMendedWithinTwoRoundTripsAndTheProbesTime) {
  covers({"RFC 8985 §7.4"});
  TcpScript t{established()};
  send(t, 1, 5);
  t.at(100ms).peer_sends(ack(3'001)).expect_nothing();
  const Duration due = *t.deadline();
  EXPECT_EQ(due, 300ms);
  t.at(due).expect(data(4'001, 1'000));
  t.at(due + 100ms).peer_sends(ack(3'001).sacks({{4'001, 5'001}})).expect(data(3'001, 1'000));
  t.after(100ms).peer_sends(ack(5'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_LE(t.now(), due + 2 * 100ms);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(TlpScript, LostAcksOfAWholeFlightCostNoTimeout) {
  covers({"RFC 8985 §7.3"});
  TcpScript t{established()};
  send(t, 1, 5);
  t.at(200ms).expect(data(4'001, 1'000));
  t.at(300ms).peer_sends(ack(5'001).sacks({{4'001, 5'001}})).expect_nothing();
  t.expect_silence_for_ever();
  EXPECT_EQ(t.cwnd(), 10'000U);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
  EXPECT_EQ(t.info().duplicate_reports, 1U);
}

TEST_P(TlpScript, ItsFrameMayFindNoPacket) {
  TcpScript t{established()};
  send(t, 1, 3);
  t.connection().on_timer(t.resources(), t.clock() + 200ms);
  const auto plan = t.connection().next_segment(t.resources(), t.clock() + 200ms);
  ASSERT_TRUE(plan);
  t.connection().on_segment_not_sent(*plan);
  EXPECT_TRUE(t.connection().check_invariants());
  const auto again = t.connection().next_segment(t.resources(), t.clock() + 200ms);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->seq, plan->seq);
  t.at(210ms).peer_sends(ack(3'001)).ignore_output();
}

}  // namespace

}  // namespace millrace::test
