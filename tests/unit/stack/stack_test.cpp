// Stack: what becomes of each kind of frame, and the order of a turn.
#include "stack/stack.hpp"

#include "stack/stack_host.hpp"

namespace millrace::stack {
namespace {

class StackTest : public StackHost {
 protected:
  StackTest() { start(); }

  std::vector<std::byte> udp_bytes(bool with_right_checksum) {
    std::vector<std::byte> bytes(wire::kUdpHeaderSize + 5);
    wire::emit_udp(bytes, {.source_port = 5'000,
                           .destination_port = 53,
                           .length = static_cast<std::uint16_t>(bytes.size())});
    wire::Checksum sum;
    sum.add_pseudo_header(kPeer, kOurs, wire::IpProtocol::Udp,
                          static_cast<std::uint32_t>(bytes.size()));
    sum.add(bytes);
    wire::set_udp_checksum(
        bytes, static_cast<std::uint16_t>(sum.finish() ^ (with_right_checksum ? 0 : 1)));
    return bytes;
  }
  /// The oldest frame, if it is an ICMP message.
  std::optional<wire::IcmpHeader> next_icmp() {
    const auto frame = next_frame();
    const auto datagram = frame ? read_ipv4(*frame) : std::nullopt;
    if (!datagram || datagram->ip.protocol != wire::IpProtocol::Icmp) {
      return std::nullopt;
    }
    const auto icmp = wire::parse_icmp(datagram->payload);
    return icmp ? std::optional{*icmp} : std::nullopt;
  }
};

TEST_F(StackTest, AnnouncesItsAddressesWhenItStarts) {
  stack.reset();
  stack.emplace(config, std::span{&setup, 1}, shared_pools(), base::Random::from_seed(1), now);
  stack->start(now);
  turn();
  ASSERT_EQ(sent.size(), 2U);  // One probe for each address.
  const auto ethernet = wire::parse_ethernet(sent.front());
  EXPECT_EQ(ethernet->type, wire::EtherType::Arp);
  EXPECT_TRUE(ethernet->destination.is_broadcast());
  ASSERT_TRUE(stack->next_deadline().has_value());
  sent.clear();
  wait(5s);
  EXPECT_EQ(sent.size(), 4U);  // Two announcements for each.
}

TEST_F(StackTest, AnswersAnArpRequest) {
  receive(arp_frame({.operation = wire::ArpOperation::Request,
                     .sender_mac = kPeerMac,
                     .sender_ip = kPeer,
                     .target_mac = {},
                     .target_ip = kOursToo}));
  turn();
  const auto frame = next_frame();
  ASSERT_TRUE(frame.has_value());
  const auto reply = wire::parse_arp(std::span{*frame}.subspan(wire::kEthernetHeaderSize));
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->operation, wire::ArpOperation::Reply);
  EXPECT_EQ(reply->sender_mac, kOurMac);
  EXPECT_EQ(reply->sender_ip, kOursToo);
}

TEST_F(StackTest, AnswersAPing) {
  std::vector<std::byte> message(wire::kIcmpHeaderSize + 33, std::byte{0x5a});
  wire::emit_icmp(message, {.type = wire::IcmpType::EchoRequest, .code = 0, .rest = 0x00010002});
  receive(ipv4_frame(wire::IpProtocol::Icmp, message));
  turn();
  const auto reply = next_icmp();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->type, wire::IcmpType::EchoReply);
  EXPECT_EQ(reply->rest, 0x00010002U);
  EXPECT_EQ(stats().icmp_echo_replies_out, 1U);
}

TEST_F(StackTest, AUdpDatagramMeetsAClosedPort) {
  receive(ipv4_frame(wire::IpProtocol::Udp, udp_bytes(true)));
  turn();
  const auto error = next_icmp();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->type, wire::IcmpType::DestinationUnreachable);
  EXPECT_EQ(error->code, 3);
  EXPECT_EQ(dropped(DropReason::UdpNoSocket), 1U);
}

TEST_F(StackTest, ALinkBroadcastUdpDatagramIsNotAnswered) {
  receive(ipv4_frame(wire::IpProtocol::Udp, udp_bytes(true), MacAddress::broadcast()));
  turn();
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::UdpNotUnicast), 1U);
}

