// What the tests of `net` share: one host with two addresses and a gateway, packets for it, and
// what it sends read back. It checks at the end of each test that every packet is back in its pool.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <millrace/address.hpp>
#include <millrace/stats.hpp>
#include <millrace/time.hpp>

#include "base/random.hpp"
#include "net/arp.hpp"
#include "net/icmp.hpp"
#include "net/interface.hpp"
#include "net/ipv4_input.hpp"
#include "net/ipv4_output.hpp"
#include "net/neighbor_table.hpp"
#include "net/route_table.hpp"
#include "packet/packet_pool.hpp"
#include "support/eal_environment.hpp"
#include "wire/arp.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmp.hpp"
#include "wire/ipv4.hpp"

namespace millrace::net {

using namespace std::chrono_literals;

inline constexpr IpAddress kOurs = IpAddress::v4(198, 18, 0, 2);
inline constexpr IpAddress kOursToo = IpAddress::v4(10, 0, 0, 2);
inline constexpr IpAddress kPeer = IpAddress::v4(198, 18, 0, 1);
inline constexpr IpAddress kGateway = IpAddress::v4(198, 18, 0, 254);
inline constexpr IpAddress kFarAway = IpAddress::v4(203, 0, 113, 7);
inline constexpr IpAddress kZero = IpAddress::v4(0, 0, 0, 0);
inline constexpr MacAddress kOurMac{{0x02, 0, 0, 0, 0, 1}};
inline constexpr MacAddress kPeerMac{{0x02, 0, 0, 0, 0, 2}};
inline constexpr MacAddress kOtherMac{{0x02, 0, 0, 0, 0, 3}};

/// On the link, the `n`th of many.
constexpr IpAddress neighbor_address(unsigned n) {
  return IpAddress::v4(198, 18, 0, static_cast<std::uint8_t>(10 + n));
}

/// The pools of the process.
inline packet::CorePools& shared_pools() {
  static packet::CorePools pools =
      test::make_core_pools({.data = 2'047, .headers = 8'191, .references = 63});
  return pools;
}

class NetHost : public ::testing::Test {
 protected:
  NetHost() : NetHost(16) {}
  explicit NetHost(std::uint32_t max_neighbors) {
    Interface& only = interfaces.emplace_back();
    only.mac = kOurMac;
    for (const IpAddress& own : {kOurs, kOursToo}) {
      const IpPrefix prefix = IpPrefix::make(own, 24).value();
      EXPECT_TRUE(only.addresses.push_back(prefix));
      EXPECT_TRUE(routes.add(prefix, 0).has_value());
    }
    EXPECT_TRUE(routes.add(IpPrefix::make(kZero, 0).value(), 0, kGateway).has_value());
    neighbors.emplace(max_neighbors, random, now, stats);
    arp.emplace(interfaces, *neighbors, pools.headers, stats, random);
    output.emplace(interfaces, routes, *neighbors, *arp, random);
    icmp.emplace(interfaces, *output, pools.headers, stats);
  }

  void TearDown() override {
    neighbors->check_invariants();
    icmp.reset();
    output.reset();
    arp.reset();
    neighbors.reset();
    interfaces.clear();
    held.clear();
    EXPECT_EQ(pools.in_use(), 0U) << "packets leaked";
  }

