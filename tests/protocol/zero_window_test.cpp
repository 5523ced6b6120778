// Closed windows and probes: RFC 9293 §3.8.6.1.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;

class ZeroWindow : public NumbersTest {
 protected:
  /// Two segments are out and acknowledged, 5000 bytes wait, the window is closed. RTO is 250 ms.
  static void close_window(TcpScript& t) {
    t.app_sends(7'000).expect(data(1, 1'000), data(1'001, 1'000));
    t.at(100ms).peer_sends(ack(2'001).with_window(0)).expect_nothing();
    EXPECT_EQ(t.rto(), 250ms);
  }
  [[nodiscard]] static Start narrow() { return established().peer_window(2'000); }
};
INSTANTIATE_TEST_SUITE_P(From, ZeroWindow, testing::ValuesIn(kEveryStart), name_of);

TEST_P(ZeroWindow, IsProbedAfterOneTimeoutThenAtGrowingIntervals) {  // SHLD-29 and SHLD-30
  covers({"SHLD-29", "SHLD-30"});
  TcpScript t{narrow()};
  close_window(t);
  for (const Duration time : {350ms, 850ms, 1'850ms, 3'850ms, 7'850ms}) {
    t.at(time).expect(data(2'001, 1)).peer_sends(ack(2'001)).expect_nothing();
  }
  EXPECT_EQ(t.stats().tcp_zero_window_probes, 5U);
}

TEST_P(ZeroWindow, ThatOpensAndTakesNothingKeepsNoClosedConnection) {
  covers({"RFC 9293 §3.8.3"});
  TcpScript t{narrow()};
  close_window(t);
  t.app_closes().expect_nothing();
  while (t.now() < 300s && t.deadline()) {
    t.at(*t.deadline());
    static_cast<void>(t.take_output());
    for (const std::uint32_t window : {1U, 0U}) {
      t.peer_sends(ack(2'001).with_window(window));
      static_cast<void>(t.take_output());
    }
  }
  t.expect_state(TcpState::Closed).expect_outcome(fail(Error::TimedOut));
}

TEST_P(ZeroWindow,
       ProbesAreNoSignOfCongestion) {  // RFC 5681 §2: an ACK that answers a probe is no duplicate
  covers({"RFC 5681 §2"});
  TcpScript t{narrow()};
  close_window(t);
  const std::uint32_t cwnd = t.cwnd();
  const std::uint32_t ssthresh = t.ssthresh();
  for (unsigned i = 0; i < 6; ++i) {
    t.at(*t.deadline()).expect(data(2'001, 1)).peer_sends(ack(2'001)).expect_nothing();
  }
  EXPECT_EQ(t.cwnd(), cwnd);
  EXPECT_EQ(t.ssthresh(), ssthresh);
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 0U);
}

TEST_P(ZeroWindow, MayLastForEverWhileProbesAreAnswered) {  // MUST-37
  covers({"MUST-37"});
  TcpScript t{narrow()};
  close_window(t);
  while (t.now() < 3'600s) {
    t.at(*t.deadline()).expect(data(2'001, 1)).peer_sends(ack(2'001)).expect_nothing();
  }
  t.expect_state(TcpState::Established).peer_sends(ack(2'001).with_window(6'000));
  t.expect(data(2'001, 1), data(2'002, 1'000), data(3'002, 1'000), data(4'002, 1'000),
           data(5'002, 1'000));
}

TEST_P(ZeroWindow, SendingGoesOnAtOnceWhenItOpens) {  // RFC 9293 §3.8.6.1
  covers({"RFC 9293 §3.8.6.1"});
  TcpScript t{narrow()};
  close_window(t);
  t.at(200ms)
      .peer_sends(ack(2'001).with_window(2'000))
      .expect(data(2'001, 1'000), data(3'001, 1'000));
  t.peer_sends(ack(4'001).with_window(10'000))
      .expect(data(4'001, 1'000), data(5'001, 1'000), data(6'001, 1'000));
  t.at(300ms).peer_sends(ack(7'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(ZeroWindow, BackOffOfTheProbesEndsWhenItOpens) {  // RFC 9293 §3.8.6.1
  covers({"RFC 9293 §3.8.6.1"});
  TcpScript t{narrow()};
  close_window(t);
  t.at(350ms).expect(data(2'001, 1)).peer_sends(ack(2'001)).expect_nothing();
  t.at(850ms).expect(data(2'001, 1)).peer_sends(ack(2'001)).expect_nothing();
  t.at(900ms).peer_sends(ack(2'001).with_window(1'001)).expect(data(2'001, 1), data(2'002, 1'000));
  t.at(1'150ms).expect(data(2'001, 1));
}

TEST_P(ZeroWindow, IsProbedForASingleOctetToo) {
  covers({"SHLD-29", "MUST-36"});
  TcpScript t{established().peer_window(1'000)};
  t.app_sends(1'000).expect(data(1, 1'000)).at(100ms).peer_sends(ack(1'001).with_window(0));
  t.app_sends(1).expect_nothing().at(*t.deadline()).expect(data(1'001, 1));
}

TEST_P(ZeroWindow, ProbeThatIsTakenMovesOn) {  // RFC 9293 §3.8.6.1
  covers({"RFC 9293 §3.8.6.1"});
  TcpScript t{narrow()};
  close_window(t);
  t.at(350ms).expect(data(2'001, 1)).peer_sends(ack(2'002).with_window(0)).expect_nothing();
  t.at(*t.deadline()).expect(data(2'002, 1)).peer_sends(ack(2'003).with_window(2'000));
  t.expect(data(2'003, 1'000), data(3'003, 1'000));
}

TEST_P(ZeroWindow, UnansweredProbesEndTheConnection) {  // RFC 9293 §3.8.3, R2
  covers({"RFC 9293 §3.8.3"});
  TcpScript t{narrow()};
  close_window(t);
  Duration interval = 250ms;
  for (Duration time = 350ms; time < 100'350ms;
       interval = std::min<Duration>(2 * interval, 25s), time += interval) {
    t.at(time).expect(data(2'001, 1));
  }
  t.expect_silence_until(100'350ms - 1ns).at(100'350ms).expect(rst_ack(2'001, 1));
  t.expect_state(TcpState::Closed)
      .expect_outcome(fail(Error::TimedOut))
      .expect_events(Events::kClosed);
}

TEST_P(ZeroWindow, TwoLostAnswersDoNotEndTheConnection) {  // MUST-37, on a path that loses packets
  covers({"MUST-37"});
  TcpScript t{narrow()};
  close_window(t);
  while (t.now() < 600s) {
    t.at(*t.deadline()).expect(data(2'001, 1));
    t.at(*t.deadline()).expect(data(2'001, 1));
    t.at(*t.deadline()).expect(data(2'001, 1)).peer_sends(ack(2'001)).expect_nothing();
  }
  t.expect_state(TcpState::Established);
}

TEST_P(ZeroWindow,
       AcksDoNotStandBeyondTheWindow) {  // RFC 9293 §3.10.7.4, step 1: the peer would refuse them
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{narrow()};
  close_window(t);
  t.at(350ms).expect(data(2'001, 1)).peer_sends(ack(2'001)).expect_nothing();
  t.peer_sends(data(1, 1'000), data(1'001, 1'000)).expect(ack(2'001).from(2'001)).app_reads(2'000);
}

TEST_P(ZeroWindow, FinIsProbedWithToo) {  // RFC 9293 §3.8.6.1: FIN takes a place in the window
  covers({"RFC 9293 §3.8.6.1"});
  TcpScript t{narrow()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(100ms).peer_sends(ack(2'001).with_window(0)).expect_nothing();
  t.app_closes().expect_nothing();
  t.at(350ms).expect(fin(2'001)).peer_sends(ack(2'001)).expect_nothing();
  t.at(850ms)
      .expect(fin(2'001))
      .peer_sends(ack(2'002))
      .expect_nothing()
      .expect_state(TcpState::FinWait2);
}

TEST_P(ZeroWindow,
       ShrunkOverDataInFlightProbesWithItsFirstByte) {  // RFC 9293 §3.8.6, MUST-34 and MUST-36
  covers({"MUST-34", "MUST-35", "MUST-36", "RFC 9293 §3.8.6"});
  TcpScript t{narrow()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(100ms).peer_sends(ack(1).with_window(0)).expect_nothing();
  t.at(300ms).expect(data(1, 1)).peer_sends(ack(1)).expect_nothing();
  t.at(900ms).expect(data(1, 1)).peer_sends(ack(1).with_window(2'000));
  t.expect(data(1, 1), data(2, 999), data(1'001, 1'000));
}

TEST_P(ZeroWindow, OursTakesAcksButNoText) {  // RFC 9293 §3.10.7.4, step 1; §3.8.6, MUST-66
  covers({"MUST-66", "RFC 9293 §3.10.7.4", "RFC 9293 §3.8.6"});
  auto start = established();
  start.config.receive_buffer_bytes = 16'384;
  TcpScript t{start};
  t.app_sends(500).expect(data(1, 500));
  const std::uint32_t sent = t.peer_fills_window();
  t.peer_sends(data(sent, 1).acks(501)).expect(ack(sent).with_window(0));
  EXPECT_EQ(t.connection().unacknowledged(), 0U);
  t.peer_sends(rst(sent + 1)).expect_nothing().peer_sends(rst(sent)).expect_state(TcpState::Closed);
}

TEST_P(ZeroWindow, OfTheHandshakeIsProbedToo) {
  covers({"MUST-36", "SHLD-29", "RFC 9293 §3.8.6.1"});
  TcpScript t{established().peer_window(0)};
  t.app_sends(500).expect_nothing().expect_silence_until(300ms - 1ns);
  t.at(300ms).expect(data(1, 1)).peer_sends(ack(1)).expect_nothing();
  t.at(900ms).expect(data(1, 1)).peer_sends(ack(2).with_window(1'000)).expect(data(2, 499));
}

TEST_P(ZeroWindow, IntervalsGrowUpToTheLongestTimeout) {
  covers({"SHLD-30", "RFC 9293 §3.8.6.1"});
  TcpScript t{narrow()};
  t.connection().set_user_timeout(0s);
  close_window(t);
  Duration before = t.now();
  Duration interval{};
  for (unsigned i = 0; i < 20; ++i) {
    t.at(*t.deadline()).expect(data(2'001, 1)).peer_sends(ack(2'001)).expect_nothing();
    EXPECT_GE(t.now() - before, interval);
    interval = t.now() - before;
    before = t.now();
  }
  EXPECT_EQ(interval, 60s);
}

TEST_P(ZeroWindow, LostUpdateIsFoundByTheNextProbe) {
  covers({"MUST-36", "RFC 9293 §3.8.6.1"});
  TcpScript t{narrow()};
  close_window(t);
  t.at(350ms).expect(data(2'001, 1)).peer_sends(ack(2'001)).expect_nothing();
  // The window has opened meanwhile, and nobody has heard of it.
  t.at(850ms).expect(data(2'001, 1)).peer_sends(ack(2'002).with_window(5'000));
  t.expect(data(2'002, 1'000), data(3'002, 1'000), data(4'002, 1'000), data(5'002, 1'000),
           data(6'002, 999));
}

TEST_P(ZeroWindow, WithNothingToSendThereIsNothingToProbeFor) {
  covers({"RFC 9293 §3.8.6.1"});
  TcpScript t{narrow()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(100ms).peer_sends(ack(2'001).with_window(0)).expect_nothing().expect_silence_for_ever();
}

TEST_P(ZeroWindow, OursMayStayClosedForEver) {
  covers({"MAY-8", "RFC 9293 §3.8.6.1"});
  auto start = established();
  start.config.receive_buffer_bytes = 16'384;
  TcpScript t{start};
  const std::uint32_t sent = t.peer_fills_window();
  t.at(40ms).expect(ack(sent).with_window(0));
  for (unsigned i = 1; i <= 100; ++i) {
    t.at(t.now() + 60s).peer_sends(data(sent, 1)).expect(ack(sent).with_window(0));
  }
  t.expect_state(TcpState::Established).app_reads(sent - 1);
  EXPECT_GE(t.take_output().size(), 1U);
  t.peer_sends(data(sent, 1)).expect_drop(std::nullopt);
}

TEST_P(ZeroWindow, ResetOfItsProbesEndsTheConnection) {
  covers({"RFC 9293 §3.8.6.1"});
  TcpScript t{narrow()};
  close_window(t);
  t.at(350ms).expect(data(2'001, 1)).peer_sends(rst(1)).expect_state(TcpState::Closed);
  t.expect_outcome(fail(Error::ConnectionReset)).expect_silence_for_ever();
}

}  // namespace

}  // namespace millrace::test