TEST_F(StackTest, AUnknownProtocolIsRefused) {
  const std::vector<std::byte> payload(20);
  receive(ipv4_frame(wire::IpProtocol{132}, payload));
  turn();
  const auto error = next_icmp();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, 2);
  receive(ipv4_frame(wire::IpProtocol{132}, payload, MacAddress::broadcast()));
  turn();
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::Ipv4UnknownProtocol), 2U);
}

TEST_F(StackTest, AnIcmpErrorAboutUdpConcernsNobody) {
  std::vector<std::byte> message(wire::kIcmpHeaderSize + wire::kIpv4HeaderSize + 8);
  wire::emit_ipv4(std::span{message}.subspan(wire::kIcmpHeaderSize),
                  {.source = kOurs,
                   .destination = kPeer,
                   .protocol = wire::IpProtocol::Udp,
                   .total_length = 28},
                  true);
  wire::emit_icmp(message, {.type = wire::IcmpType::DestinationUnreachable, .code = 3});
  receive(ipv4_frame(wire::IpProtocol::Icmp, message));
  turn();
  EXPECT_EQ(dropped(DropReason::IcmpUnmatched), 1U);
  EXPECT_TRUE(sent.empty());
}

/// Frames that go no further than a counter.
struct SilentDrop {
  const char* name;
  DropReason reason;
  packet::Packet (*frame)();
};

struct Frames : StackTest {
  static packet::Packet short_frame() { return packet_of(std::vector<std::byte>(13)); }
  static packet::Packet ethernet(const MacAddress& to, wire::EtherType type) {
    std::vector<std::byte> bytes(60);
    wire::emit_ethernet(bytes, {.destination = to, .source = kPeerMac, .type = type});
    return packet_of(bytes);
  }
  static packet::Packet for_another() {
    return ethernet(MacAddress{{0x02, 0, 0, 0, 0, 9}}, wire::EtherType::Ipv4);
  }
  static packet::Packet priority_tag() { return ethernet(kOurMac, wire::EtherType::Vlan); }
  static packet::Packet ipv6() { return ethernet(kOurMac, wire::EtherType::Ipv6); }
  static packet::Packet unheard_of() { return ethernet(kOurMac, wire::EtherType{0x1234}); }
  static packet::Packet not_ipv4() { return ethernet(kOurMac, wire::EtherType::Ipv4); }
  static packet::Packet short_udp() {
    return ipv4_frame(wire::IpProtocol::Udp, std::vector<std::byte>(7));
  }
  static packet::Packet long_udp() {
    std::vector<std::byte> bytes(wire::kUdpHeaderSize);
    wire::emit_udp(bytes, {.source_port = 1, .destination_port = 2, .length = 9});
    return ipv4_frame(wire::IpProtocol::Udp, bytes);
  }
  static packet::Packet tcp_to_link_broadcast() {
    return frame_of({.flags = kSyn}, MacAddress::broadcast());
  }
  static packet::Packet tcp_to_ip_broadcast() {
    return frame_of({.flags = kSyn, .destination = kLinkBroadcast}, MacAddress::broadcast());
  }
  static packet::Packet tcp_to_ip_broadcast_by_unicast() {
    return frame_of({.flags = kSyn, .destination = kLinkBroadcast});
  }
};

class StackDrops : public StackTest, public ::testing::WithParamInterface<SilentDrop> {};

TEST_P(StackDrops, IsCountedAndNotAnswered) {
  receive(GetParam().frame());
  turn();
  EXPECT_EQ(dropped(GetParam().reason), 1U);
  std::uint64_t in_all = 0;
  for (const std::uint64_t count : stats().drops) {
    in_all += count;
  }
  EXPECT_EQ(in_all, 1U);
  EXPECT_TRUE(sent.empty());
}

