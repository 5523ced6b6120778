// IPv4 output: headers, identifiers, next hops, offloads, limits.
#include "net/ipv4_output.hpp"

#include <set>
#include <utility>

#include <gtest/gtest.h>

#include <rte_mbuf.h>

#include "net/link_header.hpp"
#include "net/net_host.hpp"
#include "net/transmit_queue.hpp"

namespace millrace::net {
namespace {

class Ipv4OutputTest : public NetHost {
 protected:
  Result<void, DropReason> send(const Datagram& to, std::size_t payload_bytes = 40) {
    return output->send(now, packet_of(pattern(payload_bytes)), to);
  }
  static Datagram to(const IpAddress& destination) {
    return {.source = kOurs, .destination = destination};
  }
};

TEST_F(Ipv4OutputTest, RoutesByPrefixAndGateway) {
  struct Case {
    IpAddress destination;
    IpAddress next_hop;
    IpAddress source;
  };
  const Case cases[] = {
      {kPeer, kPeer, kOurs},
      {kFarAway, kGateway, kOurs},
      {IpAddress::v4(10, 0, 0, 9), IpAddress::v4(10, 0, 0, 9), kOursToo},
      {IpAddress::v4(198, 18, 0, 255), IpAddress::v4(198, 18, 0, 255), kOurs},
      {IpAddress::v4(255, 255, 255, 255), IpAddress::v4(255, 255, 255, 255), kOurs},
      {IpAddress::v4(224, 1, 2, 3), IpAddress::v4(224, 1, 2, 3), kOurs},
  };
  for (const Case& c : cases) {
    const auto path = output->route(c.destination);
    ASSERT_TRUE(path.has_value()) << c.destination.to_string();
    EXPECT_EQ(path->interface, &link());
    EXPECT_EQ(path->next_hop, c.next_hop) << c.destination.to_string();
    EXPECT_EQ(path->source, c.source) << c.destination.to_string();
  }
}

TEST_F(Ipv4OutputTest, RefusesDestinationsThatNoRouteReaches) {
  for (const IpAddress& destination : {kOurs, kOursToo, kZero, IpAddress::v4(127, 0, 0, 1),
                                       IpAddress::parse("2001:db8::1").value()}) {
    const auto path = output->route(destination);
    ASSERT_FALSE(path.has_value()) << destination.to_string();
    EXPECT_EQ(path.error(), DropReason::NoRoute);
  }
  const auto sent = send(to(kOurs));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error(), DropReason::NoRoute);
  const RouteTable empty{};
  const Ipv4Output lost{interfaces, empty, *neighbors, *arp, random};
  EXPECT_FALSE(lost.route(kPeer).has_value());
  link().addresses.clear();
  EXPECT_FALSE(output->route(kPeer).has_value()) << "no address to send from";
}

/// A second interface: VLAN 100, another network, a gateway of its own.
class Ipv4OutputOnTwoInterfaces : public Ipv4OutputTest {
 protected:
  static constexpr IpAddress kOursBeyond = IpAddress::v4(198, 18, 1, 2);
  static constexpr IpAddress kGatewayBeyond = IpAddress::v4(198, 18, 1, 1);

