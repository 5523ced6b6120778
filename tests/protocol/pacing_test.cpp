// Data that leaves evenly, by a connection's own limit, by the window, and by BBR.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class Pacing : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Pacing, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Pacing, NothingIsPacedUnlessAsked) {
  TcpScript t{established().cwnd(4'000)};
  t.app_sends(4'000);
  t.expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000), data(3'001, 1'000));
  EXPECT_EQ(t.info().pacing_rate, 0U);
}

TEST_P(Pacing, ALimitHoldsEachSegmentBackUntilItsTime) {
  TcpScript t{established().cwnd(5'000).tuned({.max_pacing_rate = 100'000})};
  EXPECT_EQ(t.info().pacing_rate, 100'000U);
  t.app_sends(4'000).expect(data(1, 1'000), data(1'001, 1'000));
  EXPECT_EQ(t.deadline(), t.now() + 10ms);
  t.after(10ms).expect(data(2'001, 1'000));
  t.after(10ms).expect(data(3'001, 1'000));
}

TEST_P(Pacing, AcknowledgmentsDoNotWait) {
  TcpScript t{established().cwnd(5'000).tuned({.max_pacing_rate = 100'000})};
  t.app_sends(3'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.peer_sends(data(1, 1'000), data(1'001, 1'000)).expect(ack(2'001));
  t.after(10ms).expect(data(2'001, 1'000));
}

TEST_P(Pacing, RetransmissionsWaitAsWell) {
  TcpScript t{established().cwnd(5'000).tuned({.max_pacing_rate = 2'000})};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(500ms).expect(data(1, 1'000));
}

TEST_P(Pacing, ATailLossProbeWaitsForItsTimeAndNoLonger) {
  covers({"RFC 8985 §7.2"});
  auto start = established().selective_acks().cwnd(5'000).tuned({.max_pacing_rate = 4'000});
  TcpScript t{start};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  // Due after 200 ms, and 2,000 octets take 250 ms.
  t.expect_silence_until(250ms - 1ns).at(250ms).expect(data(1'001, 1'000));
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 1U);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(Pacing, AnAckPutsOffAProbeThatWaits) {
  covers({"RFC 8985 §7.2"});
  auto start = established().selective_acks().cwnd(5'000).tuned({.max_pacing_rate = 4'000});
  TcpScript t{start};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(220ms).peer_sends(ack(1'001)).expect_nothing();
  const Duration due = *t.deadline();
  EXPECT_GE(due, 220ms + 2 * t.connection().rtt().srtt());
  t.expect_silence_until(due - 1ns).at(due).expect(data(1'001, 1'000));
}

TEST_P(Pacing, AHigherLimitCountsAtOnce) {
  for (const std::uint64_t higher : {std::uint64_t{0}, std::uint64_t{100'000}}) {
    TcpScript t{established().cwnd(5'000).tuned({.max_pacing_rate = 100})};
    t.app_sends(4'000).expect(data(1, 1'000), data(1'001, 1'000));
    t.at(100ms).peer_sends(ack(2'001)).expect_nothing();
    TcpTuning tuning;
    tuning.max_pacing_rate = higher;
    t.app_sets_tuning(tuning).expect(data(2'001, 1'000), data(3'001, 1'000));
  }
}

TEST_P(Pacing, TheEndOfAConnectionLeavesNothingToWaitFor) {
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established().cwnd(5'000).tuned({.max_pacing_rate = 1'000})};
  t.app_sends(3'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.peer_sends(data(1, 10)).expect_nothing().peer_sends(rst(11)).expect_nothing();
  t.expect_state(TcpState::Closed).expect_silence_for_ever().app_reads(10).expect_nothing();
}

TEST_P(Pacing, TimeWaitWaitsForNoDeparture) {
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established().cwnd(5'000).tuned({.max_pacing_rate = 1'000})};
  t.app_sends(1'000).expect(data(1, 1'000)).app_shuts_down().expect(fin(1'001));
  // Both count as lost, and one of them waits.
  t.at(300ms).expect(data(1, 1'000)).peer_sends(data(1, 10).acks(1)).expect_nothing();
  t.peer_sends(fin(11).acks(1'002)).expect(ack(12)).expect_state(TcpState::TimeWait);
  t.expect_silence_for_ever().app_reads(10).expect_nothing();
}

TEST_P(Pacing, AWindowIsSpreadOverARoundTrip) {
  auto start = established().cwnd(10'000);
  start.config.pacing = true;
  TcpScript t{start};
  // Slow start: two windows in 100 ms.
  EXPECT_EQ(t.info().pacing_rate, 200'000U);
  t.app_sends(10'000).expect(data(1, 1'000), data(1'001, 1'000));
  for (std::uint32_t seq = 2'001; seq < 10'000; seq += 1'000) {
    t.after(5ms).expect(data(seq, 1'000));
  }
}

TEST_P(Pacing, BbrPacesItsInitialWindow) {
  auto start = established().cwnd(10'000);
  start.config.congestion_control = CongestionKind::Bbr;
  TcpScript t{start};
  EXPECT_EQ(t.info().congestion_control, CongestionKind::Bbr);
  t.app_sends(4'000).expect(data(1, 1'000), data(1'001, 1'000));
  EXPECT_EQ(t.info().pacing_rate, 277'000U);
  EXPECT_EQ(t.deadline(), t.now() + 3'610'108ns);
  t.after(3'610'108ns).expect(data(2'001, 1'000));
}

TEST_P(Pacing, WithoutAModelCubicTakesBbrsPlace) {
  auto start = established();
  start.config.congestion_control = CongestionKind::Bbr;
  TcpScript t{start};
  TcpTuning other;
  other.congestion_control = CongestionKind::Reno;
  t.app_sets_tuning(other);
  EXPECT_EQ(t.info().congestion_control, CongestionKind::Reno);
  tcp::BbrPool& models = *t.resources().bbr_models;
  tcp::BbrModel* const taken = models.take(10'000);
  ASSERT_NE(taken, nullptr) << "the model went back";
  t.app_sets_tuning({});
  EXPECT_EQ(t.info().congestion_control, CongestionKind::Cubic);
  EXPECT_EQ(t.stats().tcp_bbr_fallbacks, 1U);
  models.give_back(*taken);
}

}  // namespace

}  // namespace millrace::test
