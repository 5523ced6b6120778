// What a peer's selective acknowledgments change: RFC 2018 §5 and §8, RFC 2883.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class SackSend : public NumbersTest {
 protected:
  [[nodiscard]] static Start established() {
    Start start = NumbersTest::established().selective_acks().cwnd(10'000);
    start.config.tail_loss_probe = false;  // These are about timeouts.
    return start;
  }
  /// Eight segments in flight.
  static void send_eight(TcpScript& t) {
    t.app_sends(8'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000),
                              data(3'001, 1'000), data(4'001, 1'000), data(5'001, 1'000),
                              data(6'001, 1'000), data(7'001, 1'000));
  }
};
INSTANTIATE_TEST_SUITE_P(From, SackSend, testing::ValuesIn(kEveryStart), name_of);

TEST_P(SackSend, ReportedSegmentsAreNotSentAgainWhenTheWindowReopens) {
  covers({"RFC 2018 §5"});
  TcpScript t{established()};
  send_eight(t);
  t.peer_sends(ack(1).with_window(0).sacks({{2'001, 4'001}, {6'001, 7'001}})).expect_nothing();
  t.at(10ms).peer_sends(ack(1).with_window(60'000));
  // Three reports make a loss of what left before them; the window is that of a recovery.
  t.expect(data(1, 1'000), data(1'001, 1'000), data(4'001, 1'000), data(5'001, 1'000));
  t.peer_sends(ack(8'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(SackSend, RecoveryResendsOnlyTheHoles) {
  covers({"RFC 2018 §5", "RFC 6582 §3.2"});
  TcpScript t{established()};
  send_eight(t);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 2'001}}), ack(1).sacks({{1'001, 3'001}}));
  t.expect_nothing().peer_sends(ack(1).sacks({{4'001, 5'001}, {1'001, 3'001}}));
  t.expect(data(1, 1'000));
  t.peer_sends(ack(1).sacks({{4'001, 6'001}, {1'001, 3'001}})).expect(data(3'001, 1'000));
  t.peer_sends(ack(1).sacks({{4'001, 7'001}, {1'001, 3'001}})).expect_nothing();
  t.peer_sends(ack(1).sacks({{4'001, 8'001}, {1'001, 3'001}})).expect_nothing();
  t.at(200ms).peer_sends(ack(3'001).sacks({{4'001, 8'001}})).expect_nothing();
  t.peer_sends(ack(8'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(SackSend, TimeoutKeepsWhatWasReportedUntilThePeerAsksForIt) {
  covers({"RFC 2018 §8", "RFC 6675 §5.1"});
  TcpScript t{established()};
  send_eight(t);
  t.at(90ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  t.at(112'500us).expect(data(1, 1'000));
  // What was reported is a round trip as well, of 90 ms.
  t.at(371'250us).expect(data(1, 1'000));
  // The receiver has let go of it: all of it goes out again.
  t.at(400ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000), data(2'001, 1'000));
  EXPECT_EQ(t.stats().tcp_sack_reneging, 1U);
}

TEST_P(SackSend, WhatIsReportedAfterATimeoutIsNotSentAgain) {
  covers({"RFC 2018 §5"});
  TcpScript t{established()};
  send_eight(t);
  t.at(300ms).expect(data(1, 1'000));
  t.at(400ms).peer_sends(ack(1'001).sacks({{2'001, 8'001}})).expect(data(1'001, 1'000));
  t.at(500ms).peer_sends(ack(8'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(SackSend, ReceiverThatGoesBackOnItsWordIsServed) {
  covers({"RFC 2018 §8"});
  TcpScript t{established()};
  send_eight(t);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 2'001}}), ack(1).sacks({{1'001, 3'001}}));
  t.peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  // It acknowledges less than it had reported.
  t.at(200ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000));
  t.at(300ms).peer_sends(ack(8'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(SackSend, ImpossibleBlocksAreIgnoredAndCounted) {
  covers({"RFC 2018 §3"});
  TcpScript t{established()};
  send_eight(t);
  t.peer_sends(ack(1).sacks({{1'001, 1'001}})).peer_sends(ack(1).sacks({{3'001, 2'001}}));
  EXPECT_EQ(t.stats().tcp_bad_sack_blocks, 2U);
  TcpScript beyond{established()};
  send_eight(beyond);
  beyond.peer_sends(ack(1).sacks({{7'001, 8'002}, {20'001, 30'001}}));
  EXPECT_EQ(beyond.stats().tcp_bad_sack_blocks, 2U);
  beyond.peer_sends(ack(1).with_window(0).sacks({{1, 8'001}}));
  EXPECT_EQ(beyond.stats().tcp_bad_sack_blocks, 3U) << "it would have acknowledged that";
  beyond.peer_sends(ack(1).with_window(60'000))
      .expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000), data(3'001, 1'000),
              data(4'001, 1'000), data(5'001, 1'000), data(6'001, 1'000), data(7'001, 1'000));
}

TEST_P(SackSend, ReportsOfDuplicatesAreCounted) {
  covers({"RFC 2883 §4"});
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(300ms).expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(2'001)).expect_nothing();
  t.at(400ms).peer_sends(ack(2'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_duplicates_reported_in, 1U);
  EXPECT_EQ(t.stats().tcp_bad_sack_blocks, 0U);
}

TEST_P(SackSend, ReportOfADuplicateAheadOfAHoleIsCounted) {
  covers({"RFC 2883 §4"});
  TcpScript t{established()};
  send_eight(t);
  t.peer_sends(ack(1).sacks({{2'001, 3'001}, {2'001, 4'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_duplicates_reported_in, 1U);
}

TEST_P(SackSend, BlocksThatWereNotAgreedOnMeanNothing) {
  covers({"RFC 2018 §2"});
  TcpScript t{NumbersTest::established().cwnd(10'000)};
  send_eight(t);
  t.peer_sends(ack(1).with_window(0).sacks({{1'001, 8'001}}));
  EXPECT_EQ(t.stats().tcp_bad_sack_blocks, 0U);
  t.peer_sends(ack(1).with_window(2'000)).expect(data(1, 1'000), data(1'001, 1'000));
}

TEST_P(SackSend, BlocksOfAnAckThatWasOvertakenDoNoHarm) {
  covers({"RFC 2018 §5"});
  TcpScript t{established()};
  send_eight(t);
  t.at(100ms).peer_sends(ack(5'001)).expect_nothing();
  t.peer_sends(ack(1'001).sacks({{2'001, 4'001}})).expect_nothing();
  t.peer_sends(ack(8'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_bad_sack_blocks, 0U);
}

TEST_P(SackSend, DataCarriesBlocksBothWays) {
  covers({"RFC 2018 §4"});
  TcpScript t{established()};
  send_eight(t);
  t.peer_sends(data(101, 100).sacks({{1'001, 2'001}})).expect(ack(1).sacks({{101, 201}}));
  t.peer_sends(data(1, 100).acks(8'001)).expect(ack(201).sacks({})).app_reads(200);
}

}  // namespace

}  // namespace millrace::test
