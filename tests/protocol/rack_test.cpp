// RACK: losses, lost retransmissions and mere reordering, told apart by time (RFC 8985 §6), with
// selective acknowledgments. The round trip is 100 ms throughout.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class RackScript : public NumbersTest {
 protected:
  [[nodiscard]] static Start established() {
    Start start = NumbersTest::established().selective_acks().cwnd(10'000);
    start.config.tail_loss_probe = false;
    return start;
  }
  /// Segments of 1,000 bytes from `first` on, at once.
  static void send(TcpScript& t, std::uint32_t first, std::uint32_t count) {
    t.app_sends(1'000 * count);
    const auto sent = t.take_output();
    ASSERT_EQ(sent.size(), count);
    for (std::uint32_t i = 0; i < count; ++i) {
      ASSERT_EQ(sent[i].seq, first + 1'000 * i);
    }
  }
  /// Four segments, 1 ms apart.
  static void send_four(TcpScript& t) {
    for (std::uint32_t i = 0; i < 4; ++i) {
      t.at(std::chrono::milliseconds{i});
      send(t, 1 + 1'000 * i, 1);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(From, RackScript, testing::ValuesIn(kEveryStart), name_of);

// First loss.

TEST_P(RackScript, OneReportIsEnoughAfterAQuarterOfARoundTrip) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send_four(t);
  t.at(101ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  // The first left 1 ms earlier: 0 + 100 + 25 ms.
  t.expect_silence_until(125ms - 1ns).at(125ms).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_rack_losses, 1U);
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Recovery);
}

TEST_P(RackScript, ThreeReportsAreEnoughAtOnce) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send_four(t);
  t.at(101ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  t.at(102ms).peer_sends(ack(1).sacks({{1'001, 3'001}})).expect_nothing();
  t.at(103ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 2'000U);
}

TEST_P(RackScript, ThresholdOfReportsCanBeSet) {
  covers({"RFC 8985 §6.2"});
  Start start = established();
  start.config.duplicate_threshold = 2;
  TcpScript t{start};
  send_four(t);
  t.at(101ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  t.at(102ms).peer_sends(ack(1).sacks({{1'001, 3'001}})).expect(data(1, 1'000));
}

TEST_P(RackScript, WhatLeftTogetherIsOrderedByNumber) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send(t, 1, 6);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  EXPECT_EQ(t.info().lost, 0U) << "those behind left as early, and later";
  t.at(200ms).peer_sends(ack(6'001)).expect_nothing();
}

TEST_P(RackScript, AnAckBeforeTheTimeEndsTheDoubt) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send_four(t);
  t.at(101ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  t.at(110ms).peer_sends(ack(4'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_rack_losses, 0U);
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 0U);
}

TEST_P(RackScript, TimerNamesItselfAsAnother) {
  TcpScript t{established()};
  send_four(t);
  t.at(101ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  EXPECT_EQ(t.deadline(), 125ms);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Disorder);
  EXPECT_EQ(t.info().sacked, 1U);
}

// Many losses.

TEST_P(RackScript, HolesAreMendedInOneRoundTrip) {
  covers({"RFC 8985 §6.2", "RFC 6675 §4"});
  TcpScript t{established()};
  send(t, 1, 10);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 2'001}}));
  t.peer_sends(ack(1).sacks({{3'001, 4'001}, {1'001, 2'001}})).expect_nothing();
  t.peer_sends(ack(1).sacks({{5'001, 6'001}, {3'001, 4'001}, {1'001, 2'001}}));
  t.expect(data(1, 1'000));
  t.peer_sends(ack(1).sacks({{5'001, 7'001}, {3'001, 4'001}, {1'001, 2'001}}));
  t.expect(data(2'001, 1'000));
  t.peer_sends(ack(1).sacks({{5'001, 8'001}, {3'001, 4'001}, {1'001, 2'001}}));
  t.expect(data(4'001, 1'000));
  t.peer_sends(ack(1).sacks({{5'001, 9'001}, {3'001, 4'001}, {1'001, 2'001}})).expect_nothing();
  t.at(200ms).peer_sends(ack(10'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 3U);
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
}

TEST_P(RackScript, EverySecondSegmentLost) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send(t, 1, 10);
  t.at(100ms);
  Blocks blocks;
  for (std::uint32_t i = 1; i < 10; i += 2) {
    blocks.insert(blocks.begin(), {1'000 * i + 1, 1'000 * i + 1'001});
    blocks.resize(std::min<std::size_t>(blocks.size(), 4));
    t.peer_sends(ack(1).sacks(blocks)).ignore_output();
  }
  // Each round trip mends what the window allows; nothing waits for a timeout.
  for (std::uint32_t edge = 2'001; edge <= 10'001; edge += 2'000) {
    t.after(50ms).peer_sends(ack(edge)).ignore_output();
  }
  t.expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 5U);
}

TEST_P(RackScript, AWholeFlightButItsEndIsLost) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send(t, 1, 9);
  t.at(10ms);
  send(t, 9'001, 1);
  t.at(110ms).peer_sends(ack(1).sacks({{9'001, 10'001}})).expect_nothing();
  t.at(125ms).expect(data(1, 1'000));
  // The network is empty, and slow start fills it as far as the threshold.
  t.at(225ms).peer_sends(ack(1'001).sacks({{9'001, 10'001}}));
  t.expect(data(1'001, 1'000), data(2'001, 1'000));
  t.at(325ms).peer_sends(ack(3'001).sacks({{9'001, 10'001}}));
  t.expect(data(3'001, 1'000), data(4'001, 1'000), data(5'001, 1'000));
  t.at(425ms).peer_sends(ack(6'001).sacks({{9'001, 10'001}}));
  t.expect(data(6'001, 1'000), data(7'001, 1'000), data(8'001, 1'000));
  t.at(525ms).peer_sends(ack(10'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(RackScript, LossesOfTwoFlightsAreTwoRecoveries) {
  covers({"RFC 8985 §6.2", "RFC 6675 §5"});
  TcpScript t{established()};
  send(t, 1, 5);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  t.at(200ms).peer_sends(ack(5'001)).expect_nothing();
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
  send(t, 5'001, 2);
  t.at(210ms).app_sends(2'000).ignore_output();
  t.at(300ms).peer_sends(ack(5'001).sacks({{6'001, 7'001}})).expect(data(7'001, 1'000));
  t.at(325ms).expect(data(5'001, 1'000));
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 2U);
}

// Lost retransmissions.

TEST_P(RackScript, ALostRetransmissionIsFoundWithoutATimeout) {
  covers({"RFC 8985 §6.2", "RFC 5681 §4.3"});
  TcpScript t{established()};
  send(t, 1, 5);
  t.app_sends(5'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  t.at(110ms).peer_sends(ack(1).sacks({{1'001, 6'001}}));
  t.peer_sends(ack(1).sacks({{1'001, 8'001}}), ack(1).sacks({{1'001, 10'001}})).ignore_output();
  t.app_sends(3'000);
  const auto sent = t.take_output();
  ASSERT_FALSE(sent.empty());
  ASSERT_EQ(sent.front().seq, 10'001U);
  // Its reports tell that what left before them, the hole's second copy, is lost.
  t.at(210ms).peer_sends(ack(1).sacks({{1'001, 11'001}})).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 2U) << "it slows down once for each of them";
}

TEST_P(RackScript, ARetransmissionLostTwiceIsFoundTwice) {
  covers({"RFC 8985 §6.2"});
  Start start = established().cwnd(20'000);
  start.config.rto_min = 1s;
  TcpScript t{start};
  send(t, 1, 10);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  std::uint32_t next = 10'001;
  t.app_sends(10'000).ignore_output();
  for (unsigned round = 0; round < 2; ++round) {
    t.after(10ms).peer_sends(ack(1).sacks({{1'001, next}}));
    const auto more = static_cast<std::uint32_t>(t.take_output().size());
    ASSERT_GT(more, 0U) << round;
    t.after(100ms).peer_sends(ack(1).sacks({{1'001, next + 1'000}}));
    const auto again = t.take_output();
    ASSERT_FALSE(again.empty()) << round;
    EXPECT_EQ(again.front().seq, 1U);
    next = 1 + t.connection().unacknowledged() - t.connection().unsent_bytes();
  }
  for (; next < 20'001; next += 1'000) {
    t.after(100ms).peer_sends(ack(next)).ignore_output();
  }
  t.after(100ms).peer_sends(ack(20'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(RackScript, WithoutItALostRetransmissionWaitsForTheTimer) {
  covers({"RFC 6675 §4"});
  Start start = established();
  start.config.rack = false;
  TcpScript t{start};
  send(t, 1, 5);
  t.app_sends(5'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  t.at(110ms).peer_sends(ack(1).sacks({{1'001, 10'001}})).ignore_output();
  t.app_sends(3'000).ignore_output();
  t.at(210ms).peer_sends(ack(1).sacks({{1'001, 11'001}})).expect_nothing();
  t.at(*t.deadline()).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 1U);
  EXPECT_EQ(t.stats().tcp_rack_losses, 0U);
}

// Reordering without loss.

TEST_P(RackScript, ASegmentOvertakenByLittleIsNotSentAgain) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send_four(t);
  t.at(101ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  t.at(102ms).peer_sends(ack(1).sacks({{1'001, 3'001}})).expect_nothing();
  t.at(103ms).peer_sends(ack(4'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 0U);
  EXPECT_EQ(t.info().reordering_seen, 1U);
}

TEST_P(RackScript, OnceReorderingWasSeenReportsAreNotCounted) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send_four(t);
  t.at(102ms).peer_sends(ack(1).sacks({{1'001, 3'001}}), ack(3'001)).expect_nothing();
  t.at(103ms).peer_sends(ack(4'001)).expect_nothing();
  EXPECT_EQ(t.info().reordering_seen, 1U);
  t.at(200ms);
  send(t, 4'001, 8);
  t.at(300ms).peer_sends(ack(4'001).sacks({{5'001, 12'001}})).expect_nothing();
  t.at(310ms).peer_sends(ack(12'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 0U);
  EXPECT_EQ(t.info().reordering, 8U) << "seven behind it, and itself";
}

TEST_P(RackScript, WhatIsReallyLostIsFoundAllTheSame) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send_four(t);
  t.at(102ms).peer_sends(ack(1).sacks({{1'001, 3'001}}), ack(4'001)).expect_nothing();
  t.at(200ms);
  send(t, 4'001, 6);
  t.at(300ms).peer_sends(ack(4'001).sacks({{5'001, 10'001}})).expect_nothing();
  const Duration lost_at = *t.deadline();
  EXPECT_GT(lost_at, 320ms);
  EXPECT_LE(lost_at, 326ms);
  t.at(lost_at).expect(data(4'001, 1'000));
}

TEST_P(RackScript, DuplicatesReportedWidenTheWindow) {
  covers({"RFC 8985 §6.2", "RFC 2883 §4"});
  TcpScript t{established()};
  send_four(t);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  const Duration first = *t.deadline();
  t.at(first).expect(data(1, 1'000));
  t.after(1ms).peer_sends(ack(4'001)).expect_nothing();
  t.after(1ms).app_sends(1'000).expect(data(4'001, 1'000));
  t.after(90ms).peer_sends(ack(4'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_EQ(t.info().duplicate_reports, 1U);
  EXPECT_GT(t.connection().reorder_window().window({.min_rtt = 40ms, .srtt = 1s}), 10ms);
}

TEST_P(RackScript, LearnedReorderingOutlivesIdleTimes) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send_four(t);
  t.at(102ms).peer_sends(ack(1).sacks({{1'001, 3'001}}), ack(4'001)).expect_nothing();
  t.at(10s);
  EXPECT_EQ(t.info().reordering_seen, 1U);
  send(t, 4'001, 5);
  t.at(10'100ms).peer_sends(ack(4'001).sacks({{5'001, 9'001}})).expect_nothing();
  t.at(10'110ms).peer_sends(ack(9'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 0U);
}

TEST_P(RackScript, ReorderedAcksAreNoReorderedSegments) {
  TcpScript t{established()};
  send_four(t);
  t.at(104ms).peer_sends(ack(4'001)).expect_nothing();
  t.peer_sends(ack(1).sacks({{1'001, 2'001}}), ack(2'001)).expect_nothing();
  EXPECT_EQ(t.info().reordering_seen, 0U);
}

// ACK loss.

TEST_P(RackScript, OneAckMayTellOfManyLosses) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send(t, 1, 10);
  t.at(100ms).peer_sends(ack(1).sacks({{8'001, 9'001}, {5'001, 6'001}, {2'001, 3'001}}));
  t.expect(data(1, 1'000), data(1'001, 1'000), data(3'001, 1'000));
  EXPECT_EQ(t.info().lost, 3U);
  EXPECT_EQ(t.info().reordering_seen, 0U) << "its blocks came in some order";
}

TEST_P(RackScript, LostAcksOfRetransmissionsDoNoHarm) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send(t, 1, 6);
  t.at(100ms).peer_sends(ack(1).sacks({{3'001, 6'001}}));
  t.expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  // The ACKs of the first two were lost.
  t.at(200ms).peer_sends(ack(6'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
}

// A timeout.

TEST_P(RackScript, ATimeoutTakesOnlyWhatIsOldForLost) {
  covers({"RFC 8985 §6.3"});
  TcpScript t{established().cwnd(20'000)};
  send(t, 1, 1);
  t.at(100ms).peer_sends(ack(1'001)).expect_nothing();
  send(t, 1'001, 2);
  const Duration expiry = *t.deadline();
  t.at(expiry - 50ms);
  send(t, 3'001, 2);
  t.at(expiry).expect(data(1'001, 1'000));
  EXPECT_EQ(t.info().lost, 1U) << "the second; what left 50 ms ago may still arrive";
}

TEST_P(RackScript, LossesAfterATimeoutAreFoundByTime) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send(t, 1, 4);
  t.at(300ms).expect(data(1, 1'000));
  t.at(400ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000), data(2'001, 1'000));
  t.at(500ms).peer_sends(ack(1'001).sacks({{2'001, 3'001}}));
  const auto sent = t.take_output();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent.front().seq, 1'001U) << "sent with what has arrived, and lost once more";
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 1U);
}

// Switched off: RFC 6675.

TEST_P(RackScript, SwitchedOffThreeReportsBehindMakeALoss) {
  covers({"RFC 6675 §4"});
  Start start = established();
  start.config.rack = false;
  TcpScript t{start};
  send(t, 1, 8);
  t.at(100ms).peer_sends(ack(1).sacks({{2'001, 3'001}}), ack(1).sacks({{2'001, 4'001}}));
  t.expect_nothing();
  t.at(500us + 100ms).peer_sends(ack(1).sacks({{2'001, 5'001}})).expect(data(1, 1'000));
  t.peer_sends(ack(1).sacks({{2'001, 6'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_rack_losses, 0U);
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
}

TEST_P(RackScript, SwitchedOffTimeAloneMakesNoLoss) {
  covers({"RFC 6675 §4"});
  Start start = established();
  start.config.rack = false;
  TcpScript t{start};
  send_four(t);
  t.at(101ms).peer_sends(ack(1).sacks({{1'001, 3'001}})).expect_nothing();
  t.expect_silence_until(300ms - 1ns).at(300ms).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 1U);
}

}  // namespace

}  // namespace millrace::test
