// What a connection tells of itself: TcpInfo against conversations whose answer can be counted by
// hand.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class Info : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Info, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Info, OfANewConnection) {
  covers({"RFC 7323 §2.2", "RFC 2018 §2"});
  TcpScript t{established().timestamps().selective_acks().peer_scale(5)};
  const TcpInfo info = t.info();
  EXPECT_EQ(info.state, TcpState::Established);
  EXPECT_EQ(info.recovery, TcpRecovery::Open);
  EXPECT_TRUE(info.has_timestamps);
  EXPECT_TRUE(info.has_selective_acks);
  EXPECT_TRUE(info.has_window_scale);
  EXPECT_FALSE(info.has_ecn);
  EXPECT_FALSE(info.has_syn_data);
  EXPECT_EQ(info.send_window_scale, 5);
  EXPECT_EQ(info.receive_window_scale, 3);
  EXPECT_EQ(info.send_mss, 988);
  EXPECT_EQ(info.advertised_mss, 1'000);
  EXPECT_EQ(info.rtt, 100ms);
  EXPECT_EQ(info.rtt_variation, 50ms);
  EXPECT_EQ(info.min_rtt, 100ms);
  EXPECT_EQ(info.rto, 300ms);
  EXPECT_EQ(info.cwnd, 9'880U);
  EXPECT_EQ(info.ssthresh, 1U << 30U);
  EXPECT_EQ(info.segments_out, 2U);
  EXPECT_EQ(info.unacked, 0U);
  EXPECT_EQ(info.busy, 0ms);
}

TEST_P(Info, OfNoOptionsAtAll) {
  TcpScript t{established().peer_scale(std::nullopt)};
  const TcpInfo info = t.info();
  EXPECT_FALSE(info.has_timestamps);
  EXPECT_FALSE(info.has_selective_acks);
  EXPECT_FALSE(info.has_window_scale);
  EXPECT_EQ(info.receive_window_scale, 0);
  EXPECT_EQ(info.send_mss, 1'000);
}

TEST_P(Info, CountsSegmentsAndBytesBothWays) {
  TcpScript t{established()};
  t.app_sends(2'500).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 500));
  EXPECT_EQ(t.info().unacked, 3U);
  EXPECT_EQ(t.info().unacked_bytes, 2'500U);
  t.at(50ms).peer_sends(data(1, 700).acks(1'001)).expect_nothing();
  t.at(90ms).expect(ack(701)).peer_sends(ack(2'501)).expect_nothing();
  const TcpInfo info = t.info();
  EXPECT_EQ(info.bytes_sent, 2'500U);
  EXPECT_EQ(info.bytes_acked, 2'500U);
  EXPECT_EQ(info.bytes_received, 700U);
  EXPECT_EQ(info.unread_bytes, 700U);
  EXPECT_EQ(info.segments_out, 6U);  // SYN, ACK, three with data, ACK.
  EXPECT_EQ(info.segments_in, 3U);   // SYN,ACK, data, ACK.
  EXPECT_EQ(info.data_segments_out, 3U);
  EXPECT_EQ(info.data_segments_in, 1U);
  EXPECT_EQ(info.delivered, 3U);
  EXPECT_EQ(info.total_retransmitted, 0U);
  EXPECT_EQ(info.bytes_retransmitted, 0U);
  EXPECT_EQ(info.busy, 90ms);
  t.at(200ms);
  EXPECT_EQ(t.info().since_data_sent, 200ms);
  EXPECT_EQ(t.info().since_data_received, 150ms);
  EXPECT_EQ(t.info().since_ack_received, 110ms);
  EXPECT_EQ(t.info().busy, 90ms);
  t.app_reads(700).ignore_output();
}

TEST_P(Info, FollowsARetransmissionTimeout) {
  covers({"RFC 6298 §5"});
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000)).at(300ms).expect(data(1, 1'000));
  TcpInfo info = t.info();
  EXPECT_EQ(info.recovery, TcpRecovery::Loss);
  EXPECT_EQ(info.retransmits, 1U);
  EXPECT_EQ(info.backoff, 1U);
  EXPECT_EQ(info.rto, 600ms);
  EXPECT_EQ(info.unacked, 2U);
  EXPECT_EQ(info.lost, 1U);
  EXPECT_EQ(info.retransmitted, 1U);
  EXPECT_EQ(info.total_retransmitted, 1U);
  EXPECT_EQ(info.bytes_retransmitted, 1'000U);
  EXPECT_EQ(info.bytes_sent, 3'000U);
  EXPECT_EQ(info.cwnd, 1'000U);
  EXPECT_EQ(info.ssthresh, 2'000U);
  t.at(400ms).peer_sends(ack(2'001)).expect_nothing();
  info = t.info();
  EXPECT_EQ(info.recovery, TcpRecovery::Open);
  EXPECT_EQ(info.lost, 0U);
  EXPECT_EQ(info.delivered, 2U);
}

TEST_P(Info, WhatIsReportedIsLostNoMore) {
  covers({"RFC 2018 §5"});
  Start start = established().selective_acks();
  start.config.tail_loss_probe = false;
  TcpScript t{start};
  t.app_sends(3'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  t.at(300ms).expect(data(1, 1'000));
  EXPECT_EQ(t.info().lost, 2U);
  t.at(310ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  EXPECT_EQ(t.info().lost, 1U);
  EXPECT_EQ(t.info().sacked, 1U);
  t.peer_sends(ack(3'001)).expect_nothing();
}

TEST_P(Info, FollowsAFastRecovery) {
  covers({"RFC 5681 §3.2", "RFC 2018 §5"});
  TcpScript t{established().selective_acks()};
  t.app_sends(5'000).expect(data(1, 1'000).times(1), data(1'001, 1'000), data(2'001, 1'000),
                            data(3'001, 1'000), data(4'001, 1'000));
  t.at(100ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  EXPECT_EQ(t.info().recovery, TcpRecovery::Disorder);
  EXPECT_EQ(t.info().sacked, 1U);
  EXPECT_EQ(t.info().delivered, 1U);
  t.peer_sends(ack(1).sacks({{1'001, 3'001}})).peer_sends(ack(1).sacks({{1'001, 4'001}}));
  t.expect(data(1, 1'000));
  const TcpInfo info = t.info();
  EXPECT_EQ(info.recovery, TcpRecovery::Recovery);
  EXPECT_EQ(info.sacked, 3U);
  EXPECT_EQ(info.retransmitted, 1U);
  EXPECT_EQ(info.lost, 0U);
  EXPECT_EQ(info.delivered, 3U);
  t.at(200ms).peer_sends(ack(5'001)).expect_nothing();
  // What was reported first is not counted again when it is acknowledged.
  EXPECT_EQ(t.info().delivered, 5U);
  EXPECT_EQ(t.info().recovery, TcpRecovery::Open);
}

TEST_P(Info, CountsReportsOfDuplicates) {
  covers({"RFC 2883 §4"});
  TcpScript t{established().selective_acks()};
  t.app_sends(1'000).expect(data(1, 1'000)).at(300ms).expect(data(1, 1'000));
  t.at(310ms).peer_sends(ack(1'001)).peer_sends(ack(1'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_EQ(t.info().duplicate_reports, 1U);
}

TEST_P(Info, CountsWhatArrivesOutOfOrder) {
  TcpScript t{established()};
  t.peer_sends(data(1'001, 100)).expect(ack(1)).peer_sends(data(2'001, 100)).expect(ack(1));
  EXPECT_EQ(t.info().out_of_order_in, 2U);
  EXPECT_EQ(t.info().bytes_received, 0U);
  t.peer_sends(data(1, 1'000)).expect(ack(1'101)).app_reads(1'100);
  EXPECT_EQ(t.info().bytes_received, 1'100U);
  EXPECT_EQ(t.info().data_segments_in, 3U);
  EXPECT_EQ(t.info().out_of_order_in, 2U);
}

TEST_P(Info, TellsWhatHoldsUpSending) {
  TcpScript t{established().peer_window(1'000)};
  t.app_sends(2'500).expect(data(1, 1'000));
  t.at(100ms).peer_sends(ack(1'001).with_window(0)).expect_nothing();
  TcpInfo info = t.info();
  EXPECT_EQ(info.receive_window_limited, 100ms);
  EXPECT_EQ(info.busy, 100ms);
  EXPECT_EQ(info.send_window, 0U);
  EXPECT_EQ(info.unsent_bytes, 1'500U);
  t.at(*t.deadline()).expect(data(1'001, 1));
  EXPECT_EQ(t.info().probes, 1U);
  EXPECT_EQ(t.info().retransmits, 0U);
  t.peer_sends(ack(1'002).with_window(5'000)).expect(data(1'002, 1'000), data(2'002, 499));
  const Duration limited = t.info().receive_window_limited;
  t.after(100ms);
  EXPECT_EQ(t.info().receive_window_limited, limited);
  EXPECT_EQ(t.info().busy, limited + 100ms);
  EXPECT_EQ(t.info().probes, 0U);
  t.peer_sends(ack(2'501)).expect_nothing();
}

TEST_P(Info, CountsUnansweredKeepalives) {
  TcpScript t{established()};
  t.app_sets_keepalive({{.idle = 10s, .interval = 3s, .count = 4}});
  t.at(10s).expect(ack(1).from(0)).at(13s).expect(ack(1).from(0));
  EXPECT_EQ(t.info().probes, 2U);
  t.peer_sends(ack(1)).expect_nothing();
  EXPECT_EQ(t.info().probes, 0U);
}

TEST_P(Info, CountsSynsThatWereSentAgain) {
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).at(1s).expect(syn()).at(3s).expect(syn());
  EXPECT_EQ(t.info().state, TcpState::SynSent);
  EXPECT_EQ(t.info().retransmits, 2U);
  EXPECT_EQ(t.info().total_retransmitted, 2U);
  EXPECT_EQ(t.info().bytes_retransmitted, 0U);
  t.app_aborts().expect_nothing();
}

TEST_P(Info, KeepsCountingBeyondFourGibibytes) {
  // Both counters are 64 bits wide, sequence numbers are not.
  tcp::Tally tally{Instant{1h}};
  const tcp::Segment segment{};
  for (unsigned i = 0; i < 5; ++i) {
    tally.on_arrival(segment, {}, {.acked = 1U << 30U, .received = 1U << 30U}, Instant{1h});
  }
  TcpInfo info;
  tally.describe(info, Instant{1h});
  EXPECT_EQ(info.bytes_acked, 5ULL << 30U);
  EXPECT_EQ(info.bytes_received, 5ULL << 30U);
}

}  // namespace

}  // namespace millrace::test
