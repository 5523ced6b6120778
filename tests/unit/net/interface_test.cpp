// Interface: which addresses are broadcast addresses of its link, for every length of a prefix.
#include "net/interface.hpp"

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

Interface with(const IpPrefix& prefix) {
  Interface interface;
  EXPECT_TRUE(interface.addresses.push_back(IpPrefix{prefix}));
  return interface;
}

IpAddress v4_of(std::uint32_t number) {
  return IpAddress::v4(static_cast<std::uint8_t>(number >> 24U),
                       static_cast<std::uint8_t>(number >> 16U),
                       static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number));
}

TEST(Interface, KnowsTheDirectedBroadcastOfEveryLength) {
  for (const IpAddress& own : {v4_of(0xc612'0a05), v4_of(0x0000'0001), v4_of(0xdfff'fffe)}) {
    for (unsigned length = 0; length <= 32; ++length) {
      const IpPrefix prefix = IpPrefix::make(own, length).value();
      const Interface interface = with(prefix);
      // Each address that differs from ours in low bits, of which the one with all set is meant.
      for (unsigned bits = 0; bits <= 32; ++bits) {
        const std::uint32_t ones = bits == 32 ? ~0U : (1U << bits) - 1U;
        for (const std::uint32_t number : {v4_number(own) | ones, v4_number(own) & ~ones}) {
          const IpAddress asked = v4_of(number);
          EXPECT_EQ(interface.is_broadcast(asked),
                    asked == prefix.directed_broadcast() || asked.is_limited_broadcast())
              << prefix.to_string() << ' ' << asked.to_string();
        }
      }
    }
  }
}

TEST(Interface, KnowsTheLimitedBroadcastWithoutAnAddress) {
  EXPECT_TRUE(Interface{}.is_broadcast(IpAddress::v4(255, 255, 255, 255)));
  EXPECT_FALSE(Interface{}.is_broadcast(IpAddress::v4(255, 255, 255, 254)));
}

TEST(Interface, HasNoBroadcastOfTheOtherFamily) {
  const IpAddress six = IpAddress::parse("2001:db8::ffff:ffff").value();
  const Interface interface = with(IpPrefix::make(six, 64).value());
  EXPECT_FALSE(interface.is_broadcast(six));
  EXPECT_FALSE(interface.is_broadcast(IpAddress{}));
  EXPECT_FALSE(interface.is_broadcast(v4_of(0xffff'fffe)));
  EXPECT_FALSE(with(IpPrefix::make(v4_of(0xc612'0a05), 24).value()).is_broadcast(six));
}

TEST(Interface, NumbersAddressesInOrder) {
  EXPECT_EQ(v4_number(IpAddress::v4(1, 2, 3, 4)), 0x0102'0304U);
}

}  // namespace
}  // namespace millrace::net
