// What the choice of a controller, or of a rate, means for a connection that goes on: RFC 5681, RFC
// 8257, draft-ietf-ccwg-bbr.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

[[nodiscard]] TcpTuning choosing(CongestionKind kind) {
  TcpTuning tuning;
  tuning.congestion_control = kind;
  return tuning;
}

class SteeringScript : public NumbersTest {
 protected:
  [[nodiscard]] static Start with(CongestionKind kind) {
    Start start = NumbersTest::established().selective_acks().cwnd(10'000);
    start.config.congestion_control = kind;
    start.config.tail_loss_probe = false;
    return start;
  }
  /// Twenty segments are queued; what may leave within 100 ms has left.
  static void fill(TcpScript& t) {
    t.app_sends(20'000).ignore_output();
    while (t.deadline() && *t.deadline() < 100ms) {
      t.at(*t.deadline()).ignore_output();
    }
    t.at(100ms).ignore_output();
  }
  /// The first segment is found lost.
  static void lose(TcpScript& t) {
    for (std::uint32_t end = 2'001; end <= 4'001; end += 1'000) {
      t.peer_sends(ack(1).sacks({{1'001, end}})).ignore_output();
    }
    ASSERT_EQ(t.info().recovery, TcpRecovery::Recovery);
  }
};
INSTANTIATE_TEST_SUITE_P(From, SteeringScript, testing::ValuesIn(kEveryStart), name_of);

TEST_P(SteeringScript, WhoTakesOverFromBbrInARecoveryMeetsTheLoss) {
  covers({"RFC 5681 §3.2", "RFC 9937 §6.1"});
  for (const CongestionKind kind :
       {CongestionKind::Reno, CongestionKind::Cubic, CongestionKind::Dctcp}) {
    TcpScript t{with(CongestionKind::Bbr)};
    fill(t);
    lose(t);
    t.app_sets_tuning(choosing(kind)).ignore_output();
    ASSERT_EQ(t.info().congestion_control, kind);
    // Twelve segments are out: two more by the first reports.
    EXPECT_EQ(t.ssthresh(), kind == CongestionKind::Cubic ? 8'400U : 6'000U);
    for (std::uint32_t end = 5'001; end <= 10'001; end += 1'000) {
      t.peer_sends(ack(1).sacks({{1'001, end}})).ignore_output();
    }
    EXPECT_LE(t.cwnd(), t.ssthresh() + 1'000);
    t.after(100ms).peer_sends(ack(12'001)).ignore_output();
    EXPECT_EQ(t.cwnd(), t.ssthresh());
  }
}

TEST_P(SteeringScript, WhoTakesOverFromBbrBehindATimeoutHasAThreshold) {
  covers({"RFC 5681 §3.1"});
  TcpScript t{with(CongestionKind::Bbr)};
  fill(t);
  while (t.info().recovery != TcpRecovery::Loss) {
    t.at(*t.deadline()).ignore_output();
  }
  t.app_sets_tuning(choosing(CongestionKind::Cubic)).ignore_output();
  EXPECT_LE(t.ssthresh(), 10'000U);
}

TEST_P(SteeringScript, WhoTakesOverBehindAMarkBeginsWhereItEnds) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{with(CongestionKind::Reno).ecn()};
  fill(t);
  t.peer_sends(ack(1'001).ece()).ignore_output();
  ASSERT_EQ(t.ssthresh(), 5'000U);
  t.app_sets_tuning(choosing(CongestionKind::Cubic)).ignore_output();
  EXPECT_EQ(t.cwnd(), 5'000U);
  for (std::uint32_t edge = 2'001; edge <= 5'001; edge += 1'000) {
    t.peer_sends(ack(edge)).expect_nothing();
  }
}

TEST_P(SteeringScript, WhereNothingIsLostTheWindowStays) {
  TcpScript t{with(CongestionKind::Bbr)};
  fill(t);
  const std::uint32_t before = t.cwnd();
  t.app_sets_tuning(choosing(CongestionKind::Cubic)).ignore_output();
  EXPECT_EQ(t.cwnd(), before);
  EXPECT_EQ(t.ssthresh(), 1U << 30U);
}

// RFC 8257: what is chosen before the SYNs are there decides how marks are echoed.

TEST_P(SteeringScript, DctcpChosenBehindTheSynEchoesExactly) {
  covers({"RFC 8257 §3.2"});
  Start start = closed();
  start.config.ecn = EcnMode::On;
  TcpScript t{start};
  t.open_active(180s).expect(syn().ece().cwr());
  t.app_sets_tuning(choosing(CongestionKind::Dctcp)).expect_nothing();
  t.peer_sends(syn_ack().ece()).expect(ack(1));
  t.peer_sends(data(1, 100).ce()).expect(ack(101).ece());
  t.peer_sends(data(101, 100).ect()).expect(ack(201));
}

TEST_P(SteeringScript, DctcpLeftBehindTheSynEchoesUntilCwr) {
  covers({"RFC 3168 §6.1.3"});
  Start start = closed();
  start.config.congestion_control = CongestionKind::Dctcp;
  TcpScript t{start};
  t.open_active(180s).expect(syn().ece().cwr());
  t.app_sets_tuning(choosing(CongestionKind::Reno)).expect_nothing();
  t.peer_sends(syn_ack().ece()).expect(ack(1));
  t.peer_sends(data(1, 100).ce()).expect(ack(101).ece());
  t.peer_sends(data(101, 100).ect()).expect_nothing().after(40ms).expect(ack(201).ece());
}

// The application's rate: draft-ietf-ccwg-bbr-06 §4.1.2.3.

TEST_P(SteeringScript, WhatIsLostAndWaitsIsNoLackOfData) {
  TcpScript t{with(CongestionKind::Reno).cwnd(9'000)};
  t.app_sends(9'000);
  ASSERT_EQ(t.take_output().size(), 9U);
  // Four are lost, and the window of 4,500 takes two of them beside the two that are under way.
  t.at(100ms).peer_sends(ack(1).sacks({{4'001, 7'001}})).expect(data(1, 1'000), data(1'001, 1'000));
  ASSERT_NE(t.connection().active()->sent.first_lost(), nullptr);
  EXPECT_FALSE(t.connection().active()->recovery.rate.is_application_limited());
  t.peer_sends(ack(1).sacks({{4'001, 9'001}})).expect(data(2'001, 1'000), data(3'001, 1'000));
  EXPECT_TRUE(t.connection().active()->recovery.rate.is_application_limited());
}

}  // namespace

}  // namespace millrace::test
