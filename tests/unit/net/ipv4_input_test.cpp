// IPv4 input: every reason to decline a datagram, and what must be taken.
#include "net/ipv4_input.hpp"

#include <functional>
#include <string_view>

#include <gtest/gtest.h>

#include <rte_mbuf.h>

#include "net/net_host.hpp"
#include "support/covers.hpp"

namespace millrace::net {
namespace {

class Ipv4InputTest : public NetHost {
 protected:
  static wire::Ipv4Header from_peer() { return {.source = kPeer, .destination = kOurs}; }

  packet::Packet valid(std::size_t payload_bytes = 20) {
    return datagram(from_peer(), pattern(payload_bytes));
  }

  /// Makes the header's checksum right again after a change.
  static void repair(std::span<std::byte> bytes) {
    bytes[10] = bytes[11] = std::byte{0};
    const std::uint16_t sum =
        wire::internet_checksum(bytes.first((std::to_integer<unsigned>(bytes[0]) & 0xfU) * 4U));
    bytes[10] = static_cast<std::byte>(sum >> 8U);
    bytes[11] = static_cast<std::byte>(sum & 0xffU);
  }

  /// A datagram with these option octets, padded to a multiple of four, and four octets of payload.
  packet::Packet with_options(std::vector<std::uint8_t> options) {
    while (options.size() % 4 != 0) {
      options.push_back(0);
    }
    std::vector<std::byte> payload;
    for (const std::uint8_t octet : options) {
      payload.push_back(std::byte{octet});
    }
    payload.resize(payload.size() + 4);
    packet::Packet made = datagram(from_peer(), payload);
    made.data()[0] = static_cast<std::byte>(0x45U + options.size() / 4);
    repair(made.data());
    return made;
  }

  void expect_refused(packet::Packet made, DropReason reason, std::string_view name) {
    const auto accepted = input.accept(link(), made);
    ASSERT_FALSE(accepted.has_value()) << name;
    EXPECT_EQ(to_string(accepted.error()), to_string(reason)) << name;
  }

  Ipv4Input input{interfaces};
};

TEST_F(Ipv4InputTest, TakesADatagramForUsAndTrimsPadding) {
  packet::Packet made = valid(6);
  std::ranges::fill(made.append(20), std::byte{0xee});
  const auto accepted = input.accept(link(), made);
  ASSERT_TRUE(accepted.has_value());
  EXPECT_EQ(accepted->source, kPeer);
  EXPECT_EQ(accepted->destination, kOurs);
  EXPECT_EQ(made.size(), 26U);
  EXPECT_EQ(made.data()[0], std::byte{0x45}) << "the header stays";
}

TEST_F(Ipv4InputTest, TakesEveryDestinationThatIsOurs) {
  for (const IpAddress& destination :
       {kOurs, kOursToo, IpAddress::v4(255, 255, 255, 255), IpAddress::v4(198, 18, 0, 255),
        IpAddress::v4(10, 0, 0, 255), IpAddress::v4(224, 0, 0, 1)}) {
    packet::Packet made = datagram({.source = kPeer, .destination = destination}, pattern(8));
    EXPECT_TRUE(input.accept(link(), made).has_value()) << destination.to_string();
  }
}

TEST_F(Ipv4InputTest, DeclinesForeignDestinations) {
  for (const IpAddress& destination :
       {kFarAway, kGateway, kZero, IpAddress::v4(127, 0, 0, 1), IpAddress::v4(224, 0, 0, 2),
        IpAddress::v4(203, 0, 113, 255)}) {
    expect_refused(datagram({.source = kPeer, .destination = destination}, pattern(8)),
                   DropReason::Ipv4NotForUs, destination.to_string());
  }
}

// RFC 1122 §3.2.1.3
TEST_F(Ipv4InputTest, DeclinesMartianSources) {
  test::covers({"MUST-63", "RFC 1122 §3.2.1.3"});
  for (const IpAddress& source :
       {kZero, IpAddress::v4(0, 1, 2, 3), IpAddress::v4(127, 0, 0, 1),
        IpAddress::v4(127, 255, 0, 1), IpAddress::v4(224, 0, 0, 1), IpAddress::v4(239, 1, 1, 1),
        IpAddress::v4(255, 255, 255, 255), IpAddress::v4(198, 18, 0, 255), kOurs, kOursToo}) {
    expect_refused(datagram({.source = source, .destination = kOurs}, pattern(8)),
                   DropReason::Ipv4MartianSource, source.to_string());
  }
}

/// A second interface with an address of its own.
class Ipv4InputOnTwoInterfaces : public Ipv4InputTest {
 protected:
  static constexpr IpAddress kOursBeyond = IpAddress::v4(198, 18, 1, 2);

