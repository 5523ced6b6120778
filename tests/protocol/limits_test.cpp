// No state can be piled up: SYN-RECEIVED, FIN-WAIT-2, TIME-WAIT, connections that their application
// has closed, challenges.
#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;

class Limits : public StackHost {
 protected:
  void start_listening() {
    start();
    listener = tcp().listen({.port = kServerPort}, recorder).value();
  }
  void send(const PeerSegment& segment) {
    receive(segment);
    turn();
  }
  /// The peer opens, and the host closes: its FIN is not acknowledged.
  Peer open_and_orphan(std::uint16_t port) {
    Peer peer = open(port);
    EXPECT_TRUE(recorder.sockets.back().close().has_value());
    turn();
    EXPECT_EQ(next_flags(), kFin | kAck);
    return peer;
  }

  Recorder recorder;
  base::SlotHandle listener;
};

TEST_F(Limits, HalfOpenConnectionsHaveTheirQueue) {
  covers({"RFC 4987 §3.2"});
  config.tcp.syn_backlog = 3;
  config.tcp.syn_cookies = SynCookies::Off;
  start_listening();
  for (std::uint16_t port = 40'000; port < 40'100; ++port) {
    receive({.flags = kSyn, .from = port});
  }
  EXPECT_EQ(stack->usage().connections, 3U);
  EXPECT_EQ(dropped(DropReason::TcpSynQueueFull), 97U);
}

