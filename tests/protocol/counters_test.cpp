// What a connection adds to its core's counters, at each place where it does.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class Counters : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Counters, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Counters, BytesCountOnceHoweverOftenTheyTravel) {
  TcpScript t{established()};
  t.app_sends(1'500).expect(data(1, 1'000), data(1'001, 500)).at(300ms).expect(data(1, 1'000));
  t.peer_sends(ack(1'501)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_bytes_out, 1'500U);
  t.peer_sends(data(101, 50)).expect(ack(1)).peer_sends(data(1, 100)).expect(ack(151));
  t.peer_sends(data(1, 100)).expect(ack(151)).app_reads(150);
  EXPECT_EQ(t.stats().tcp_bytes_in, 150U);
  EXPECT_EQ(t.stats().tcp_out_of_order_segments, 1U);
}

TEST_P(Counters, SegmentsSentAgain) {
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).at(1s).expect(syn()).at(3s).expect(syn());
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 2U);
  t.at(4s).peer_sends(syn_ack()).expect(ack(1)).app_sends(500).expect(data(1, 500));
  t.at(*t.deadline()).expect(data(1, 500));
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 3U);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 1U) << "the SYN's have a counter of their own";
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 0U);
}

TEST_P(Counters, HolesOfARecovery) {
  TcpScript t{established()};
  t.app_sends(6'000);
  EXPECT_EQ(t.take_output().size(), 6U);
  t.peer_sends(ack(1).times(3)).expect(data(1, 1'000));
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 1U);
  t.peer_sends(ack(2'001)).expect(data(2'001, 1'000));
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 2U);
  t.peer_sends(ack(6'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_fast_retransmits, 2U);
}

TEST_P(Counters, ProbesOfAClosedWindow) {
  TcpScript t{established().peer_window(1'000)};
  t.app_sends(2'000).expect(data(1, 1'000)).at(100ms).peer_sends(ack(1'001).with_window(0));
  t.at(*t.deadline()).expect(data(1'001, 1));
  EXPECT_EQ(t.stats().tcp_zero_window_probes, 1U);
  t.at(*t.deadline()).expect(data(1'001, 1));
  EXPECT_EQ(t.stats().tcp_zero_window_probes, 2U);
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U) << "that is no loss";
}

TEST_P(Counters, EveryEndIsCountedOnce) {
  TcpScript first{established()};
  first.app_closes().expect(fin(1)).peer_sends(ack(2)).peer_sends(fin(1).acks(2)).expect(ack(2));
  EXPECT_EQ(first.stats().tcp_closed, 1U) << "by TIME-WAIT";
  TcpScript second{established()};
  second.peer_sends(fin(1)).expect(ack(2)).app_closes().expect(fin(1)).peer_sends(ack(2).from(2));
  EXPECT_EQ(second.stats().tcp_closed, 1U) << "by LAST-ACK";
  TcpScript reset{established()};
  reset.peer_sends(rst(1)).expect_nothing();
  EXPECT_EQ(reset.stats().tcp_closed, 1U);
  EXPECT_EQ(reset.stats().tcp_resets_in, 1U);
  EXPECT_EQ(reset.stats().tcp_failed_opens, 0U);
  TcpScript refused{closed()};
  refused.open_active(180s).expect(syn()).peer_sends(rst_ack(0, 1)).expect_nothing();
  EXPECT_EQ(refused.stats().tcp_closed, 0U);
  EXPECT_EQ(refused.stats().tcp_failed_opens, 1U);
}

TEST_P(Counters, OpensOfEitherKind) {
  TcpScript active{established()};
  EXPECT_EQ(active.stats().tcp_active_opens, 1U);
  EXPECT_EQ(active.stats().tcp_passive_opens, 0U);
  EXPECT_EQ(active.stats().tcp_ecn_connections, 0U);
  TcpScript passive{established_passively()};
  EXPECT_EQ(passive.stats().tcp_passive_opens, 1U);
  EXPECT_EQ(passive.stats().tcp_active_opens, 0U);
  TcpScript marked{established().ecn()};
  EXPECT_EQ(marked.stats().tcp_ecn_connections, 1U);
}

TEST_P(Counters, Challenges) {
  covers({"RFC 5961 §7"});
  TcpScript t{established()};
  t.peer_sends(syn().from(1)).expect(ack(1)).peer_sends(syn().from(1)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_challenge_acks_out, 1U);
  EXPECT_EQ(t.stats().tcp_challenge_acks_limited, 1U);
  t.at(499ms).peer_sends(syn().from(1)).expect_nothing();
  t.at(500ms).peer_sends(syn().from(1)).expect(ack(1));
  EXPECT_EQ(t.stats().tcp_challenge_acks_out, 2U);
  EXPECT_EQ(t.stats().tcp_challenge_acks_limited, 2U);
}

}  // namespace

}  // namespace millrace::test