  Ipv4InputOnTwoInterfaces() {
    Interface& second = interfaces.emplace_back();
    second.index = 1;
    EXPECT_TRUE(second.addresses.push_back(IpPrefix::make(kOursBeyond, 24).value()));
    both.emplace(interfaces);
  }

  std::optional<Ipv4Input> both;
};

// RFC 1122 §3.3.4.2, rule (A) of the strong model.
TEST_F(Ipv4InputOnTwoInterfaces, AnAddressIsReachedThroughItsOwnInterfaceAlone) {
  packet::Packet made = datagram({.source = kFarAway, .destination = kOursBeyond}, pattern(8));
  EXPECT_TRUE(both->accept(interfaces[1], made).has_value());
  packet::Packet astray = datagram({.source = kFarAway, .destination = kOursBeyond}, pattern(8));
  const auto refused = both->accept(interfaces[0], astray);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), DropReason::Ipv4NotForUs);
}

TEST_F(Ipv4InputOnTwoInterfaces, AnAddressOfAnotherInterfaceIsAMartianSource) {
  packet::Packet made = datagram({.source = kOursBeyond, .destination = kOurs}, pattern(8));
  const auto refused = both->accept(interfaces[0], made);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), DropReason::Ipv4MartianSource);
}

TEST_F(Ipv4InputTest, ReflectingLinkBringsOurOwnAddressBack) {
  link().offloads.reflects = true;
  packet::Packet made = datagram({.source = kOurs, .destination = kOurs}, pattern(8));
  EXPECT_TRUE(input.accept(link(), made).has_value());
}

