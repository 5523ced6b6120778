// Frames that no packet holds: wherever their pieces end, nothing is read beyond a piece, nothing
// leaks, and what they carry arrives as if it lay in one.
#include <random>

#include "packet/packet_chain.hpp"
#include "stack/stack_host.hpp"

namespace millrace::stack {
namespace {

/// Of a frame, cut at these places; the rest in as many packets as it takes.
packet::Packet chain_of(std::span<const std::byte> frame, const std::vector<std::size_t>& cuts) {
  packet::PacketChain chain{shared_pools().data.allocate()};
  const auto put = [&chain](std::span<const std::byte> bytes) {
    while (!(bytes = bytes.subspan(chain.append(bytes))).empty()) {
      chain.add(shared_pools().data.allocate());
    }
  };
  for (const std::size_t cut : cuts) {
    const std::size_t bytes = std::min(cut, frame.size());
    put(frame.first(bytes));
    frame = frame.subspan(bytes);
    chain.add(shared_pools().data.allocate());
  }
  put(frame);
  return chain.take();
}

class LongFramesTest : public StackHost {
 protected:
  LongFramesTest() {
    setup.mtu = 9'000;
    setup.offloads.multi_segment = true;
  }

  /// An Ethernet frame around an IPv4 datagram of any protocol.
  static std::vector<std::byte> frame_bytes(wire::IpProtocol protocol,
                                            std::span<const std::byte> payload,
                                            std::uint16_t fragment_offset = 0, bool more = false) {
    std::vector<std::byte> bytes(kTcpAt + payload.size());
    wire::emit_ethernet(
        bytes, {.destination = kOurMac, .source = kPeerMac, .type = wire::EtherType::Ipv4});
    wire::emit_ipv4(
        std::span{bytes}.subspan(kIpAt),
        {.source = kPeer,
         .destination = kOurs,
         .protocol = protocol,
         .more_fragments = more,
         .fragment_offset = fragment_offset,
         .total_length = static_cast<std::uint16_t>(wire::kIpv4HeaderSize + payload.size())},
        true);
    std::ranges::copy(payload, bytes.begin() + kTcpAt);
    return bytes;
  }
  std::vector<std::byte> random_bytes(std::size_t count) {
    std::vector<std::byte> bytes(count);
    for (std::byte& value : bytes) {
      value = static_cast<std::byte>(engine());
    }
    return bytes;
  }

