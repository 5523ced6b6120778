// Fast retransmit and fast recovery: RFC 5681 §3.2, RFC 6582.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class FastRetransmit : public NumbersTest {
 protected:
  /// Eight full segments are out, `more` bytes wait.
  static void send_eight(TcpScript& t, std::uint32_t more = 0) {
    t.app_sends(8'000 + more);
    t.expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000), data(3'001, 1'000),
             data(4'001, 1'000), data(5'001, 1'000), data(6'001, 1'000), data(7'001, 1'000));
    t.at(100ms);
  }
};
INSTANTIATE_TEST_SUITE_P(From, FastRetransmit, testing::ValuesIn(kEveryStart), name_of);

TEST_P(FastRetransmit, ThirdDuplicateAckResendsFirstHole) {  // RFC 5681 §3.2, step 2 and 3
  test::covers({"RFC 5681 §3.2"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(ack(1).times(2)).expect_nothing();
  t.peer_sends(ack(1)).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 4'000U);
  EXPECT_EQ(t.cwnd(), 5'000U) << "four are in the network, and the hole";
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 1U);
  t.expect_silence_until(300ms - 1ns);
}

TEST_P(FastRetransmit, WhatLeavesAgainHasAWholeTimeoutToArrive) {  // RFC 6675 §6
  // Where round trips are all the same the timeout is hardly longer than one, and what was lost
  // takes two to arrive.
  TcpScript t{established().cwnd(8'000)};
  std::uint32_t seq = 1;
  Duration now{};
  for (; seq < 50'001; seq += 1'000) {
    t.at(now).app_sends(1'000).expect(data(seq, 1'000));
    now += 250ms;
    t.at(now).peer_sends(ack(seq + 1'000));
  }
  t.app_sends(4'000);
  t.expect(data(seq, 1'000), data(seq + 1'000, 1'000), data(seq + 2'000, 1'000),
           data(seq + 3'000, 1'000));
  t.at(now + 250ms).peer_sends(ack(seq).times(3)).expect(data(seq, 1'000));
  t.expect_silence_until(now + 500ms);
  t.at(now + 500ms).peer_sends(ack(seq + 4'000)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(FastRetransmit, ServersFirstSegmentsMayBeLostToo) {
  test::covers({"RFC 5681 §3.2", "RFC 6582 §3.2"});
  // Whatever number it began with: the count of what was lost before starts with the connection.
  TcpScript t{established_passively()};
  t.app_sends(5'000);
  EXPECT_EQ(t.take_output().size(), 5U);
  t.peer_sends(ack(1), ack(1)).expect_nothing().peer_sends(ack(1)).expect(data(1, 1'000));
}

TEST_P(FastRetransmit, FirstTwoDuplicatesLetNewDataOut) {  // RFC 3042 §2
  test::covers({"RFC 3042 §2", "RFC 5681 §3.2"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t, 6'000);
  t.peer_sends(ack(1)).expect(data(8'001, 1'000)).peer_sends(ack(1)).expect(data(9'001, 1'000));
  EXPECT_EQ(t.cwnd(), 8'000U);
  t.peer_sends(ack(1)).expect(data(1, 1'000));
}

TEST_P(FastRetransmit, FirstTwoDuplicatesStayWithinThePeersWindow) {  // RFC 3042 §2
  test::covers({"RFC 3042 §2"});
  TcpScript t{established().cwnd(8'000).peer_window(9'000)};
  send_eight(t, 6'000);
  t.peer_sends(ack(1)).expect(data(8'001, 1'000)).peer_sends(ack(1)).expect_nothing();
}

TEST_P(FastRetransmit, FurtherDuplicatesLetDataOutInProportion) {  // RFC 5681 §3.2, steps 4 and 5
  test::covers({"RFC 5681 §3.2", "RFC 9937 §6.2"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t, 6'000);
  t.peer_sends(ack(1), ack(1)).expect(data(8'001, 1'000), data(9'001, 1'000));
  t.peer_sends(ack(1)).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 4'000U);
  // Of eight segments that had not arrived half as many leave.
  t.peer_sends(ack(1), ack(1), ack(1)).expect_nothing();
  t.peer_sends(ack(1)).expect(data(10'001, 1'000));
  EXPECT_EQ(t.cwnd(), 4'000U);
}

TEST_P(FastRetransmit, WithoutProportionTheWindowIsHalvedAtOnce) {  // RFC 5681 §3.2
  test::covers({"RFC 5681 §3.2"});
  Start start = established().cwnd(8'000);
  start.config.prr = false;
  TcpScript t{start};
  send_eight(t, 6'000);
  t.peer_sends(ack(1), ack(1)).expect(data(8'001, 1'000), data(9'001, 1'000));
  t.peer_sends(ack(1)).expect(data(1, 1'000));
  EXPECT_EQ(t.cwnd(), 4'000U);
  t.peer_sends(ack(1), ack(1), ack(1)).expect_nothing();
  t.peer_sends(ack(1)).expect(data(10'001, 1'000)).peer_sends(ack(1)).expect(data(11'001, 1'000));
  EXPECT_EQ(t.cwnd(), 4'000U);
}

TEST_P(FastRetransmit, FullAckEndsTheRecovery) {  // RFC 6582 §3.2, step 3, full acknowledgment
  test::covers({"RFC 6582 §3.2"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t, 6'000);
  t.peer_sends(ack(1).times(7))
      .expect(data(8'001, 1'000), data(9'001, 1'000), data(1, 1'000), data(10'001, 1'000));
  t.at(200ms).peer_sends(ack(10'001));
  t.expect(data(11'001, 1'000), data(12'001, 1'000), data(13'001, 1'000));
  EXPECT_EQ(t.cwnd(), 4'000U);
  EXPECT_EQ(t.ssthresh(), 4'000U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
}

TEST_P(FastRetransmit, FullAckLeavesTheWindowAtItsThreshold) {  // RFC 9937 §6.1; RFC 6582 §3.2
  test::covers({"RFC 6582 §3.2", "RFC 9937 §6.1"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(ack(1).times(7)).expect(data(1, 1'000));
  t.at(200ms).peer_sends(ack(8'001)).expect_nothing();
  EXPECT_EQ(t.cwnd(), 4'000U);
}

TEST_P(FastRetransmit,
       PartialAckResendsTheNextHole) {  // RFC 6582 §3.2, step 3, partial acknowledgment
  test::covers({"RFC 6582 §3.2"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(ack(1).times(6)).expect(data(1, 1'000));
  EXPECT_EQ(t.cwnd(), 4'000U);
  t.at(200ms).peer_sends(ack(3'001)).expect(data(3'001, 1'000));
  EXPECT_EQ(t.cwnd(), 4'000U);
  EXPECT_EQ(t.ssthresh(), 4'000U);
  t.peer_sends(ack(3'001)).expect_nothing();
  t.at(300ms).peer_sends(ack(6'001)).expect(data(6'001, 1'000));
  t.at(400ms).peer_sends(ack(8'001)).expect_nothing();
  EXPECT_LE(t.cwnd(), t.ssthresh());
  t.expect_silence_for_ever();
}

TEST_P(FastRetransmit, PartialAckRestartsTheTimer) {  // RFC 6582 §4; RFC 6298 §5.3
  test::covers({"RFC 6582 §3.2", "RFC 6298 §5"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(ack(1).times(3)).expect(data(1, 1'000));
  t.at(200ms).peer_sends(ack(3'001)).expect(data(3'001, 1'000));
  t.expect_silence_until(200ms + t.rto() - 1ns).after(1ns).expect(data(3'001, 1'000));
}

TEST_P(FastRetransmit, OnlyTheHoleGoesAheadOfTheWindow) {
  test::covers({"RFC 5681 §3.2", "RFC 6582 §3.2"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(ack(1).times(3)).expect(data(1, 1'000));
  EXPECT_EQ(t.cwnd(), 5'000U);
  // Everything counts as lost once the window has been closed, and has to wait its turn.
  t.peer_sends(ack(1).with_window(0)).expect_nothing().peer_sends(ack(1).with_window(60'000));
  EXPECT_EQ(t.take_output().size(), 5U);
}

TEST_P(FastRetransmit, SegmentSentAgainGivesNoSample) {  // RFC 6298 §3
  test::covers({"MUST-18", "RFC 6298 §3"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(ack(1).times(3)).expect(data(1, 1'000));
  t.at(250ms).peer_sends(ack(8'001)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
}

TEST_P(FastRetransmit, NeverFollowsATimeoutOfTheSameData) {  // RFC 6582 §3.2, steps 1 and 4; §4.1
  test::covers({"RFC 6582 §3.2"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.at(300ms).expect(data(1, 1'000));
  const std::uint32_t ssthresh = t.ssthresh();
  t.peer_sends(ack(1).times(7)).expect_nothing();
  t.at(400ms)
      .peer_sends(ack(2'001))
      .expect(data(2'001, 1'000), data(3'001, 1'000), data(4'001, 1'000));
  t.peer_sends(ack(2'001).times(4)).expect_nothing();
  EXPECT_EQ(t.ssthresh(), ssthresh);
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 0U);
}

TEST_P(FastRetransmit, WorksAgainForDataBehindTheRecovery) {  // RFC 6582 §3.2, step 1
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(ack(1).times(3))
      .expect(data(1, 1'000))
      .at(200ms)
      .peer_sends(ack(8'001))
      .expect_nothing();
  t.app_sends(6'000).expect(data(8'001, 1'000), data(9'001, 1'000), data(10'001, 1'000),
                            data(11'001, 1'000));
  t.peer_sends(ack(9'001)).expect(data(12'001, 1'000));
  t.peer_sends(ack(9'001).times(3)).expect(data(13'001, 1'000), data(9'001, 1'000));
}

TEST_P(FastRetransmit, TimeoutEndsTheRecovery) {  // RFC 6582 §3.2, step 4
  test::covers({"RFC 6582 §3.2"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(ack(1).times(3)).expect(data(1, 1'000));
  // What leaves again at 100 ms has a whole timeout.
  t.expect_silence_until(400ms - 1ns);
  t.at(400ms).expect(data(1, 1'000));
  EXPECT_EQ(t.cwnd(), 1'000U);
  t.at(500ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000), data(2'001, 1'000));
  EXPECT_EQ(t.cwnd(), 2'000U);
}

TEST_P(FastRetransmit, WindowUpdatesAreNoDuplicates) {  // RFC 5681 §2, point (e)
  test::covers({"RFC 5681 §3.2"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(ack(1).with_window(50'000), ack(1).with_window(51'000), ack(1).with_window(52'000))
      .expect_nothing();
  t.peer_sends(ack(1).with_window(53'000)).expect_nothing();
}

TEST_P(FastRetransmit, SegmentsWithDataAreNoDuplicates) {  // RFC 5681 §2, point (b)
  test::covers({"RFC 5681 §3.2"});
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(data(1, 10), data(11, 10), data(21, 10), data(31, 10))
      .expect_nothing()
      .app_reads(40);
  t.at(140ms).expect(ack(41));
}

TEST_P(FastRetransmit, AcksWithNothingInFlightAreNoDuplicates) {  // RFC 5681 §2, point (a)
  test::covers({"RFC 5681 §3.2"});
  TcpScript t{established().cwnd(8'000)};
  t.peer_sends(ack(1).times(5)).expect_nothing();
  t.app_sends(1'000).expect(data(1, 1'000)).peer_sends(ack(1).times(2)).expect_nothing();
  t.peer_sends(ack(1)).expect(data(1, 1'000));
}

TEST_P(FastRetransmit, NewAckStartsTheCountAgain) {  // RFC 5681 §3.2
  TcpScript t{established().cwnd(8'000)};
  send_eight(t);
  t.peer_sends(ack(1).times(2), ack(1'001), ack(1'001).times(2)).expect_nothing();
  t.peer_sends(ack(1'001)).expect(data(1'001, 1'000));
}

TEST(FastRetransmitLater,
     WorksWhenTheNumbersHaveGoneRound) {  // RFC 6582 §3.2: `recover` must not fall behind
  auto start = established().mss(8'000).peer_scale(10).peer_window(1U << 20U);
  start.config.send_buffer_bytes = 4U << 20U;
  TcpScript t{start};
  std::uint32_t next = 1;
  // 2^31 bytes without a loss: what was noted at the start now seems to lie ahead.
  while (next < 0x8000'1000U) {
    t.app_sends(400'000);
    for (std::vector<Seg> sent = t.take_output(); !sent.empty(); sent = t.take_output()) {
      next = *sent.back().seq + sent.back().bytes;
      t.peer_sends(ack(next));
    }
  }
  t.app_sends(80'000);
  ASSERT_FALSE(t.take_output().empty());
  t.peer_sends(ack(next).times(3)).expect(data(next, 8'000));
}

}  // namespace

}  // namespace millrace::test
