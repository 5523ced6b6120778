// What selective acknowledgments are worth in a recovery: RFC 6675's accounting, receivers that go
// back on their word (RFC 2018 §8), hostile blocks, ACKs that get lost, Karn's rule; and peers
// without them (RFC 6582). The round trip is 100 ms, the retransmission timeout 300 ms.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class SackRecovery : public NumbersTest {
 protected:
  [[nodiscard]] static Start plain() {
    Start start = NumbersTest::established().cwnd(10'000);
    start.config.tail_loss_probe = false;
    return start;
  }
  [[nodiscard]] static Start established() { return plain().selective_acks(); }
  static void send(TcpScript& t, std::uint32_t first, std::uint32_t count) {
    t.app_sends(1'000 * count);
    const auto sent = t.take_output();
    ASSERT_EQ(sent.size(), count);
    for (std::uint32_t i = 0; i < count; ++i) {
      ASSERT_EQ(sent[i].seq, first + 1'000 * i);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(From, SackRecovery, testing::ValuesIn(kEveryStart), name_of);

// RFC 6675: what is in the network.

TEST_P(SackRecovery, WhatIsReportedHasLeftTheNetwork) {
  covers({"RFC 6675 §4"});
  TcpScript t{established()};
  t.app_sends(12'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect(data(10'001, 1'000));
  EXPECT_EQ(t.info().sacked, 1U);
  EXPECT_EQ(t.info().unacked, 11U);
}

TEST_P(SackRecovery, InfoTellsOfEachSegmentOnce) {
  covers({"RFC 6675 §4"});
  TcpScript t{established()};
  send(t, 1, 10);
  t.at(100ms).peer_sends(ack(1).sacks({{8'001, 9'001}, {5'001, 6'001}, {2'001, 3'001}}));
  t.ignore_output();
  const TcpInfo info = t.info();
  EXPECT_EQ(info.unacked, 10U);
  EXPECT_EQ(info.sacked, 3U);
  EXPECT_EQ(info.retransmitted, 3U);
  EXPECT_EQ(info.lost, 3U);
  EXPECT_EQ(info.total_retransmitted, 3U);
  EXPECT_EQ(info.recovery, TcpRecovery::Recovery);
}

TEST_P(SackRecovery, NewDataFollowsWhenTheHolesHaveLeft) {
  covers({"RFC 6675 §5"});
  TcpScript t{established()};
  t.app_sends(20'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 9'001}}));
  t.expect(data(1, 1'000), data(10'001, 1'000), data(11'001, 1'000), data(12'001, 1'000));
}

TEST_P(SackRecovery, EndsWithAllThatWasInFlight) {
  covers({"RFC 6675 §5"});
  TcpScript t{established()};
  send(t, 1, 6);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  t.at(110ms).app_sends(1'000).ignore_output();
  t.at(200ms).peer_sends(ack(5'001)).ignore_output();
  EXPECT_EQ(t.info().recovery, TcpRecovery::Recovery) << "one is still to come";
  t.at(210ms).peer_sends(ack(6'001)).ignore_output();
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
  t.peer_sends(ack(7'001)).ignore_output();
}

TEST_P(SackRecovery, ALostFinIsMendedLikeData) {
  covers({"RFC 8985 §7"});
  Start start = established();
  start.config.tail_loss_probe = true;
  TcpScript t{start};
  send(t, 1, 3);
  t.app_closes().expect(fin(3'001));
  t.at(100ms).peer_sends(ack(3'001)).expect_nothing();
  t.at(*t.deadline()).expect(fin(3'001));
  t.after(100ms).peer_sends(ack(3'002)).expect_nothing().expect_state(TcpState::FinWait2);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(SackRecovery, ARetransmissionIsCutToThePeersWindow) {
  covers({"SHLD-16"});
  TcpScript t{established()};
  send(t, 1, 5);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}}).with_window(400)).expect(data(1, 400));
}

// Reneging.

TEST_P(SackRecovery, WhatItAsksForAgainIsSentAgain) {
  covers({"RFC 2018 §8"});
  TcpScript t{established()};
  send(t, 1, 8);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 6'001}})).expect(data(1, 1'000));
  t.at(200ms).peer_sends(ack(1'001));
  const auto sent = t.take_output();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent.front().seq, 1'001U);
  EXPECT_EQ(t.stats().tcp_sack_reneging, 1U);
  EXPECT_EQ(t.info().sacked, 0U);
  for (std::uint32_t edge = 2'001; edge <= 8'001; edge += 1'000) {
    t.after(100ms).peer_sends(ack(edge)).ignore_output();
  }
  t.expect_silence_for_ever();
}

TEST_P(SackRecovery, WhatItStillHasIsReportedAnew) {
  covers({"RFC 2018 §8"});
  TcpScript t{established()};
  send(t, 1, 8);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 8'001}})).expect(data(1, 1'000));
  t.at(200ms).peer_sends(ack(1'001)).ignore_output();
  t.at(210ms).peer_sends(ack(1'001).sacks({{2'001, 8'001}})).ignore_output();
  EXPECT_EQ(t.info().sacked, 6U);
  t.at(300ms).peer_sends(ack(8'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(SackRecovery, ATimeoutTrustsReportsWhileTheyHold) {
  covers({"RFC 6675 §5.1"});
  TcpScript t{established()};
  send(t, 1, 4);
  t.at(90ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  t.at(*t.deadline()).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 1U);
  EXPECT_EQ(t.info().sacked, 3U);
  t.after(100ms).peer_sends(ack(4'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_sack_reneging, 0U);
}

TEST_P(SackRecovery, APeerThatForgetsAllIsServedToTheEnd) {
  covers({"RFC 2018 §8"});
  TcpScript t{established()};
  send(t, 1, 6);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 6'001}})).ignore_output();
  // It has rebooted its reassembly, again and again.
  std::uint32_t edge = 1;
  for (unsigned i = 0; i < 60 && edge < 6'001; ++i) {
    t.at(*t.deadline()).ignore_output();
    edge += 1'000;
    t.after(1ms).peer_sends(ack(edge)).ignore_output();
    if (edge < 6'001) {
      t.after(1ms).peer_sends(ack(edge).sacks({{edge + 1'000, 6'002 - 1}})).ignore_output();
    }
    if (edge + 1'000 >= 6'001) {
      t.after(1ms).peer_sends(ack(6'001)).ignore_output();
      break;
    }
  }
  t.expect_silence_for_ever();
}

// Hostile blocks.

TEST_P(SackRecovery, BlocksOfWhatNeverLeftStartNothing) {
  covers({"RFC 2018 §3"});
  TcpScript t{established()};
  send(t, 1, 4);
  t.at(100ms).peer_sends(ack(1).sacks({{5'001, 9'001}, {6'001, 7'001}, {0x8000'0000U, 1}}));
  t.expect_nothing();
  EXPECT_EQ(t.stats().tcp_bad_sack_blocks, 3U);
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 0U);
}

TEST_P(SackRecovery, PartsOfSegmentsAreNoReports) {
  covers({"RFC 2018 §5"});
  TcpScript t{established()};
  send(t, 1, 4);
  t.at(100ms).peer_sends(ack(1).sacks({{1'500, 2'000}, {2'500, 2'900}, {3'002, 3'999}}));
  t.expect_nothing();
  EXPECT_EQ(t.info().sacked, 0U);
}

TEST_P(SackRecovery, TheSameReportAgainAndAgainIsNoNews) {
  covers({"RFC 6675 §5"});
  TcpScript t{established()};
  t.app_sends(20'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect(data(10'001, 1'000));
  for (unsigned i = 0; i < 50; ++i) {
    t.peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  }
}

TEST_P(SackRecovery, AcksOfSingleOctetsOpenNothing) {
  covers({"RFC 9937 §6.2"});
  TcpScript t{established()};
  t.app_sends(20'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).ignore_output();
  const std::uint32_t cwnd = t.cwnd();
  for (std::uint32_t i = 2; i < 60; ++i) {
    t.peer_sends(ack(i).sacks({{1'001, 4'001}})).ignore_output();
  }
  EXPECT_LE(t.cwnd(), cwnd);
}

// Lost ACKs.

TEST_P(SackRecovery, ALaterReportTellsWhatALostOneWould) {
  covers({"RFC 2018 §4"});
  TcpScript t{established()};
  send(t, 1, 10);
  // Eight of nine ACKs are lost.
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 10'001}})).expect(data(1, 1'000));
  t.at(200ms).peer_sends(ack(10'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(SackRecovery, ARecoveryWithoutAcksEndsInATimeout) {
  covers({"RFC 6298 §5.4"});
  TcpScript t{established()};
  send(t, 1, 5);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 4'001}})).expect(data(1, 1'000));
  t.at(*t.deadline()).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 1U);
  t.after(100ms).peer_sends(ack(5'001)).expect_nothing().expect_silence_for_ever();
}

// Karn's rule.

TEST_P(SackRecovery, ARetransmissionsAckIsNoMeasure) {
  covers({"RFC 6298 §3"});
  TcpScript t{established()};
  send(t, 1, 5);
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 5'001}})).expect(data(1, 1'000));
  const Duration rtt = t.connection().rtt().srtt();
  t.at(280ms).peer_sends(ack(5'001)).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), rtt);
}

TEST_P(SackRecovery, AReportIsAMeasure) {
  covers({"RFC 6298 §3"});
  TcpScript t{established()};
  send(t, 1, 3);
  t.at(180ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  EXPECT_EQ(t.connection().rtt().srtt(), 110ms);
}

TEST_P(SackRecovery, WithTimestampsARetransmissionIsAMeasureToo) {
  covers({"RFC 7323 §4.1"});
  TcpScript t{established().timestamps()};
  t.app_sends(988).expect(data(1, 988));
  t.at(300ms).expect(data(1, 988));
  t.at(380ms).peer_sends(ack(989).echo(400)).expect_nothing();
  EXPECT_LT(t.connection().rtt().srtt(), 100ms);
  EXPECT_EQ(t.info().backoff, 0U);
}

// Peers without them.

TEST_P(SackRecovery, WithoutThemEachRoundTripMendsOneHole) {
  covers({"RFC 6582 §3.2"});
  TcpScript t{plain()};
  send(t, 1, 8);
  t.at(100ms).peer_sends(ack(1).times(5)).expect(data(1, 1'000));
  t.at(200ms).peer_sends(ack(3'001)).expect(data(3'001, 1'000));
  t.at(300ms).peer_sends(ack(5'001)).expect(data(5'001, 1'000));
  t.at(400ms).peer_sends(ack(8'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 3U);
  EXPECT_EQ(t.stats().tcp_rack_losses, 0U);
}

TEST_P(SackRecovery, WithoutThemThresholdCanBeSet) {
  covers({"RFC 5681 §3.2"});
  Start start = plain();
  start.config.duplicate_threshold = 5;
  TcpScript t{start};
  send(t, 1, 8);
  t.at(100ms).peer_sends(ack(1).times(4)).expect_nothing();
  t.peer_sends(ack(1)).expect(data(1, 1'000));
}

TEST_P(SackRecovery, WithoutThemAHundredDuplicatesAreWorthTheFlight) {
  covers({"RFC 5681 §3.2"});
  TcpScript t{plain()};
  t.app_sends(30'000).ignore_output();
  t.at(100ms);
  std::size_t left = 0;
  for (unsigned i = 0; i < 100; ++i) {
    t.peer_sends(ack(1));
    left += t.take_output().size();
  }
  EXPECT_LE(left, 12U) << "a peer that splits its ACKs gains nothing";
}

TEST_P(SackRecovery, WithoutThemALostRetransmissionWaitsForTheTimer) {
  covers({"RFC 6582 §3.2"});
  TcpScript t{plain()};
  send(t, 1, 8);
  t.at(100ms).peer_sends(ack(1).times(7)).expect(data(1, 1'000));
  t.expect_silence_until(400ms - 1ns);
  t.at(400ms).expect(data(1, 1'000));
  t.at(500ms).peer_sends(ack(8'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 1U);
}

}  // namespace

}  // namespace millrace::test
