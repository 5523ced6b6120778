// Addresses and prefixes: what text they are read from and written as, and which addresses lie in a
// network.
#include <millrace/address.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace {
namespace {

using std::string_view_literals::operator""sv;

TEST(MacAddress, ReadsAndWritesText) {
  const auto mac = MacAddress::parse("02:00:5e:00:A0:ff");
  ASSERT_TRUE(mac);
  EXPECT_EQ(*mac, (MacAddress{{0x02, 0x00, 0x5e, 0x00, 0xa0, 0xff}}));
  EXPECT_EQ(mac->to_string(), "02:00:5e:00:a0:ff");
  EXPECT_EQ(MacAddress::broadcast().to_string(), "ff:ff:ff:ff:ff:ff");
}

TEST(MacAddress, RefusesOtherText) {
  for (const std::string_view text :
       {""sv, "02:00:00:00:00"sv, "02:00:00:00:00:01:"sv, "02:00:00:00:00:01:02"sv,
        "02-00-00-00-00-01"sv, "02:00:00:00:00:0g"sv, "2:0:0:0:0:1"sv, "02:00:00:00:00:-1"sv,
        "02:00:00:00:00:0x"sv, " 2:00:00:00:00:01"sv, "020000000001"sv, "02:00:00:00:00:0\0"sv}) {
    const auto mac = MacAddress::parse(text);
    ASSERT_FALSE(mac) << text;
    EXPECT_EQ(mac.error(), Error::InvalidArgument);
  }
}

struct TextCase {
  std::string_view text;
  std::string_view written;
};

constexpr TextCase kTextCases[] = {
    {"198.18.0.2", "198.18.0.2"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"::ffff:198.18.0.2", "198.18.0.2"},
    {"::", "::"},
    {"::1", "::1"},
    {"1::", "1::"},
    {"2001:db8::1", "2001:db8::1"},
    // RFC 5952 §4.1 and §4.3: no leading zeros, lower case.
    {"2001:0DB8:0000:0000:0000:0000:0000:00aB", "2001:db8::ab"},
    // §4.2.2: a single zero group stays.
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    // §4.2.3: the longest run, and the first of equals.
    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"0:0:1::", "0:0:1::"},
    {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
    {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
    {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
    {"::1.2.3.4", "::102:304"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
};

TEST(IpAddress, ReadsTextAndWritesTheCanonicalForm) {
  for (const TextCase& c : kTextCases) {
    SCOPED_TRACE(c.text);
    const auto address = IpAddress::parse(c.text);
    ASSERT_TRUE(address);
    EXPECT_EQ(address->to_string(), c.written);
    EXPECT_EQ(IpAddress::parse(c.written), address);
  }
}

TEST(IpAddress, EveryAddressSurvivesItsText) {
  std::mt19937 random{1};
  for (int i = 0; i < 20'000; ++i) {
    std::array<std::uint8_t, IpAddress::kSize> bytes{};
    const auto zero_groups = random();
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      bytes[at] =
          (zero_groups >> at / 2 & 1U) != 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(random());
    }
    const IpAddress address{bytes};
    ASSERT_EQ(IpAddress::parse(address.to_string()), address) << address.to_string();
  }
}

TEST(IpAddress, RefusesOtherText) {
  const std::string endless(4096, '1');
  for (const std::string_view text : {""sv,
                                      "198.18.0"sv,
                                      "198.18.0.2.1"sv,
                                      "198.18.0.256"sv,
                                      "198.18.0.02"sv,
                                      "198.18.0.2 "sv,
                                      " 198.18.0.2"sv,
                                      "198.18.0.-2"sv,
                                      "0xc6.18.0.2"sv,
                                      "198.18.0.2\0"sv,
                                      "198.18.0.2\0x"sv,
                                      "3323068418"sv,
                                      ":"sv,
                                      ":::"sv,
                                      "1::2::3"sv,
                                      "1:2:3:4:5:6:7"sv,
                                      "1:2:3:4:5:6:7:8:9"sv,
                                      "12345::"sv,
                                      "fe80::1%eth0"sv,
                                      "[::1]"sv,
                                      "g::"sv,
                                      std::string_view{endless}}) {
    const auto address = IpAddress::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error(), Error::InvalidArgument);
  }
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(IpAddress::v4(198, 18, 0, 2).is_v4());
  EXPECT_FALSE(IpAddress{}.is_v4());
  EXPECT_FALSE(IpAddress::parse("::1.2.3.4")->is_v4());
  EXPECT_TRUE(IpAddress{}.is_unspecified());
  EXPECT_TRUE(IpAddress::v4(0, 0, 0, 0).is_unspecified());
  EXPECT_TRUE(IpAddress::v4(224, 0, 0, 1).is_multicast());
  EXPECT_TRUE(IpAddress::v4(239, 255, 255, 255).is_multicast());
  EXPECT_FALSE(IpAddress::v4(223, 255, 255, 255).is_multicast());
  EXPECT_FALSE(IpAddress::v4(240, 0, 0, 0).is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1")->is_multicast());
  EXPECT_TRUE(IpAddress::v4(127, 9, 9, 9).is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_TRUE(IpAddress::v4(255, 255, 255, 255).is_limited_broadcast());
}

struct PrefixCase {
  std::string_view text;
  std::string_view network;
  std::string_view broadcast;
  std::string_view last_inside;
  std::string_view first_outside;
};

constexpr PrefixCase kPrefixCases[] = {
    {"198.18.0.2/24", "198.18.0.0", "198.18.0.255", "198.18.0.255", "198.18.1.0"},
    {"198.18.77.2/20", "198.18.64.0", "198.18.79.255", "198.18.79.255", "198.18.80.0"},
    {"10.1.2.3/8", "10.0.0.0", "10.255.255.255", "10.255.255.255", "11.0.0.0"},
    {"198.18.0.5/30", "198.18.0.4", "198.18.0.7", "198.18.0.7", "198.18.0.8"},
    {"198.18.0.5/31", "198.18.0.4", "::", "198.18.0.5", "198.18.0.6"},
    {"198.18.0.5/32", "198.18.0.5", "::", "198.18.0.5", "198.18.0.6"},
    {"198.18.0.5/1", "128.0.0.0", "255.255.255.255", "255.255.255.255", "127.255.255.255"},
    {"198.18.0.5/0", "0.0.0.0", "255.255.255.255", "255.255.255.255", "::1"},
    {"2001:db8:1:2::3/64", "2001:db8:1:2::", "::", "2001:db8:1:2:ffff:ffff:ffff:ffff",
     "2001:db8:1:3::"},
    {"2001:db8::3/29", "2001:db8::", "::", "2001:dbf:ffff::", "2001:dc0::"},
    {"2001:db8::3/128", "2001:db8::3", "::", "2001:db8::3", "2001:db8::2"},
    {"::/0", "::", "::", "ffff::", "198.18.0.1"},
};

TEST(IpPrefix, KnowsItsNetwork) {
  for (const PrefixCase& c : kPrefixCases) {
    SCOPED_TRACE(c.text);
    const auto prefix = IpPrefix::parse(c.text);
    ASSERT_TRUE(prefix);
    EXPECT_EQ(prefix->to_string(), c.text);
    EXPECT_EQ(prefix->network().to_string(), c.network);
    EXPECT_EQ(prefix->directed_broadcast().to_string(), c.broadcast);
    EXPECT_TRUE(prefix->contains(prefix->address()));
    EXPECT_TRUE(prefix->contains(prefix->network()));
    EXPECT_TRUE(prefix->contains(*IpAddress::parse(c.last_inside)));
    EXPECT_FALSE(prefix->contains(*IpAddress::parse(c.first_outside)));
  }
}

TEST(IpPrefix, EveryLengthMasksThatManyBits) {
  const auto ones = *IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  for (unsigned length = 0; length <= 128; ++length) {
    const auto prefix = IpPrefix::make(ones, length);
    ASSERT_TRUE(prefix);
    EXPECT_EQ(prefix->length(), length);
    const IpAddress network = prefix->network();
    for (unsigned bit = 0; bit < 128; ++bit) {
      ASSERT_EQ((network.bytes()[bit / 8] >> (7 - bit % 8) & 1U) != 0, bit < length)
          << length << ' ' << bit;
    }
  }
}

TEST(IpPrefix, RefusesImpossibleLengths) {
  EXPECT_TRUE(IpPrefix::make(IpAddress::v4(1, 2, 3, 4), 32));
  EXPECT_FALSE(IpPrefix::make(IpAddress::v4(1, 2, 3, 4), 33));
  EXPECT_FALSE(IpPrefix::make(IpAddress::v4(1, 2, 3, 4), 4'294'967'295));
  EXPECT_TRUE(IpPrefix::make(IpAddress{}, 128));
  EXPECT_EQ(IpPrefix::make(IpAddress{}, 129), fail(Error::InvalidArgument));
}

TEST(IpPrefix, RefusesOtherText) {
  for (const std::string_view text :
       {""sv, "/"sv, "/24"sv, "198.18.0.2"sv, "198.18.0.2/"sv, "198.18.0.2/33"sv, "198.18.0.2/-1"sv,
        "198.18.0.2/+1"sv, "198.18.0.2/ 24"sv, "198.18.0.2/24 "sv, "198.18.0.2/24/24"sv,
        "198.18.0.2/0x8"sv, "198.18.0.2/99999999999"sv, "198.18.0/24"sv, "::/129"sv}) {
    const auto prefix = IpPrefix::parse(text);
    ASSERT_FALSE(prefix) << text;
    EXPECT_EQ(prefix.error(), Error::InvalidArgument);
  }
}

}  // namespace
}  // namespace millrace