  Ipv4OutputOnTwoInterfaces() {
    Interface& second = interfaces.emplace_back();
    second.index = 1;
    second.vlan = 100;
    second.mac = kOurMac;
    const IpPrefix prefix = IpPrefix::make(kOursBeyond, 24).value();
    EXPECT_TRUE(second.addresses.push_back(prefix));
    EXPECT_TRUE(routes.add(prefix, 1).has_value());
    EXPECT_TRUE(routes.add(IpPrefix::make(kZero, 0).value(), 1, kGatewayBeyond).has_value());
    arp.emplace(interfaces, *neighbors, pools.headers, stats, random);
    output.emplace(interfaces, routes, *neighbors, *arp, random);
  }
};

// RFC 1122 §3.3.4.2, rule (B) of the strong model; §3.3.4.3.
TEST_F(Ipv4OutputOnTwoInterfaces, WhatComesFromAnAddressLeavesByItsInterface) {
  struct Case {
    std::string_view name;
    IpAddress destination;
    std::optional<IpAddress> source;
    std::uint32_t interface_index;
    IpAddress next_hop;
    IpAddress chosen;
  };
  const IpAddress near = IpAddress::v4(198, 18, 1, 9);
  const Case cases[] = {
      {"the network tells", near, {}, 1, near, kOursBeyond},
      {"the first default gateway tells", kFarAway, {}, 0, kGateway, kOurs},
      {"our address tells", kFarAway, kOursBeyond, 1, kGatewayBeyond, kOursBeyond},
      {"our address goes before the network", near, kOurs, 0, kGateway, kOurs},
      {"our second address on an interface", kFarAway, kOursToo, 0, kGateway, kOursToo},
      {"a broadcast", IpAddress::v4(255, 255, 255, 255), kOursBeyond, 1,
       IpAddress::v4(255, 255, 255, 255), kOursBeyond},
  };
  for (const Case& c : cases) {
    const auto path = output->route(c.destination, c.source);
    ASSERT_TRUE(path.has_value()) << c.name;
    EXPECT_EQ(path->interface->index, c.interface_index) << c.name;
    EXPECT_EQ(path->next_hop, c.next_hop) << c.name;
    EXPECT_EQ(path->source, c.chosen) << c.name;
  }
}

TEST_F(Ipv4OutputOnTwoInterfaces, NothingLeavesFromAnAddressThatIsNotOurs) {
  EXPECT_EQ(output->route(kPeer, kFarAway).error(), DropReason::NoRoute);
}

TEST_F(Ipv4OutputOnTwoInterfaces, OurOwnAddressBehindAnotherInterfaceIsNotReached) {
  EXPECT_EQ(output->route(kOursBeyond).error(), DropReason::NoRoute);
  EXPECT_EQ(output->route(kOursBeyond, kOurs).error(), DropReason::NoRoute);
}

TEST_F(Ipv4OutputOnTwoInterfaces, WritesTheTagAndTellsTheDeviceWhereTheHeadersAre) {
  interfaces[1].offloads.tx_ipv4_checksum = true;
  const IpAddress near = IpAddress::v4(198, 18, 1, 9);
  ASSERT_TRUE(neighbors->learn(now, interfaces[1], near, kPeerMac, Creation::Allowed));
  ASSERT_TRUE(send({.source = kOursBeyond, .destination = near}, 33));
  const packet::Packet frame = interfaces[1].tx.pop_front();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame.size(), 14U + 4U + 20U + 33U);
  EXPECT_EQ(frame.get()->l2_len, 18U);
  const auto header = parse_link_header(frame.data());
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->vlan, 100U);
  EXPECT_EQ(header->type, wire::EtherType::Ipv4);
  const auto ip = wire::parse_ipv4(frame.data().subspan(header->size));
  ASSERT_TRUE(ip.has_value());
  EXPECT_EQ(ip->destination, near);
  EXPECT_TRUE(
      std::ranges::equal(frame.data().subspan(header->size + ip->header_length), pattern(33)));
}

TEST_F(Ipv4OutputOnTwoInterfaces, ATaggedFrameWaitsForItsNeighborAndKeepsItsTag) {
  const IpAddress near = IpAddress::v4(198, 18, 1, 9);
  ASSERT_TRUE(send({.source = kOursBeyond, .destination = near}));
  interfaces[1].tx.clear();  // The question.
  ASSERT_TRUE(neighbors->learn(now, interfaces[1], near, kPeerMac, Creation::Forbidden));
  const packet::Packet frame = interfaces[1].tx.pop_front();
  ASSERT_TRUE(frame);
  const auto header = parse_link_header(frame.data());
  EXPECT_EQ(header->destination, kPeerMac);
  EXPECT_EQ(header->vlan, 100U);
  EXPECT_EQ(header->type, wire::EtherType::Ipv4);
}

