// What is undone late: reports that come when a recovery is over, or when nothing is in flight any
// more; and what must not be undone because it was another reduction (RFC 3708, RFC 4015). The
// round trip is 100 ms, the retransmission timeout 300 ms.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class LateUndo : public NumbersTest {
 protected:
  [[nodiscard]] static Start established(std::uint32_t cwnd = 10'000) {
    Start start = NumbersTest::established().selective_acks().cwnd(cwnd);
    start.config.tail_loss_probe = false;
    start.config.frto = false;
    return start;
  }
  static void send(TcpScript& t, std::uint32_t count) {
    t.app_sends(1'000 * count);
    ASSERT_EQ(t.take_output().size(), count);
  }
  /// Eight segments of which the first was only late, so that it is sent twice.
  static void recover_for_nothing(TcpScript& t) {
    send(t, 8);
    t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
    ASSERT_EQ(t.ssthresh(), 4'000U);
  }
};
INSTANTIATE_TEST_SUITE_P(From, LateUndo, testing::ValuesIn(kEveryStart), name_of);

TEST_P(LateUndo, AReportAfterTheRecoveryUndoesIt) {
  covers({"RFC 3708 §2", "RFC 4015 §3"});
  TcpScript t{established()};
  recover_for_nothing(t);
  t.at(110ms);
  t.app_sends(1'000).ignore_output();
  t.at(120ms).peer_sends(ack(8'001)).ignore_output();
  ASSERT_EQ(t.info().recovery, TcpRecovery::Open);
  t.at(200ms).peer_sends(ack(8'001).sacks({{1, 1'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 1U);
  EXPECT_EQ(t.ssthresh(), 1U << 30U);
  t.peer_sends(ack(9'001)).expect_nothing();
}

TEST_P(LateUndo, AReportAfterAllIsAcknowledgedUndoesItToo) {
  covers({"RFC 3708 §2", "RFC 4015 §3"});
  TcpScript t{established()};
  recover_for_nothing(t);
  t.at(120ms).peer_sends(ack(8'001)).expect_nothing();
  EXPECT_EQ(t.connection().active(), nullptr);
  t.at(200ms).peer_sends(ack(8'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 1U);
  EXPECT_EQ(t.ssthresh(), 1U << 30U);
  EXPECT_GE(t.cwnd(), 10'000U);
}

TEST_P(LateUndo, ATimeoutOfATailIsUndoneSo) {
  covers({"RFC 3708 §2", "RFC 4015 §3"});
  TcpScript t{established()};
  send(t, 4);
  t.at(100ms).peer_sends(ack(3'001)).expect_nothing();
  t.at(*t.deadline()).expect(data(3'001, 1'000));
  EXPECT_EQ(t.cwnd(), 1'000U);
  t.after(10ms).peer_sends(ack(4'001)).expect_nothing();
  EXPECT_EQ(t.connection().active(), nullptr);
  t.after(100ms).peer_sends(ack(4'001).sacks({{3'001, 4'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 1U);
  EXPECT_GE(t.cwnd(), 10'000U);
}

TEST_P(LateUndo, OnceNewDataIsUnderWayAsWell) {
  covers({"RFC 3708 §2"});
  TcpScript t{established()};
  send(t, 4);
  t.at(100ms).peer_sends(ack(3'001)).expect_nothing();
  t.at(*t.deadline()).expect(data(3'001, 1'000));
  t.after(10ms).peer_sends(ack(4'001)).expect_nothing();
  t.after(10ms).app_sends(1'000).expect(data(4'001, 1'000));
  t.after(90ms).peer_sends(ack(4'001).sacks({{3'001, 4'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 1U);
  EXPECT_GE(t.cwnd(), 10'000U);
  t.after(10ms).peer_sends(ack(5'001)).expect_nothing();
}

TEST_P(LateUndo, AllOfThemMustBeReportedThen) {
  covers({"RFC 3708 §2"});
  TcpScript t{established()};
  send(t, 8);
  t.at(100ms).peer_sends(ack(1).sacks({{2'001, 6'001}}));
  t.expect(data(1, 1'000), data(1'001, 1'000));
  t.at(120ms).peer_sends(ack(8'001)).expect_nothing();
  t.at(200ms).peer_sends(ack(8'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
  t.at(201ms).peer_sends(ack(8'001).sacks({{1'001, 2'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 1U);
  t.at(202ms).peer_sends(ack(8'001).sacks({{1'001, 2'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 1U) << "once";
}

TEST_P(LateUndo, ReportsOfOlderDataUndoNothing) {
  covers({"RFC 3708 §2"});
  TcpScript t{established()};
  send(t, 1);
  t.at(100ms).peer_sends(ack(1'001)).expect_nothing();
  send(t, 8);
  t.at(200ms).peer_sends(ack(1'001).sacks({{2'001, 5'001}})).expect(data(1'001, 1'000));
  t.at(210ms).peer_sends(ack(9'001)).expect_nothing();
  t.at(220ms).peer_sends(ack(9'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
}

// Other reductions.

TEST_P(LateUndo, AMarkInBetweenStaysCounted) {
  covers({"RFC 3168 §6.1.2", "RFC 3708 §2"});
  TcpScript t{established().ecn()};
  recover_for_nothing(t);
  t.app_sends(2'000).ignore_output();
  t.at(120ms).peer_sends(ack(8'001)).ignore_output();
  ASSERT_NE(t.connection().active(), nullptr);
  t.at(220ms).peer_sends(ack(9'001).ece()).ignore_output();
  ASSERT_EQ(t.stats().tcp_ecn_reductions, 1U);
  const std::uint32_t ssthresh = t.ssthresh();
  const std::uint32_t cwnd = t.cwnd();
  t.at(230ms).peer_sends(ack(9'001).sacks({{1, 1'001}})).ignore_output();
  EXPECT_EQ(t.ssthresh(), ssthresh) << "the mark was no mistake";
  EXPECT_EQ(t.cwnd(), cwnd);
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
  t.peer_sends(ack(10'001)).ignore_output();
}

TEST_P(LateUndo, AMarkWhileIdleStaysCountedToo) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{established().ecn()};
  recover_for_nothing(t);
  t.at(120ms).peer_sends(ack(8'001)).ignore_output();
  send(t, 1);
  t.at(220ms).peer_sends(ack(9'001).ece()).ignore_output();
  ASSERT_EQ(t.stats().tcp_ecn_reductions, 1U);
  ASSERT_EQ(t.connection().active(), nullptr);
  t.at(230ms).peer_sends(ack(9'001).sacks({{1, 1'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
}

TEST_P(LateUndo, AMendedTailLossStaysCounted) {
  covers({"RFC 8985 §7.4.2", "RFC 3708 §2"});
  Start start = established();
  start.config.tail_loss_probe = true;
  TcpScript t{start};
  recover_for_nothing(t);
  t.at(120ms).peer_sends(ack(8'001)).expect_nothing();
  send(t, 2);
  t.at(*t.deadline()).expect(data(9'001, 1'000));
  t.app_sends(1'000).expect(data(10'001, 1'000));
  t.after(100ms).peer_sends(ack(11'001)).expect_nothing();
  ASSERT_EQ(t.stats().tcp_tail_losses_repaired, 1U);
  const std::uint32_t ssthresh = t.ssthresh();
  t.after(1ms).peer_sends(ack(11'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_EQ(t.ssthresh(), ssthresh);
}

TEST_P(LateUndo, AWindowLaterNothingIsUndone) {
  covers({"RFC 3708 §2"});
  TcpScript t{established().peer_window(10'000)};
  recover_for_nothing(t);
  t.app_sends(30'000).ignore_output();
  t.at(120ms).peer_sends(ack(8'001).with_window(10'000)).ignore_output();
  std::uint32_t edge = 8'001;
  for (unsigned i = 0; i < 7; ++i) {
    edge += 2'000;
    t.after(50ms).peer_sends(ack(edge).with_window(10'000)).ignore_output();
  }
  EXPECT_FALSE(t.connection().active()->recovery.undo.is_armed())
      << "no report of it can come any more, and numbers come round";
  for (; edge < 38'001; edge += 2'000) {
    t.after(50ms).peer_sends(ack(edge).with_window(10'000)).ignore_output();
  }
  t.peer_sends(ack(38'001).with_window(10'000)).expect_nothing();
}

// What left again, and what did not.

TEST_P(LateUndo, ATryThatFoundNoPacketIsNotWaitedFor) {
  covers({"RFC 3708 §2"});
  TcpScript t{established()};
  send(t, 8);
  t.connection().on_timer(t.resources(), t.clock() + 300ms);
  for (unsigned i = 0; i < 3; ++i) {
    const auto plan = t.connection().next_segment(t.resources(), t.clock() + 300ms);
    ASSERT_TRUE(plan);
    t.connection().on_segment_not_sent(*plan);
    ASSERT_TRUE(t.connection().check_invariants());
  }
  t.at(301ms).drain();
  t.expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(8'001)).expect_nothing();
  t.at(401ms).peer_sends(ack(8'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 1U);
}

TEST_P(LateUndo, WhatWasForgivenAndIsLostAfterAllIsFound) {
  covers({"RFC 6675 §4", "RFC 4015 §3"});
  Start start = established(20'000).timestamps();
  start.config.rack = false;
  TcpScript t{start};
  t.app_sends(988 * 12).ignore_output();
  // The first two seem lost. The first was late, the second is not there.
  t.at(100ms).peer_sends(ack(1).sacks({{1'977, 5'929}})).ignore_output();
  t.at(110ms).peer_sends(ack(989).echo(100).sacks({{1'977, 5'929}})).expect(data(989, 988));
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 1U);
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 2U);
  t.at(210ms).peer_sends(ack(11'857)).expect_nothing();
}

TEST_P(LateUndo, TheWholeWindowComesBack) {
  covers({"RFC 4015 §3"});
  TcpScript t{established()};
  recover_for_nothing(t);
  t.at(120ms).peer_sends(ack(8'001)).expect_nothing();
  t.at(200ms).peer_sends(ack(8'001).sacks({{1, 1'001}})).expect_nothing();
  // Deviates from RFC 4015 §3.2, step 7, as Linux does: the window of before, and not what is in
  // flight and an initial window.
  t.app_sends(20'000);
  EXPECT_GE(t.take_output().size(), 10U);
  t.at(300ms).peer_sends(ack(t.connection().unsent_bytes() == 0 ? 28'001 : 18'001)).ignore_output();
}

}  // namespace

}  // namespace millrace::test
