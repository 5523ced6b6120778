// Recovery where the peer has no selective acknowledgments (RFC 6582, RFC 5681 §3.2, RFC 3042): by
// duplicates and partial acknowledgments alone. The round trip is 100 ms, the retransmission
// timeout 300 ms.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class NewReno : public NumbersTest {
 protected:
  [[nodiscard]] static Start established(std::uint32_t cwnd = 10'000) {
    return NumbersTest::established().cwnd(cwnd);
  }
  static void send(TcpScript& t, std::uint32_t first, std::uint32_t count) {
    t.app_sends(1'000 * count);
    const auto sent = t.take_output();
    ASSERT_EQ(sent.size(), count);
    ASSERT_EQ(sent.front().seq, first);
  }
};
INSTANTIATE_TEST_SUITE_P(From, NewReno, testing::ValuesIn(kEveryStart), name_of);

TEST_P(NewReno, AFirstLossIsMendedWithoutATimeout) {
  covers({"RFC 6582 §3.2", "RFC 5681 §3.2"});
  TcpScript t{established()};
  send(t, 1, 10);
  t.at(100ms).peer_sends(ack(1).times(2)).expect_nothing();
  t.peer_sends(ack(1)).expect(data(1, 1'000));
  EXPECT_EQ(t.ssthresh(), 5'000U);
  t.peer_sends(ack(1).times(6)).expect_nothing();
  t.at(200ms).peer_sends(ack(10'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.cwnd(), 5'000U);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(NewReno, ManyLossesAreOneReduction) {
  covers({"RFC 6582 §3.2"});
  TcpScript t{established()};
  send(t, 1, 10);
  t.at(100ms).peer_sends(ack(1).times(6)).expect(data(1, 1'000));
  for (std::uint32_t hole = 2'001; hole < 8'000; hole += 2'000) {
    t.after(100ms).peer_sends(ack(hole)).expect(data(hole, 1'000));
    EXPECT_EQ(t.ssthresh(), 5'000U);
  }
  t.after(100ms).peer_sends(ack(10'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 1U);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(NewReno, APartialAckLetsTheHoleGoAndPutsTheTimerOff) {
  covers({"RFC 6582 §3.2", "RFC 6298 §5.3"});
  TcpScript t{established()};
  send(t, 1, 8);
  t.at(100ms).peer_sends(ack(1).times(5)).expect(data(1, 1'000));
  t.at(250ms).peer_sends(ack(4'001)).expect(data(4'001, 1'000));
  t.expect_silence_until(500ms);
  t.peer_sends(ack(8'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(NewReno, DuplicatesOfOldDataBeginNoRecovery) {
  covers({"RFC 6582 §3.2"});
  TcpScript t{established()};
  send(t, 1, 6);
  t.at(300ms).expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(6'001)).expect_nothing();
  send(t, 6'001, 1);
  // The answers to what was sent again for nothing.
  t.at(400ms).peer_sends(ack(6'001).times(3)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_fast_recoveries, 0U);
  t.peer_sends(ack(7'001)).expect_nothing();
}

TEST_P(NewReno, NewDataFollowsTheFirstTwoDuplicates) {
  covers({"RFC 3042 §2"});
  TcpScript t{established(4'000)};
  t.app_sends(10'000);
  ASSERT_EQ(t.take_output().size(), 4U);
  t.at(100ms).peer_sends(ack(1)).expect(data(4'001, 1'000));
  t.peer_sends(ack(1)).expect(data(5'001, 1'000));
  t.peer_sends(ack(1)).expect(data(1, 1'000));
  t.at(200ms).peer_sends(ack(6'001)).ignore_output();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
  t.at(300ms).peer_sends(ack(8'001)).ignore_output().at(400ms).peer_sends(ack(10'001));
}

TEST_P(NewReno, LostAcksOnlyDelayIt) {
  covers({"RFC 6582 §3.2"});
  TcpScript t{established()};
  send(t, 1, 10);
  // Of nine duplicates four arrive, and of two partial ACKs one.
  t.at(100ms).peer_sends(ack(1).times(4)).expect(data(1, 1'000));
  t.at(200ms).peer_sends(ack(5'001)).expect(data(5'001, 1'000));
  t.at(300ms).peer_sends(ack(10'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(NewReno, ReorderingByTwoIsNoLoss) {
  covers({"RFC 5681 §3.2"});
  TcpScript t{established()};
  send(t, 1, 6);
  t.at(100ms).peer_sends(ack(1).times(2)).expect_nothing();
  t.at(101ms).peer_sends(ack(6'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 0U);
  EXPECT_EQ(t.ssthresh(), 1U << 30U);
}

TEST_P(NewReno, ATailLossWaitsForTheTimer) {
  covers({"RFC 6298 §5.4"});
  TcpScript t{established()};
  send(t, 1, 4);
  t.at(100ms).peer_sends(ack(3'001)).expect_nothing();
  t.at(*t.deadline()).expect(data(3'001, 1'000));
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 1U);
  EXPECT_EQ(t.stats().tcp_tail_loss_probes, 0U);
  t.after(100ms).peer_sends(ack(4'001)).expect_nothing();
}

TEST_P(NewReno, MarksAndLossesAreOneReductionInARecovery) {
  covers({"RFC 3168 §6.1.2", "RFC 6582 §3.2"});
  TcpScript t{established().ecn()};
  t.app_sends(10'000).ignore_output();
  t.at(100ms).peer_sends(ack(1).times(3)).ignore_output();
  ASSERT_EQ(t.ssthresh(), 5'000U);
  t.peer_sends(ack(1).ece().times(3)).ignore_output();
  EXPECT_EQ(t.ssthresh(), 5'000U);
  t.at(200ms).peer_sends(ack(10'001)).ignore_output();
  EXPECT_EQ(t.stats().tcp_ecn_reductions, 0U);
}

}  // namespace

}  // namespace millrace::test
