// When data is acknowledged: RFC 9293 §3.8.6.3, RFC 5681 §4.2.
#include <gtest/gtest.h>

#include "support/covers.hpp"
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

// Quick acknowledgments: RFC 5681 §4.2, and as Linux has them.

TEST_P(DelayedAck, FirstSegmentsAreAcknowledgedAtOnce) {
  covers({"RFC 5681 §4.2", "SHLD-18"});
  TcpScript t{established().quick_acks(16)};
  for (std::uint32_t i = 0; i < 16; ++i) {
    t.peer_sends(data(1 + i * 100, 100)).expect(ack(101 + i * 100));
  }
  t.peer_sends(data(1'601, 100)).expect_nothing().at(40ms).expect(ack(1'701));
}

TEST_P(DelayedAck, SmallWindowGrantsFewer) {
  covers({"RFC 5681 §4.2"});
  auto start = established().quick_acks(16);
  start.config.receive_buffer_bytes = 16 * 1'024;
  TcpScript t{start};  // A window of 8 KiB takes 15 segments of 536 bytes.
  for (std::uint32_t i = 0; i < 7; ++i) {
    t.peer_sends(data(1 + i, 1)).expect(ack(2 + i));
  }
  t.peer_sends(data(8, 1)).expect_nothing().at(40ms).expect(ack(9));
}

TEST_P(DelayedAck, SettingLimitsThem) {
  covers({"RFC 5681 §4.2"});
  TcpScript t{established().quick_acks(2)};
  t.peer_sends(data(1, 100)).expect(ack(101)).peer_sends(data(101, 100)).expect(ack(201));
  t.peer_sends(data(201, 100)).expect_nothing().at(40ms).expect(ack(301));
}

TEST_P(DelayedAck, ConnectionCanDoWithoutThem) {
  covers({"SHLD-18"});
  TcpScript t{established().quick_acks(16)};
  t.connection().set_quick_acks(false);
  t.peer_sends(data(1, 100)).expect_nothing().at(40ms).expect(ack(101));
  t.connection().set_quick_acks(true);
  t.peer_sends(data(101, 100)).expect(ack(201));
}

TEST_P(DelayedAck, TheyComeAgainAfterAPause) {
  covers({"RFC 5681 §4.2"});
  TcpScript t{established().quick_acks(2)};
  t.peer_sends(data(1, 10)).expect(ack(11)).peer_sends(data(11, 10)).expect(ack(21));
  t.at(300ms).peer_sends(data(21, 10)).expect_nothing().at(340ms).expect(ack(31));
  t.at(601ms).peer_sends(data(31, 10)).expect(ack(41));
}

TEST_P(DelayedAck, TheyComeAgainAfterSomethingOutOfOrder) {
  covers({"RFC 5681 §4.2"});
  TcpScript t{established().quick_acks(3)};
  for (std::uint32_t i = 0; i < 3; ++i) {
    t.peer_sends(data(1 + i, 1)).expect(ack(2 + i));
  }
  t.peer_sends(data(4, 1)).expect_nothing().peer_sends(data(6, 1)).expect(ack(5));
  t.peer_sends(data(5, 1)).expect(ack(7));
  t.peer_sends(data(7, 1)).expect(ack(8)).peer_sends(data(8, 1)).expect_nothing();
  t.at(40ms).expect(ack(9));
}

TEST_P(DelayedAck, TheyComeAgainAfterADuplicate) {
  covers({"RFC 5681 §4.2"});
  TcpScript t{established().quick_acks(2)};
  t.peer_sends(data(1, 10)).expect(ack(11)).peer_sends(data(11, 10)).expect(ack(21));
  t.peer_sends(data(21, 10)).expect_nothing().peer_sends(data(11, 10)).expect(ack(31));
  t.peer_sends(data(31, 10)).expect(ack(41)).peer_sends(data(41, 10)).expect_nothing();
  t.at(40ms).expect(ack(51));
}

TEST_P(DelayedAck, AnswersCarryTheAcksInAConversation) {
  covers({"RFC 9293 §3.8.6.3"});
  TcpScript t{established().quick_acks(16)};
  t.peer_sends(data(1, 10)).expect(ack(11));
  t.at(10ms).app_sends(10).expect(data(1, 10).acks(11));
  t.at(100ms).peer_sends(data(11, 10).acks(11)).expect_nothing();
  t.at(110ms).app_sends(10).expect(data(11, 10).acks(21));
}

TEST_P(DelayedAck, DisorderInAConversationIsAcknowledgedQuickly) {
  covers({"RFC 5681 §4.2"});
  TcpScript t{established().quick_acks(16)};
  t.peer_sends(data(1, 10)).expect(ack(11)).app_sends(10).expect(data(1, 10));
  t.peer_sends(data(11, 10).acks(11)).expect_nothing();
  t.peer_sends(data(31, 10)).expect(ack(21)).peer_sends(data(21, 10)).expect(ack(41));
  t.peer_sends(data(41, 10)).expect(ack(51));
}

TEST_P(DelayedAck, OneTurnsSegmentsTakeOneQuickAck) {
  covers({"MUST-58", "MUST-59"});
  TcpScript t{established().quick_acks(2)};
  t.peer_sends_at_once(data(1, 10), data(11, 10), data(21, 10)).expect(ack(31));
  t.peer_sends(data(31, 10)).expect(ack(41)).peer_sends(data(41, 10)).expect_nothing();
  t.at(40ms).expect(ack(51));
}

TEST_P(DelayedAck, NoneIsLaterThanFortyMilliseconds) {
  covers({"MUST-40", "SHLD-18", "RFC 1122 §4.2.3.2"});
  TcpScript t{established()};
  Duration first{};
  std::uint32_t seq = 1;
  for (int i = 0; i < 20; ++i) {
    t.peer_sends(data(seq, 1)).expect_nothing();
    seq += 1;
    if (i % 4 == 0) {
      first = t.now();
    }
    if (i % 4 == 3) {
      t.expect_silence_until(first + 40ms - 1ns).at(first + 40ms).expect(ack(seq));
    } else {
      t.after(9ms);
    }
  }
}

TEST_P(DelayedAck, WithTimestampsEverySecondFullSegmentIsShorter) {
  covers({"SHLD-19"});
  TcpScript t{established().timestamps()};
  t.peer_sends(data(1, 988)).expect_nothing().peer_sends(data(989, 988)).expect(ack(1'977));
  t.peer_sends(data(1'977, 988)).expect_nothing().peer_sends(data(2'965, 987)).expect_nothing();
  t.at(40ms).expect(ack(3'952));
}

}  // namespace

}  // namespace millrace::test
