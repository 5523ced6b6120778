// ICMP: echo, errors in, errors out, and everything that must stay silent.
#include "net/icmp.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include <rte_mbuf.h>

#include "net/net_host.hpp"
#include "support/covers.hpp"

namespace millrace::net {
namespace {

using wire::IcmpType;

class IcmpTest : public NetHost {
 protected:
  IcmpTest() { know(kPeer, kPeerMac); }

  static wire::Ipv4Header icmp_to(const IpAddress& destination) {
    return {.source = kPeer, .destination = destination, .protocol = wire::IpProtocol::Icmp};
  }
  static std::vector<std::byte> message(const wire::IcmpHeader& header,
                                        std::span<const std::byte> body) {
    std::vector<std::byte> bytes(wire::kIcmpHeaderSize + body.size());
    std::ranges::copy(body, bytes.begin() + wire::kIcmpHeaderSize);
    wire::emit_icmp(bytes, header);
    return bytes;
  }
  static std::vector<std::byte> echo_request(std::size_t body_bytes = 56) {
    return message({.type = IcmpType::EchoRequest, .rest = 0x12340001}, pattern(body_bytes));
  }
  /// What an error quotes: a header and the first octets of TCP.
  static std::vector<std::byte> quote(const IpAddress& source, std::size_t transport_bytes = 8) {
    std::vector<std::byte> bytes(wire::kIpv4HeaderSize);
    wire::emit_ipv4(bytes, {.source = source, .destination = kFarAway, .total_length = 1'500},
                    true);
    constexpr std::array<std::uint8_t, 8> kTransport{0x30, 0x39, 0, 80, 1, 2, 3, 4};
    for (std::size_t i = 0; i < transport_bytes; ++i) {
      bytes.push_back(std::byte{kTransport.at(i)});
    }
    return bytes;
  }
  static std::vector<std::byte> port_unreachable(std::span<const std::byte> quoted) {
    return message({.type = IcmpType::DestinationUnreachable, .code = 3}, quoted);
  }

  std::optional<IcmpError> receive(packet::Packet received) {
    const auto header = Ipv4Input{interfaces}.accept(link(), received);
    EXPECT_TRUE(header.has_value());
    return icmp->on_packet(now, link(), *header, std::move(received));
  }
  std::optional<IcmpError> receive(std::span<const std::byte> icmp_message,
                                   const IpAddress& destination = kOurs) {
    return receive(datagram(icmp_to(destination), icmp_message));
  }

  /// Complains about a datagram with that header.
  void complain(wire::Ipv4Header header, std::span<const std::byte> payload) {
    const packet::Packet offending = datagram(header, payload);
    header.total_length = static_cast<std::uint16_t>(offending.size());
    icmp->send_unreachable(now, Unreachable::Port, header, offending);
  }
  static wire::Ipv4Header udp_from(const IpAddress& source, const IpAddress& destination = kOurs) {
    return {.source = source, .destination = destination, .protocol = wire::IpProtocol::Udp};
  }
};

TEST_F(IcmpTest, AnswersEchoInPlaceFromTheAddressItWasSentTo) {
  for (const IpAddress& own : {kOurs, kOursToo}) {
    wire::Ipv4Header header = icmp_to(own);
    header.traffic_class = 0xbb;
    header.dont_fragment = true;
    packet::Packet received = datagram(header, echo_request());
    received.get()->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    const auto* const mbuf = received.get();
    EXPECT_FALSE(receive(std::move(received)).has_value());
    ASSERT_EQ(link().tx.front(), mbuf);
    EXPECT_EQ(link().tx.front()->ol_flags, 0U) << "what the device had said goes out again";
    const auto sent = next_ipv4();
    ASSERT_TRUE(sent.has_value());
    EXPECT_EQ(sent->ethernet.destination, kPeerMac);
    EXPECT_EQ(sent->ip.source, own);
    EXPECT_EQ(sent->ip.destination, kPeer);
    EXPECT_EQ(sent->ip.ttl, 64);
    EXPECT_EQ(sent->ip.traffic_class, 0xb8) << "DSCP kept, ECN not";
    EXPECT_TRUE(sent->ip.dont_fragment);
    const auto reply = wire::parse_icmp(sent->payload);
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(*reply,
              (wire::IcmpHeader{.type = IcmpType::EchoReply, .code = 0, .rest = 0x12340001}));
    EXPECT_TRUE(std::ranges::equal(std::span{sent->payload}.subspan(8), pattern(56)));
  }
  EXPECT_EQ(stats.icmp_echo_replies_out, 2U);
  EXPECT_EQ(dropped_in_all(), 0U);
}

TEST_F(IcmpTest, AnswersTheSmallestAndTheLargestEcho) {
  for (const std::size_t body : {std::size_t{0}, std::size_t{1}, std::size_t{1'472}}) {
    receive(echo_request(body));
    const auto sent = next_ipv4();
    ASSERT_TRUE(sent.has_value()) << body;
    EXPECT_EQ(sent->payload.size(), 8 + body);
  }
  receive(echo_request(1'473));
  EXPECT_EQ(dropped(DropReason::NoRoute), 1U) << "more than our own MTU";
}

TEST_F(IcmpTest, CopiesASharedEcho) {
  packet::Packet received = datagram(icmp_to(kOurs), echo_request());
  const std::vector<std::byte> before{received.data().begin(), received.data().end()};
  held.push_back(pools.references.reference(received.get(), 0, received.size()));
  receive(std::move(received));
  EXPECT_TRUE(next_ipv4().has_value());
  EXPECT_TRUE(std::ranges::equal(held[0].data(), before)) << "shared bytes were rewritten";
}

TEST_F(IcmpTest, SharedEchoThatFitsNoPacketIsCounted) {
  packet::Packet received = datagram(icmp_to(kOurs), echo_request(1'000));
  held.push_back(pools.references.reference(received.get(), 0, received.size()));
  receive(std::move(received));
  EXPECT_EQ(dropped(DropReason::OutOfPackets), 1U);
  EXPECT_TRUE(link().tx.empty());
}

TEST_F(IcmpTest, NoEchoToBroadcastOrMulticast) {  // RFC 1122 §3.2.2.6
  for (const IpAddress& group : {IpAddress::v4(255, 255, 255, 255), IpAddress::v4(198, 18, 0, 255),
                                 IpAddress::v4(224, 0, 0, 1)}) {
    receive(echo_request(), group);
  }
  EXPECT_EQ(dropped(DropReason::IcmpNotUnicast), 3U);
  EXPECT_TRUE(link().tx.empty());
}

TEST_F(IcmpTest, EchoRepliesAreLimited) {
  for (int i = 0; i < 1'010; ++i) {
    receive(echo_request());
  }
  EXPECT_EQ(stats.icmp_echo_replies_out, 1'000U);
  EXPECT_EQ(dropped(DropReason::IcmpOutRateLimited), 10U);
  now += 1ms;
  for (int i = 0; i < 20; ++i) {
    receive(echo_request());
  }
  EXPECT_EQ(stats.icmp_echo_replies_out, 1'010U);
}

TEST_F(IcmpTest, EchoFromAnUnknownNeighborWaitsForIt) {
  wire::Ipv4Header header = icmp_to(kOurs);
  header.source = kGateway;
  receive(datagram(header, echo_request()));
  ASSERT_TRUE(next_arp().has_value());
  receive_arp(reply(kGateway, kOtherMac));
  const auto sent = next_ipv4();
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->ethernet.destination, kOtherMac);
}

TEST_F(IcmpTest, EchoWithOptionsIsAnsweredWithout) {
  std::vector<std::byte> payload(4, std::byte{1});  // Four "no operation" options.
  const auto request_message = echo_request();
  payload.insert(payload.end(), request_message.begin(), request_message.end());
  packet::Packet received = datagram(icmp_to(kOurs), payload);
  received.data()[0] = std::byte{0x46};
  received.data()[10] = received.data()[11] = std::byte{0};
  const std::uint16_t sum = wire::internet_checksum(received.data().first(24));
  received.data()[10] = static_cast<std::byte>(sum >> 8U);
  received.data()[11] = static_cast<std::byte>(sum & 0xffU);
  receive(std::move(received));
  const auto sent = next_ipv4();
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->ip.header_length, 20U);
  EXPECT_TRUE(wire::parse_icmp(sent->payload).has_value());
  EXPECT_EQ(sent->payload.size(), request_message.size());
}

TEST_F(IcmpTest, DropsMalformedAndUnhandledMessages) {
  std::vector<std::byte> damaged = echo_request();
  damaged.back() ^= std::byte{1};
  const std::vector<std::byte> short_message(7);
  struct Case {
    std::string_view name;
    std::vector<std::byte> message;
    DropReason reason;
  };
  const Case cases[] = {
      {"empty", {}, DropReason::IcmpTooShort},
      {"seven bytes", short_message, DropReason::IcmpTooShort},
      {"bad checksum", damaged, DropReason::IcmpBadChecksum},
      {"echo reply", message({.type = IcmpType::EchoReply}, {}), DropReason::IcmpUnknownType},
      {"source quench", message({.type = IcmpType::SourceQuench}, quote(kOurs)),
       DropReason::IcmpSourceQuench},
      {"redirect", message({.type = IcmpType::Redirect, .code = 1}, quote(kOurs)),
       DropReason::IcmpUnknownType},
      {"timestamp", message({.type = IcmpType{13}}, pattern(12)), DropReason::IcmpUnknownType},
      {"unassigned", message({.type = IcmpType{255}}, {}), DropReason::IcmpUnknownType},
      {"error without quote", port_unreachable({}), DropReason::IcmpTooShort},
      {"quote of 7 transport octets", port_unreachable(quote(kOurs, 7)), DropReason::IcmpTooShort},
      {"about somebody else's datagram", port_unreachable(quote(kFarAway)),
       DropReason::IcmpUnmatched},
      {"about our other address's datagram", port_unreachable(quote(kOursToo)),
       DropReason::IcmpUnmatched},
  };
  for (const Case& c : cases) {
    const std::uint64_t before = dropped_in_all();
    const std::uint64_t reason_before = dropped(c.reason);
    EXPECT_FALSE(receive(c.message).has_value()) << c.name;
    EXPECT_EQ(dropped(c.reason), reason_before + 1) << c.name;
    EXPECT_EQ(dropped_in_all(), before + 1) << c.name;
  }
  EXPECT_TRUE(link().tx.empty());
}

TEST_F(IcmpTest, ErrorToABroadcastAddressIsUnmatched) {
  const IpAddress broadcast = IpAddress::v4(198, 18, 0, 255);
  EXPECT_FALSE(receive(port_unreachable(quote(broadcast)), broadcast).has_value());
  EXPECT_EQ(dropped(DropReason::IcmpUnmatched), 1U);
}

TEST_F(IcmpTest, HandsErrorsToTheTransport) {
  test::covers({"MUST-54"});
  const std::pair<IcmpType, std::uint8_t> cases[] = {
      {IcmpType::DestinationUnreachable, 1},
      {IcmpType::DestinationUnreachable, 4},
      {IcmpType::TimeExceeded, 0},
      {IcmpType::ParameterProblem, 0},
  };
  for (const auto& [type, code] : cases) {
    const auto error = receive(message({.type = type, .code = code, .rest = 1'280}, quote(kOurs)));
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->type, type);
    EXPECT_EQ(error->code, code);
    EXPECT_EQ(error->rest, 1'280U);
    EXPECT_EQ(error->reporter, kPeer);
    EXPECT_EQ(error->quote.ip.source, kOurs);
    EXPECT_EQ(error->quote.ip.destination, kFarAway);
    EXPECT_EQ(error->quote.source_port, 12'345);
    EXPECT_EQ(error->quote.destination_port, 80);
    EXPECT_EQ(error->quote.sequence.value(), 0x01020304U);
  }
  EXPECT_EQ(stats.icmp_errors_in, 4U);
  EXPECT_EQ(dropped_in_all(), 0U);
}

TEST_F(IcmpTest, TellsOfAClosedPort) {
  complain(udp_from(kPeer), pattern(40));
  const auto sent = next_ipv4();
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->ip.source, kOurs);
  EXPECT_EQ(sent->ip.destination, kPeer);
  const auto header = wire::parse_icmp(sent->payload);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->type, IcmpType::DestinationUnreachable);
  EXPECT_EQ(header->code, 3);
  EXPECT_EQ(header->rest, 0U);
  const auto quoted =
      wire::parse_icmp_quote(std::span{sent->payload}.subspan(wire::kIcmpHeaderSize));
  ASSERT_TRUE(quoted.has_value());
  EXPECT_EQ(quoted->ip.source, kPeer);
  EXPECT_EQ(quoted->ip.total_length, 60U);
  EXPECT_EQ(sent->payload.size(), 8U + 60U) << "a small datagram is quoted whole";
  EXPECT_EQ(stats.icmp_errors_out, 1U);
}

TEST_F(IcmpTest, QuotesOnlyTheStartOfALargeDatagram) {
  complain(udp_from(kPeer), pattern(1'400));
  const auto sent = next_ipv4();
  ASSERT_TRUE(sent.has_value());
  EXPECT_LE(sent->ip.total_length, 576U);  // RFC 1812 §4.3.2.3
  EXPECT_GE(sent->ip.total_length, 20U + 8U + 28U);
}

TEST_F(IcmpTest, NeverComplainsWhereItMustNot) {  // RFC 1122 §3.2.2
  wire::Ipv4Header later_fragment = udp_from(kPeer);
  later_fragment.fragment_offset = 8;
  struct Case {
    std::string_view name;
    wire::Ipv4Header header;
    std::vector<std::byte> payload;
  };
  const Case cases[] = {
      {"about an ICMP error", icmp_to(kOurs), port_unreachable(quote(kOurs))},
      {"about a redirect", icmp_to(kOurs), message({.type = IcmpType::Redirect}, quote(kOurs))},
      {"about unreadable ICMP", icmp_to(kOurs), pattern(3)},
      {"about a broadcast", udp_from(kPeer, IpAddress::v4(198, 18, 0, 255)), pattern(20)},
      {"about the limited broadcast", udp_from(kPeer, IpAddress::v4(255, 255, 255, 255)),
       pattern(20)},
      {"about a multicast", udp_from(kPeer, IpAddress::v4(224, 0, 0, 1)), pattern(20)},
      {"about a later fragment", later_fragment, pattern(20)},
      {"to nobody", udp_from(kZero), pattern(20)},
      {"to a broadcast address", udp_from(IpAddress::v4(198, 18, 0, 255)), pattern(20)},
      {"to the limited broadcast", udp_from(IpAddress::v4(255, 255, 255, 255)), pattern(20)},
      {"to a multicast address", udp_from(IpAddress::v4(224, 0, 0, 1)), pattern(20)},
      {"to a reserved address", udp_from(IpAddress::v4(240, 0, 0, 1)), pattern(20)},
      {"to loopback", udp_from(IpAddress::v4(127, 0, 0, 1)), pattern(20)},
  };
  for (const Case& c : cases) {
    complain(c.header, c.payload);
    EXPECT_TRUE(link().tx.empty()) << c.name;
    link().tx.clear();
  }
  EXPECT_EQ(stats.icmp_errors_out, 0U);
  EXPECT_EQ(dropped_in_all(), 0U);
  complain(icmp_to(kOurs), echo_request());
  EXPECT_EQ(link().tx.size(), 1U) << "an echo request is a datagram like others";
}

TEST_F(IcmpTest, ErrorsAreLimited) {
  for (int i = 0; i < 60; ++i) {
    complain(udp_from(kPeer), pattern(20));
  }
  EXPECT_EQ(stats.icmp_errors_out, 50U);
  EXPECT_EQ(dropped(DropReason::IcmpOutRateLimited), 10U);
  now += 5ms;
  for (int i = 0; i < 60; ++i) {
    complain(udp_from(kPeer), pattern(20));
  }
  EXPECT_EQ(stats.icmp_errors_out, 55U);
}

TEST_F(IcmpTest, ErrorWithoutPacketsOrRouteIsCounted) {
  const RouteTable empty{};
  Ipv4Output lost{interfaces, empty, *neighbors, *arp, random};
  Icmp stranded{interfaces, lost, pools.headers, stats};
  const packet::Packet offending = datagram(udp_from(kPeer), pattern(20));
  stranded.send_unreachable(now, Unreachable::Port, udp_from(kPeer), offending);
  EXPECT_EQ(dropped(DropReason::NoRoute), 1U);
  while (packet::Packet taken = pools.headers.allocate()) {
    held.push_back(std::move(taken));
  }
  complain(udp_from(kPeer), pattern(20));
  EXPECT_EQ(dropped(DropReason::OutOfPackets), 1U);
  EXPECT_EQ(stats.icmp_errors_out, 0U);
}

TEST_F(IcmpTest, GarbageNeitherLeaksNorStops) {
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> body(random.below(80));
    random.fill(body);
    std::vector<std::byte> bytes = random.one_in(2) ? body : port_unreachable(body);
    if (bytes.size() >= wire::kIcmpHeaderSize && random.one_in(2)) {
      bytes[0] = static_cast<std::byte>(random.below(16));
      const auto type = static_cast<IcmpType>(bytes[0]);
      wire::emit_icmp(bytes, {.type = type, .code = 0, .rest = random.next_u32()});
    }
    receive(bytes);
    now += 1ms;
    link().tx.clear();
  }
  receive(echo_request());
  EXPECT_TRUE(next_ipv4().has_value());
}

}  // namespace
}  // namespace millrace::net
