// Slow start, congestion avoidance and idle restart: RFC 5681 §3.1 and §4.1, RFC 6928.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class Congestion : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Congestion, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Congestion, InitialWindowIsTenSegments) {  // RFC 6928 §2
  test::covers({"RFC 6928 §2"});
  TcpScript t{established()};
  t.app_sends(20'000);
  const std::vector<Seg> sent = t.take_output();
  ASSERT_EQ(sent.size(), 10U);
  EXPECT_EQ(sent.back().seq, 9'001U);
  EXPECT_EQ(t.ssthresh(), 1U << 30U);
}

TEST_P(Congestion,
       InitialWindowOfLargeSegmentsIsSmaller) {  // RFC 6928 §2: min(10 MSS, max(2 MSS, 14600))
  test::covers({"RFC 6928 §2"});
  TcpScript jumbo{established().mss(8'960)};
  EXPECT_EQ(jumbo.cwnd(), 17'920U);
  TcpScript between{established().mss(2'000)};
  EXPECT_EQ(between.cwnd(), 14'600U);
  TcpScript usual{established().mss(1'460)};
  EXPECT_EQ(usual.cwnd(), 14'600U);
}

TEST_P(Congestion,
       SlowStartGrowsByWhatIsAcknowledged) {  // RFC 5681 §3.1, equation 2; RFC 3465 §2.2
  test::covers({"MUST-19", "RFC 5681 §3.1"});
  TcpScript t{established().cwnd(2'000)};
  t.app_sends(20'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.peer_sends(ack(1'001)).expect(data(2'001, 1'000), data(3'001, 1'000));
  EXPECT_EQ(t.cwnd(), 3'000U);
  t.peer_sends(ack(3'001))
      .expect(data(4'001, 1'000), data(5'001, 1'000), data(6'001, 1'000), data(7'001, 1'000));
  EXPECT_EQ(t.cwnd(), 5'000U);
  t.peer_sends(ack(7'001));
  EXPECT_EQ(t.cwnd(), 7'000U) << "at most two segments for one ACK";
  EXPECT_EQ(t.take_output().size(), 6U);
}

TEST_P(Congestion, AvoidanceGrowsByOneSegmentForEachWindow) {  // RFC 5681 §3.1
  test::covers({"MUST-19", "RFC 5681 §3.1"});
  TcpScript t{established().cwnd(8'000)};
  t.app_sends(8'000);
  EXPECT_EQ(t.take_output().size(), 8U);
  t.at(100ms)
      .peer_sends(ack(1).times(3))
      .expect(data(1, 1'000))
      .peer_sends(ack(8'001))
      .expect_nothing();
  ASSERT_EQ(t.ssthresh(), 4'000U);
  ASSERT_EQ(t.cwnd(), 4'000U);
  std::uint32_t acked = 8'001;
  t.app_sends(40'000);
  static_cast<void>(t.take_output());
  const auto acknowledge_segment = [&] {
    acked += 1'000;
    t.peer_sends(ack(acked));
    static_cast<void>(t.take_output());
  };
  for (unsigned i = 0; i < 3; ++i) {
    acknowledge_segment();
    ASSERT_EQ(t.cwnd(), 4'000U);
  }
  acknowledge_segment();
  ASSERT_EQ(t.cwnd(), 5'000U);
  for (unsigned i = 0; i < 5; ++i) {
    ASSERT_EQ(t.cwnd(), 5'000U);
    acknowledge_segment();
  }
  EXPECT_EQ(t.cwnd(), 6'000U);
}

TEST_P(Congestion, OnlyMoreThanOneTimeoutIsIdle) {  // RFC 5681 §4.1
  test::covers({"RFC 5681 §4.1"});
  for (const Duration more : {Duration{0}, Duration{1}}) {
    TcpScript t{established().cwnd(4'000)};
    t.app_sends(4'000);
    EXPECT_EQ(t.take_output().size(), 4U);
    t.at(100ms).peer_sends(ack(4'001)).expect_nothing();
    const std::uint32_t grown = t.cwnd();
    ASSERT_GT(grown, 4'000U);
    t.after(t.rto() + more).app_sends(1).expect(data(4'001, 1));
    EXPECT_EQ(t.cwnd(), more == Duration{0} ? grown : 4'000U);
  }
}

TEST_P(Congestion, IdleTimeCountsForTheLastDataBeforeACloseToo) {  // RFC 5681 §4.1
  test::covers({"RFC 5681 §4.1"});
  TcpScript t{established().cwnd(4'000)};
  t.app_sends(4'000);
  EXPECT_EQ(t.take_output().size(), 4U);
  t.at(100ms).peer_sends(ack(4'001)).expect_nothing();
  ASSERT_GT(t.cwnd(), 4'000U);
  t.at(10s);
  ASSERT_EQ(t.app_tries_to_send(8'000), 8'000U);
  t.app_closes();
  EXPECT_EQ(t.take_output().size(), 4U);
  EXPECT_EQ(t.cwnd(), 4'000U);
}

TEST_P(Congestion, NotEvenOneOctetIsSentBeyondTheWindow) {
  test::covers({"MUST-19", "RFC 5681 §3.1"});
  TcpScript t{established().cwnd(4'000)};
  t.connection().set_no_delay(true);
  t.app_sends(4'000);
  EXPECT_EQ(t.take_output().size(), 4U);
  t.app_sends(1).expect_nothing().peer_sends(ack(1'001)).expect(data(4'001, 1));
}

TEST_P(Congestion, WindowIsNeverExceeded) {  // RFC 5681 §3.1
  test::covers({"MUST-19", "RFC 5681 §3.1"});
  TcpScript t{established().cwnd(3'000)};
  t.app_sends(30'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  std::uint32_t acked = 1;
  std::uint32_t sent = 3'001;
  while (acked < 20'001) {
    acked += 1'000;
    t.peer_sends(ack(acked));
    for (const Seg& seg : t.take_output()) {
      ASSERT_EQ(seg.seq, sent);
      sent += seg.bytes;
    }
    ASSERT_LE(sent - acked, t.cwnd());
  }
}

TEST_P(Congestion, IdleConnectionStartsAgainWithTheInitialWindow) {  // RFC 5681 §4.1
  test::covers({"RFC 5681 §4.1"});
  TcpScript t{established().cwnd(2'000)};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.peer_sends(ack(2'001)).app_sends(4'000);
  EXPECT_EQ(t.take_output().size(), 4U);
  t.peer_sends(ack(6'001)).expect_nothing();
  EXPECT_EQ(t.cwnd(), 6'000U);
  t.after(200ms)
      .app_sends(1'000)
      .expect(data(6'001, 1'000))
      .peer_sends(ack(7'001))
      .expect_nothing();
  EXPECT_EQ(t.cwnd(), 6'000U) << "shorter than RTO; and it was not filled (RFC 7661 §4.4)";
  t.after(1s).app_sends(9'000).expect(data(7'001, 1'000), data(8'001, 1'000));
  EXPECT_EQ(t.cwnd(), 2'000U);
}

TEST_P(Congestion, IdleConnectionKeepsItsWindowWhereTold) {  // RFC 5681 §4.1 is a SHOULD
  Start start = established().cwnd(2'000);
  start.config.slow_start_after_idle = false;
  TcpScript t{start};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.peer_sends(ack(2'001)).expect_nothing();
  EXPECT_EQ(t.cwnd(), 4'000U);
  t.after(1s).app_sends(4'000);
  EXPECT_EQ(t.take_output().size(), 4U);
  EXPECT_EQ(t.cwnd(), 4'000U);
}

TEST_P(Congestion, FinNeedsNoRoomInTheCongestionWindow) {  // RFC 5681 §2: the window counts data
  TcpScript t{established().cwnd(1'000)};
  t.app_sends(1'000).expect(data(1, 1'000)).app_closes().expect(fin(1'001));
}

}  // namespace

}  // namespace millrace::test
