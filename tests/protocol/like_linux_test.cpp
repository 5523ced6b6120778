// What settings make of the wire image where Linux differs from the letter of the RFCs, or from
// what Millrace does by default.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class LikeLinux : public NumbersTest {
 protected:
  [[nodiscard]] static Start with(void (*change)(TcpConfig&), Start start = established()) {
    change(start.config);
    return start;
  }
};
INSTANTIATE_TEST_SUITE_P(From, LikeLinux, testing::ValuesIn(kEveryStart), name_of);

TEST_P(LikeLinux, ClosedWindowIsAskedWithoutData) {
  covers({"MUST-36", "MUST-37", "SHLD-29", "SHLD-30"});
  TcpScript t{
      with([](TcpConfig& c) { c.empty_window_probes = true; }, established().peer_window(2'000))};
  t.app_sends(7'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(100ms).peer_sends(ack(2'001).with_window(0)).expect_nothing();
  // It stays open for as long as somebody answers: beyond the user timeout of 100 s.
  for (const Duration time : {350ms, 850ms, 1'850ms, 3'850ms, 7'850ms, 15'850ms, 31'850ms, 56'850ms,
                              81'850ms, 106'850ms}) {
    t.at(time).expect(ack(1).from(2'000)).peer_sends(ack(2'001).with_window(0)).expect_nothing();
  }
  EXPECT_EQ(t.stats().tcp_zero_window_probes, 10U);
  t.peer_sends(ack(2'001).with_window(2'000)).expect(data(2'001, 1'000), data(3'001, 1'000));
}

TEST_P(LikeLinux, ClosedWindowThatNobodyAnswersForEndsTheConnection) {
  covers({"MUST-36"});
  TcpScript t{
      with([](TcpConfig& c) { c.empty_window_probes = true; }, established().peer_window(1'000))};
  t.app_sends(2'000).expect(data(1, 1'000));
  t.at(100ms).peer_sends(ack(1'001).with_window(0)).expect_nothing();
  while (t.deadline()) {
    t.at(*t.deadline());
    static_cast<void>(t.take_output());
  }
  EXPECT_GE(t.now(), 100s);
  t.expect_state(TcpState::Closed).expect_outcome(fail(Error::TimedOut));
}

TEST_P(LikeLinux, AResetBehindWhatCameOutOfOrderCounts) {
  covers({"RFC 5961 §3.2"});
  for (const bool is_on : {false, true}) {
    Start start = established();
    start.config.resets_at_sack_edge = is_on;
    start.selective_acks();
    TcpScript t{start};
    t.peer_sends(data(1'001, 1'000)).expect(ack(1).sacks({{1'001, 2'001}}));
    t.peer_sends(data(3'001, 1'000)).expect(ack(1).sacks({{3'001, 4'001}, {1'001, 2'001}}));
    t.peer_sends(rst(2'001)).expect_state(TcpState::Established);
    static_cast<void>(t.take_output());
    t.peer_sends(rst(4'001)).expect_state(is_on ? TcpState::Closed : TcpState::Established);
    static_cast<void>(t.take_output());
  }
}

TEST_P(LikeLinux, AResetBehindDataInOrderDoesNotCount) {
  covers({"RFC 5961 §3.2"});
  Start start = established();
  start.config.resets_at_sack_edge = true;
  start.selective_acks();
  TcpScript t{start};
  t.peer_sends(data(1'001, 1'000)).expect(ack(1).sacks({{1'001, 2'001}}));
  t.peer_sends(data(1, 1'000)).expect(ack(2'001));
  t.peer_sends(rst(2'501)).expect_state(TcpState::Established);
  static_cast<void>(t.take_output());
}

TEST_P(LikeLinux, FinIsAcknowledgedWithDelayOnceDataHasCome) {
  covers({"SHLD-18"});
  TcpScript t{with([](TcpConfig& c) { c.delayed_fin_acks = true; })};
  t.peer_sends(data(1, 100)).app_reads(100).at(40ms).expect(ack(101));
  t.at(100ms).peer_sends(fin(101)).expect_silence_until(140ms - 1ns).at(140ms).expect(ack(102));
}

TEST_P(LikeLinux, OurFinCarriesTheAckOfTheirs) {
  covers({"SHLD-18"});
  TcpScript t{with([](TcpConfig& c) { c.delayed_fin_acks = true; })};
  t.peer_sends(data(1, 100)).app_reads(100).at(40ms).expect(ack(101));
  t.at(100ms).peer_sends(fin(101)).expect_nothing();
  t.app_closes().expect(fin(1).acks(102));
}

TEST_P(LikeLinux, FinBeforeAnyDataAndBehindAFullSegmentIsAcknowledgedAtOnce) {
  TcpScript bare{with([](TcpConfig& c) { c.delayed_fin_acks = true; })};
  bare.peer_sends(fin(1)).expect(ack(2));
  TcpScript t{with([](TcpConfig& c) { c.delayed_fin_acks = true; })};
  t.peer_sends(data(1, 1'000)).at(40ms).expect(ack(1'001));
  t.peer_sends(data(1'001, 1'000)).expect_nothing().peer_sends(fin(2'001)).expect(ack(2'002));
}

TEST_P(LikeLinux, SecondFinIsAcknowledgedAtOnce) {
  TcpScript t{with([](TcpConfig& c) { c.delayed_fin_acks = true; })};
  t.peer_sends(data(1, 100)).app_reads(100).at(40ms).expect(ack(101));
  t.app_closes().expect(fin(1).acks(101));
  t.peer_sends(ack(2).from(101)).peer_sends(fin(101).acks(2)).expect(ack(102).from(2));
}

TEST_P(LikeLinux, GroupsOfABurstArePushed) {
  TcpScript t{with([](TcpConfig& c) { c.push_burst_segments = 2; }, established().cwnd(10'000))};
  // Pairs, and half of the window.
  t.app_sends(30'000).expect(data(1, 1'000).unpushed(), data(1'001, 1'000).pushed(),
                             data(2'001, 1'000).unpushed(), data(3'001, 1'000).pushed(),
                             data(4'001, 1'000).pushed(), data(5'001, 1'000).pushed(),
                             data(6'001, 1'000).unpushed(), data(7'001, 1'000).pushed(),
                             data(8'001, 1'000).unpushed(), data(9'001, 1'000).pushed());
}

TEST_P(LikeLinux, SlowStartCountsAllThatAnAckAcknowledges) {
  TcpScript t{
      with([](TcpConfig& c) { c.slow_start_ack_segments = 0; }, established().cwnd(10'000))};
  t.app_sends(40'000);
  EXPECT_EQ(t.take_output().size(), 10U);
  t.at(100ms).peer_sends(ack(10'001));
  EXPECT_EQ(t.take_output().size(), 20U);
}

}  // namespace

}  // namespace millrace::test
