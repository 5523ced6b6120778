// The window during a fast recovery and behind it: proportional rate reduction (RFC 9937), marks by
// routers (RFC 3168), and windows that were not filled (RFC 7661). The round trip is 100 ms.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class PrrScript : public NumbersTest {
 protected:
  [[nodiscard]] static Start established() {
    Start start = NumbersTest::established().selective_acks().cwnd(10'000);
    start.config.tail_loss_probe = false;
    return start;
  }
  /// Ten segments are out, ten more wait.
  static void fill(TcpScript& t) {
    t.app_sends(20'000);
    ASSERT_EQ(t.take_output().size(), 10U);
    t.at(100ms);
  }
  /// What leaves while the peer reports the segments `first` to `last`, one at a time.
  static std::size_t report(TcpScript& t, std::uint32_t first, std::uint32_t last) {
    std::size_t left = 0;
    for (std::uint32_t i = first; i <= last; ++i) {
      t.peer_sends(ack(1).sacks({{1'000 * first + 1, 1'000 * i + 1'001}}));
      left += t.take_output().size();
    }
    return left;
  }
};
INSTANTIATE_TEST_SUITE_P(From, PrrScript, testing::ValuesIn(kEveryStart), name_of);

TEST_P(PrrScript, FirstReportsLetNewDataOut) {
  covers({"RFC 3042 §2"});
  TcpScript t{established()};
  fill(t);
  t.peer_sends(ack(1).sacks({{1'001, 2'001}})).expect(data(10'001, 1'000));
  t.peer_sends(ack(1).sacks({{1'001, 3'001}})).expect(data(11'001, 1'000));
  EXPECT_EQ(t.cwnd(), 10'000U);
}

TEST_P(PrrScript, HoleLeavesAtOnce) {
  covers({"RFC 9937 §6.2"});
  TcpScript t{established()};
  fill(t);
  t.peer_sends(ack(1).sacks({{1'001, 2'001}})).ignore_output();
  t.peer_sends(ack(1).sacks({{1'001, 3'001}})).ignore_output();
  t.peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 5'000U);
}

TEST_P(PrrScript, HalfAsMuchLeavesAsArrives) {
  covers({"RFC 9937 §6.2"});
  TcpScript t{established()};
  fill(t);
  // Two by limited transmit, then the hole and its followers, one for every two of seven.
  EXPECT_EQ(report(t, 1, 9), 2U + 3U);
}

TEST_P(PrrScript, EndsAtTheThreshold) {
  covers({"RFC 9937 §6.1"});
  TcpScript t{established()};
  fill(t);
  static_cast<void>(report(t, 1, 9));
  t.at(200ms).peer_sends(ack(12'001)).ignore_output();
  EXPECT_EQ(t.cwnd(), 5'000U);
  EXPECT_EQ(t.ssthresh(), 5'000U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
}

TEST_P(PrrScript, SwitchedOffTheWindowFallsAtOnce) {
  covers({"RFC 6675 §5"});
  Start start = established();
  start.config.prr = false;
  TcpScript t{start};
  fill(t);
  EXPECT_EQ(report(t, 1, 3), 3U);
  EXPECT_EQ(t.cwnd(), 5'000U);
  // Eight are still under way, and the hole: nothing leaves until four are.
  t.peer_sends(ack(1).sacks({{1'001, 5'001}}), ack(1).sacks({{1'001, 7'001}})).expect_nothing();
}

TEST_P(PrrScript, AfterHeavyLossSlowStartFillsTheNetwork) {
  covers({"RFC 9937 §6.2"});
  TcpScript t{established()};
  t.app_sends(10'000).ignore_output();
  // Only the last arrives.
  t.at(100ms).peer_sends(ack(1).sacks({{9'001, 10'001}})).ignore_output();
  t.at(*t.deadline()).ignore_output();
  std::size_t before = 1;
  std::uint32_t edge = 1;
  for (unsigned i = 0; i < 2; ++i) {
    t.after(100ms);
    edge += 1'000 * static_cast<std::uint32_t>(before);
    t.peer_sends(ack(edge).sacks({{9'001, 10'001}}));
    const std::size_t left = t.take_output().size();
    EXPECT_GT(left, before) << "what arrived, and one more";
    before = left;
  }
  EXPECT_LE(t.cwnd(), t.ssthresh());
}

TEST_P(PrrScript, FurtherLossesKeepItConservative) {
  covers({"RFC 9937 §6.2"});
  TcpScript t{established()};
  fill(t);
  t.peer_sends(ack(1).sacks({{4'001, 5'001}})).ignore_output();
  t.peer_sends(ack(1).sacks({{4'001, 7'001}})).ignore_output();
  t.peer_sends(ack(1).sacks({{8'001, 9'001}, {4'001, 7'001}}));
  EXPECT_LE(t.take_output().size(), 2U) << "news of a loss: no more than what has arrived";
}

TEST_P(PrrScript, NeverMoreInTheNetworkThanBefore) {
  covers({"RFC 9937 §6.2"});
  TcpScript t{established()};
  fill(t);
  std::uint32_t under_way = 10;
  for (std::uint32_t i = 1; i < 10; ++i) {
    t.peer_sends(ack(1).sacks({{1'001, 1'000 * i + 1'001}}));
    under_way = under_way - 1 + static_cast<std::uint32_t>(t.take_output().size());
    ASSERT_LE(under_way, 11U);
  }
}

TEST_P(PrrScript, ASecondRecoveryStartsFromTheFirstsEnd) {
  covers({"RFC 9937 §6.1"});
  TcpScript t{established()};
  fill(t);
  static_cast<void>(report(t, 1, 9));
  t.at(200ms).peer_sends(ack(12'001)).ignore_output();
  ASSERT_EQ(t.cwnd(), 5'000U);
  t.at(300ms).peer_sends(ack(12'001).sacks({{13'001, 16'001}})).ignore_output();
  EXPECT_EQ(t.ssthresh(), 2'500U);
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 2U);
}

TEST_P(PrrScript, ATimeoutEndsIt) {
  covers({"RFC 5681 §3.1"});
  TcpScript t{established()};
  fill(t);
  static_cast<void>(report(t, 1, 9));
  ASSERT_EQ(t.info().recovery, TcpRecovery::Recovery);
  const std::uint32_t ssthresh = t.ssthresh();
  t.at(*t.deadline()).ignore_output();
  EXPECT_EQ(t.info().recovery, TcpRecovery::Loss);
  EXPECT_EQ(t.cwnd(), 1'000U);
  EXPECT_EQ(t.ssthresh(), ssthresh) << "it has fallen for this data";
}

// Marks and losses.

TEST_P(PrrScript, MarksDuringARecoveryAreOfTheSameCongestion) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{established().ecn()};
  fill(t);
  static_cast<void>(report(t, 1, 5));
  const std::uint32_t ssthresh = t.ssthresh();
  t.peer_sends(ack(1).sacks({{1'001, 7'001}}).ece()).ignore_output();
  EXPECT_EQ(t.ssthresh(), ssthresh);
  EXPECT_EQ(t.stats().tcp_ecn_reductions, 0U);
}

TEST_P(PrrScript, BehindAMarkHalfAsMuchLeavesAsArrives) {
  covers({"RFC 3168 §6.1.2", "RFC 9937 §6.2"});
  TcpScript t{established().ecn()};
  fill(t);
  t.peer_sends(ack(1'001).ece()).expect(data(10'001, 1'000).ect().cwr());
  EXPECT_EQ(t.ssthresh(), 5'000U);
  std::size_t left = 1;
  for (std::uint32_t edge = 2'001; edge <= 10'001; edge += 1'000) {
    t.peer_sends(ack(edge));
    left += t.take_output().size();
    EXPECT_LE(left, 1 + edge / 2'000);
  }
  EXPECT_EQ(left, 5U);
  EXPECT_EQ(t.cwnd(), 5'000U);
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 0U);
}

TEST_P(PrrScript, WithoutItTheWindowFallsAtOnceBehindAMark) {
  covers({"RFC 3168 §6.1.2"});
  Start start = established().ecn();
  start.config.prr = false;
  TcpScript t{start};
  fill(t);
  t.peer_sends(ack(1'001).ece()).expect_nothing();
  EXPECT_EQ(t.cwnd(), 5'000U);
  t.peer_sends(ack(5'001)).expect_nothing();
}

TEST_P(PrrScript, BehindAMarkGrowthBeginsAtTheThreshold) {
  covers({"RFC 9438 §4.6"});
  Start start = established().ecn();
  start.config.congestion_control = CongestionKind::Cubic;
  TcpScript t{start};
  fill(t);
  t.peer_sends(ack(1'001).ece()).ignore_output();
  for (std::uint32_t edge = 2'001; edge <= 10'001; edge += 1'000) {
    t.peer_sends(ack(edge)).ignore_output();
  }
  EXPECT_EQ(t.ssthresh(), 7'000U);
  EXPECT_EQ(t.cwnd(), 7'000U);
}

TEST_P(PrrScript, AMarkDuringARecoveryIsNotTakenBackWithIt) {
  covers({"RFC 3168 §6.1.2", "RFC 3708 §2"});
  TcpScript t{established().ecn()};
  fill(t);
  static_cast<void>(report(t, 1, 5));
  const std::uint32_t ssthresh = t.ssthresh();
  t.peer_sends(ack(1).sacks({{1'001, 7'001}}).ece()).ignore_output();
  t.peer_sends(ack(10'001)).ignore_output();
  t.peer_sends(ack(10'001).sacks({{1, 1'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_recoveries_undone, 0U);
  EXPECT_EQ(t.ssthresh(), ssthresh);
}
TEST_P(PrrScript, ALossBehindAMarkedWindowCountsThoughOneAckTellsOfBoth) {
  covers({"RFC 3168 §6.1.2", "RFC 5681 §4.3"});
  TcpScript t{established().ecn()};
  fill(t);
  t.peer_sends(ack(1'001).ece()).ignore_output();
  for (std::uint32_t edge = 2'001; edge <= 9'001; edge += 1'000) {
    t.peer_sends(ack(edge)).ignore_output();
  }
  ASSERT_EQ(t.ssthresh(), 5'000U);
  t.peer_sends(ack(10'001).sacks({{11'001, 14'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
  EXPECT_LT(t.ssthresh(), 5'000U);
}
TEST_P(PrrScript, ATimeoutThatWasTooEarlyGoesBackToWhereAMarkHadLed) {
  covers({"RFC 3168 §6.1.2", "RFC 5682 §2.1"});
  TcpScript t{established().ecn()};
  fill(t);
  t.peer_sends(ack(1'001).ece()).ignore_output();
  ASSERT_EQ(t.ssthresh(), 5'000U);
  t.at(*t.deadline()).expect(data(1'001, 1'000));
  t.after(10ms).peer_sends(ack(2'001)).ignore_output();
  t.after(10ms).peer_sends(ack(3'001)).ignore_output();
  EXPECT_EQ(t.stats().tcp_timeouts_undone, 1U);
  EXPECT_LE(t.cwnd(), 6'000U) << "not what it was before the mark";
}
TEST_P(PrrScript, ALossOfAMarkedWindowIsMendedWithoutAnotherReduction) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{established().ecn()};
  fill(t);
  t.peer_sends(ack(1'001).ece()).ignore_output();
  EXPECT_EQ(t.stats().tcp_ecn_reductions, 1U);
  t.peer_sends(ack(1'001).sacks({{2'001, 5'001}})).ignore_output();
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Recovery);
  EXPECT_EQ(t.ssthresh(), 5'000U);
  t.after(50ms).peer_sends(ack(11'001)).ignore_output();
  EXPECT_EQ(t.cwnd(), 5'000U);
}

TEST_P(PrrScript, ATimeoutOfAMarkedWindowStandsAboveTheMark) {
  covers({"RFC 5681 §3.1"});
  TcpScript t{established().ecn()};
  fill(t);
  t.peer_sends(ack(1'001).ece()).ignore_output();
  t.at(*t.deadline()).ignore_output();
  ASSERT_EQ(t.info().recovery, TcpRecovery::Loss);
  EXPECT_EQ(t.cwnd(), 1'000U);
  t.after(100ms).peer_sends(ack(2'001)).ignore_output();
  EXPECT_LE(t.cwnd(), 2'000U) << "slow start, and no way down from ten";
}

TEST_P(PrrScript, RetransmissionsAreNotFitForMarks) {
  covers({"RFC 3168 §6.1.5"});
  TcpScript t{established().ecn()};
  t.app_sends(5'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
}

TEST_P(PrrScript, ARecoveryIsToldByCwr) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{established().ecn()};
  t.app_sends(5'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  t.at(200ms).peer_sends(ack(5'001)).expect_nothing();
  t.app_sends(1'000).expect(data(5'001, 1'000).ect().cwr());
}

TEST_P(PrrScript, AMendedTailLossIsToldByCwr) {
  covers({"RFC 3168 §6.1.2", "RFC 8985 §7.4.2"});
  Start start = established().ecn();
  start.config.tail_loss_probe = true;
  TcpScript t{start};
  t.app_sends(4'000).ignore_output();
  t.at(200ms).expect(data(3'001, 1'000)).app_sends(1'000).expect(data(4'001, 1'000).ect());
  t.at(300ms).peer_sends(ack(5'001)).expect_nothing();
  t.app_sends(1'000).expect(data(5'001, 1'000).ect().cwr());
}

// Windows that were not filled.

TEST_P(PrrScript, AWindowThatIsNotFilledDoesNotGrow) {
  covers({"RFC 7661 §4.4"});
  TcpScript t{established()};
  std::uint32_t edge = 1;
  for (unsigned i = 0; i < 20; ++i) {
    t.after(100ms).app_sends(1'000).expect(data(edge, 1'000));
    edge += 1'000;
    t.after(100ms).peer_sends(ack(edge)).expect_nothing();
  }
  EXPECT_EQ(t.cwnd(), 10'000U);
}

TEST_P(PrrScript, AFilledOneDoes) {
  covers({"RFC 7661 §4.4", "RFC 5681 §3.1"});
  TcpScript t{established()};
  fill(t);
  t.peer_sends(ack(2'001)).ignore_output();
  EXPECT_EQ(t.cwnd(), 12'000U);
}

TEST_P(PrrScript, ThePeersWindowIsNoReasonToGrow) {
  covers({"RFC 7661 §4.4"});
  TcpScript t{established().peer_window(3'000)};
  t.app_sends(20'000);
  ASSERT_EQ(t.take_output().size(), 3U);
  for (std::uint32_t edge = 1'001; edge < 10'000; edge += 1'000) {
    t.after(10ms).peer_sends(ack(edge).with_window(3'000)).ignore_output();
  }
  EXPECT_EQ(t.cwnd(), 10'000U);
}

TEST_P(PrrScript, AfterATimeoutItGrowsFromOneSegment) {
  covers({"RFC 5681 §3.1", "RFC 7661 §4.4"});
  Start start = established();
  start.config.frto = false;
  TcpScript t{start};
  fill(t);
  t.at(300ms).expect(data(1, 1'000));
  EXPECT_EQ(t.cwnd(), 1'000U);
  t.at(400ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000), data(2'001, 1'000));
  t.at(500ms).peer_sends(ack(3'001));
  EXPECT_EQ(t.take_output().size(), 4U);
  EXPECT_EQ(t.cwnd(), 4'000U);
}

}  // namespace

}  // namespace millrace::test