TEST_F(Ipv4OutputTest, WritesBothHeaders) {
  know(kPeer, kPeerMac);
  Datagram values = to(kPeer);
  values.protocol = wire::IpProtocol::Udp;
  values.ttl = 7;
  values.traffic_class = 0xb9;
  ASSERT_TRUE(send(values, 33));
  const auto sent = next_ipv4();
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->ethernet,
            (wire::EthernetHeader{
                .destination = kPeerMac, .source = kOurMac, .type = wire::EtherType::Ipv4}));
  EXPECT_EQ(sent->ip, (wire::Ipv4Header{.source = kOurs,
                                        .destination = kPeer,
                                        .protocol = wire::IpProtocol::Udp,
                                        .ttl = 7,
                                        .traffic_class = 0xb9,
                                        .identification = 0,
                                        .dont_fragment = true,
                                        .total_length = 53}));
  EXPECT_EQ(sent->payload, pattern(33));
}

TEST_F(Ipv4OutputTest, CountsTheWholeChainInTheLength) {
  know(kPeer, kPeerMac);
  packet::Packet header = packet_of(pattern(20));
  packet::Packet payload = packet_of(pattern(1'000));
  packet::Packet reference = pools.references.reference(payload.get(), 0, 1'000);
  const std::vector<std::byte> before{payload.data().begin(), payload.data().end()};
  ASSERT_TRUE(header.chain(reference));
  ASSERT_TRUE(output->send(now, std::move(header), to(kPeer)));
  const packet::Packet frame = link().tx.pop_front();
  EXPECT_EQ(frame.size(), 1'054U);
  EXPECT_EQ(std::to_integer<unsigned>(frame.data()[16]) * 256 +
                std::to_integer<unsigned>(frame.data()[17]),
            1'040U);
  EXPECT_TRUE(std::ranges::equal(payload.data(), before)) << "shared payload was written to";
}

// RFC 6864 §4.1, §4.2
TEST_F(Ipv4OutputTest, IdentifiersOfDatagramsThatMayBeFragmentedAreUnique) {
  know(kPeer, kPeerMac);
  know(kGateway, kOtherMac);
  Datagram values = to(kPeer);
  values.dont_fragment = false;
  std::set<std::uint16_t> seen;
  for (int i = 0; i < 3'000; ++i) {
    ASSERT_TRUE(send(values));
    const auto sent = next_ipv4();
    ASSERT_TRUE(sent.has_value());
    EXPECT_FALSE(sent->ip.dont_fragment);
    EXPECT_TRUE(seen.insert(sent->ip.identification).second);
    Datagram another = to(IpAddress::v4(203, 0, 113, static_cast<std::uint8_t>(i)));
    another.dont_fragment = false;
    ASSERT_TRUE(send(another));
    ASSERT_TRUE(next_ipv4().has_value());
  }
}

TEST_F(Ipv4OutputTest, IdentifiersStartWhereTheSecretSays) {
  know(kPeer, kPeerMac);
  std::set<std::uint16_t> starts;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    base::Random other = base::Random::from_seed(seed);
    Ipv4Output fresh{interfaces, routes, *neighbors, *arp, other};
    Datagram values = to(kPeer);
    values.dont_fragment = false;
    ASSERT_TRUE(fresh.send(now, packet_of(pattern(8)), values));
    starts.insert(next_ipv4()->ip.identification);
  }
  EXPECT_GE(starts.size(), 7U);
}

TEST_F(Ipv4OutputTest, GroupsNeedNoNeighbor) {
  const std::pair<IpAddress, MacAddress> cases[] = {
      {IpAddress::v4(255, 255, 255, 255), MacAddress::broadcast()},
      {IpAddress::v4(198, 18, 0, 255), MacAddress::broadcast()},
      {IpAddress::v4(10, 0, 0, 255), MacAddress::broadcast()},
      {IpAddress::v4(224, 129, 2, 3), MacAddress{{0x01, 0x00, 0x5e, 0x01, 0x02, 0x03}}},
  };
  for (const auto& [destination, mac] : cases) {
    ASSERT_TRUE(send(to(destination))) << destination.to_string();
    const auto sent = next_ipv4();
    ASSERT_TRUE(sent.has_value());
    EXPECT_EQ(sent->ethernet.destination, mac) << destination.to_string();
    EXPECT_EQ(sent->ip.destination, destination);
  }
  EXPECT_EQ(neighbors->size(), 0U);
}

TEST_F(Ipv4OutputTest, ReflectingLinkSendsToItself) {
  link().offloads.reflects = true;
  ASSERT_TRUE(send(to(kOurs)));
  const auto sent = next_ipv4();
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->ethernet.destination, kOurMac);
  EXPECT_EQ(neighbors->size(), 0U);
}

TEST_F(Ipv4OutputTest, UnansweredFrameComesBackWhole) {
  ASSERT_TRUE(send(to(kFarAway)));
  EXPECT_EQ(state(kGateway), NeighborState::Incomplete);
  wait(3s);
  ASSERT_EQ(neighbors->failed().size(), 1U);
  const packet::Packet frame = neighbors->failed().pop_front();
  const auto read = read_ipv4(frame.data());
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->ethernet.destination.is_zero());
  EXPECT_EQ(read->ip.destination, kFarAway);
  EXPECT_EQ(dropped(DropReason::NeighborUnresolved), 1U);
  EXPECT_EQ(link().tx.size(), 3U) << "three requests";
}

TEST_F(Ipv4OutputTest, ReturnsWhatTheNeighborTableRefuses) {
  for (unsigned i = 0; i < 8; ++i) {
    ASSERT_TRUE(send(to(neighbor_address(i))));
  }
  const auto sent = send(to(kPeer));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error(), DropReason::NeighborTableFull);
}

TEST_F(Ipv4OutputTest, RefusesMoreThanTheMtu) {
  know(kPeer, kPeerMac);
  EXPECT_TRUE(send(to(kPeer), 1'480));
  const auto sent = send(to(kPeer), 1'481);
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error(), DropReason::NoRoute);
}

TEST_F(Ipv4OutputTest, FullTransmitQueueIsAnError) {
  know(kPeer, kPeerMac);
  for (std::uint32_t i = 0; i < kMaxQueuedFrames; ++i) {
    ASSERT_TRUE(enqueue_frame(link(), pools.headers.allocate()));
  }
  const auto sent = send(to(kPeer));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error(), DropReason::TransmitQueueFull);
}

TEST_F(Ipv4OutputTest, LeavesChecksumsToADeviceThatOffersThem) {
  know(kPeer, kPeerMac);
  struct Case {
    bool ip;
    bool tcp;
  };
  for (const Case c :
       {Case{false, false}, Case{true, false}, Case{false, true}, Case{true, true}}) {
    link().offloads.tx_ipv4_checksum = c.ip;
    Datagram values = to(kPeer);
    values.device_fills_tcp_checksum = c.tcp;
    ASSERT_TRUE(send(values));
    const packet::Packet frame = link().tx.pop_front();
    const std::uint64_t flags = frame.get()->ol_flags;
    EXPECT_EQ((flags & RTE_MBUF_F_TX_IP_CKSUM) != 0, c.ip);
    EXPECT_EQ((flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM, c.tcp);
    EXPECT_EQ((flags & RTE_MBUF_F_TX_IPV4) != 0, c.ip || c.tcp);
    EXPECT_EQ(wire::has_valid_ipv4_checksum(frame.data().subspan(14, 20)), !c.ip);
    if (c.ip || c.tcp) {
      EXPECT_EQ(frame.get()->l2_len, 14U);
      EXPECT_EQ(frame.get()->l3_len, 20U);
    }
  }
}

}  // namespace
}  // namespace millrace::net
