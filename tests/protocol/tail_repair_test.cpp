// What a tail-loss probe leaves behind: how far the window falls when it has mended a loss, and
// that an idle time does not let the question be forgotten (RFC 8985 §7.4.2). The round trip is 100
// ms.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class TailRepair : public NumbersTest {
 protected:
  [[nodiscard]] static Start established(std::uint32_t cwnd = 100'000) {
    return NumbersTest::established().peer_window(200'000).peer_scale(4).selective_acks().cwnd(
        cwnd);
  }
  static void send(TcpScript& t, std::uint32_t first, std::uint32_t count) {
    t.app_sends(1'000 * count);
    const auto sent = t.take_output();
    ASSERT_EQ(sent.size(), count);
    ASSERT_EQ(sent.front().seq, first);
  }
  /// A response of twenty segments whose last one is lost, and its probe.
  static void probe_last_of_twenty(TcpScript& t) {
    send(t, 1, 20);
    t.at(100ms).peer_sends(ack(19'001)).expect_nothing();
    t.at(*t.deadline()).expect(data(19'001, 1'000));
    ASSERT_EQ(t.stats().tcp_tail_loss_probes, 1U);
  }
};
INSTANTIATE_TEST_SUITE_P(From, TailRepair, testing::ValuesIn(kEveryStart), name_of);

TEST_P(TailRepair, HalvesWhatWasUnderWayWhenItWasLost) {
  covers({"RFC 8985 §7.4.2", "RFC 5681 §3.1"});
  TcpScript t{established()};
  probe_last_of_twenty(t);
  t.app_sends(1'000).expect(data(20'001, 1'000));
  t.after(100ms).peer_sends(ack(20'001)).expect_nothing();
  t.after(1ms).peer_sends(ack(21'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_tail_losses_repaired, 1U);
  EXPECT_EQ(t.ssthresh(), 10'000U) << "not what was left of it in the end";
  EXPECT_EQ(t.cwnd(), 10'000U);
}

TEST_P(TailRepair, OfTwoIsFoundThroughTheProbeWhateverTheAckEchoes) {
  covers({"RFC 8985 §7.4", "RFC 8985 §6.2", "RFC 7323 §4.3"});
  TcpScript t{established().timestamps()};
  t.app_sends(988 * 4).ignore_output();
  t.at(100ms).peer_sends(ack(1'977)).expect_nothing();
  t.at(*t.deadline()).expect(data(2'965, 988));
  // Ahead of a hole: what is echoed is of what came before it.
  t.after(100ms).peer_sends(ack(1'977).echo(100).sacks({{2'965, 3'953}})).expect(data(1'977, 988));
  t.after(100ms).peer_sends(ack(3'953)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(TailRepair, OfAllThatWasSentIsFoundThroughAQuickerAnswer) {
  covers({"RFC 8985 §7.4", "RFC 8985 §6.2"});
  TcpScript t{established()};
  send(t, 1, 2);
  t.at(*t.deadline()).expect(data(1'001, 1'000));
  // The handshake took longer, a little.
  t.after(95ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect(data(1, 1'000));
  t.after(95ms).peer_sends(ack(2'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_retransmission_timeouts, 0U);
}

TEST_P(TailRepair, MuchTooQuickAnAnswerIsOfTheOriginal) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send(t, 1, 2);
  t.at(*t.deadline()).expect(data(1'001, 1'000));
  t.after(80ms).peer_sends(ack(1).sacks({{1'001, 2'001}})).expect_nothing();
  t.after(10ms).peer_sends(ack(2'001)).expect_nothing();
}

TEST_P(TailRepair, CountsTheFlightThatTheAckTakesAway) {
  covers({"RFC 5681 §3.1"});
  TcpScript t{established(20'000)};
  send(t, 1, 20);
  // A stretch ACK: it takes half of the flight away, and tells of a loss.
  t.at(100ms).peer_sends(ack(10'001).sacks({{11'001, 20'001}})).expect(data(10'001, 1'000));
  EXPECT_EQ(t.ssthresh(), 10'000U) << "half of the twenty segments that met the congestion";
}

TEST_P(TailRepair, AnIdleTimeDoesNotForgetIt) {
  covers({"RFC 8985 §7.4.2"});
  TcpScript t{established()};
  probe_last_of_twenty(t);
  t.after(100ms).peer_sends(ack(20'001)).expect_nothing().expect_silence_for_ever();
  EXPECT_EQ(t.connection().active(), nullptr);
  t.after(5s).app_sends(1'000).expect(data(20'001, 1'000));
  t.after(100ms).peer_sends(ack(21'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_tail_losses_repaired, 1U);
  EXPECT_EQ(t.ssthresh(), 10'000U);
}

TEST_P(TailRepair, TheNextRequestIsNoDuplicateAck) {
  covers({"RFC 8985 §7.4.2"});
  TcpScript t{established()};
  probe_last_of_twenty(t);
  t.after(100ms).peer_sends(ack(20'001)).expect_nothing();
  // It carries the same acknowledgment, and data: nothing says that it answers the probe.
  t.after(1ms).peer_sends(data(1, 100)).ignore_output();
  t.app_sends(1'000).ignore_output();
  t.after(100ms).peer_sends(ack(21'001)).ignore_output();
  EXPECT_EQ(t.stats().tcp_tail_losses_repaired, 1U);
}

TEST_P(TailRepair, TheNextRequestIsNoneWhileDataIsOutEither) {
  covers({"RFC 8985 §7.4.2"});
  TcpScript t{established()};
  probe_last_of_twenty(t);
  t.app_sends(1'000).expect(data(20'001, 1'000));
  t.after(100ms).peer_sends(ack(20'001)).expect_nothing();
  t.after(1ms).peer_sends(data(1, 100)).ignore_output();
  t.after(1ms).peer_sends(ack(21'001)).ignore_output();
  EXPECT_EQ(t.stats().tcp_tail_losses_repaired, 1U);
}

TEST_P(TailRepair, AReportWhileIdleSaysThatNothingWasLost) {
  covers({"RFC 8985 §7.4.2", "RFC 2883 §4"});
  TcpScript t{established()};
  probe_last_of_twenty(t);
  t.after(10ms).peer_sends(ack(20'001)).expect_nothing();
  ASSERT_EQ(t.connection().active(), nullptr);
  t.after(90ms).peer_sends(ack(20'001).sacks({{19'001, 20'001}})).expect_nothing();
  t.after(1s).app_sends(1'000).expect(data(20'001, 1'000));
  t.after(100ms).peer_sends(ack(21'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_tail_losses_repaired, 0U);
  EXPECT_EQ(t.ssthresh(), 1U << 30U);
}

TEST_P(TailRepair, APlainDuplicateWhileIdleSaysSoToo) {
  covers({"RFC 8985 §7.4.2"});
  TcpScript t{established()};
  probe_last_of_twenty(t);
  t.after(10ms).peer_sends(ack(20'001)).expect_nothing();
  t.after(90ms).peer_sends(ack(20'001)).expect_nothing();
  t.after(1s).app_sends(1'000).expect(data(20'001, 1'000));
  t.after(100ms).peer_sends(ack(21'001)).expect_nothing();
  EXPECT_EQ(t.stats().tcp_tail_losses_repaired, 0U);
}

TEST_P(TailRepair, ReportsOfProbesAreNoReorderingOfThePath) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  probe_last_of_twenty(t);
  const auto before = t.connection().reorder_window().window({.min_rtt = 40ms, .srtt = 1s});
  t.after(10ms).peer_sends(ack(20'001)).expect_nothing();
  t.after(90ms).peer_sends(ack(20'001).sacks({{19'001, 20'001}})).expect_nothing();
  EXPECT_EQ(t.connection().reorder_window().window({.min_rtt = 40ms, .srtt = 1s}), before)
      << "nothing had counted as lost";
  EXPECT_EQ(t.info().duplicate_reports, 1U);
}

TEST_P(TailRepair, ReportsOfOtherDataWhileIdleAre) {
  covers({"RFC 8985 §6.2"});
  TcpScript t{established()};
  send(t, 1, 2);
  t.at(100ms).peer_sends(ack(2'001)).expect_nothing();
  const auto before = t.connection().reorder_window().window({.min_rtt = 40ms, .srtt = 1s});
  t.at(200ms).peer_sends(ack(2'001).sacks({{1, 1'001}})).expect_nothing();
  EXPECT_GT(t.connection().reorder_window().window({.min_rtt = 40ms, .srtt = 1s}), before);
}

}  // namespace

}  // namespace millrace::test
