// UDP headers: reading, writing, and each reason not to read one.
#include "wire/udp.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "test_bytes.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::from_hex;

Bytes valid_datagram() { return from_hex("c3 50 00 35  00 0b 12 34  61 62 63"); }

TEST(Udp, ReadsHeader) {
  const auto header = parse_udp(valid_datagram());
  ASSERT_TRUE(header);
  EXPECT_EQ(
      *header,
      (UdpHeader{
          .source_port = 50'000, .destination_port = 53, .length = 11, .has_checksum = true}));
}

TEST(Udp, ZeroMeansNoChecksum) {
  const auto header = parse_udp(from_hex("c3 50 00 35  00 08 00 00"));
  ASSERT_TRUE(header);
  EXPECT_FALSE(header->has_checksum);
  EXPECT_TRUE(parse_udp(from_hex("c3 50 00 35  00 08 00 01"))->has_checksum);
  EXPECT_TRUE(parse_udp(from_hex("c3 50 00 35  00 08 01 00"))->has_checksum);
}

TEST(Udp, AcceptsPaddingBehindLength) {
  Bytes bytes = valid_datagram();
  bytes.resize(26);
  const auto header = parse_udp(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->length, 11);
}

TEST(Udp, RefusesImpossibleLengths) {
  for (const unsigned length : {0U, 1U, 7U, 12U, 255U}) {
    const auto header = parse_udp(test::with_byte(valid_datagram(), 5, length));
    ASSERT_FALSE(header) << length;
    EXPECT_EQ(header.error(), DropReason::UdpBadLength) << length;
  }
  EXPECT_TRUE(parse_udp(test::with_byte(valid_datagram(), 5, 8)));
}

TEST(Udp, WritesHeaderAndThenChecksum) {
  Bytes out(kUdpHeaderSize, std::byte{0xff});
  emit_udp(out, {.source_port = 50'000, .destination_port = 53, .length = 11});
  EXPECT_EQ(out, from_hex("c3 50 00 35  00 0b 00 00"));
  set_udp_checksum(out, 0x1234);
  EXPECT_EQ(out, from_hex("c3 50 00 35  00 0b 12 34"));
}

TEST(Udp, ChecksumOfZeroTravelsAsAllOnes) {
  Bytes out(kUdpHeaderSize);
  emit_udp(out, {.source_port = 50'000, .destination_port = 53, .length = 8});
  set_udp_checksum(out, 0);
  EXPECT_EQ(out, from_hex("c3 50 00 35  00 08 ff ff"));
}

TEST(Udp, EveryTruncationHasItsReason) {
  test::for_each_truncation(valid_datagram(), [](auto bytes) {
    const auto header = parse_udp(bytes);
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error(),
              bytes.size() < kUdpHeaderSize ? DropReason::UdpTooShort : DropReason::UdpBadLength);
  });
}

TEST(Udp, RandomInputYieldsLengthsWithinIt) {
  test::for_each_random_input(valid_datagram(), [](auto bytes) {
    if (const auto header = parse_udp(bytes)) {
      ASSERT_GE(header->length, kUdpHeaderSize);
      ASSERT_LE(header->length, bytes.size());
      Bytes out(kUdpHeaderSize);
      emit_udp(out, *header);
      ASSERT_TRUE(std::ranges::equal(std::span{out}.first(6), bytes.first(6)));
    }
  });
}

}  // namespace
}  // namespace millrace::wire
