// Small segments: Nagle's algorithm and the sender's silly-window avoidance, RFC 9293 §3.7.4 and
// §3.8.6.2.1.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class Nagle : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Nagle, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Nagle, SmallSegmentGoesAtOnceWhenNothingIsInFlight) {  // RFC 9293 §3.8.6.2.1, condition 2
  covers({"RFC 9293 §3.8.6.2.1"});
  TcpScript t{established()};
  t.app_sends(10).expect(data(1, 10).pushed());
}

TEST_P(Nagle, ServersFirstSmallSegmentGoesAtOnceToo) {
  covers({"RFC 9293 §3.8.6.2.1"});
  TcpScript t{established_passively()};
  t.app_sends(10).expect(data(1, 10).pushed());
}

TEST_P(Nagle, SecondSmallSegmentWaitsForTheAckOfTheFirst) {  // RFC 9293 §3.7.4, SHLD-7
  covers({"SHLD-7", "RFC 9293 §3.7.4"});
  TcpScript t{established()};
  t.app_sends(10).expect(data(1, 10)).app_sends(10).expect_nothing().app_sends(20).expect_nothing();
  t.at(100ms).peer_sends(ack(11)).expect(data(11, 30));
  t.at(200ms).peer_sends(ack(41)).expect_nothing().expect_silence_for_ever();
}

TEST_P(Nagle, FullSegmentDoesNotWait) {  // RFC 9293 §3.8.6.2.1, condition 1
  covers({"RFC 9293 §3.8.6.2.1"});
  TcpScript t{established()};
  t.app_sends(10).expect(data(1, 10)).app_sends(1'500).expect(data(11, 1'000));
  t.peer_sends(ack(11)).expect(data(1'011, 500));
}

TEST_P(Nagle, OnlyASmallSegmentInFlightHoldsBack) {  // RFC 9293 §3.7.4: Minshall's reading
  covers({"RFC 9293 §3.7.4"});
  TcpScript t{established()};
  t.app_sends(2'000)
      .expect(data(1, 1'000), data(1'001, 1'000))
      .app_sends(10)
      .expect(data(2'001, 10));
  t.app_sends(10)
      .expect_nothing()
      .peer_sends(ack(2'001))
      .expect_nothing()
      .peer_sends(ack(2'011))
      .expect(data(2'011, 10));
}

TEST_P(Nagle, CanBeSwitchedOff) {  // RFC 9293 §3.7.4, MUST-17
  covers({"MUST-17", "RFC 9293 §3.7.4"});
  TcpScript t{established()};
  t.connection().set_no_delay(true);
  t.app_sends(10)
      .expect(data(1, 10))
      .app_sends(10)
      .expect(data(11, 10))
      .app_sends(10)
      .expect(data(21, 10));
}

TEST_P(Nagle, SwitchingItOffReleasesWhatWaits) {  // RFC 9293 §3.7.4, MUST-17
  covers({"MUST-17", "RFC 9293 §3.7.4"});
  TcpScript t{established()};
  t.app_sends(10).expect(data(1, 10)).app_sends(10).expect_nothing();
  t.connection().set_no_delay(true);
  t.drain();
  t.expect(data(11, 10));
}

TEST_P(Nagle, OverrideTimeoutEndsTheWait) {  // RFC 9293 §3.8.6.2.1, condition 4
  covers({"RFC 9293 §3.8.6.2.1"});
  TcpScript t{established().rtt(500ms)};
  t.app_sends(10).expect(data(1, 10)).at(50ms).app_sends(10).expect_nothing();
  t.expect_silence_until(250ms - 1ns).at(250ms).expect(data(11, 10));
}

TEST_P(Nagle, EachWaitHasItsOwnOverrideTimeout) {  // RFC 9293 §3.8.6.2.1, condition 4
  covers({"RFC 9293 §3.8.6.2.1"});
  TcpScript t{established().rtt(500ms)};
  t.app_sends(10).expect(data(1, 10)).app_sends(10).expect_nothing().at(200ms).expect(data(11, 10));
  t.at(300ms).app_sends(10).expect_silence_until(500ms - 1ns).at(500ms).expect(data(21, 10));
}

TEST_P(Nagle, SliverOfAWindowIsNotFilled) {  // RFC 9293 §3.8.6.2.1, MUST-38
  covers({"MUST-38", "RFC 9293 §3.8.6.2.1"});
  TcpScript t{established().peer_window(3'000)};
  t.app_sends(10'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  t.peer_sends(ack(3'001).with_window(400)).expect_nothing();
  t.at(100ms).peer_sends(ack(3'001).with_window(1'000)).expect(data(3'001, 1'000));
}

TEST_P(Nagle, SliverOfAWindowIsFilledByTheOverrideTimeout) {  // RFC 9293 §3.8.6.2.1, condition 4
  covers({"RFC 9293 §3.8.6.2.1"});
  TcpScript t{established().peer_window(3'000)};
  t.app_sends(10'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  t.at(100ms).peer_sends(ack(3'001).with_window(400)).expect_nothing();
  t.expect_silence_until(300ms - 1ns).at(300ms).expect(data(3'001, 400));
}

TEST_P(Nagle, HalfOfASmallWindowIsFilled) {  // RFC 9293 §3.8.6.2.1, condition 3
  covers({"RFC 9293 §3.8.6.2.1"});
  TcpScript t{established().peer_window(800)};
  t.app_sends(2'000).expect(data(1, 800)).peer_sends(ack(801).with_window(300)).expect_nothing();
  t.peer_sends(ack(801).with_window(400)).expect(data(801, 400));
}

TEST_P(Nagle, SmallWritesShareASegment) {  // RFC 9293 §3.7.4
  covers({"RFC 9293 §3.7.4"});
  TcpScript t{established()};
  t.app_sends(1).expect(data(1, 1));
  for (unsigned i = 0; i < 50; ++i) {
    t.app_sends(7).expect_nothing();
  }
  t.peer_sends(ack(2)).expect(data(2, 350));
}

TEST_P(Nagle, CanBeSwitchedOnAgain) {
  covers({"MUST-17", "RFC 9293 §3.7.4"});
  TcpScript t{established()};
  t.connection().set_no_delay(true);
  t.app_sends(10).expect(data(1, 10)).app_sends(10).expect(data(11, 10));
  t.connection().set_no_delay(false);
  t.app_sends(10).expect_nothing().peer_sends(ack(21)).expect(data(21, 10));
}

TEST_P(Nagle, SliversAreAvoidedAlsoWhenItIsOff) {
  covers({"MUST-38", "RFC 9293 §3.8.6.2.1"});
  TcpScript t{established().peer_window(4'000)};
  t.connection().set_no_delay(true);
  t.app_sends(6'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000),
                            data(3'001, 1'000));
  t.peer_sends(ack(4'001).with_window(1'200)).expect(data(4'001, 1'000));
}

TEST_P(Nagle, OverrideTimeoutCanBeSet) {
  covers({"MUST-38", "RFC 9293 §3.8.6.2.1"});
  auto start = established();
  start.config.override_timeout = 100ms;
  TcpScript t{start};
  t.app_sends(10).expect(data(1, 10)).app_sends(10).expect_nothing();
  t.expect_silence_until(100ms - 1ns).at(100ms).expect(data(11, 10));
}

}  // namespace

}  // namespace millrace::test