TEST_F(Ipv4InputTest, DeclinesMalformedHeaders) {
  struct Case {
    std::string_view name;
    DropReason reason;
    std::function<void(packet::Packet&)> damage;
  };
  const Case cases[] = {
      {"nothing", DropReason::Ipv4TooShort, [](packet::Packet& p) { p.truncate(0); }},
      {"19 bytes", DropReason::Ipv4TooShort, [](packet::Packet& p) { p.truncate(19); }},
      {"version 6", DropReason::Ipv4BadVersion,
       [](packet::Packet& p) { p.data()[0] = std::byte{0x65}; }},
      {"IHL 4", DropReason::Ipv4BadHeaderLength,
       [](packet::Packet& p) { p.data()[0] = std::byte{0x44}; }},
      {"IHL past the end", DropReason::Ipv4BadHeaderLength,
       [](packet::Packet& p) { p.data()[0] = std::byte{0x4f}; }},
      {"total length 19", DropReason::Ipv4BadTotalLength,
       [](packet::Packet& p) { p.data()[3] = std::byte{19}; }},
      {"total length one past the end", DropReason::Ipv4BadTotalLength,
       [](packet::Packet& p) { p.data()[3] = std::byte{41}; }},
      {"longer than the MTU, as long as the frame but one", DropReason::Ipv4Truncated,
       [](packet::Packet& p) {
         static_cast<void>(p.append(1'481 - 20));
         p.data()[2] = std::byte{1'502 >> 8U};
         p.data()[3] = std::byte{1'502 & 0xffU};
       }},
      {"as long as the MTU, but cut off", DropReason::Ipv4BadTotalLength,
       [](packet::Packet& p) {
         p.data()[2] = std::byte{1'500 >> 8U};
         p.data()[3] = std::byte{1'500 & 0xffU};
       }},
      {"joined segments, cut off", DropReason::Ipv4Truncated,
       [](packet::Packet& p) { p.data()[2] = std::byte{0xfe}; }},
  };
  for (const Case& c : cases) {
    packet::Packet made = valid();
    c.damage(made);
    if (made.size() >= 20 && (std::to_integer<unsigned>(made.data()[0]) & 0xfU) == 5U) {
      repair(made.data());
    }
    expect_refused(std::move(made), c.reason, c.name);
  }
}

TEST_F(Ipv4InputTest, FragmentsAreLeftToOthers) {
  for (const std::size_t at : {std::size_t{6}, std::size_t{7}}) {
    packet::Packet made = valid(24);
    made.data()[at] = at == 6 ? std::byte{0x20} : std::byte{1};
    repair(made.data());
    const auto accepted = input.accept(link(), made);
    ASSERT_TRUE(accepted.has_value());
    EXPECT_TRUE(accepted->is_fragment());
  }
}

TEST_F(Ipv4InputTest, DontFragmentIsNoFragment) {
  packet::Packet made =
      datagram({.source = kPeer, .destination = kOurs, .dont_fragment = true}, pattern(8));
  EXPECT_TRUE(input.accept(link(), made).has_value());
}

TEST_F(Ipv4InputTest, ToleratesOptionsButNoSourceRoute) {
  test::covers({"MUST-50", "MUST-51", "MUST-52", "MUST-53", "SHLD-24", "MAY-10", "MAY-11"});
  packet::Packet made = with_options({7, 7, 4, 0, 0, 0, 0, 1});  // Record route, no operation.
  const auto accepted = input.accept(link(), made);
  ASSERT_TRUE(accepted.has_value());
  EXPECT_EQ(accepted->header_length, 28U);
  EXPECT_EQ(accepted->payload_length(), 4U);
  expect_refused(with_options({131, 7, 4, 1, 2, 3, 4}), DropReason::Ipv4SourceRoute, "loose");
  expect_refused(with_options({137, 7, 4, 1, 2, 3, 4}), DropReason::Ipv4SourceRoute, "strict");
  expect_refused(with_options({7, 1, 0, 0}), DropReason::Ipv4BadOptions, "length below 2");
  expect_refused(with_options({7, 9, 4, 0}), DropReason::Ipv4BadOptions, "length past the header");
}

TEST_F(Ipv4InputTest, ChecksTheChecksumOfTheWholeHeader) {
  packet::Packet made = valid();
  made.data()[8] ^= std::byte{1};
  expect_refused(std::move(made), DropReason::Ipv4BadChecksum, "TTL changed");
  made = with_options({7, 7, 4, 0, 0, 0, 0, 1});
  made.data()[24] ^= std::byte{1};
  expect_refused(std::move(made), DropReason::Ipv4BadChecksum, "option changed");
}

TEST_F(Ipv4InputTest, BelievesTheDevicesVerdict) {
  packet::Packet wrong = valid();
  wrong.data()[8] ^= std::byte{1};
  wrong.get()->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
  EXPECT_TRUE(input.accept(link(), wrong).has_value());
  packet::Packet right = valid();
  right.get()->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_BAD;
  expect_refused(std::move(right), DropReason::Ipv4BadChecksum, "verdict");
}

TEST_F(Ipv4InputTest, TakesADatagramInPiecesAndTrimsPadding) {
  packet::Packet made = valid(6);
  packet::Packet padding = datagram(from_peer(), pattern(8));
  ASSERT_TRUE(made.chain(padding));
  const auto accepted = input.accept(link(), made);
  ASSERT_TRUE(accepted.has_value());
  EXPECT_EQ(made.size(), 26U);
  EXPECT_TRUE(made.is_contiguous());
}

TEST_F(Ipv4InputTest, AHeaderInPiecesIsNone) {
  const packet::Packet whole = valid(6);
  for (std::uint16_t first = 0; first < wire::kIpv4HeaderSize; ++first) {
    packet::Packet made = pools.data.allocate();
    packet::Packet rest = pools.data.allocate();
    std::ranges::copy(whole.data().first(first), made.append(first).begin());
    const auto left = whole.data().subspan(first);
    std::ranges::copy(left, rest.append(static_cast<std::uint16_t>(left.size())).begin());
    ASSERT_TRUE(made.chain(rest));
    expect_refused(std::move(made), DropReason::Ipv4TooShort, std::to_string(first));
  }
}

TEST_F(Ipv4InputTest, PiecesShorterThanTheirDatagramAreRefused) {
  packet::Packet made = valid(6);
  made.truncate(20);
  packet::Packet rest = datagram(from_peer(), {});
  rest.truncate(5);
  ASSERT_TRUE(made.chain(rest));
  expect_refused(std::move(made), DropReason::Ipv4BadTotalLength, "one octet is missing");
}

TEST_F(Ipv4InputTest, GarbageIsJudgedWithoutHarm) {
  for (int i = 0; i < 50'000; ++i) {
    packet::Packet made = valid(random.below(60));
    for (std::uint32_t flips = random.below(4); flips > 0; --flips) {
      made.data()[random.below(static_cast<std::uint32_t>(made.data().size()))] =
          static_cast<std::byte>(random.below(256));
    }
    made.truncate(random.one_in(4) ? random.below(made.size()) : made.size());
    if (random.one_in(2) && made.size() >= 60) {
      repair(made.data());
    }
    const auto accepted = input.accept(link(), made);
    if (accepted) {
      ASSERT_EQ(made.size(), accepted->total_length);
      ASSERT_LE(accepted->header_length, made.size());
    }
  }
}

}  // namespace
}  // namespace millrace::net
