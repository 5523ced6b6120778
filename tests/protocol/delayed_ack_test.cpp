// When data is acknowledged: RFC 9293 §3.8.6.3, RFC 5681 §4.2.
#include <gtest/gtest.h>

#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class DelayedAck : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, DelayedAck, testing::ValuesIn(kEveryStart), name_of);

TEST_P(DelayedAck, OneSegmentIsAcknowledgedAfter40Milliseconds) {  // RFC 9293 §3.8.6.3, MUST-40
  TcpScript t{established()};
  t.at(10ms)
      .peer_sends(data(1, 1'000))
      .expect_silence_until(50ms - 1ns)
      .at(50ms)
      .expect(ack(1'001));
  t.expect_silence_for_ever();
}

TEST_P(DelayedAck,
       EverySecondFullSegmentIsAcknowledgedAtOnce) {  // RFC 9293 §3.8.6.3, SHLD-19; RFC 5681 §4.2
  TcpScript t{established()};
  t.peer_sends(data(1, 1'000)).expect_nothing().peer_sends(data(1'001, 1'000)).expect(ack(2'001));
  t.peer_sends(data(2'001, 1'000))
      .expect_nothing()
      .peer_sends(data(3'001, 1'000))
      .expect(ack(4'001));
  t.expect_silence_for_ever();
}

TEST_P(DelayedAck, OneTurnsSegmentsAreAcknowledgedOnce) {  // docs/architecture.md, work is marked
  TcpScript t{established()};
  t.peer_sends_at_once(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000), data(3'001, 1'000))
      .expect(ack(4'001));
}

TEST_P(DelayedAck, SmallSegmentsWaitTogether) {  // RFC 9293 §3.8.6.3
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).expect_nothing().at(20ms).peer_sends(data(101, 100)).expect_nothing();
  t.at(30ms).peer_sends(data(201, 100)).expect_silence_until(40ms - 1ns).at(40ms).expect(ack(301));
  t.expect_silence_for_ever();
}

TEST_P(DelayedAck, DataCarriesTheAck) {  // RFC 9293 §3.8.6.3
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).expect_nothing().app_sends(50).expect(data(1, 50).acks(101));
  t.peer_sends(ack(51)).expect_nothing().expect_silence_for_ever();
}

TEST_P(DelayedAck,
       SegmentAheadOfAHoleIsAcknowledgedAtOnce) {  // RFC 5681 §4.2; RFC 9293 §3.10.7.4, MAY-13
  TcpScript t{established()};
  t.peer_sends(data(1'001, 1'000)).expect(ack(1)).peer_sends(data(2'001, 1'000)).expect(ack(1));
}

TEST_P(DelayedAck,
       EachSegmentAheadOfAHoleHasAnAckOfItsOwn) {  // RFC 5681 §4.2: the peer counts to three
  TcpScript t{established()};
  t.peer_sends_at_once(data(1'001, 1'000), data(2'001, 1'000), data(3'001, 1'000))
      .expect(ack(1), ack(1), ack(1))
      .peer_sends(data(1, 1'000))
      .expect(ack(4'001));
}

TEST_P(DelayedAck, FilledHoleEndsTheDuplicatesThatWereDue) {  // RFC 5681 §4.2
  TcpScript t{established()};
  t.peer_sends_at_once(data(1'001, 1'000), data(2'001, 1'000), data(1, 1'000)).expect(ack(3'001));
}

TEST_P(DelayedAck, SegmentThatFillsAHoleIsAcknowledgedAtOnce) {  // RFC 5681 §4.2
  TcpScript t{established()};
  t.peer_sends(data(501, 100)).expect(ack(1)).peer_sends(data(701, 100)).expect(ack(1));
  t.peer_sends(data(1, 200)).expect(ack(201)).peer_sends(data(201, 300)).expect(ack(601));
  t.peer_sends(data(601, 100)).expect(ack(801));
}

TEST_P(DelayedAck, DuplicateIsAcknowledgedAtOnce) {  // RFC 9293 §3.10.7.4, step 1
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).expect_nothing();
  t.peer_sends(data(1, 100))
      .expect(ack(101))
      .expect_drop(DropReason::TcpDuplicateData)
      .expect_silence_for_ever();
}

TEST_P(DelayedAck,
       PartlyOldSegmentIsAcknowledgedAtOnceAndItsRestTaken) {  // RFC 9293 §3.10.7.4, steps 1 and 7
  TcpScript t{established()};
  t.peer_sends(data(1, 100))
      .expect_nothing()
      .peer_sends(data(51, 100))
      .expect(ack(151))
      .app_reads(150);
}

TEST_P(DelayedAck, FinIsAcknowledgedAtOnce) {  // RFC 9293 §3.10.7.4, step 8
  TcpScript t{established()};
  t.peer_sends(data(1, 100))
      .expect_nothing()
      .peer_sends(fin(101))
      .expect(ack(102))
      .expect_silence_for_ever();
}

TEST_P(DelayedAck, PureAcksAreNotAcknowledged) {  // RFC 9293 §3.8.6.3
  TcpScript t{established()};
  t.app_sends(100).expect(data(1, 100)).peer_sends(ack(101).times(3)).expect_silence_for_ever();
}

}  // namespace

}  // namespace millrace::test
