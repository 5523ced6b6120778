// ARP packets: reading, writing, and each reason not to read one.
#include "wire/arp.hpp"

#include <gtest/gtest.h>

#include "test_bytes.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::from_hex;

const ArpPacket kReply{.operation = ArpOperation::Reply,
                       .sender_mac = MacAddress{{2, 0, 0, 0, 0, 1}},
                       .sender_ip = IpAddress::v4(198, 18, 0, 1),
                       .target_mac = MacAddress{{2, 0, 0, 0, 0, 2}},
                       .target_ip = IpAddress::v4(198, 18, 0, 2)};

Bytes valid_reply() {
  return from_hex(
      "00 01  08 00  06  04  00 02"
      "02 00 00 00 00 01  c6 12 00 01"
      "02 00 00 00 00 02  c6 12 00 02");
}

TEST(Arp, ReadsReply) {
  const auto packet = parse_arp(valid_reply());
  ASSERT_TRUE(packet);
  EXPECT_EQ(*packet, kReply);
}

TEST(Arp, ReadsRequestWithPadding) {
  Bytes bytes = test::with_byte(valid_reply(), 7, 1);
  bytes.resize(46);
  const auto packet = parse_arp(bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->operation, ArpOperation::Request);
}

TEST(Arp, WritesWhatItReads) {
  Bytes out(kArpPacketSize);
  emit_arp(out, kReply);
  EXPECT_EQ(out, valid_reply());
}

struct BadCase {
  const char* name;
  std::size_t index;
  unsigned value;
  DropReason reason;
};

constexpr BadCase kBadCases[] = {
    {"hardware type is not Ethernet", 1, 6, DropReason::ArpBadFormat},
    {"hardware type has a high octet", 0, 1, DropReason::ArpBadFormat},
    {"protocol type is not IPv4", 3, 6, DropReason::ArpBadFormat},
    {"hardware length is not 6", 4, 8, DropReason::ArpBadFormat},
    {"protocol length is not 4", 5, 16, DropReason::ArpBadFormat},
    {"operation zero", 7, 0, DropReason::ArpBadOperation},
    {"reverse request", 7, 3, DropReason::ArpBadOperation},
    {"operation with a high octet", 6, 1, DropReason::ArpBadOperation},
};

TEST(Arp, RefusesWhatIsNotIpv4OverEthernet) {
  for (const BadCase& c : kBadCases) {
    SCOPED_TRACE(c.name);
    const auto packet = parse_arp(test::with_byte(valid_reply(), c.index, c.value));
    ASSERT_FALSE(packet);
    EXPECT_EQ(packet.error(), c.reason);
  }
}

TEST(Arp, EveryTruncationIsTooShort) {
  test::for_each_truncation(valid_reply(), [](auto bytes) {
    const auto packet = parse_arp(bytes);
    ASSERT_FALSE(packet);
    EXPECT_EQ(packet.error(), DropReason::ArpTooShort);
  });
}

TEST(Arp, RandomInputReadsBackAsWritten) {
  test::for_each_random_input(valid_reply(), [](auto bytes) {
    if (const auto packet = parse_arp(bytes)) {
      Bytes out(kArpPacketSize);
      emit_arp(out, *packet);
      ASSERT_TRUE(std::ranges::equal(out, bytes.first(kArpPacketSize)));
    }
  });
}

TEST(ArpDeathTest, WritesIpv4AddressesOnly) {
  ArpPacket packet = kReply;
  packet.target_ip = IpAddress{};
  Bytes out(kArpPacketSize);
  EXPECT_DEATH(emit_arp(out, packet), "contract violated");
}

}  // namespace
}  // namespace millrace::wire
