// Recoveries and timeouts that were for nothing, found out and taken back: Eifel detection by
// timestamps (RFC 3522), reported duplicates (RFC 3708), F-RTO (RFC 5682), and the response to them
// (RFC 4015). The round trip is 100 ms, the retransmission timeout 300 ms.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class UndoScript : public NumbersTest {
 protected:
  [[nodiscard]] static Start established(bool has_frto = true) {
    Start start = NumbersTest::established().selective_acks().cwnd(10'000);
    start.config.tail_loss_probe = false;
    start.config.frto = has_frto;
    return start;
  }
  [[nodiscard]] static Start stamped(bool has_frto = false) {
    return established(has_frto).timestamps();
  }
  static void send(TcpScript& t, std::uint32_t first, std::uint32_t count,
                   std::uint32_t bytes = 1'000) {
    t.app_sends(bytes * count);
    const auto sent = t.take_output();
    ASSERT_EQ(sent.size(), count);
    for (std::uint32_t i = 0; i < count; ++i) {
      ASSERT_EQ(sent[i].seq, first + bytes * i);
    }
  }
  /// Six full segments with timestamps, which take 12 octets of each.
  static void send_six(TcpScript& t) { send(t, 1, 6, 988); }
};
INSTANTIATE_TEST_SUITE_P(From, UndoScript, testing::ValuesIn(kEveryStart), name_of);

// Eifel: fast recoveries.

