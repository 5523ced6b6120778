// Options on the wire: what reaches a connection from a frame, what its frames carry, and what is
// left of a connection's timestamps in TIME-WAIT.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "unit/stack/stack_host.hpp"

namespace millrace::stack {

namespace {

using test::covers;

class TcpOptionsTest : public StackHost {
 protected:
  /// Where the peer stands in a connection with timestamps.
  struct StampedPeer : Peer {
    std::uint32_t value = 0;  ///< Of its timestamps: the next.
    std::uint32_t echo = 0;   ///< The newest of the host's.
  };

  void start_listening() {
    start();
    ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  }
  static wire::TcpOptions stamped(std::uint32_t value, std::uint32_t echo) {
    wire::TcpOptions options;
    options.timestamps = wire::TcpTimestamps{.value = value, .echo = echo};
    return options;
  }
  static wire::TcpOptions syn_options(std::uint32_t value) {
    wire::TcpOptions options = stamped(value, 0);
    options.mss = 1'460;
    options.sack_permitted = true;
    options.window_scale = 7;
    return options;
  }
  PeerSegment stamped_segment(const StampedPeer& peer, std::uint8_t flags = kAck,
                              std::string_view text = {}) {
    PeerSegment segment = segment_of(peer, flags, text);
    segment.options = stamped(peer.value, peer.echo);
    return segment;
  }
  /// A handshake with all options, begun by the peer.
  StampedPeer open_stamped(std::uint16_t port, std::uint32_t value, SeqNum iss = SeqNum{1'000},
                           IpAddress source = kPeer) {
    PeerSegment syn{.flags = kSyn, .seq = iss, .from = port, .options = syn_options(value)};
    syn.source = source;
    receive(syn);
    turn();
    const auto answer = next_tcp();
    StampedPeer peer;
    peer.port = port;
    peer.seq = iss + 1;
    peer.value = value + 1;
    if (!answer || !answer->options.timestamps) {
      ADD_FAILURE() << "the SYN,ACK lacks timestamps";
      return peer;
    }
    EXPECT_EQ(answer->options.timestamps->echo, value);
    peer.ack = answer->tcp.seq + 1;
    peer.echo = answer->options.timestamps->value;
    PeerSegment last = stamped_segment(peer);
    last.source = source;
    receive(last);
    turn();
    return peer;
  }
  /// The host closes first; what is left of the connection is in TIME-WAIT.
  StampedPeer time_wait_stamped(std::uint16_t port, std::uint32_t value) {
    StampedPeer peer = open_stamped(port, value);
    EXPECT_TRUE(recorder.sockets.back().close().has_value());
    turn();
    EXPECT_EQ(next_flags(), kFin | kAck);
    peer.ack += 1;
    receive(stamped_segment(peer, kFin | kAck));
    peer.seq += 1;
    turn();
    EXPECT_EQ(next_flags(), kAck);
    return peer;
  }

  Recorder recorder;
};

TEST_F(TcpOptionsTest, SynAckCarriesLinuxsOptionsInLinuxsOrder) {
  covers({"RFC 7323 §3.2", "RFC 2018 §2", "MUST-14", "RFC 9293 §3.2"});
  start_listening();
  receive({.flags = kSyn, .seq = SeqNum{1}, .options = syn_options(77)});
  turn();
  ASSERT_FALSE(sent.empty());
  const std::vector<std::byte> frame = sent.front();
  const auto options = std::span{frame}.subspan(wire::kEthernetHeaderSize + wire::kIpv4HeaderSize +
                                                wire::kTcpHeaderSize);
  // MSS, SACK permitted, timestamps, NOP, window scale.
  constexpr std::pair<std::size_t, unsigned> kKinds[] = {{0, 2}, {4, 4}, {6, 8}, {16, 1}, {17, 3}};
  ASSERT_EQ(options.size(), 20U);
  for (const auto& [at, kind] : kKinds) {
    EXPECT_EQ(std::to_integer<unsigned>(options[at]), kind) << at;
  }
  const auto answer = next_tcp();
  EXPECT_EQ(answer->options.mss, 1'460);
  EXPECT_TRUE(answer->options.sack_permitted);
  EXPECT_EQ(answer->options.timestamps->echo, 77U);
}

TEST_F(TcpOptionsTest, FullFramesOfDataAndTimestampsFillTheMtu) {
  covers({"MUST-16", "RFC 6691 §2"});
  start_listening();
  open_stamped(40'000, 77);
  ASSERT_TRUE(recorder.sockets.back().send(std::string(4'000, 'x')).has_value());
  turn();
  for (const std::size_t payload : {1'448U, 1'448U, 1'104U}) {
    const auto segment = next_tcp();
    ASSERT_TRUE(segment.has_value());
    EXPECT_EQ(segment->payload.size(), payload);
    EXPECT_EQ(segment->ip.total_length, payload + 52);
    EXPECT_EQ(segment->options.timestamps->echo, 78U);
  }
}

TEST_F(TcpOptionsTest, BlocksGoOutBehindTimestamps) {
  covers({"RFC 2018 §3", "RFC 7323 §3.2"});
  start_listening();
  StampedPeer peer = open_stamped(40'000, 77);
  const SeqNum expected = peer.seq;
  peer.seq = expected + 10;
  receive(stamped_segment(peer, kAck, "ahead"));
  turn();
  auto answer = next_tcp();
  ASSERT_TRUE(answer && answer->options.sack.size() == 1);
  EXPECT_EQ(answer->tcp.ack, expected);
  EXPECT_EQ(answer->options.sack[0].left, expected + 10);
  EXPECT_EQ(answer->options.sack[0].right, expected + 15);
  EXPECT_EQ(answer->ip.total_length, 20 + 20 + 12 + 12);
  ASSERT_TRUE(recorder.sockets.back().send(std::string(1'460, 'x')).has_value());
  turn();
  answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->payload.size(), 1'436U);
  EXPECT_EQ(answer->ip.total_length, 1'500U);
}

TEST_F(TcpOptionsTest, AnOldTimestampIsDroppedAndAnswered) {
  covers({"RFC 7323 §5.3"});
  start_listening();
  StampedPeer peer = open_stamped(40'000, 77);
  peer.value = 76;
  receive(stamped_segment(peer, kAck, "old"));
  turn();
  EXPECT_EQ(dropped(DropReason::TcpOldTimestamp), 1U);
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.ack, peer.seq);
  EXPECT_EQ(answer->options.timestamps->echo, 78U);
  EXPECT_EQ(recorder.count("readable"), 0U);
}

TEST_F(TcpOptionsTest, AMissingTimestampIsDroppedSilently) {
  covers({"RFC 7323 §3.2"});
  start_listening();
  const StampedPeer peer = open_stamped(40'000, 77);
  receive(segment_of(peer, kAck, "bare"));
  turn();
  EXPECT_EQ(dropped(DropReason::TcpNoTimestamp), 1U);
  EXPECT_TRUE(sent.empty());
}

TEST_F(TcpOptionsTest, ConnectionsBetweenTwoHostsShareAnOffset) {
  covers({"RFC 7323 §7.1", "RFC 6191 §2"});
  start_listening();
  const StampedPeer first = open_stamped(40'000, 77);
  const StampedPeer second = open_stamped(40'001, 77);
  EXPECT_EQ(first.echo, second.echo);
  wait(250ms);
  EXPECT_EQ(open_stamped(40'002, 77).echo, first.echo + 250);
}

TEST_F(TcpOptionsTest, TimeWaitAnswersWithTimestamps) {
  covers({"RFC 7323 §3.2", "MUST-13"});
  start_listening();
  StampedPeer peer = time_wait_stamped(40'000, 77);
  wait(100ms);
  peer.seq = peer.seq - 1;
  peer.value = 500;
  receive(stamped_segment(peer, kFin | kAck));
  turn();
  const auto answer = next_tcp();
  ASSERT_TRUE(answer && answer->options.timestamps);
  EXPECT_EQ(answer->options.timestamps->value, peer.echo + 100) << "the clock goes on";
  EXPECT_EQ(answer->options.timestamps->echo, 78U);
}

TEST_F(TcpOptionsTest, TimeWaitWithoutTimestampsAnswersWithout) {
  covers({"RFC 7323 §3.2"});
  start_listening();
  Peer peer = open_and_time_wait(40'000, recorder);
  peer.seq = peer.seq - 1;
  receive(segment_of(peer, kFin | kAck));
  turn();
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->options.timestamps.has_value());
}

TEST_F(TcpOptionsTest, ANewerTimestampReopensTimeWaitWhateverTheNumber) {
  covers({"SHLD-4", "MAY-2", "RFC 6191 §2"});
  start_listening();
  const StampedPeer peer = time_wait_stamped(40'000, 77);
  receive({.flags = kSyn, .seq = peer.seq - 50'000, .options = syn_options(79)});
  turn();
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.flags.bits(), kSyn | kAck);
  EXPECT_EQ(answer->tcp.ack, peer.seq - 50'000 + 1);
}

TEST_F(TcpOptionsTest, AnOlderTimestampDoesNotReopenTimeWait) {
  covers({"RFC 6191 §2", "RFC 7323 §5.3"});
  start_listening();
  const StampedPeer peer = time_wait_stamped(40'000, 77);
  receive({.flags = kSyn, .seq = peer.seq + 50'000, .options = syn_options(77)});
  turn();
  EXPECT_EQ(next_flags(), kAck);
  EXPECT_EQ(dropped(DropReason::TcpTimeWait), 1U);
}

}  // namespace

}  // namespace millrace::stack
