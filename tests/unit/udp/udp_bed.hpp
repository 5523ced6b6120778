// What the tests of UDP share: a pool, and datagrams made by hand, whole or in pieces.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "packet/packet.hpp"
#include "support/eal_environment.hpp"
#include "support/flat.hpp"
#include "wire/checksum.hpp"
#include "wire/ipv4.hpp"
#include "wire/udp.hpp"

namespace millrace::udp {

using test::flat;

inline constexpr IpAddress kOurs = IpAddress::v4(198, 18, 0, 2);
inline constexpr IpAddress kPeer = IpAddress::v4(198, 18, 0, 1);

class UdpBed : public ::testing::Test {
 protected:
  ~UdpBed() override { EXPECT_EQ(pool().in_use(), 0U) << "packets were not given back"; }

  static packet::PacketPool& pool() {
    static packet::PacketPool packets = test::make_pool(1'023);
    return packets;
  }
  static std::vector<std::byte> pattern(std::size_t count) {
    std::vector<std::byte> bytes(count);
    for (std::size_t i = 0; i < count; ++i) {
      bytes[i] = static_cast<std::byte>(i * 7 + 1);
    }
    return bytes;
  }
  static packet::Packet packet_of(std::span<const std::byte> bytes) {
    packet::Packet made = pool().allocate();
    std::ranges::copy(bytes, made.append(static_cast<std::uint16_t>(bytes.size())).begin());
    return made;
  }
  /// A chain: `first` bytes, then pieces of 1,480.
  static packet::Packet chain_of(std::span<const std::byte> bytes, std::size_t first) {
    packet::Packet whole = packet_of(bytes.first(std::min(first, bytes.size())));
    for (std::size_t at = first; at < bytes.size(); at += 1'480) {
      packet::Packet next =
          packet_of(bytes.subspan(at, std::min<std::size_t>(1'480, bytes.size() - at)));
      EXPECT_TRUE(whole.chain(next));
    }
    return whole;
  }
};

}  // namespace millrace::udp
