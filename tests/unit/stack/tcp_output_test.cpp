// From connections to frames: fairness, a device that takes nothing, packets that run out,
// offloads.
#include <array>
#include <set>

#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

class TcpOutputTest : public StackHost {
 protected:
  void start_listening(packet::CorePools& pools = shared_pools()) {
    start(pools);
    ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  }
  /// One burst out, as a device that takes one would get it.
  std::vector<wire::TcpHeader> one_burst() {
    packet::Burst burst;
    stack->transmit(now, 0, burst);
    std::vector<wire::TcpHeader> headers;
    for (std::uint16_t i = 0; i < burst.size(); ++i) {
      const packet::Packet frame = burst.take(i);
      const auto datagram = read_ipv4(frame.data());
      headers.push_back(wire::parse_tcp(datagram->payload).value());
    }
    return headers;
  }

  Recorder recorder;
};

TEST_F(TcpOutputTest, SendsWhatTheWindowsAllow) {
  test::covers({"MUST-15", "SHLD-27", "SHLD-28"});
  start_listening();
  Peer peer = open(40'000);
  const std::string text(100'000, 'x');
  ASSERT_EQ(recorder.sockets.back().send(text).value(), text.size());
  turn();
  // Ten segments of 536 bytes, for the peer has not said more (RFC 6928, RFC 9293 §3.7.1).
  EXPECT_EQ(sent.size(), 10U);
  SeqNum expected = peer.ack;
  while (const auto segment = next_tcp()) {
    EXPECT_EQ(segment->tcp.seq, expected);
    EXPECT_EQ(segment->payload.size(), 536U);
    expected += 536;
  }
}

TEST_F(TcpOutputTest, ConnectionsTakeTurns) {
  config.tcp.initial_window_segments = 64;
  start_listening();
  const std::string text(60'000, 'x');
  for (std::uint16_t port = 40'000; port < 40'004; ++port) {
    open(port);
  }
  for (TcpSocket socket : recorder.sockets) {
    ASSERT_TRUE(socket.send(text).has_value());
  }
  // A slow device: what waits for it stays short, and every connection gets its share of it.
  std::set<std::uint16_t> ports;
  for (int burst = 0; burst < 5; ++burst) {
    for (const wire::TcpHeader& header : one_burst()) {
      ports.insert(header.destination_port);
    }
    EXPECT_LE(stack->interfaces()[0].tx.size(), 64U + 32U);
  }
  EXPECT_EQ(ports.size(), 4U);
  flush();
}

TEST_F(TcpOutputTest, NothingIsPlannedForADeviceThatTakesNothing) {
  config.tcp.initial_window_segments = 64;
  start_listening();
  open(40'000);
  const std::string text(200'000, 'x');
  ASSERT_TRUE(recorder.sockets.back().send(text).has_value());
  packet::Burst full;
  while (!full.full()) {
    full.push_back(packet_of(std::array<std::byte, 60>{}));
  }
  for (int i = 0; i < 100; ++i) {
    stack->advance(now);
    stack->transmit(now, 0, full);
  }
  EXPECT_LE(stack->interfaces()[0].tx.size(), 64U);
  EXPECT_TRUE(stack->has_work());
  full.clear();
  turn();
  EXPECT_EQ(sent.size(), 64U);
}

TEST_F(TcpOutputTest, WaitsForPacketsAndGoesOn) {
  packet::CorePools small = test::make_core_pools({.data = 31, .headers = 31, .references = 31});
  start_listening(small);
  Peer peer = open(40'000);
  ASSERT_TRUE(recorder.sockets.back().send("hello").has_value());
  while (packet::Packet packet = small.headers.allocate()) {
    held.push_back(std::move(packet));
  }
  turn();
  EXPECT_TRUE(sent.empty());
  EXPECT_GE(dropped(DropReason::OutOfPackets), 1U);
  EXPECT_TRUE(stack->has_work());
  held.clear();
  turn();
  const auto segment = next_tcp();
  ASSERT_TRUE(segment.has_value());
  EXPECT_EQ(segment->payload, bytes_of_text("hello"));
  EXPECT_EQ(segment->tcp.seq, peer.ack);
  EXPECT_TRUE(sent.empty());
  stack.reset();
  EXPECT_EQ(small.in_use(), 0U);
}

/// Each kind of segment that finds no packet is sent later instead.
TEST_F(TcpOutputTest, NoSegmentIsForgottenForLackOfPackets) {
  packet::CorePools small = test::make_core_pools({.data = 31, .headers = 31, .references = 31});
  start_listening(small);
  const auto without_packets = [&] {
    while (packet::Packet packet = small.headers.allocate()) {
      held.push_back(std::move(packet));
    }
    turn();
    EXPECT_TRUE(sent.empty());
    held.clear();
    turn();
  };
  Peer peer{.port = 40'000, .seq = SeqNum{1'001}};
  receive({.flags = kSyn, .seq = SeqNum{1'000}, .from = peer.port});
  without_packets();
  const auto answer = next_tcp();
  ASSERT_TRUE(answer && answer->tcp.flags.bits() == (kSyn | kAck));
  peer.ack = answer->tcp.seq + 1;
  receive(segment_of(peer));
  turn();
  peer.seq += 1;  // A hole: the ACK is due at once.
  receive(segment_of(peer, kAck, "x"));
  without_packets();
  EXPECT_EQ(next_flags(), kAck);
  peer.seq = peer.seq - 1;
  ASSERT_TRUE(recorder.sockets.back().shutdown().has_value());
  without_packets();
  EXPECT_EQ(next_flags(), kFin | kAck);
  ASSERT_TRUE(recorder.sockets.back().abort().has_value());
  without_packets();
  EXPECT_EQ(next_flags(), kRst | kAck);
  EXPECT_TRUE(sent.empty());
  turn();
  EXPECT_TRUE(stack->is_empty());
  stack.reset();
  EXPECT_EQ(small.in_use(), 0U);
}

TEST_F(TcpOutputTest, AsksTheDeviceForChecksumsItOffers) {
  setup.offloads = {.tx_ipv4_checksum = true, .tx_tcp_checksum = true, .multi_segment = true};
  start_listening();
  receive({.flags = kSyn});
  stack->advance(now);
  packet::Burst burst;
  stack->transmit(now, 0, burst);
  ASSERT_EQ(burst.size(), 1);
  const packet::Packet frame = burst.take(0);
  const std::uint64_t wanted =
      RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
  EXPECT_EQ(frame.get()->ol_flags & wanted, wanted);
  EXPECT_EQ(frame.get()->l2_len, 14);
  EXPECT_EQ(frame.get()->l3_len, 20);
}

TEST_F(TcpOutputTest, KeepsToTheMtu) {
  test::covers({"MUST-16"});
  setup.mtu = 576;
  start_listening();
  wire::TcpOptions options;
  options.mss = 1'460;
  receive({.flags = kSyn, .seq = SeqNum{1'000}, .options = options});
  turn();
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->options.mss, 536);
  receive({.seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1});
  turn();
  ASSERT_TRUE(recorder.sockets.back().send(std::string(3'000, 'x')).has_value());
  turn();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent.front().size(), 576U + wire::kEthernetHeaderSize);
}

}  // namespace
}  // namespace millrace::stack
