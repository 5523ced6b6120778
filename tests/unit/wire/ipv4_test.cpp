// IPv4 headers: reading, writing, and each reason not to read one.
#include "wire/ipv4.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "test_bytes.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::from_hex;

const Ipv4Header kHeader{.source = IpAddress::v4(198, 18, 0, 1),
                         .destination = IpAddress::v4(198, 18, 0, 2),
                         .protocol = IpProtocol::Udp,
                         .ttl = 63,
                         .traffic_class = 0xb9,
                         .identification = 0x1234,
                         .dont_fragment = true,
                         .header_length = 20,
                         .total_length = 24};

// Twenty bytes of header and four of payload.
Bytes valid_datagram() {
  return from_hex("45 b9 00 18  12 34 40 00  3f 11 9c c0  c6 12 00 01  c6 12 00 02  de ad be ef");
}

// The datagram above with options, padded with END to whole words.
Bytes with_options(std::string_view hex) {
  Bytes options = from_hex(hex);
  options.resize((options.size() + 3) / 4 * 4);
  Bytes bytes = valid_datagram();
  bytes.insert(bytes.begin() + 20, options.begin(), options.end());
  bytes[0] = static_cast<std::byte>(0x45 + options.size() / 4);
  bytes[3] = static_cast<std::byte>(bytes.size());
  return bytes;
}

TEST(Ipv4, ReadsHeader) {
  const auto header = parse_ipv4(valid_datagram());
  ASSERT_TRUE(header);
  EXPECT_EQ(*header, kHeader);
  EXPECT_EQ(header->payload_length(), 4);
  EXPECT_FALSE(header->is_fragment());
}

TEST(Ipv4, AcceptsPaddingBehindTotalLength) {
  Bytes bytes = valid_datagram();
  bytes.resize(46);
  const auto header = parse_ipv4(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->total_length, 24);
}

TEST(Ipv4, AcceptsEmptyPayload) {
  const auto header = parse_ipv4(test::with_byte(valid_datagram(), 3, 20));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->payload_length(), 0);
}

struct FragmentCase {
  const char* name;
  unsigned high;
  unsigned low;
  bool dont_fragment;
  bool more_fragments;
  unsigned offset;
  bool is_fragment;
};

constexpr FragmentCase kFragmentCases[] = {
    {"whole", 0x00, 0x00, false, false, 0, false},
    {"whole, reserved bit set", 0x80, 0x00, false, false, 0, false},
    {"must stay whole", 0x40, 0x00, true, false, 0, false},
    {"first fragment", 0x20, 0x00, false, true, 0, true},
    {"middle fragment", 0x20, 0xb9, false, true, 1480, true},
    {"last fragment", 0x00, 0xb9, false, false, 1480, true},
    {"last of all offsets", 0x1f, 0xff, false, false, 65'528, true},
};

TEST(Ipv4, ReadsAndWritesFragmentFields) {
  for (const FragmentCase& c : kFragmentCases) {
    SCOPED_TRACE(c.name);
    const auto header =
        parse_ipv4(test::with_byte(test::with_byte(valid_datagram(), 6, c.high), 7, c.low));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->dont_fragment, c.dont_fragment);
    EXPECT_EQ(header->more_fragments, c.more_fragments);
    EXPECT_EQ(header->fragment_offset, c.offset);
    EXPECT_EQ(header->is_fragment(), c.is_fragment);
    Bytes out(kIpv4HeaderSize);
    emit_ipv4(out, *header, false);
    EXPECT_EQ(std::to_integer<unsigned>(out[6]), c.high & 0x7fU);
    EXPECT_EQ(std::to_integer<unsigned>(out[7]), c.low);
  }
}

struct BadCase {
  const char* name;
  std::size_t index;
  unsigned value;
  DropReason reason;
};

constexpr BadCase kBadCases[] = {
    {"version 6", 0, 0x65, DropReason::Ipv4BadVersion},
    {"version 0", 0, 0x05, DropReason::Ipv4BadVersion},
    {"header of 4 words", 0, 0x44, DropReason::Ipv4BadHeaderLength},
    {"header of no words", 0, 0x40, DropReason::Ipv4BadHeaderLength},
    {"header past the end", 0, 0x47, DropReason::Ipv4BadHeaderLength},
    {"total length below the header", 3, 19, DropReason::Ipv4BadTotalLength},
    {"total length zero", 3, 0, DropReason::Ipv4BadTotalLength},
    {"total length one past the end", 3, 25, DropReason::Ipv4BadTotalLength},
    {"total length far past the end", 2, 0xff, DropReason::Ipv4BadTotalLength},
};

TEST(Ipv4, RefusesImpossibleHeaders) {
  for (const BadCase& c : kBadCases) {
    SCOPED_TRACE(c.name);
    const auto header = parse_ipv4(test::with_byte(valid_datagram(), c.index, c.value));
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error(), c.reason);
  }
}

struct OptionsCase {
  const char* name;
  const char* options;
  std::optional<DropReason> reason;
};

