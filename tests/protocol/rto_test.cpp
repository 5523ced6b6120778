// The retransmission timer: RFC 6298 §3 and §5, RFC 5681 §3.1, RFC 9293 §3.8.1 and §3.8.3.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;

class Rto : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Rto, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Rto, DoublesWithEachTimeout) {  // RFC 6298 §5.4 and §5.5
  covers({"RFC 6298 §5.4", "RFC 6298 §5.5"});
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
  covers({"RFC 6298 §2.5", "RFC 9293 §3.10.8", "RFC 9293 §3.8.3"});
  TcpScript t{established()};
  t.at(50ms).app_sends(1'000).expect(data(1, 1'000));
  for (const Duration wait :
       {300ms, 600ms, 1'200ms, 2'400ms, 4'800ms, 9'600ms, 19'200ms, 38'400ms}) {
    t.after(wait).expect(data(1, 1'000));
  }
  t.expect_silence_until(100'050ms - 1ns).expect_state(TcpState::Established);
  t.at(100'050ms).expect(rst_ack(1'001, 1)).expect_state(TcpState::Closed);
  t.expect_outcome(fail(Error::TimedOut));
  t.expect_events(Events::kSoftError | Events::kClosed).expect_silence_for_ever();
}

TEST_P(Rto, BackOffStopsAtTheMaximum) {  // RFC 6298 §2.5
  covers({"RFC 6298 §2.5"});
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
  covers({"RFC 9293 §3.8.3"});
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
  covers({"MUST-21", "RFC 9293 §3.8.3"});
  TcpScript t{established()};
  t.connection().set_user_timeout(500ms);
  t.app_sends(1'000).expect(data(1, 1'000)).at(300ms).expect(data(1, 1'000));
  t.at(500ms).expect(rst_ack(1'001, 1)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Rto, HasAMinimum) {  // RFC 6298 §2.4, with our 200 ms
  covers({"RFC 6298 §2.4"});
  TcpScript t{established().rtt(10ms)};
  t.app_sends(1'000)
      .expect(data(1, 1'000))
      .expect_silence_until(200ms - 1ns)
      .at(200ms)
      .expect(data(1, 1'000));
}

TEST_P(Rto, IsOffWhenEverythingIsAcknowledged) {  // RFC 6298 §5.2
  covers({"RFC 6298 §5.2"});
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(100ms).peer_sends(ack(2'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(Rto, StartsAgainWithEachAckOfNewData) {  // RFC 6298 §5.3
  covers({"RFC 6298 §5.3"});
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
  covers({"RFC 6298 §5.1"});
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000));
  t.at(200ms).app_sends(1'000).expect(data(1'001, 1'000)).at(300ms).expect(data(1, 1'000));
}

TEST_P(Rto, SendsOnlyTheFirstSegmentAgainAndSlowStarts) {  // RFC 6298 §5.4, RFC 5681 §3.1
  covers({"RFC 6298 §5.4", "RFC 5681 §3.1"});
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
  covers({"RFC 5681 §3.1"});
  TcpScript t{established()};
  t.app_sends(8'000);
  EXPECT_EQ(t.take_output().size(), 8U);
  t.at(300ms).expect(data(1, 1'000)).at(900ms).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 4'000U);
  EXPECT_EQ(t.cwnd(), 1'000U);
}

TEST_P(Rto, SsthreshIsAtLeastTwoSegments) {  // RFC 5681 §3.1, equation 4
  covers({"RFC 5681 §3.1"});
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).at(300ms).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 2'000U);
}

TEST_P(Rto,
       SegmentSentTwiceGivesNoSampleAndKeepsTheBackOff) {  // RFC 6298 §3 and §5, Karn's algorithm
  covers({"RFC 6298 §3", "RFC 6298 §5"});
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
  covers({"RFC 6298 §3"});
  TcpScript t{established()};
  t.app_sends(3'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  t.at(300ms).expect(data(1, 1'000)).at(400ms).peer_sends(ack(3'001)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 100ms);
}

TEST_P(Rto,
       NewDataWaitsBehindWhatWasLost) {  // RFC 5681 §3.1: the window is for what was lost first
  covers({"RFC 5681 §3.1"});
  TcpScript t{established()};
  t.connection().set_no_delay(true);
  t.app_sends(100).expect(data(1, 100)).app_sends(1'000).expect(data(101, 1'000));
  t.at(300ms).expect(data(1, 100)).app_sends(200).expect_nothing();
  t.at(400ms).peer_sends(ack(101)).expect(data(101, 1'000));
  t.peer_sends(ack(1'101)).expect(data(1'101, 200));
}

TEST_P(Rto, CoversFinAsAnySegment) {  // RFC 6298 §5.1
  covers({"RFC 6298 §5.1"});
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

/// One segment is out and nobody answers: RTO is 300 ms, so it leaves again after 0.3, 0.9 and
/// 2.1 s; the timer after that is R1's.
void reach_r1(TcpScript& t) {
  t.app_sends(1'000).expect(data(1, 1'000));
  t.at(300ms).expect(data(1, 1'000)).at(900ms).expect(data(1, 1'000));
  t.at(2'100ms).expect(data(1, 1'000)).expect_soft_error(std::nullopt).expect_path_doubt(false);
  t.at(4'500ms).expect(data(1, 1'000));
}

TEST_P(Rto, R1IsReachedAfterThreeRetransmissions) {
  covers({"MUST-20", "SHLD-9", "SHLD-10", "RFC 9293 §3.8.3"});
  TcpScript t{established()};
  reach_r1(t);
  t.expect_path_doubt(true).expect_path_doubt(false);
  t.expect_soft_error(Error::TimedOut).expect_soft_error(std::nullopt);
  t.expect_events(Events::kSoftError).expect_state(TcpState::Established);
  EXPECT_EQ(t.stats().tcp_soft_errors, 1U);
}

TEST_P(Rto, BetweenR1AndR2EachTimeoutIsTold) {
  covers({"SHLD-9", "MUST-47", "RFC 9293 §3.8.3"});
  TcpScript t{established()};
  reach_r1(t);
  for (const Duration time : {9'300ms, 18'900ms, 38'100ms}) {
    t.expect_soft_error(Error::TimedOut).expect_path_doubt(true);
    t.at(time).expect(data(1, 1'000));
  }
  EXPECT_EQ(t.stats().tcp_soft_errors, 4U);
}

TEST_P(Rto, R1CountsAnewForEachSegment) {
  covers({"SHLD-10", "RFC 9293 §3.8.3"});
  TcpScript t{established()};
  reach_r1(t);
  t.expect_soft_error(Error::TimedOut).expect_path_doubt(true);
  t.at(5s).app_sends(1'000).peer_sends(ack(1'001)).expect(data(1'001, 1'000));
  for (unsigned i = 0; i < 3; ++i) {
    t.at(*t.deadline()).expect(data(1'001, 1'000)).expect_path_doubt(false);
  }
  t.at(*t.deadline()).expect(data(1'001, 1'000)).expect_path_doubt(true);
}

TEST_P(Rto, R1CanBeSet) {
  covers({"SHLD-10", "RFC 9293 §3.8.3"});
  auto start = established();
  start.config.r1_retransmissions = 5;
  TcpScript t{start};
  reach_r1(t);
  t.at(9'300ms).expect(data(1, 1'000)).expect_path_doubt(false).expect_soft_error(std::nullopt);
  t.at(18'900ms).expect(data(1, 1'000)).expect_path_doubt(true).expect_soft_error(Error::TimedOut);
}

TEST_P(Rto, ApplicationMayDeclineSoftErrors) {
  covers({"SHLD-20", "RFC 9293 §3.9.1.8"});
  TcpScript t{established()};
  t.connection().set_soft_errors(false);
  reach_r1(t);
  t.expect_soft_error(std::nullopt).expect_events(0).expect_path_doubt(true);
  t.connection().set_soft_errors(true);
  t.at(9'300ms).expect(data(1, 1'000)).expect_soft_error(Error::TimedOut);
}

TEST_P(Rto, SwitchingSoftErrorsOffDropsWhatIsUntold) {
  covers({"SHLD-20", "RFC 9293 §3.9.1.8"});
  TcpScript t{established()};
  t.connection().report_soft_error(t.resources(), Error::HostUnreachable);
  t.connection().set_soft_errors(false);
  t.expect_soft_error(std::nullopt);
}

TEST_P(Rto, SoftErrorDoesNotEndTheConnection) {
  covers({"MUST-47", "MUST-56", "RFC 9293 §3.9.1.8"});
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000));
  t.connection().report_soft_error(t.resources(), Error::NetworkUnreachable);
  t.connection().report_soft_error(t.resources(), Error::HostUnreachable);
  t.drain();
  t.expect_soft_error(Error::HostUnreachable).expect_events(Events::kSoftError);
  t.at(100ms).peer_sends(ack(1'001)).expect_nothing().expect_state(TcpState::Established);
}

TEST_P(Rto, LastSoftErrorIsTheReasonWhenTheTimeIsUp) {
  covers({"MUST-20", "RFC 9293 §3.8.3"});
  auto start = established();
  start.config.user_timeout = 2s;
  TcpScript t{start};
  t.app_sends(1'000).expect(data(1, 1'000));
  t.connection().report_soft_error(t.resources(), Error::HostUnreachable);
  t.at(300ms).expect(data(1, 1'000)).at(900ms).expect(data(1, 1'000));
  t.at(2s).expect(rst_ack(1'001, 1)).expect_outcome(fail(Error::HostUnreachable));
}

TEST_P(Rto, ProgressForgetsTheSoftError) {
  covers({"MUST-20", "RFC 9293 §3.8.3"});
  auto start = established();
  start.config.user_timeout = 2s;
  TcpScript t{start};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.connection().report_soft_error(t.resources(), Error::HostUnreachable);
  t.at(100ms).peer_sends(ack(1'001)).expect_nothing();
  while (*t.deadline() < 2'100ms) {
    t.at(*t.deadline()).expect(data(1'001, 1'000));
  }
  t.at(2'100ms).expect(rst_ack(2'001, 1)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Rto, OpenConnectionForgetsTheSoftErrorsOfItsOpening) {
  covers({"RFC 9293 §3.9.2.2"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).router_says(wire::IcmpType::DestinationUnreachable, 0);
  EXPECT_NE(t.connection().reason_for_timeout(), Error::TimedOut);
  t.peer_sends(syn_ack()).expect(ack(1));
  EXPECT_EQ(t.connection().reason_for_timeout(), Error::TimedOut);
}

TEST_P(Rto, ClosedApplicationHearsOfNoSoftErrors) {
  covers({"RFC 9293 §3.9.1.8"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1)).expect_events(0);
  t.connection().report_soft_error(t.resources(), Error::HostUnreachable);
  t.drain();
  t.expect_events(0);
}

TEST_P(Rto, R2CanBeNever) {
  covers({"MUST-21", "RFC 9293 §3.8.3"});
  TcpScript t{established()};
  t.connection().set_user_timeout(0s);
  t.app_sends(1'000).expect(data(1, 1'000));
  while (t.now() < 24h) {
    t.at(*t.deadline()).expect(data(1, 1'000));
  }
  t.expect_state(TcpState::Established);
  t.peer_sends(ack(1'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(Rto, SynKnowsR1) {
  covers({"MUST-22", "SHLD-10", "RFC 9293 §3.8.3"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).at(1s).expect(syn()).at(3s).expect(syn());
  t.at(7s).expect(syn()).expect_soft_error(std::nullopt).expect_path_doubt(false);
  t.at(15s).expect(syn()).expect_soft_error(Error::TimedOut).expect_path_doubt(true);
  t.at(31s).expect(syn()).expect_soft_error(Error::TimedOut).expect_path_doubt(true);
  t.expect_events(Events::kSoftError).expect_state(TcpState::SynSent);
}

TEST_P(Rto, SynIsRepeatedForThreeMinutes) {
  covers({"MUST-22", "MUST-23", "RFC 9293 §3.8.3"});
  const TcpConfig defaults;
  EXPECT_GE(defaults.connect_timeout, 180s);
  TcpScript t{closed()};
  t.open_active(defaults.connect_timeout).expect(syn());
  for (const Duration time : {1s, 3s, 7s, 15s, 31s, 63s, 123s}) {
    t.at(time).expect(syn());
  }
  t.expect_silence_until(180s - 1ns).at(180s).expect_state(TcpState::Closed);
  t.expect_outcome(fail(Error::TimedOut)).expect_silence_for_ever();
}

TEST_P(Rto, R2IsAtLeast100Seconds) {
  covers({"SHLD-11", "RFC 9293 §3.8.3"});
  EXPECT_GE(TcpConfig{}.user_timeout, 100s);
}

TEST_P(Rto, StartsWithOneSecond) {
  covers({"MUST-18", "RFC 6298 §2.1"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).expect_silence_until(1s - 1ns).at(1s).expect(syn());
}

TEST_P(Rto, InitialAndLeastValueCanBeSet) {
  covers({"MUST-18", "RFC 6298 §2.1", "RFC 6298 §2.4"});
  auto start = closed();
  start.config.rto_initial = 3s;
  start.config.rto_min = 1s;
  TcpScript t{start};
  t.open_active(180s).expect(syn()).at(100ms).peer_sends(syn_ack()).expect(ack(1));
  t.app_sends(10).expect(data(1, 10)).expect_silence_until(1'100ms - 1ns);
  t.at(1'100ms).expect(data(1, 10));
  TcpScript slow{start};
  slow.open_active(180s).expect(syn()).expect_silence_until(3s - 1ns).at(3s).expect(syn());
}

TEST_P(Rto, AnsweredProbesOfAClosedWindowNeverReachR1) {
  covers({"MUST-37", "RFC 9293 §3.8.3"});
  TcpScript t{established().peer_window(1'000)};
  t.app_sends(2'000).expect(data(1, 1'000)).at(100ms).peer_sends(ack(1'001).with_window(0));
  for (unsigned i = 0; i < 10; ++i) {
    t.at(*t.deadline()).expect(data(1'001, 1)).peer_sends(ack(1'001)).expect_nothing();
  }
  t.expect_path_doubt(false).expect_soft_error(std::nullopt);
}

}  // namespace

}  // namespace millrace::test
