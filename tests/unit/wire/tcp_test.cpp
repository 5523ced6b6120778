// The fixed TCP header: reading, writing, and each reason not to read one.
#include "wire/tcp.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "test_bytes.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::from_hex;

const TcpHeader kHeader{.source_port = 80,
                        .destination_port = 50'000,
                        .seq = SeqNum{0xffff'fff0},
                        .ack = SeqNum{0x0102'0304},
                        .flags = TcpFlags{TcpFlags::kPsh | TcpFlags::kAck},
                        .window = 0x0203,
                        .urgent_pointer = 5,
                        .header_length = 24};

// A header with four bytes of options, a checksum of zero, and three bytes of payload.
Bytes valid_segment() {
  return from_hex(
      "00 50 c3 50  ff ff ff f0  01 02 03 04  60 18 02 03  00 00 00 05"
      "02 04 05 b4  61 62 63");
}

TEST(Tcp, ReadsHeader) {
  const auto header = parse_tcp(valid_segment());
  ASSERT_TRUE(header);
  EXPECT_EQ(*header, kHeader);
}

TEST(Tcp, IgnoresReservedBits) {
  const auto header = parse_tcp(test::with_byte(valid_segment(), 12, 0x6f));
  ASSERT_TRUE(header);
  EXPECT_EQ(*header, kHeader);
}

struct FlagCase {
  const char* name;
  std::uint8_t bit;
  bool (TcpFlags::*is_set)() const noexcept;
};

constexpr FlagCase kFlagCases[] = {
    {"FIN", 0x01, &TcpFlags::fin}, {"SYN", 0x02, &TcpFlags::syn}, {"RST", 0x04, &TcpFlags::rst},
    {"PSH", 0x08, &TcpFlags::psh}, {"ACK", 0x10, &TcpFlags::ack}, {"URG", 0x20, &TcpFlags::urg},
    {"ECE", 0x40, &TcpFlags::ece}, {"CWR", 0x80, &TcpFlags::cwr},
};

TEST(Tcp, EachFlagIsItsOwnBit) {
  for (const FlagCase& c : kFlagCases) {
    SCOPED_TRACE(c.name);
    const auto header = parse_tcp(test::with_byte(valid_segment(), 13, c.bit));
    ASSERT_TRUE(header);
    for (const FlagCase& other : kFlagCases) {
      EXPECT_EQ((header->flags.*other.is_set)(), other.bit == c.bit) << other.name;
    }
    Bytes out(kTcpHeaderSize);
    emit_tcp(out, *header);
    EXPECT_EQ(out[13], std::byte{c.bit});
  }
}

TEST(TcpFlags, HasAsksForAllOfTheBits) {
  constexpr TcpFlags kFlags{TcpFlags::kSyn | TcpFlags::kAck};
  EXPECT_TRUE(kFlags.has(TcpFlags::kSyn | TcpFlags::kAck));
  EXPECT_FALSE(kFlags.has(TcpFlags::kSyn | TcpFlags::kRst));
  EXPECT_TRUE(kFlags.has(0));
  EXPECT_EQ(TcpFlags{}.with(TcpFlags::kSyn).with(TcpFlags::kAck), kFlags);
  EXPECT_EQ(TcpFlags{}.bits(), 0);
}

struct BadCase {
  const char* name;
  std::size_t index;
  unsigned value;
  DropReason reason;
};

constexpr BadCase kBadCases[] = {
    {"data offset 4", 12, 0x40, DropReason::TcpBadDataOffset},
    {"data offset 0", 12, 0x00, DropReason::TcpBadDataOffset},
    {"data offset past the segment", 12, 0x70, DropReason::TcpBadDataOffset},
    {"largest data offset", 12, 0xf0, DropReason::TcpBadDataOffset},
    {"source port zero", 1, 0x00, DropReason::TcpBadPort},
};

TEST(Tcp, RefusesImpossibleHeaders) {
  for (const BadCase& c : kBadCases) {
    SCOPED_TRACE(c.name);
    const auto header = parse_tcp(test::with_byte(valid_segment(), c.index, c.value));
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error(), c.reason);
  }
}

TEST(Tcp, RefusesDestinationPortZero) {
  const auto header = parse_tcp(test::with_byte(test::with_byte(valid_segment(), 2, 0), 3, 0));
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error(), DropReason::TcpBadPort);
  EXPECT_TRUE(parse_tcp(test::with_byte(valid_segment(), 2, 0)));
}

TEST(Tcp, WritesWhatItReads) {
  const Bytes valid = valid_segment();
  Bytes out(kTcpHeaderSize, std::byte{0xff});
  emit_tcp(out, kHeader);
  EXPECT_TRUE(std::ranges::equal(out, std::span{valid}.first(kTcpHeaderSize)));
}

TEST(Tcp, ChecksumGoesIntoItsField) {
  Bytes out(kTcpHeaderSize);
  emit_tcp(out, kHeader);
  set_tcp_checksum(out, 0xabcd);
  EXPECT_EQ(out, from_hex("00 50 c3 50  ff ff ff f0  01 02 03 04  60 18 02 03  ab cd 00 05"));
  set_tcp_checksum(out, 0);
  EXPECT_EQ(out, from_hex("00 50 c3 50  ff ff ff f0  01 02 03 04  60 18 02 03  00 00 00 05"));
}

TEST(Tcp, EveryTruncationHasItsReason) {
  Bytes header = valid_segment();
  header.resize(kHeader.header_length);
  test::for_each_truncation(header, [](auto bytes) {
    const auto cut = parse_tcp(bytes);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error(), bytes.size() < kTcpHeaderSize ? DropReason::TcpTooShort
                                                         : DropReason::TcpBadDataOffset);
  });
}

TEST(Tcp, RandomInputReadsBackAsWritten) {
  test::for_each_random_input(valid_segment(), [](auto bytes) {
    if (const auto header = parse_tcp(bytes)) {
      ASSERT_LE(header->header_length, bytes.size());
      Bytes out(header->header_length);
      emit_tcp(out, *header);
      ASSERT_EQ(parse_tcp(out), header);
    }
  });
}

TEST(TcpDeathTest, HeaderLengthMustBeWritable) {
  constexpr std::uint16_t kBadLengths[] = {16, 22, 64};
  for (const std::uint16_t length : kBadLengths) {
    TcpHeader header = kHeader;
    header.header_length = length;
    Bytes out(kTcpHeaderSize);
    EXPECT_DEATH(emit_tcp(out, header), "contract violated") << length;
  }
}

}  // namespace
}  // namespace millrace::wire
