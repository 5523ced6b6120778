// Receivers that go back on their reports (RFC 2018 §8): what it costs, that it is survived, and
// that it gains a peer nothing. The round trip is 100 ms, the retransmission timeout 300 ms.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class Reneging : public NumbersTest {
 protected:
  [[nodiscard]] static Start established(std::uint32_t cwnd = 20'000) {
    Start start = NumbersTest::established().selective_acks().cwnd(cwnd);
    start.config.tail_loss_probe = false;
    return start;
  }
};
INSTANTIATE_TEST_SUITE_P(From, Reneging, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Reneging, IsHeededOnceInARoundTrip) {
  covers({"RFC 2018 §8"});
  TcpScript t{established()};
  t.app_sends(20'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 20'001}})).ignore_output();
  t.at(101ms).peer_sends(ack(1'001)).ignore_output();
  EXPECT_EQ(t.stats().tcp_sack_reneging, 1U);
  t.at(102ms).peer_sends(ack(1'001).sacks({{2'001, 20'001}})).ignore_output();
  t.at(103ms).peer_sends(ack(2'001)).ignore_output();
  EXPECT_EQ(t.stats().tcp_sack_reneging, 1U) << "each time all records are walked over";
  t.at(*t.deadline()).ignore_output();
  t.after(1ms).peer_sends(ack(20'001)).ignore_output();
}

TEST_P(Reneging, AgainAndAgainEndsInTimeoutsThatMendIt) {
  covers({"RFC 2018 §8", "RFC 6675 §5.1"});
  TcpScript t{established()};
  t.app_sends(20'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 20'001}})).ignore_output();
  std::uint32_t edge = 1;
  for (unsigned i = 0; i < 200 && edge < 20'001; ++i) {
    t.after(10ms).ignore_output();
    edge += 1'000;
    t.peer_sends(ack(edge)).ignore_output();
    if (edge < 19'001) {
      t.peer_sends(ack(edge).sacks({{edge + 1'000, 20'001}})).ignore_output();
    }
  }
  EXPECT_EQ(edge, 20'001U);
  t.expect_silence_for_ever();
}

TEST_P(Reneging, WhatIsReportedAnewIsNotDeliveredAnew) {
  covers({"RFC 9937 §6.2", "RFC 2018 §8"});
  TcpScript t{established()};
  t.app_sends(20'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 20'001}})).ignore_output();
  t.at(101ms).peer_sends(ack(1'001)).ignore_output();
  ASSERT_NE(t.connection().active(), nullptr);
  EXPECT_EQ(t.connection().active()->recovery.rate.delivered(), 20'000U);
  t.at(102ms).peer_sends(ack(1'001).sacks({{2'001, 20'001}})).ignore_output();
  EXPECT_EQ(t.connection().active()->recovery.rate.delivered(), 20'000U);
  EXPECT_EQ(t.info().delivered, 20U);
  t.at(200ms).peer_sends(ack(20'001)).expect_nothing();
}

TEST_P(Reneging, IsNoLossOfTheNetworks) {
  covers({"RFC 2018 §8"});
  TcpScript t{established()};
  t.app_sends(20'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 20'001}})).ignore_output();
  ASSERT_EQ(t.connection().active()->sent.lost_total(), 1'000U);
  t.at(101ms).peer_sends(ack(1'001)).ignore_output();
  EXPECT_EQ(t.connection().active()->sent.lost_total(), 1'000U);
  t.at(200ms).peer_sends(ack(20'001)).expect_nothing();
}

TEST_P(Reneging, ATailThatWasReportedAndLetGoOfIsSentAgain) {
  covers({"RFC 2018 §8", "RFC 6298 §5.4"});
  TcpScript t{established()};
  t.app_sends(3'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 3'001}})).expect_nothing();
  t.at(101ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000));
  t.at(201ms).peer_sends(ack(2'001)).expect(data(2'001, 1'000));
  t.at(301ms).peer_sends(ack(3'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

}  // namespace

}  // namespace millrace::test