TEST_P(UndoScript, AnAnswerToTheOriginalEndsARecovery) {
  covers({"RFC 3522 §3.2", "RFC 4015 §3"});
  TcpScript t{stamped()};
  send_six(t);
  t.at(100ms).peer_sends(ack(1).sacks({{989, 3'953}})).expect(data(1, 988));
  EXPECT_LT(t.ssthresh(), 10'000U);
  // The first was only late: it echoes the time of the first transmission, 100 ms into the script.
  t.at(120ms).peer_sends(ack(3'953).echo(100)).expect_nothing();
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
  EXPECT_GE(t.cwnd(), 10'000U);
  EXPECT_EQ(t.ssthresh(), 1U << 30U);
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 1U);
  t.peer_sends(ack(5'929)).expect_nothing();
}

TEST_P(UndoScript, AnAnswerToTheRetransmissionDoesNot) {
  covers({"RFC 3522 §3.2"});
  TcpScript t{stamped()};
  send_six(t);
  t.at(100ms).peer_sends(ack(1).sacks({{989, 3'953}})).expect(data(1, 988));
  t.at(200ms).peer_sends(ack(3'953).echo(200)).ignore_output();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
  EXPECT_LT(t.ssthresh(), 10'000U);
}

TEST_P(UndoScript, WithoutTimestampsNobodyKnows) {
  covers({"RFC 3522 §3.2"});
  TcpScript t{established()};
  send(t, 1, 6);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  t.at(120ms).peer_sends(ack(4'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
}

TEST_P(UndoScript, AfterItReorderingIsKnown) {
  covers({"RFC 4015 §3", "RFC 8985 §6.2"});
  TcpScript t{stamped()};
  send_six(t);
  t.at(100ms).peer_sends(ack(1).sacks({{989, 3'953}})).expect(data(1, 988));
  t.at(120ms).peer_sends(ack(3'953).echo(100)).expect_nothing();
  EXPECT_GT(t.info().reordering_seen, 0U);
  t.at(130ms).peer_sends(ack(5'929).echo(100)).expect_nothing();
  send(t, 5'929, 6, 988);
  t.at(230ms).peer_sends(ack(5'929).sacks({{6'917, 9'881}})).expect_nothing();
  t.at(235ms).peer_sends(ack(11'857)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 1U) << "the second time it waits";
}

TEST_P(UndoScript, WhatWasTakenForLostIsUnderWayAgain) {
  covers({"RFC 4015 §3"});
  TcpScript t{stamped()};
  send(t, 1, 10, 988);
  t.at(100ms).peer_sends(ack(1).sacks({{6'917, 9'881}})).ignore_output();
  EXPECT_GT(t.info().lost, 0U);
  const std::uint32_t again = t.info().total_retransmitted;
  t.at(120ms).peer_sends(ack(1'977).echo(100).sacks({{6'917, 9'881}})).expect_nothing();
  EXPECT_EQ(t.info().lost, 0U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Disorder);
  t.at(125ms).peer_sends(ack(9'881).echo(100)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.info().total_retransmitted, again);
}

TEST_P(UndoScript, NewRenosRecoveryIsUndoneToo) {
  covers({"RFC 3522 §3.2", "RFC 6582 §3.2"});
  Start start = NumbersTest::established().cwnd(10'000).timestamps();
  TcpScript t{start};
  send_six(t);
  t.at(100ms).peer_sends(ack(1).times(3)).expect(data(1, 988));
  t.at(120ms).peer_sends(ack(3'953).echo(100)).expect_nothing();
  EXPECT_GE(t.cwnd(), 10'000U);
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 1U);
}

// Eifel: timeouts.

TEST_P(UndoScript, ATimeoutThatWasTooEarlyIsUndone) {
  covers({"RFC 3522 §3.2", "RFC 4015 §3"});
  TcpScript t{stamped()};
  send_six(t);
  t.at(300ms).expect(data(1, 988));
  EXPECT_EQ(t.cwnd(), 988U);
  t.at(320ms).peer_sends(ack(989).echo(100)).expect_nothing();
  EXPECT_GE(t.cwnd(), 10'000U);
  EXPECT_EQ(t.ssthresh(), 1U << 30U);
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 1U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
  t.at(325ms).peer_sends(ack(5'929).echo(100)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 1U);
}

TEST_P(UndoScript, ATimeoutThatWasRightIsNot) {
  covers({"RFC 3522 §3.2"});
  TcpScript t{stamped()};
  send_six(t);
  t.at(300ms).expect(data(1, 988));
  t.at(400ms).peer_sends(ack(989).echo(400)).expect(data(989, 988), data(1'977, 988));
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 0U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Loss);
}

TEST_P(UndoScript, TimeoutsInARowAreUndoneTogether) {
  covers({"RFC 4015 §3"});
  TcpScript t{stamped()};
  send_six(t);
  t.at(300ms).expect(data(1, 988)).at(900ms).expect(data(1, 988));
  t.at(910ms).peer_sends(ack(989).echo(100)).expect_nothing();
  EXPECT_GE(t.cwnd(), 10'000U);
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 1U);
  t.peer_sends(ack(5'929)).expect_nothing();
}

TEST_P(UndoScript, AfterItTheTimerIsNotBackedOff) {
  covers({"RFC 4015 §3"});
  TcpScript t{stamped()};
  send_six(t);
  t.at(300ms).expect(data(1, 988)).at(900ms).expect(data(1, 988));
  t.at(910ms).peer_sends(ack(989).echo(100)).expect_nothing();
  EXPECT_EQ(t.info().backoff, 0U);
  t.peer_sends(ack(5'929)).expect_nothing();
}

// Reported duplicates.

TEST_P(UndoScript, ARetransmissionReportedAsDuplicateUndoesTheRecovery) {
  covers({"RFC 3708 §2", "RFC 4015 §3", "RFC 2883 §4"});
  TcpScript t{established()};
  send(t, 1, 8);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  t.at(110ms).peer_sends(ack(6'001)).expect_nothing();
  t.at(200ms).peer_sends(ack(6'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_GE(t.cwnd(), 10'000U);
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 1U);
  t.peer_sends(ack(8'001)).expect_nothing();
}

TEST_P(UndoScript, AllOfThemMustBeReported) {
  covers({"RFC 3708 §2"});
  TcpScript t{established()};
  send(t, 1, 10);
  t.at(100ms).peer_sends(ack(1).sacks({{8'001, 9'001}, {5'001, 6'001}, {2'001, 3'001}}));
  t.expect(data(1, 1'000), data(1'001, 1'000), data(3'001, 1'000));
  t.at(110ms).peer_sends(ack(9'001)).ignore_output();
  t.at(200ms).peer_sends(ack(9'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
  t.peer_sends(ack(9'001).sacks({{1'001, 2'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
  t.peer_sends(ack(9'001).sacks({{3'001, 4'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 1U);
  t.peer_sends(ack(10'001)).ignore_output();
}

TEST_P(UndoScript, ADuplicateOfSomethingElseUndoesNothing) {
  covers({"RFC 3708 §2"});
  TcpScript t{established()};
  send(t, 1, 1);
  t.at(100ms).peer_sends(ack(1'001)).expect_nothing();
  send(t, 1'001, 6);
  t.at(200ms).peer_sends(ack(1'001).sacks({{2'001, 5'001}})).expect(data(1'001, 1'000));
  t.at(210ms).peer_sends(ack(1'001).sacks({{1, 1'001}, {2'001, 5'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
  t.at(300ms).peer_sends(ack(7'001)).expect_nothing();
}

TEST_P(UndoScript, ATimeoutIsUndoneByReportsToo) {
  covers({"RFC 3708 §2"});
  TcpScript t{established(false)};
  send(t, 1, 6);
  t.at(300ms).expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(5'001)).expect(data(5'001, 1'000));
  t.at(320ms).peer_sends(ack(5'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 0U);
  t.at(330ms).peer_sends(ack(6'001)).expect_nothing();
}

// F-RTO.

TEST_P(UndoScript, TwoAcksOfOriginalsSayThatTheTimerWasEarly) {
  covers({"RFC 5682 §2.1", "RFC 5682 §3.1"});
  TcpScript t{established()};
  send(t, 1, 6);
  t.app_sends(4'000).ignore_output();
  t.app_sends(4'000).expect_nothing();
  t.at(300ms).expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(1'001)).expect(data(10'001, 1'000), data(11'001, 1'000));
  t.at(320ms).peer_sends(ack(2'001));
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 1U);
  EXPECT_GE(t.cwnd(), 10'000U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 1U);
  t.ignore_output().peer_sends(ack(14'001)).ignore_output();
}

TEST_P(UndoScript, ReportsOfOriginalsSaySoToo) {
  covers({"RFC 5682 §3.1"});
  TcpScript t{established()};
  t.app_sends(14'000).ignore_output();
  t.at(300ms).expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(1'001)).expect(data(10'001, 1'000), data(11'001, 1'000));
  t.at(320ms).peer_sends(ack(1'001).sacks({{2'001, 3'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 1U);
  t.peer_sends(ack(14'001)).ignore_output();
}

TEST_P(UndoScript, ADuplicateAfterItMeansALoss) {
  covers({"RFC 5682 §2.1"});
  TcpScript t{established()};
  t.app_sends(14'000).ignore_output();
  t.at(300ms).expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(1).sacks({{8'001, 9'001}})).expect_nothing();
  t.at(400ms).peer_sends(ack(1'001).sacks({{8'001, 9'001}}));
  t.expect(data(1'001, 1'000), data(2'001, 1'000));
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 0U);
}

TEST_P(UndoScript, ReportsOfNewDataMeanALoss) {
  covers({"RFC 5682 §3.1"});
  TcpScript t{established()};
  t.app_sends(14'000).ignore_output();
  t.at(300ms).expect(data(1, 1'000));
  t.at(400ms).peer_sends(ack(1'001)).expect(data(10'001, 1'000), data(11'001, 1'000));
  t.at(500ms).peer_sends(ack(1'001).sacks({{10'001, 11'001}}));
  const auto sent = t.take_output();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent.front().seq, 1'001U);
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 0U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Loss);
}

TEST_P(UndoScript, WithoutNewDataItGoesOnAsUsual) {
  covers({"RFC 5682 §2.1"});
  TcpScript t{established()};
  send(t, 1, 6);
  t.at(300ms).expect(data(1, 1'000));
  t.at(400ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000), data(2'001, 1'000));
}

TEST_P(UndoScript, NewDataThatThePeersWindowForbidsIsNone) {
  covers({"RFC 5682 §2.1"});
  TcpScript t{established().peer_window(6'000)};
  t.app_sends(14'000).ignore_output();
  t.at(300ms).expect(data(1, 1'000));
  t.at(400ms).peer_sends(ack(1'001).with_window(5'000));
  t.expect(data(1'001, 1'000), data(2'001, 1'000));
}

TEST_P(UndoScript, PeersWithoutSelectiveAcksAreAskedToo) {
  covers({"RFC 5682 §2.1"});
  TcpScript t{NumbersTest::established().cwnd(10'000)};
  t.app_sends(14'000).ignore_output();
  t.at(300ms).expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(1'001)).expect(data(10'001, 1'000), data(11'001, 1'000));
  t.at(320ms).peer_sends(ack(2'001)).ignore_output();
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 1U);
  EXPECT_GE(t.cwnd(), 10'000U);
  t.peer_sends(ack(14'001)).ignore_output();
}

TEST_P(UndoScript, PeersWithoutThemThatAnswerByDuplicatesHaveLosses) {
  covers({"RFC 5682 §2.1"});
  TcpScript t{NumbersTest::established().cwnd(10'000)};
  t.app_sends(14'000).ignore_output();
  t.at(300ms).expect(data(1, 1'000));
  t.at(400ms).peer_sends(ack(1'001)).expect(data(10'001, 1'000), data(11'001, 1'000));
  t.at(500ms).peer_sends(ack(1'001));
  t.ignore_output();
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 0U);
  t.at(600ms).peer_sends(ack(1'001)).ignore_output();
}

TEST_P(UndoScript, AnsweredAtOnceATimeoutTellsNothing) {
  covers({"RFC 5682 §2.1"});
  TcpScript t{established()};
  t.app_sends(14'000).ignore_output();
  t.at(300ms).expect(data(1, 1'000));
  t.at(400ms).peer_sends(ack(10'001)).ignore_output();
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 0U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
}

TEST_P(UndoScript, CanBeSwitchedOff) {
  covers({"RFC 5682 §2.1"});
  TcpScript t{established(false)};
  t.app_sends(14'000).ignore_output();
  t.at(300ms).expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000), data(2'001, 1'000));
}

TEST_P(UndoScript, ASecondTimeoutIsNotAskedAbout) {
  covers({"RFC 5682 §2.1"});
  TcpScript t{established()};
  t.app_sends(14'000).ignore_output();
  t.at(300ms).expect(data(1, 1'000)).at(900ms).expect(data(1, 1'000));
  t.at(910ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000), data(2'001, 1'000));
}

}  // namespace

}  // namespace millrace::test