TEST_F(Limits, HalfOpenConnectionsEndByThemselves) {
  covers({"RFC 4987 §3.2", "MUST-22"});
  config.tcp.syn_ack_retries = 2;
  start_listening();
  half_open(40'000);
  wait(6'900ms);
  EXPECT_EQ(stack->usage().connections, 1U);
  wait(200ms);
  EXPECT_TRUE(stack->is_empty());
  EXPECT_TRUE(recorder.heard.empty());
}

TEST_F(Limits, EachListenerHasItsOwnQueue) {
  config.tcp.syn_backlog = 1;
  config.tcp.syn_cookies = SynCookies::Off;
  start_listening();
  ASSERT_TRUE(tcp().listen({.port = Port{81}}, recorder).has_value());
  half_open(40'000);
  send({.flags = kSyn, .from = 40'000, .to = 81});
  EXPECT_EQ(next_flags(), kSyn | kAck);
}

TEST_F(Limits, FinWait2EndsWhenTheApplicationHasClosed) {
  covers({"RFC 9293 §3.3.2"});
  config.tcp.fin_wait_2_timeout = 20s;
  start_listening();
  Peer peer = open_and_orphan(40'000);
  peer.ack += 1;
  send(segment_of(peer));
  wait(19'900ms);
  EXPECT_EQ(stack->usage().connections, 1U);
  wait(200ms);
  EXPECT_TRUE(stack->is_empty());
  ASSERT_EQ(recorder.count("closed"), 1U);
  EXPECT_TRUE(recorder.outcomes[0].has_value()) << "all of ours was delivered";
}

TEST_F(Limits, FinWait2LastsWhileTheApplicationReads) {
  covers({"RFC 9293 §3.10.4"});
  config.tcp.fin_wait_2_timeout = 20s;
  start_listening();
  Peer peer = open(40'000);
  ASSERT_TRUE(recorder.sockets.back().shutdown().has_value());
  turn();
  ASSERT_EQ(next_flags(), kFin | kAck);
  peer.ack += 1;
  send(segment_of(peer));
  wait(1h);
  sent.clear();
  send(segment_of(peer, kAck, "at last"));
  EXPECT_EQ(recorder.count("readable"), 1U);
}

TEST_F(Limits, TimeWaitGivesUpItsOldest) {
  covers({"RFC 9293 §3.6.1"});
  config.max_time_wait = 4;
  start_listening();
  for (std::uint16_t i = 0; i < 20; ++i) {
    open_and_time_wait(static_cast<std::uint16_t>(40'000 + i), recorder);
  }
  EXPECT_EQ(stack->usage().time_wait, 4U);
  EXPECT_EQ(stats().tcp_time_wait_recycled, 16U);
}

TEST_F(Limits, BeyondTheLimitTheIdlestOrphanIsReset) {
  covers({"RFC 9293 §3.10.5"});
  config.max_orphans = 2;
  start_listening();
  const Peer first = open_and_orphan(40'000);
  open_and_orphan(40'001);
  EXPECT_EQ(stack->usage().orphans, 2U);
  EXPECT_EQ(recorder.count("closed"), 0U);
  Peer third = open(40'002);
  ASSERT_TRUE(recorder.sockets.back().close().has_value());
  turn();
  std::vector<std::pair<std::uint16_t, bool>> answers;
  while (const auto segment = next_tcp()) {
    answers.emplace_back(segment->tcp.destination_port, segment->tcp.flags.rst());
  }
  std::ranges::sort(answers);
  EXPECT_EQ(answers,
            (std::vector<std::pair<std::uint16_t, bool>>{{first.port, true}, {third.port, false}}));
  EXPECT_EQ(stats().tcp_orphans_reset, 1U);
  EXPECT_EQ(stack->usage().orphans, 2U);
  turn();
  ASSERT_EQ(recorder.count("closed"), 1U);
  EXPECT_EQ(recorder.outcomes[0].error(), Error::ConnectionAborted);
  EXPECT_EQ(stack->usage().connections, 2U);
}

TEST_F(Limits, AnOrphanThatHearsFromItsPeerIsNotTheIdlest) {
  config.max_orphans = 2;
  start_listening();
  const Peer first = open_and_orphan(40'000);
  const Peer second = open_and_orphan(40'001);
  send(segment_of(first));
  open(40'002);
  ASSERT_TRUE(recorder.sockets.back().close().has_value());
  turn();
  std::uint16_t reset = 0;
  while (const auto segment = next_tcp()) {
    reset = segment->tcp.flags.rst() ? segment->tcp.destination_port : reset;
  }
  EXPECT_EQ(reset, second.port);
}

TEST_F(Limits, OrphansThatAreOverDoNotCount) {
  config.max_orphans = 1;
  start_listening();
  for (std::uint16_t i = 0; i < 5; ++i) {
    open_and_time_wait(static_cast<std::uint16_t>(40'000 + i), recorder);
  }
  EXPECT_EQ(stack->usage().orphans, 0U);
  EXPECT_EQ(stats().tcp_orphans_reset, 0U);
}

TEST_F(Limits, TheLastAckOfAnOrphanEndsItsCount) {
  config.max_orphans = 1;
  start_listening();
  Peer peer = open(40'000);
  send(segment_of(peer, kFin | kAck));
  sent.clear();
  ASSERT_TRUE(recorder.sockets.back().close().has_value());
  turn();
  EXPECT_EQ(stack->usage().orphans, 1U) << "LAST-ACK";
  peer.seq += 1;
  peer.ack += 1;
  sent.clear();
  send(segment_of(peer));
  EXPECT_EQ(stack->usage().orphans, 0U);
  turn();
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(Limits, WhoOnlyShutsDownIsNoOrphan) {
  config.max_orphans = 1;
  start_listening();
  for (std::uint16_t i = 0; i < 3; ++i) {
    open(static_cast<std::uint16_t>(40'000 + i));
    ASSERT_TRUE(recorder.sockets.back().shutdown().has_value());
    turn();
    sent.clear();
  }
  EXPECT_EQ(stack->usage().orphans, 0U);
  EXPECT_EQ(stack->usage().connections, 3U);
}

TEST_F(Limits, WhoAbortsIsNoOrphan) {
  config.max_orphans = 1;
  start_listening();
  open(40'000);
  ASSERT_TRUE(recorder.sockets.back().abort().has_value());
  turn();
  EXPECT_EQ(next_flags(), kRst | kAck);
  EXPECT_EQ(stack->usage().orphans, 0U);
  EXPECT_EQ(stats().tcp_orphans_reset, 0U);
}

TEST_F(Limits, ManyClosedInOneTurnLeaveOnlyTheLimit) {
  config.max_orphans = 3;
  start_listening();
  std::vector<TcpSocket> sockets;
  for (std::uint16_t i = 0; i < 20; ++i) {
    open(static_cast<std::uint16_t>(40'000 + i));
    sockets.push_back(recorder.sockets.back());
  }
  for (TcpSocket socket : sockets) {
    ASSERT_TRUE(socket.close().has_value());
  }
  turn();
  EXPECT_EQ(stack->usage().orphans, 3U);
  EXPECT_EQ(stats().tcp_orphans_reset, 17U);
  turn();
  EXPECT_EQ(stack->usage().connections, 3U);
  EXPECT_EQ(recorder.count("closed"), 17U);
}

TEST_F(Limits, AnOrphanWhosePeerNeverReadsIsGivenUp) {
  covers({"RFC 9293 §3.8.3"});
  config.tcp.user_timeout = 30s;
  start_listening();
  Peer peer = open(40'000);
  PeerSegment shut = segment_of(peer);
  shut.window = 0;
  send(shut);
  ASSERT_TRUE(recorder.sockets.back().send("unwanted").has_value());
  ASSERT_TRUE(recorder.sockets.back().close().has_value());
  turn();
  // It answers each probe, and the application is not there to wait (RFC 6429 §3).
  for (unsigned second = 0; second < 40 && !stack->is_empty(); ++second) {
    wait(1s);
    sent.clear();
    receive(shut);
  }
  turn();
  EXPECT_TRUE(stack->is_empty());
  EXPECT_EQ(stack->usage().orphans, 0U);
}

TEST_F(Limits, TheEndOfTheProgramLeavesNoOrphan) {
  start_listening();
  open_and_orphan(40'000);
  open_and_orphan(40'001);
  stack->shut_down();
  turn();
  turn();
  EXPECT_EQ(stack->usage().orphans, 0U);
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(Limits, ConnectionsShareTheCoresChallenges) {
  covers({"RFC 5961 §7"});
  config.tcp.challenge_acks_per_second = 1;
  start_listening();
  const Peer first = open(40'000);
  const Peer second = open(40'001);
  send(segment_of(first, kSyn));
  EXPECT_EQ(next_flags(), kAck);
  send(segment_of(second, kSyn));
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(stats().tcp_challenge_acks_out, 1U);
  EXPECT_EQ(stats().tcp_challenge_acks_limited, 1U);
  wait(1s);
  send(segment_of(second, kSyn));
  EXPECT_EQ(next_flags(), kAck);
}

TEST_F(Limits, TimeWaitSharesTheCoresChallenges) {
  covers({"RFC 5961 §7"});
  config.tcp.challenge_acks_per_second = 1;
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  const Peer other = open_and_time_wait(40'001, recorder);
  send({.flags = kSyn, .seq = old.seq - 1, .from = old.port});
  EXPECT_EQ(next_flags(), kAck);
  send({.flags = kSyn, .seq = other.seq - 1, .from = other.port});
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpTimeWait), 2U);
  EXPECT_EQ(stats().tcp_challenge_acks_out, 1U);
  EXPECT_EQ(stats().tcp_challenge_acks_limited, 1U);
  // What the peer repeats for lack of our ACK is not held back.
  Peer again = old;
  again.seq = again.seq - 1;
  send(segment_of(again, kFin | kAck));
  EXPECT_EQ(next_flags(), kAck);
}

TEST_F(Limits, OneEntryInTimeWaitTakesNoMoreThanItsShare) {
  covers({"RFC 5961 §7"});
  config.tcp.challenge_acks_per_second = 10;
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  const Peer open_one = open(40'001);
  for (int i = 0; i < 100; ++i) {
    send({.flags = kSyn, .seq = old.seq - 1, .from = old.port});
  }
  EXPECT_EQ(next_flags(), kAck);
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(stats().tcp_challenge_acks_limited, 99U);
  send(segment_of(open_one, kSyn));
  EXPECT_EQ(next_flags(), kAck) << "there is something left for others";
}

TEST_F(Limits, AScanForTheBudgetSeesAnotherOneEachSecond) {
  covers({"RFC 5961 §7"});
  config.tcp.challenge_acks_per_second = 20;
  config.max_connections = 128;
  start_listening();
  std::vector<Peer> peers;
  for (std::uint16_t i = 0; i < 40; ++i) {
    peers.push_back(open(static_cast<std::uint16_t>(40'000 + i)));
  }
  std::vector<std::size_t> counts;
  for (unsigned second = 0; second < 12; ++second) {
    for (const Peer& peer : peers) {
      receive(segment_of(peer, kSyn));
    }
    turn();
    counts.push_back(sent.size());
    sent.clear();
    wait(1s);
  }
  for (const std::size_t count : counts) {
    EXPECT_GE(count, 10U);
    EXPECT_LT(count, 30U);
  }
  std::ranges::sort(counts);
  EXPECT_GT(std::unique(counts.begin(), counts.end()) - counts.begin(), 4);
}

}  // namespace
}  // namespace millrace::stack
