// Link headers: with and without a VLAN tag, and what is no single tag.
#include "net/link_header.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

constexpr MacAddress kTo{{0x02, 0, 0, 0, 0, 1}};
constexpr MacAddress kFrom{{0x02, 0, 0, 0, 0, 2}};

/// A frame of `kTo` whose types and tags are these 16-bit words, and 46 bytes behind them.
std::vector<std::byte> frame_with(std::vector<unsigned> words) {
  std::vector<std::byte> bytes;
  for (const MacAddress& address : {kTo, kFrom}) {
    for (const std::uint8_t byte : address.bytes()) {
      bytes.push_back(std::byte{byte});
    }
  }
  for (const unsigned word : words) {
    bytes.push_back(static_cast<std::byte>(word >> 8U));
    bytes.push_back(static_cast<std::byte>(word & 0xffU));
  }
  bytes.resize(bytes.size() + 46);
  return bytes;
}

TEST(LinkHeader, IsRead) {
  struct Case {
    std::string_view name;
    std::vector<unsigned> words;
    wire::EtherType type;
    std::uint16_t vlan;
    std::uint16_t size;
  };
  for (const auto& [name, words, type, vlan, size] : {
           Case{"untagged", {0x0800}, wire::EtherType::Ipv4, 0, 14},
           Case{"tagged", {0x8100, 0x0064, 0x0806}, wire::EtherType::Arp, 100, 18},
           Case{"the priority is not the VLAN",
                {0x8100, 0xe001, 0x0800},
                wire::EtherType::Ipv4,
                1,
                18},
           Case{"a priority alone", {0x8100, 0xa000, 0x0800}, wire::EtherType::Ipv4, 0, 18},
           Case{"the largest", {0x8100, 0x0ffe, 0x86dd}, wire::EtherType::Ipv6, 4094, 18},
       }) {
    const auto header = parse_link_header(frame_with(words));
    ASSERT_TRUE(header.has_value()) << name;
    EXPECT_EQ(header->destination, kTo) << name;
    EXPECT_EQ(header->type, type) << name;
    EXPECT_EQ(header->vlan, vlan) << name;
    EXPECT_EQ(header->size, size) << name;
  }
}

TEST(LinkHeader, MoreThanOneTagIsRefused) {
  for (const std::vector<unsigned>& words : {
           std::vector<unsigned>{0x8100, 0x0064, 0x8100, 0x0065, 0x0800},
           std::vector<unsigned>{0x88a8, 0x0064, 0x8100, 0x0065, 0x0800},
           std::vector<unsigned>{0x8100, 0x0064, 0x88a8, 0x0065, 0x0800},
           std::vector<unsigned>{0x88a8, 0x0064, 0x0800},
       }) {
    const auto header = parse_link_header(frame_with(words));
    ASSERT_FALSE(header.has_value());
    EXPECT_EQ(header.error(), DropReason::VlanNested);
  }
}

TEST(LinkHeader, EveryTruncationIsTooShort) {
  const auto frame = frame_with({0x8100, 0x0064, 0x0800});
  for (std::size_t size = 0; size < 18; ++size) {
    const std::vector<std::byte> cut{frame.begin(),
                                     frame.begin() + static_cast<std::ptrdiff_t>(size)};
    const auto header = parse_link_header(cut);
    ASSERT_FALSE(header.has_value()) << size;
    EXPECT_EQ(header.error(), DropReason::EthernetTooShort) << size;
  }
}

TEST(LinkHeader, ReadsBackAsWritten) {
  Interface interface;
  interface.mac = kFrom;
  for (const std::uint16_t vlan : std::initializer_list<std::uint16_t>{0, 1, 100, 4094}) {
    interface.vlan = vlan;
    std::array<std::byte, kLinkHeaderMax> bytes{};
    ASSERT_EQ(link_header_size(interface), vlan == 0 ? 14U : 18U);
    emit_link_header(std::span{bytes}.first(link_header_size(interface)), interface, kTo,
                     wire::EtherType::Arp);
    const auto header = parse_link_header(bytes);
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->destination, kTo);
    EXPECT_EQ(header->vlan, vlan);
    EXPECT_EQ(header->type, wire::EtherType::Arp);
    EXPECT_EQ(header->size, link_header_size(interface));
    EXPECT_EQ(wire::parse_ethernet(bytes)->source, kFrom);
  }
}

}  // namespace
}  // namespace millrace::net