  /// The interface.
  Interface& link() { return interfaces[0]; }
  static NeighborKey key(const IpAddress& address) {
    return {.interface_index = 0, .address = address};
  }
  std::optional<NeighborState> state(const IpAddress& address) {
    return neighbors->state_of(key(address));
  }
  std::uint64_t dropped(DropReason reason) const { return stats.dropped(reason); }
  std::uint64_t dropped_in_all() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : stats.drops) {
      sum += count;
    }
    return sum;
  }

  /// Lets time pass and everything due happen, deadline by deadline.
  void wait(Duration duration) {
    const Instant end = now + duration;
    for (int rounds = 0; rounds < 10'000; ++rounds) {
      const std::optional<Instant> next = arp->next_deadline();
      if (!next || *next > end) {
        break;
      }
      now = std::max(now, *next);
      arp->advance(now);
    }
    now = end;
    arp->advance(now);
    neighbors->check_invariants();
  }

  packet::Packet packet_of(std::span<const std::byte> bytes) {
    packet::Packet made = pools.data.allocate();
    EXPECT_TRUE(made);
    std::ranges::copy(bytes, made.append(static_cast<std::uint16_t>(bytes.size())).begin());
    return made;
  }

  /// An ARP packet in the frame that it came in, padded as Ethernet does, its link header taken
  /// off.
  packet::Packet received_arp(const wire::ArpPacket& arp_packet) {
    std::vector<std::byte> bytes(60);
    wire::emit_ethernet(bytes, {.destination = MacAddress::broadcast(),
                                .source = arp_packet.sender_mac,
                                .type = wire::EtherType::Arp});
    wire::emit_arp(std::span{bytes}.subspan(wire::kEthernetHeaderSize), arp_packet);
    packet::Packet made = packet_of(bytes);
    made.remove_prefix(wire::kEthernetHeaderSize);
    return made;
  }
  static wire::ArpPacket request(const IpAddress& sender, const MacAddress& mac,
                                 const IpAddress& target) {
    return {.operation = wire::ArpOperation::Request,
            .sender_mac = mac,
            .sender_ip = sender,
            .target_mac = MacAddress{},
            .target_ip = target};
  }
  static wire::ArpPacket reply(const IpAddress& sender, const MacAddress& mac) {
    return {.operation = wire::ArpOperation::Reply,
            .sender_mac = mac,
            .sender_ip = sender,
            .target_mac = kOurMac,
            .target_ip = kOurs};
  }
  void receive_arp(const wire::ArpPacket& arp_packet) {
    arp->on_packet(now, link(), received_arp(arp_packet));
    neighbors->check_invariants();
  }
  void know(const IpAddress& address, const MacAddress& mac) {
    EXPECT_TRUE(neighbors->learn(now, link(), address, mac, Creation::Allowed));
  }

  /// A datagram with `payload` behind a right header; `header` gives addresses, protocol and flags.
  packet::Packet datagram(wire::Ipv4Header header, std::span<const std::byte> payload) {
    header.total_length = static_cast<std::uint16_t>(wire::kIpv4HeaderSize + payload.size());
    std::vector<std::byte> bytes(header.total_length);
    wire::emit_ipv4(bytes, header, true);
    if (!payload.empty()) {
      std::memcpy(bytes.data() + wire::kIpv4HeaderSize, payload.data(), payload.size());
    }
    return packet_of(bytes);
  }

  /// `count` bytes of a pattern.
  static std::vector<std::byte> pattern(std::size_t count) {
    std::vector<std::byte> bytes(count);
    for (std::size_t i = 0; i < count; ++i) {
      bytes[i] = static_cast<std::byte>(i * 7 + 1);
    }
    return bytes;
  }

  /// The next frame sent, empty if none.
  std::vector<std::byte> next_frame() {
    const packet::Packet frame = link().tx.pop_front();
    if (!frame) {
      return {};
    }
    const auto bytes = frame.data();
    return {bytes.begin(), bytes.end()};
  }

  struct SentArp {
    wire::EthernetHeader ethernet;
    wire::ArpPacket arp;
  };
  /// The next frame sent if it is ARP; otherwise it is gone and the result empty.
  std::optional<SentArp> next_arp() {
    const std::vector<std::byte> frame = next_frame();
    const auto ethernet = wire::parse_ethernet(frame);
    if (!ethernet || ethernet->type != wire::EtherType::Arp || frame.size() != 42) {
      return std::nullopt;
    }
    const auto parsed = wire::parse_arp(std::span{frame}.subspan(wire::kEthernetHeaderSize));
    return parsed ? std::optional{SentArp{*ethernet, *parsed}} : std::nullopt;
  }

  struct SentIpv4 {
    wire::EthernetHeader ethernet;
    wire::Ipv4Header ip;
    std::vector<std::byte> payload;
  };
  static std::optional<SentIpv4> read_ipv4(std::span<const std::byte> frame) {
    const auto ethernet = wire::parse_ethernet(frame);
    if (!ethernet || ethernet->type != wire::EtherType::Ipv4) {
      return std::nullopt;
    }
    const auto rest = frame.subspan(wire::kEthernetHeaderSize);
    const auto ip = wire::parse_ipv4(rest);
    if (!ip || !wire::has_valid_ipv4_checksum(rest.first(ip->header_length))) {
      return std::nullopt;
    }
    const auto payload = rest.subspan(ip->header_length, ip->payload_length());
    return SentIpv4{*ethernet, *ip, {payload.begin(), payload.end()}};
  }
  /// The next frame sent if it is IPv4 with a right header checksum; otherwise it is gone and the
  /// result empty.
  std::optional<SentIpv4> next_ipv4() { return read_ipv4(next_frame()); }

  packet::CorePools& pools = shared_pools();
  Instant now{1'000s};
  CoreStats stats;
  base::Random random = base::Random::from_seed(1);
  std::vector<Interface> interfaces;
  RouteTable routes;
  std::optional<NeighborTable> neighbors;
  std::optional<Arp> arp;
  std::optional<Ipv4Output> output;
  std::optional<Icmp> icmp;
  std::vector<packet::Packet> held;  ///< Packets taken to exhaust a pool or to share one.
};

}  // namespace millrace::net
