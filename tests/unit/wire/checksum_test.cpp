// The Internet checksum against a reference that is too simple to be wrong.
#include "wire/checksum.hpp"

#include <array>
#include <random>

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "test_bytes.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::from_hex;
using test::random_bytes;

std::uint16_t naive_checksum(std::span<const std::byte> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto value = std::to_integer<std::uint32_t>(bytes[i]);
    sum += i % 2 == 0 ? value << 8U : value;
    sum = (sum & 0xffffU) + (sum >> 16U);
  }
  return static_cast<std::uint16_t>(~sum);
}

TEST(Checksum, ExampleOfRfc1071) {
  const Bytes bytes = from_hex("00 01 f2 03 f4 f5 f6 f7");
  EXPECT_EQ(internet_checksum(bytes), 0x220d);
}

TEST(Checksum, EqualsReferenceForEveryLengthAndAlignment) {
  std::mt19937 random{1};
  for (std::size_t size = 0; size <= 300; ++size) {
    for (std::size_t offset = 0; offset < 9; ++offset) {
      const Bytes memory = random_bytes(random, offset + size);
      const auto bytes = std::span{memory}.subspan(offset);
      ASSERT_EQ(internet_checksum(bytes), naive_checksum(bytes)) << size << " at " << offset;
    }
  }
}

TEST(Checksum, EqualsReferenceWhereCarriesPileUp) {
  for (const unsigned fill : {0x00U, 0xffU}) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{64},
                                   std::size_t{1460}, std::size_t{65'535}}) {
      const Bytes bytes(size, static_cast<std::byte>(fill));
      EXPECT_EQ(internet_checksum(bytes), naive_checksum(bytes)) << fill << " times " << size;
    }
  }
}

TEST(Checksum, PiecesOfAnyLengthSumAsOne) {
  std::mt19937 random{2};
  const Bytes bytes = random_bytes(random, 61);
  const std::span<const std::byte> all{bytes};
  const std::uint16_t expected = naive_checksum(all);
  for (std::size_t first = 0; first <= all.size(); ++first) {
    for (std::size_t second = first; second <= all.size(); ++second) {
      Checksum checksum;
      checksum.add(all.first(first));
      checksum.add(all.subspan(first, second - first));
      checksum.add(all.subspan(second));
      ASSERT_EQ(checksum.finish(), expected) << first << ' ' << second;
    }
  }
}

TEST(Checksum, EmptyInputAndNoInputAreTheSame) {
  EXPECT_EQ(internet_checksum({}), 0xffff);
  EXPECT_EQ(Checksum{}.finish(), 0xffff);
}

Bytes naive_pseudo_header(const IpAddress& source, const IpAddress& destination,
                          std::uint8_t protocol, std::uint32_t length) {
  Bytes bytes;
  const auto append = [&](unsigned value) {
    bytes.push_back(static_cast<std::byte>(value & 0xffU));
  };
  const std::size_t skipped = source.is_v4() ? 12 : 0;
  for (const IpAddress& address : {source, destination}) {
    for (std::size_t i = skipped; i < IpAddress::kSize; ++i) {
      append(address.bytes()[i]);
    }
  }
  if (source.is_v4()) {  // RFC 9293 §3.1: zero, protocol, 16 bits of length.
    append(0);
    append(protocol);
  } else {  // RFC 8200 §8.1: 32 bits of length, three zeros, next header.
    append(length >> 24U);
    append(length >> 16U);
  }
  append(length >> 8U);
  append(length);
  if (!source.is_v4()) {
    append(0);
    append(0);
    append(0);
    append(protocol);
  }
  return bytes;
}

TEST(Checksum, PseudoHeadersOfBothVersionsEqualReference) {
  std::mt19937 random{3};
  const std::array v4{IpAddress::v4(198, 18, 0, 1), IpAddress::v4(255, 255, 255, 255),
                      IpAddress::v4(0, 0, 0, 0)};
  std::array<std::uint8_t, 16> v6_bytes{0x20, 0x01, 0x0d, 0xb8, 1, 2,  3,  4,
                                        5,    6,    7,    8,    9, 10, 11, 12};
  const std::array v6{IpAddress{v6_bytes},
                      *IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), IpAddress{}};
  for (const auto& addresses : {v4, v6}) {
    for (const IpAddress& source : addresses) {
      for (const IpAddress& destination : addresses) {
        for (const std::size_t size : {0U, 1U, 20U, 1461U, 65'535U}) {
          const Bytes payload = random_bytes(random, size);
          Bytes whole =
              naive_pseudo_header(source, destination, 6, static_cast<std::uint32_t>(size));
          whole.insert(whole.end(), payload.begin(), payload.end());
          Checksum checksum;
          checksum.add_pseudo_header(source, destination, IpProtocol::Tcp,
                                     static_cast<std::uint32_t>(size));
          checksum.add(payload);
          ASSERT_EQ(checksum.finish(), naive_checksum(whole)) << source.to_string() << ' ' << size;
        }
      }
    }
  }
}