  std::mt19937 engine{11};
  Recorder recorder;
};

TEST_F(LongFramesTest, ASegmentArrivesWhereverItsPiecesEnd) {
  start();
  std::vector<std::byte> got;
  recorder.react = [&got](std::string_view, TcpSocket socket) {
    while (true) {
      std::array<std::byte, 4'096> room;
      const auto read = socket.receive(room);
      if (!read || *read == 0) {
        return;
      }
      got.insert(got.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(*read));
    }
  };
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  Peer peer = open(40'000);
  std::vector<std::byte> sent_bytes;
  constexpr std::size_t kHeaders = kTcpAt + wire::kTcpHeaderSize;
  for (int i = 0; i < 300; ++i) {
    const std::vector<std::byte> payload = random_bytes(2'100 + engine() % 6'000);
    const auto frame = frame_bytes(
        wire::IpProtocol::Tcp,
        tcp_bytes({.seq = peer.seq, .ack = peer.ack, .payload = payload, .from = peer.port}));
    // Its headers lie in the first piece, as devices have it.
    std::vector<std::size_t> cuts{kHeaders + (engine() % 2 == 0 ? 0 : engine() % 1'500)};
    while (engine() % 3 != 0) {
      cuts.push_back(engine() % 3 == 0 ? 0 : engine() % 2'000);
    }
    receive(chain_of(frame, cuts));
    turn();
    sent_bytes.insert(sent_bytes.end(), payload.begin(), payload.end());
    peer.seq += static_cast<std::uint32_t>(payload.size());
    ASSERT_EQ(got.size(), sent_bytes.size()) << "segment " << i;
  }
  EXPECT_EQ(got, sent_bytes);
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpBadChecksum), 0U);
  sent.clear();
  receive({.flags = kRst | kAck, .seq = peer.seq, .ack = peer.ack, .from = peer.port});
  turn();
}

TEST_F(LongFramesTest, ASegmentOutOfOrderIsAnsweredOnceHoweverItLies) {
  start();
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  const Peer peer = open(40'000);
  sent.clear();
  const auto duplicates_for = [&](std::uint32_t ahead, std::uint16_t joined_from) {
    const auto frame = frame_bytes(wire::IpProtocol::Tcp, tcp_bytes({.seq = peer.seq + ahead,
                                                                     .ack = peer.ack,
                                                                     .payload = random_bytes(8'000),
                                                                     .from = peer.port}));
    packet::Packet chain = chain_of(frame, {});
    if (joined_from > 0) {
      chain.get()->ol_flags |= RTE_MBUF_F_RX_LRO;
      chain.get()->tso_segsz = joined_from;
    }
    receive(std::move(chain));
    turn();
    return std::exchange(sent, {}).size();
  };
  // RFC 5681 §4.2: one for each that the peer has sent, or it would take one that overtook another
  // for a loss.
  EXPECT_EQ(duplicates_for(10'000, 0), 1U);
  EXPECT_EQ(duplicates_for(18'000, 2'000), 4U);
  EXPECT_EQ(stats().tcp_out_of_order_segments, 5U);
  receive({.flags = kRst | kAck, .seq = peer.seq, .ack = peer.ack, .from = peer.port});
  turn();
}

TEST_F(LongFramesTest, SegmentsAreCountedAsThePeerSentThem) {
  start();
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  Peer peer = open(40'000);
  const auto counted_for = [&](std::uint16_t joined_from) {
    const auto frame = frame_bytes(
        wire::IpProtocol::Tcp,
        tcp_bytes(
            {.seq = peer.seq, .ack = peer.ack, .payload = random_bytes(8'000), .from = peer.port}));
    packet::Packet chain = chain_of(frame, {});
    chain.get()->ol_flags |= joined_from > 0 ? RTE_MBUF_F_RX_LRO : 0;
    chain.get()->tso_segsz = joined_from;
    const std::uint64_t before = stats().tcp_segments_in;
    receive(std::move(chain));
    turn();
    peer.seq += 8'000;
    return stats().tcp_segments_in - before;
  };
  EXPECT_EQ(counted_for(0), 1U);
  EXPECT_EQ(counted_for(1'448), 6U);
  sent.clear();
  receive({.flags = kRst | kAck, .seq = peer.seq, .ack = peer.ack, .from = peer.port});
  turn();
}

TEST_F(LongFramesTest, ADamagedSegmentIsDroppedWhole) {
  start();
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  const Peer peer = open(40'000);
  auto frame = frame_bytes(
      wire::IpProtocol::Tcp,
      tcp_bytes(
          {.seq = peer.seq, .ack = peer.ack, .payload = random_bytes(5'000), .from = peer.port}));
  frame.back() ^= std::byte{1};
  receive(chain_of(frame, {}));
  turn();
  EXPECT_EQ(dropped(DropReason::TcpBadChecksum), 1U);
  EXPECT_EQ(recorder.count("readable"), 0U);
  receive({.flags = kRst | kAck, .seq = peer.seq, .ack = peer.ack, .from = peer.port});
  turn();
}

TEST_F(LongFramesTest, ASegmentForNobodyIsAnsweredOnce) {
  start();
  receive(chain_of(
      frame_bytes(wire::IpProtocol::Tcp,
                  tcp_bytes({.seq = SeqNum{1}, .ack = SeqNum{2}, .payload = random_bytes(8'000)})),
      {}));
  turn();
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpNoConnection), 1U);
}

TEST_F(LongFramesTest, AFragmentThatComesTwiceHarmsNothing) {
  start();
  const std::vector<std::byte> message = [this] {
    std::vector<std::byte> bytes = random_bytes(12'000);
    wire::emit_icmp(bytes, {.type = wire::IcmpType::EchoRequest, .code = 0});
    return bytes;
  }();
  const auto first = frame_bytes(wire::IpProtocol::Icmp, std::span{message}.first(8'000), 0, true);
  const auto last = frame_bytes(wire::IpProtocol::Icmp, std::span{message}.subspan(8'000), 8'000);
  receive(chain_of(first, {}));
  receive(chain_of(first, {}));
  EXPECT_EQ(dropped(DropReason::Ipv4OverlappingFragment), 0U);
  receive(chain_of(last, {}));
  turn();
  EXPECT_FALSE(sent.empty());
  sent.clear();
}

TEST_F(LongFramesTest, NothingIsReadBeyondAPiece) {
  start();
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  for (const auto protocol : {wire::IpProtocol::Tcp, wire::IpProtocol::Udp, wire::IpProtocol::Icmp,
                              static_cast<wire::IpProtocol>(99)}) {
    for (std::size_t first = 0; first < 100; ++first) {
      std::vector<std::byte> payload = random_bytes(3'000);
      if (protocol == wire::IpProtocol::Tcp) {
        payload = tcp_bytes({.flags = static_cast<std::uint8_t>(engine()),
                             .seq = SeqNum{static_cast<std::uint32_t>(engine())},
                             .payload = random_bytes(3'000)});
      }
      const bool is_fragment = first % 3 == 0;
      const auto frame =
          frame_bytes(protocol, payload,
                      static_cast<std::uint16_t>(is_fragment ? 8 * (first % 2) : 0), is_fragment);
      receive(chain_of(frame, {first, 0, 7, 1'000}));
      // Longer than it says, and shorter.
      receive(chain_of(std::span{frame}.first(frame.size() - 1), {first}));
      turn();
    }
  }
  wait(60s);
  sent.clear();
}

TEST_F(LongFramesTest, ALongEchoIsAnswered) {
  start();
  std::vector<std::byte> message = random_bytes(8'000);
  wire::emit_icmp(message, {.type = wire::IcmpType::EchoRequest, .code = 0});
  const auto frame = frame_bytes(wire::IpProtocol::Icmp, message);
  receive(chain_of(frame, {}));
  turn();
  const auto answer = next_frame();
  ASSERT_TRUE(answer);
  const auto datagram = read_ipv4(*answer);
  ASSERT_TRUE(datagram);
  const auto icmp = wire::parse_icmp(datagram->payload);
  ASSERT_TRUE(icmp);
  EXPECT_EQ(icmp->type, wire::IcmpType::EchoReply);
  EXPECT_TRUE(std::ranges::equal(std::span{datagram->payload}.subspan(wire::kIcmpHeaderSize),
                                 std::span{message}.subspan(wire::kIcmpHeaderSize)));
}

}  // namespace
}  // namespace millrace::stack
