// The retransmission timer: RFC 6298 §3 and §5, RFC 5681 §3.1, RFC 9293 §3.8.1 and §3.8.3.
#include <gtest/gtest.h>

#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;

class Rto : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Rto, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Rto, DoublesWithEachTimeout) {  // RFC 6298 §5.4 and §5.5
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000));
  t.expect_silence_until(300ms - 1ns)
      .at(300ms)
      .expect(data(1, 1'000))
      .at(900ms)
      .expect(data(1, 1'000));
  t.at(2'100ms)
      .expect(data(1, 1'000))
      .at(4'500ms)
      .expect(data(1, 1'000))
      .at(9'300ms)
      .expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 5U);
}

TEST_P(Rto, HasAMaximumAndEndsAfterTheUserTimeout) {  // RFC 6298 §2.5; RFC 9293 §3.8.3, R2
  TcpScript t{established()};
  t.at(50ms).app_sends(1'000).expect(data(1, 1'000));
  for (const Duration wait :
       {300ms, 600ms, 1'200ms, 2'400ms, 4'800ms, 9'600ms, 19'200ms, 38'400ms}) {
    t.after(wait).expect(data(1, 1'000));
  }
  t.expect_silence_until(100'050ms - 1ns).expect_state(TcpState::Established);
  t.at(100'050ms).expect(rst_ack(1'001, 1)).expect_state(TcpState::Closed);
  t.expect_outcome(fail(Error::TimedOut)).expect_events(Events::kClosed).expect_silence_for_ever();
}

TEST_P(Rto, BackOffStopsAtTheMaximum) {  // RFC 6298 §2.5
  auto start = established();
  start.config.user_timeout = 0s;
  start.config.rto_max = 60s;
  TcpScript t{start};
  t.app_sends(1'000).expect(data(1, 1'000));
  for (const Duration wait :
       {300ms, 600ms, 1'200ms, 2'400ms, 4'800ms, 9'600ms, 19'200ms, 38'400ms}) {
    t.after(wait).expect(data(1, 1'000));
  }
  t.after(60s)
      .expect(data(1, 1'000))
      .after(60s)
      .expect(data(1, 1'000))
      .after(60s)
      .expect(data(1, 1'000));
}

TEST_P(Rto, ProgressDefersTheUserTimeout) {  // RFC 9293 §3.8.3
  auto start = established();
  start.config.user_timeout = 2s;
  TcpScript t{start};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(300ms).expect(data(1, 1'000)).at(900ms).expect(data(1, 1'000));
  t.at(1s).peer_sends(ack(1'001)).expect(data(1'001, 1'000));
  while (*t.deadline() < 3s) {
    t.at(*t.deadline()).expect(data(1'001, 1'000));
  }
  t.at(3s).expect(rst_ack(2'001, 1)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Rto, UserTimeoutOfOneConnectionCanBeChanged) {  // RFC 9293 §3.8.3, MUST-21
  TcpScript t{established()};
  t.connection().set_user_timeout(500ms);
  t.app_sends(1'000).expect(data(1, 1'000)).at(300ms).expect(data(1, 1'000));
  t.at(500ms).expect(rst_ack(1'001, 1)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Rto, HasAMinimum) {  // RFC 6298 §2.4, with our 200 ms
  TcpScript t{established().rtt(10ms)};
  t.app_sends(1'000)
      .expect(data(1, 1'000))
      .expect_silence_until(200ms - 1ns)
      .at(200ms)
      .expect(data(1, 1'000));
}

TEST_P(Rto, IsOffWhenEverythingIsAcknowledged) {  // RFC 6298 §5.2
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(100ms).peer_sends(ack(2'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(Rto, StartsAgainWithEachAckOfNewData) {  // RFC 6298 §5.3
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(200ms).peer_sends(ack(1'001)).expect_nothing();
  const Duration expiry = 200ms + t.rto();
  t.peer_sends(data(1, 10), data(11, 10))
      .at(240ms)
      .expect(ack(21))
      .at(250ms)
      .peer_sends(ack(1'001))
      .expect_nothing();
  t.expect_silence_until(expiry - 1ns).at(expiry).expect(data(1'001, 1'000));
}

TEST_P(Rto, IsNotPutOffByLaterSegments) {  // RFC 6298 §5.1
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000));
  t.at(200ms).app_sends(1'000).expect(data(1'001, 1'000)).at(300ms).expect(data(1, 1'000));
}

TEST_P(Rto, SendsOnlyTheFirstSegmentAgainAndSlowStarts) {  // RFC 6298 §5.4, RFC 5681 §3.1
  TcpScript t{established()};
  t.app_sends(6'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000),
                            data(3'001, 1'000), data(4'001, 1'000), data(5'001, 1'000));
  t.at(300ms).expect(data(1, 1'000));
  EXPECT_EQ(t.cwnd(), 1'000U);
  EXPECT_EQ(t.ssthresh(), 3'000U);
  t.at(400ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000), data(2'001, 1'000));
  EXPECT_EQ(t.cwnd(), 2'000U);
  t.peer_sends(ack(6'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(Rto, SsthreshIsHalvedOnceForTheSameSegment) {  // RFC 5681 §3.1
  TcpScript t{established()};
  t.app_sends(8'000);
  EXPECT_EQ(t.take_output().size(), 8U);
  t.at(300ms).expect(data(1, 1'000)).at(900ms).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 4'000U);
  EXPECT_EQ(t.cwnd(), 1'000U);
}

TEST_P(Rto, SsthreshIsAtLeastTwoSegments) {  // RFC 5681 §3.1, equation 4
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).at(300ms).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 2'000U);
}

TEST_P(Rto,
       SegmentSentTwiceGivesNoSampleAndKeepsTheBackOff) {  // RFC 6298 §3 and §5, Karn's algorithm
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).at(300ms).expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(1'001)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
  EXPECT_EQ(t.rto(), 600ms);
  t.at(400ms)
      .app_sends(1'000)
      .expect(data(1'001, 1'000))
      .expect_silence_until(500ms)
      .peer_sends(ack(2'001));
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
  EXPECT_EQ(t.rto(), 250ms);
}

TEST_P(Rto, AckBehindASegmentSentTwiceGivesNoSample) {  // RFC 6298 §3: it waited for the one before
  TcpScript t{established()};
  t.app_sends(3'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  t.at(300ms).expect(data(1, 1'000)).at(400ms).peer_sends(ack(3'001)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
}

TEST_P(Rto,
       NewDataWaitsBehindWhatWasLost) {  // RFC 5681 §3.1: the window is for what was lost first
  TcpScript t{established()};
  t.connection().set_no_delay(true);
  t.app_sends(100).expect(data(1, 100)).app_sends(1'000).expect(data(101, 1'000));
  t.at(300ms).expect(data(1, 100)).app_sends(200).expect_nothing();
  t.at(400ms).peer_sends(ack(101)).expect(data(101, 1'000));
  t.peer_sends(ack(1'101)).expect(data(1'101, 200));
}

TEST_P(Rto, CoversFinAsAnySegment) {  // RFC 6298 §5.1
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).app_closes().expect(fin(1'001));
  t.at(300ms).expect(data(1, 1'000)).at(400ms).peer_sends(ack(1'001)).expect(fin(1'001));
}

TEST_P(Rto, FrameThatCouldNotBeBuiltIsPlannedAgain) {  // decision 5: running out is no stall
  TcpScript t{established()};
  static_cast<void>(t.app_tries_to_send(1'000));
  const auto plan = t.connection().next_segment(t.resources(), t.clock());
  ASSERT_TRUE(plan);
  t.connection().on_segment_not_sent(*plan);
  t.drain();
  t.expect(data(1, 1'000));
}

}  // namespace

}  // namespace millrace::test