INSTANTIATE_TEST_SUITE_P(
    , StackDrops,
    ::testing::Values(
        SilentDrop{"short_frame", DropReason::EthernetTooShort, Frames::short_frame},
        SilentDrop{"for_another_host", DropReason::EthernetNotForUs, Frames::for_another},
        SilentDrop{"unheard_of_behind_a_tag", DropReason::EthernetUnknownType,
                   Frames::priority_tag},
        SilentDrop{"ipv6", DropReason::EthernetUnknownType, Frames::ipv6},
        SilentDrop{"unheard_of_type", DropReason::EthernetUnknownType, Frames::unheard_of},
        SilentDrop{"not_ipv4", DropReason::Ipv4BadVersion, Frames::not_ipv4},
        SilentDrop{"short_udp", DropReason::UdpTooShort, Frames::short_udp},
        SilentDrop{"udp_past_its_end", DropReason::UdpBadLength, Frames::long_udp},
        SilentDrop{"tcp_to_link_broadcast", DropReason::TcpNotUnicast,
                   Frames::tcp_to_link_broadcast},
        SilentDrop{"tcp_to_ip_broadcast", DropReason::TcpNotUnicast, Frames::tcp_to_ip_broadcast},
        SilentDrop{"tcp_to_ip_broadcast_by_unicast", DropReason::TcpNotUnicast,
                   Frames::tcp_to_ip_broadcast_by_unicast}),
    [](const ::testing::TestParamInfo<SilentDrop>& chosen) { return chosen.param.name; });

TEST_F(StackTest, AWrongUdpChecksumIsDropped) {
  receive(ipv4_frame(wire::IpProtocol::Udp, udp_bytes(false)));
  turn();
  EXPECT_EQ(dropped(DropReason::UdpBadChecksum), 1U);
  EXPECT_EQ(dropped(DropReason::UdpNoSocket), 0U);
  EXPECT_TRUE(sent.empty());
}

TEST_F(StackTest, AChainedFrameIsGathered) {
  packet::Packet frame = frame_of({.flags = kSyn});
  packet::Packet tail = packet_of(std::vector<std::byte>(6));  // Ethernet's padding.
  ASSERT_TRUE(frame.chain(tail));
  receive(std::move(frame));
  turn();
  EXPECT_EQ(next_flags(), kRst | kAck);
}

TEST_F(StackTest, CountsFramesAndBytes) {
  const std::uint64_t frames_before = stats().rx_frames;
  const std::uint64_t bytes_before = stats().rx_bytes;
  const std::uint64_t sent_before = stats().tx_frames;
  receive(frame_of({.flags = kSyn}));
  turn();
  EXPECT_EQ(stats().rx_frames - frames_before, 1U);
  EXPECT_EQ(stats().rx_bytes - bytes_before, 54U);
  EXPECT_EQ(stats().tx_frames - sent_before, 1U);
}

TEST_F(StackTest, IsQuietWhenNothingIsDue) {
  EXPECT_FALSE(stack->has_work());
  EXPECT_FALSE(stack->has_news(now));
  EXPECT_TRUE(stack->is_empty());
  turn();
  EXPECT_TRUE(sent.empty());
}

TEST_F(StackTest, SaysWhatItHolds) {
  Recorder recorder;
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  const Peer peer = open(40'000);
  receive(segment_of(peer, kAck, "unread"));
  turn();
  ASSERT_TRUE(stack->timers().arm(now + 1h, [] {}).has_value());
  const CoreUsage usage = stack->usage();
  EXPECT_EQ(usage.connections, 1U);
  EXPECT_EQ(usage.listeners, 1U);
  EXPECT_EQ(usage.neighbors, 1U);
  EXPECT_EQ(usage.active_blocks_in_use, 1U);
  EXPECT_EQ(usage.packets_in_use, 1U);
  EXPECT_GE(usage.timers_armed, 2U);  // The delayed ACK's and the application's.
}

TEST_F(StackTest, ShutDownResetsEveryConnection) {
  Recorder recorder;
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  open(40'000);
  open(40'001);
  half_open(40'002);
  ASSERT_TRUE(stack->timers().arm(now + 1s, [] { ADD_FAILURE() << "forgotten"; }).has_value());
  stack->shut_down();
  turn();
  EXPECT_EQ(sent.size(), 3U);
  while (!sent.empty()) {
    EXPECT_EQ(next_flags(), kRst | kAck);
  }
  EXPECT_EQ(recorder.count("closed"), 2U);
  EXPECT_EQ(recorder.outcomes[0].error(), Error::ConnectionAborted);
  turn();
  EXPECT_TRUE(stack->is_empty());
  wait(10s);
}

}  // namespace
}  // namespace millrace::stack
