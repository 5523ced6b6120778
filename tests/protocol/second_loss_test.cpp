// Congestion upon congestion: what is lost of that which left after the window had been reduced
// lowers it once more (RFC 5681 §4.3), and what never left, or was not the network's fault, does
// not. The round trip is 100 ms, the retransmission timeout 300 ms.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class SecondLoss : public NumbersTest {
 protected:
  [[nodiscard]] static Start established(std::uint32_t cwnd = 20'000) {
    Start start = NumbersTest::established().selective_acks().cwnd(cwnd);
    start.config.tail_loss_probe = false;
    start.config.frto = false;
    return start;
  }
  /// No timeout comes in between.
  [[nodiscard]] static Start patient() {
    Start start = established();
    start.config.rto_min = 2s;
    return start;
  }
  static void send(TcpScript& t, std::uint32_t first, std::uint32_t count) {
    t.app_sends(1'000 * count);
    const auto sent = t.take_output();
    ASSERT_EQ(sent.size(), count);
    ASSERT_EQ(sent.front().seq, first);
  }
};
INSTANTIATE_TEST_SUITE_P(From, SecondLoss, testing::ValuesIn(kEveryStart), name_of);

// Lost retransmissions.

TEST_P(SecondLoss, ALostRetransmissionLowersTheWindowTwice) {
  covers({"RFC 5681 §4.3", "RFC 8985 §6.2"});
  TcpScript t{patient()};
  send(t, 1, 20);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 10'000U);
  t.at(110ms).peer_sends(ack(1).sacks({{1'001, 20'001}})).expect_nothing();
  t.app_sends(1'000).expect(data(20'001, 1'000));
  t.at(210ms).peer_sends(ack(1).sacks({{1'001, 21'001}})).expect(data(1, 1'000));
  EXPECT_LT(t.ssthresh(), 10'000U);
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 2U);
  t.at(310ms).peer_sends(ack(21'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
}

TEST_P(SecondLoss, SeveralOfOneRoundTripAreOneIndication) {
  covers({"RFC 5681 §4.3"});
  TcpScript t{patient()};
  send(t, 1, 20);
  t.at(100ms).peer_sends(ack(1).sacks({{3'001, 20'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 3U);
  t.app_sends(2'000).ignore_output();
  // All three are lost once more, which two ACKs tell.
  t.at(200ms).peer_sends(ack(1).sacks({{3'001, 21'001}})).ignore_output();
  t.at(201ms).peer_sends(ack(1).sacks({{3'001, 22'001}})).ignore_output();
  EXPECT_GT(t.stats().tcp_retransmitted_segments, 4U);
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 2U);
  t.at(300ms).ignore_output().peer_sends(ack(22'001)).expect_nothing();
}

TEST_P(SecondLoss, ALossOfWhatFollowedIsSeenBeforeTheFirstIsMended) {
  covers({"RFC 5681 §4.3"});
  TcpScript t{patient()};
  send(t, 1, 20);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 20'001}})).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 10'000U);
  t.at(101ms);
  send(t, 20'001, 2);
  // Of the new ones the first is lost; the hole's ACK is late.
  t.at(205ms).peer_sends(ack(1).sacks({{1'001, 20'001}, {21'001, 22'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 2U);
  EXPECT_LT(t.ssthresh(), 10'000U);
  t.at(206ms).peer_sends(ack(20'001).sacks({{21'001, 22'001}})).ignore_output();
  EXPECT_EQ(t.info().recovery, TcpRecovery::Recovery) << "until what it began with is acknowledged";
  t.at(305ms).peer_sends(ack(22'001)).expect_nothing();
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
}

TEST_P(SecondLoss, ARetransmissionAfterATimeoutThatIsLostEndsSlowStart) {
  covers({"RFC 5681 §4.3"});
  TcpScript t{established()};
  send(t, 1, 12);
  t.at(300ms).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 6'000U);
  t.at(400ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000), data(2'001, 1'000));
  t.at(500ms).peer_sends(ack(1'001).sacks({{2'001, 3'001}}));
  EXPECT_EQ(t.info().recovery, TcpRecovery::Recovery);
  EXPECT_LT(t.ssthresh(), 6'000U);
  const auto sent = t.take_output();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent.front().seq, 1'001U);
  EXPECT_LE(sent.size(), 2U) << "a policer is not asked to drop more than it has";
  t.at(600ms).peer_sends(ack(12'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(SecondLoss, WhatIsUndoneInBetweenIsNotUndoneTwice) {
  covers({"RFC 4015 §3"});
  TcpScript t{patient().timestamps()};
  t.app_sends(988 * 20).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{989, 3'953}})).expect(data(1, 988));
  t.at(110ms).peer_sends(ack(1).sacks({{989, 19'761}})).expect_nothing();
  t.app_sends(988).expect(data(19'761, 988));
  t.at(210ms).peer_sends(ack(1).sacks({{989, 20'749}})).expect(data(1, 988));
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 2U);
  const std::uint32_t ssthresh = t.ssthresh();
  // The second copy arrives, which had left before the third: it says nothing of the third.
  t.at(215ms).peer_sends(ack(20'749).echo(200)).expect_nothing();
  EXPECT_EQ(t.ssthresh(), ssthresh);
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
}

// What has not left cannot be lost again.

TEST_P(SecondLoss, WhatThePacerHoldsDoesNotTimeOutAgain) {
  covers({"RFC 6298 §5.4", "RFC 5681 §3.1"});
  TcpScript t{established()};
  send(t, 1, 8);
  t.app_sets_tuning({.max_pacing_rate = 714});
  // Two may leave in one go.
  t.app_sends(2'000).expect(data(8'001, 1'000), data(9'001, 1'000));
  // The next may leave after 1.4 s. The timer goes off, once.
  t.expect_silence_until(1'400ms);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 1U);
  EXPECT_EQ(t.ssthresh(), 5'000U);
  EXPECT_EQ(t.info().backoff, 1U);
  t.at(*t.deadline()).expect(data(1, 1'000));
  t.at(1'410ms).peer_sends(ack(10'001)).expect_nothing();
}

TEST_P(SecondLoss, NorIsWhatItHoldsInARecoveryATimeout) {
  covers({"RFC 6298 §5.4"});
  TcpScript t{established()};
  send(t, 1, 8);
  t.app_sets_tuning({.max_pacing_rate = 714});
  t.app_sends(2'000).expect(data(8'001, 1'000), data(9'001, 1'000));
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 10'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
  t.expect_silence_until(1'400ms).at(*t.deadline()).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
  t.at(1'500ms).peer_sends(ack(10'001)).expect_nothing();
}

TEST_P(SecondLoss, ATimeoutBeforeTheRetransmissionHasLeftIsNotAnother) {
  covers({"RFC 5681 §3.1"});
  TcpScript t{established()};
  send(t, 1, 8);
  // A device stands still: the timer goes off, and nothing is asked for.
  t.connection().on_timer(t.resources(), t.clock() + 300ms);
  EXPECT_EQ(t.ssthresh(), 4'000U);
  t.connection().on_timer(t.resources(), t.clock() + 900ms);
  EXPECT_EQ(t.ssthresh(), 4'000U) << "it falls once for the same data";
  t.at(901ms).drain();
  t.expect(data(1, 1'000));
  t.at(910ms).peer_sends(ack(8'001)).expect_nothing();
}

// One timer at a time.

TEST_P(SecondLoss, WhatTimeFindsLostIsNoTimeoutAsWell) {
  covers({"RFC 8985 §8"});
  TcpScript t{established()};
  send(t, 1, 4);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  ASSERT_EQ(t.deadline(), 125ms);
  // The core comes late, when both are due.
  t.connection().on_timer(t.resources(), t.clock() + 400ms);
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Recovery);
  t.at(501ms).drain();
  t.expect(data(1, 1'000));
  t.at(600ms).peer_sends(ack(4'001)).expect_nothing();
}

// What is sent again for other reasons than congestion.

TEST_P(SecondLoss, AWindowThatOpensTellsTheControllerOfNoLoss) {
  covers({"RFC 9293 §3.8.6.1"});
  TcpScript t{established().peer_window(3'000)};
  send(t, 1, 3);
  t.at(100ms).peer_sends(ack(3'001).with_window(0)).expect_nothing();
  t.app_sends(2'000).expect_nothing();
  t.at(*t.deadline()).expect(data(3'001, 1));
  t.after(100ms).peer_sends(ack(3'001).with_window(0)).expect_nothing();
  t.at(*t.deadline()).expect(data(3'001, 1));
  t.after(100ms).peer_sends(ack(3'001).with_window(4'000)).ignore_output();
  ASSERT_NE(t.connection().active(), nullptr);
  EXPECT_EQ(t.connection().active()->sent.lost_total(), 0U);
  EXPECT_EQ(t.ssthresh(), 1U << 30U);
  t.after(100ms).peer_sends(ack(4'002)).expect(data(4'002, 999));
  t.after(100ms).peer_sends(ack(5'001)).expect_nothing();
}

TEST_P(SecondLoss, ARouterThatWantsSmallerOnesDoesNeither) {
  covers({"RFC 1191 §6.5"});
  TcpScript t{established()};
  send(t, 1, 3);
  t.at(50ms).router_allows(500);
  EXPECT_EQ(t.take_output().size(), 6U);
  EXPECT_EQ(t.connection().active()->sent.lost_total(), 0U);
  t.at(150ms).peer_sends(ack(3'001)).expect_nothing();
}

TEST_P(SecondLoss, AFrameThatFoundNoPacketIsNotLost) {
  covers({"RFC 5681 §4.3"});
  TcpScript t{established()};
  send(t, 1, 1);
  send(t, 1'001, 1);
  // The second found none after all.
  tcp::SegmentPlan plan;
  plan.seq = t.connection().send_sequence().snd_nxt - 1'000;
  plan.payload_bytes = 1'000;
  plan.flags = wire::TcpFlags{wire::TcpFlags::kAck};
  t.connection().on_segment_not_sent(plan);
  EXPECT_EQ(t.connection().active()->sent.lost_total(), 0U);
  t.drain();
  EXPECT_EQ(t.take_output().size(), 1U);
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 0U) << "it leaves for the first time";
  t.at(100ms).peer_sends(ack(2'001)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms) << "so that it is a measure, too";
}

}  // namespace

}  // namespace millrace::test