TEST(Checksum, TransportChecksumIsValidUntilAnyBitChanges) {
  millrace::test::covers({"MUST-3"});
  const auto source = IpAddress::v4(198, 18, 0, 1);
  const auto destination = IpAddress::v4(198, 18, 0, 2);
  std::mt19937 random{4};
  Bytes segment = random_bytes(random, 33);
  segment[16] = segment[17] = std::byte{0};
  Checksum checksum;
  checksum.add_pseudo_header(source, destination, IpProtocol::Tcp, 33);
  checksum.add(segment);
  segment[16] = static_cast<std::byte>(checksum.finish() >> 8U);
  segment[17] = static_cast<std::byte>(checksum.finish() & 0xffU);
  EXPECT_TRUE(has_valid_transport_checksum(source, destination, IpProtocol::Tcp, segment));
  EXPECT_FALSE(has_valid_transport_checksum(source, destination, IpProtocol::Udp, segment));
  EXPECT_FALSE(
      has_valid_transport_checksum(source, IpAddress::v4(198, 18, 0, 3), IpProtocol::Tcp, segment));
  for (std::size_t bit = 0; bit < segment.size() * 8; ++bit) {
    Bytes changed = segment;
    changed[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_FALSE(has_valid_transport_checksum(source, destination, IpProtocol::Tcp, changed))
        << bit;
  }
}

TEST(Checksum, FoldedIsTheSumBeforeItsComplement) {
  Checksum checksum;
  checksum.add(from_hex("00 01 f2 03 f4 f5 f6 f7"));
  EXPECT_EQ(checksum.folded(), 0xddf2);
}

TEST(UpdateChecksum, ExampleOfRfc1624) {
  // RFC 1624 §4: the case in which RFC 1141's equation yields 0xffff.
  EXPECT_EQ(update_checksum(0xdd2f, 0x5555, 0x3285), 0x0000);
}

TEST(UpdateChecksum, EqualsSummingAgain) {
  std::mt19937 random{5};
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes = random_bytes(random, 20);
    bytes[0] =
        std::byte{0x45};  // A header is never all zero, so its sum is never the zero of no bits.
    const std::size_t at = 2 + random() % 9 * 2;
    const std::uint16_t old_checksum = naive_checksum(bytes);
    const auto word = [&] {
      return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8U |
                                        std::to_integer<unsigned>(bytes[at + 1]));
    };
    const std::uint16_t old_word = word();
    bytes[at] = static_cast<std::byte>(random() & 0xffU);
    bytes[at + 1] = static_cast<std::byte>(random() & 0xffU);
    ASSERT_EQ(update_checksum(old_checksum, old_word, word()), naive_checksum(bytes));
  }
}

TEST(Checksum, PartialOnesAreToldFromFinishedOnes) {
  constexpr IpAddress kSource = IpAddress::v4(198, 18, 0, 1);
  constexpr IpAddress kDestination = IpAddress::v4(198, 18, 0, 2);
  std::mt19937 random{6};
  for (std::uint32_t length = 20; length < 3'000; length += 7) {
    // c612 + 0001 + c612 + 0002 + 0006 + length, which is what Linux leaves to a NIC.
    const std::uint32_t sum = 0xc612U + 1 + 0xc612U + 2 + 6 + length;
    const auto partial = static_cast<std::uint16_t>((sum & 0xffffU) + (sum >> 16U));
    EXPECT_TRUE(is_partial_checksum(partial, kSource, kDestination, IpProtocol::Tcp, length));
    EXPECT_FALSE(is_partial_checksum(static_cast<std::uint16_t>(~partial), kSource, kDestination,
                                     IpProtocol::Tcp, length));
    EXPECT_FALSE(is_partial_checksum(partial, kSource, kDestination, IpProtocol::Tcp, length + 1));
  }
}

}  // namespace
}  // namespace millrace::wire