const OptionsCase kOptionsCases[] = {
    {"no operations", "01 01 01 01", std::nullopt},
    {"end hides the rest", "00 07 00 00", std::nullopt},
    {"record route", "07 07 04 00 00 00 00", std::nullopt},
    {"router alert", "94 04 00 00", std::nullopt},
    {"unknown option", "de 05 01 02 03", std::nullopt},
    {"option without body", "de 02", std::nullopt},
    {"ends with the header", "01 01 01 de 04 00 00 01", std::nullopt},
    {"all forty bytes",
     "de 28 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
     "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
     std::nullopt},
    {"length zero", "07 00 04 00", DropReason::Ipv4BadOptions},
    {"length one", "07 01 04 00", DropReason::Ipv4BadOptions},
    {"length past the header", "07 05 04 00", DropReason::Ipv4BadOptions},
    {"length beyond the header", "01 01 01 07", DropReason::Ipv4BadOptions},
    {"loose source route", "83 07 04 c6 12 00 09", DropReason::Ipv4SourceRoute},
    {"strict source route", "89 07 04 c6 12 00 09", DropReason::Ipv4SourceRoute},
    {"source route behind others", "01 de 02 89 03 04", DropReason::Ipv4SourceRoute},
    {"source route, then a bad length", "89 03 04 07 01", DropReason::Ipv4BadOptions},
};

TEST(Ipv4, ChecksOptions) {
  for (const OptionsCase& c : kOptionsCases) {
    SCOPED_TRACE(c.name);
    const auto header = parse_ipv4(with_options(c.options));
    ASSERT_EQ(header.has_value(), !c.reason);
    if (c.reason) {
      EXPECT_EQ(header.error(), *c.reason);
    } else {
      EXPECT_EQ(header->payload_length(), 4);
    }
  }
}

TEST(Ipv4, EveryTruncationHasItsReason) {
  test::for_each_truncation(with_options("07 07 04 00 00 00 00"), [](auto bytes) {
    const auto header = parse_ipv4(bytes);
    ASSERT_FALSE(header);
    const DropReason expected = bytes.size() < 20   ? DropReason::Ipv4TooShort
                                : bytes.size() < 28 ? DropReason::Ipv4BadHeaderLength
                                                    : DropReason::Ipv4BadTotalLength;
    EXPECT_EQ(header.error(), expected) << bytes.size();
  });
}

TEST(Ipv4, RandomInputYieldsLengthsWithinIt) {
  test::for_each_random_input(with_options("07 07 04 00 00 00 00"), [](auto bytes) {
    if (const auto header = parse_ipv4(bytes)) {
      ASSERT_GE(header->header_length, kIpv4HeaderSize);
      ASSERT_GE(header->total_length, header->header_length);
      ASSERT_LE(header->total_length, bytes.size());
    }
  });
}

TEST(Ipv4, FieldsAloneBelieveEveryLength) {
  const auto fields = read_ipv4_fields(test::with_byte(valid_datagram(), 2, 0xff));
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->total_length, 0xff18);
  test::for_each_truncation(
      from_hex("45 b9 00 18  12 34 40 00  3f 11 9c c0  c6 12 00 01  c6 12 00 02"), [](auto bytes) {
        const auto cut = read_ipv4_fields(bytes);
        ASSERT_FALSE(cut);
        EXPECT_EQ(cut.error(), DropReason::Ipv4TooShort);
      });
}

TEST(Ipv4, WritesWhatItReads) {
  const Bytes valid = valid_datagram();
  Bytes out(kIpv4HeaderSize);
  emit_ipv4(out, kHeader, true);
  EXPECT_TRUE(std::ranges::equal(out, std::span{valid}.first(kIpv4HeaderSize)));
}

TEST(Ipv4, LeavesChecksumToTheDeviceAsZero) {
  Bytes expected = test::with_byte(test::with_byte(valid_datagram(), 10, 0), 11, 0);
  expected.resize(kIpv4HeaderSize);
  Bytes out(kIpv4HeaderSize, std::byte{0xff});
  emit_ipv4(out, kHeader, false);
  EXPECT_EQ(out, expected);
}

TEST(Ipv4, ChecksumCoversEveryBitOfTheHeader) {
  Bytes header = valid_datagram();
  header.resize(kIpv4HeaderSize);
  EXPECT_TRUE(has_valid_ipv4_checksum(header));
  for (std::size_t bit = 0; bit < header.size() * 8; ++bit) {
    Bytes changed = header;
    changed[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_FALSE(has_valid_ipv4_checksum(changed)) << bit;
  }
}

TEST(Ipv4DeathTest, OffsetMustBeWritable) {
  Ipv4Header header = kHeader;
  header.fragment_offset = 1481;
  Bytes out(kIpv4HeaderSize);
  EXPECT_DEATH(emit_ipv4(out, header, true), "contract violated");
}

TEST(Ipv4DeathTest, WritesIpv4AddressesOnly) {
  Ipv4Header header = kHeader;
  header.source = IpAddress{};
  Bytes out(kIpv4HeaderSize);
  EXPECT_DEATH(emit_ipv4(out, header, true), "contract violated");
}

}  // namespace
}  // namespace millrace::wire
