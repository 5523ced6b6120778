// ICMP messages and quoted datagrams: reading, writing, and each reason not to read one.
#include "wire/icmp.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "test_bytes.hpp"
#include "wire/checksum.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::from_hex;

// Echo request, identifier 0x1234, sequence 1, five bytes of data, so that the length is odd.
Bytes valid_echo() { return from_hex("08 00 bc 03  12 34 00 01  61 62 63 64 65"); }

TEST(Icmp, ReadsEchoRequest) {
  const auto header = parse_icmp(valid_echo());
  ASSERT_TRUE(header);
  EXPECT_EQ(*header, (IcmpHeader{.type = IcmpType::EchoRequest, .code = 0, .rest = 0x1234'0001}));
}

TEST(Icmp, WritesWhatItReads) {
  Bytes out = valid_echo();
  std::fill_n(out.begin(), kIcmpHeaderSize, std::byte{0xff});
  emit_icmp(out, {.type = IcmpType::EchoRequest, .code = 0, .rest = 0x1234'0001});
  EXPECT_EQ(out, valid_echo());
}

TEST(Icmp, KeepsTypesItDoesNotName) {
  Bytes message(kIcmpHeaderSize);
  emit_icmp(message, {.type = IcmpType{42}, .code = 7, .rest = 0});
  const auto header = parse_icmp(message);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->type, IcmpType{42});
  EXPECT_EQ(header->code, 7);
}

TEST(Icmp, ChecksumCoversEveryBit) {
  const Bytes valid = valid_echo();
  for (std::size_t bit = 0; bit < valid.size() * 8; ++bit) {
    Bytes changed = valid;
    changed[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    const auto header = parse_icmp(changed);
    ASSERT_FALSE(header) << bit;
    EXPECT_EQ(header.error(), DropReason::IcmpBadChecksum);
  }
}

TEST(Icmp, EveryTruncationIsTooShortOrBreaksTheChecksum) {
  test::for_each_truncation(valid_echo(), [](auto bytes) {
    const auto header = parse_icmp(bytes);
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error(), bytes.size() < kIcmpHeaderSize ? DropReason::IcmpTooShort
                                                             : DropReason::IcmpBadChecksum);
  });
}

TEST(Icmp, RandomInputIsReadIfItsChecksumHolds) {
  test::for_each_random_input(valid_echo(), [](auto bytes) {
    const auto header = parse_icmp(bytes);
    ASSERT_EQ(header.has_value(), bytes.size() >= kIcmpHeaderSize && has_valid_checksum(bytes));
  });
}

// A TCP segment of 1500 bytes, of which the header and eight octets are quoted.
Bytes valid_quote() {
  return from_hex(
      "45 00 05 dc  00 07 40 00  40 06 00 00  c6 12 00 02  c6 12 00 01"
      "00 50 c3 50  ff ff ff f0");
}

Bytes quote_with_options() {
  Bytes bytes = valid_quote();
  const Bytes options = from_hex("07 07 04 00 00 00 00 00");
  bytes.insert(bytes.begin() + 20, options.begin(), options.end());
  bytes[0] = std::byte{0x47};
  return bytes;
}

TEST(IcmpQuote, ReadsWhatIsQuoted) {
  for (const Bytes& bytes : {valid_quote(), quote_with_options()}) {
    const auto quote = parse_icmp_quote(bytes);
    ASSERT_TRUE(quote);
    EXPECT_EQ(quote->ip.source, IpAddress::v4(198, 18, 0, 2));
    EXPECT_EQ(quote->ip.destination, IpAddress::v4(198, 18, 0, 1));
    EXPECT_EQ(quote->ip.protocol, IpProtocol::Tcp);
    EXPECT_EQ(quote->ip.total_length, 1500);
    EXPECT_EQ(quote->source_port, 80);
    EXPECT_EQ(quote->destination_port, 50'000);
    EXPECT_EQ(quote->sequence, SeqNum{0xffff'fff0});
  }
}

TEST(IcmpQuote, ReadsMoreThanEightOctets) {
  Bytes bytes = valid_quote();
  bytes.resize(548);
  EXPECT_EQ(parse_icmp_quote(bytes), parse_icmp_quote(valid_quote()));
}

TEST(IcmpQuote, FirstFragmentCarriesThePorts) {
  const auto quote = parse_icmp_quote(test::with_byte(valid_quote(), 6, 0x20));
  ASSERT_TRUE(quote);
  EXPECT_TRUE(quote->ip.more_fragments);
}

struct QuoteCase {
  const char* name;
  std::size_t index;
  unsigned value;
  DropReason reason;
};

constexpr QuoteCase kQuoteCases[] = {
    {"not IPv4", 0, 0x65, DropReason::IcmpUnmatched},
    {"header below its minimum", 0, 0x44, DropReason::IcmpUnmatched},
    {"later fragment", 7, 0x01, DropReason::IcmpUnmatched},
    {"options push the ports out of what is quoted", 0, 0x46, DropReason::IcmpTooShort},
};

TEST(IcmpQuote, RefusesWhatWeCannotHaveSent) {
  for (const QuoteCase& c : kQuoteCases) {
    SCOPED_TRACE(c.name);
    const auto quote = parse_icmp_quote(test::with_byte(valid_quote(), c.index, c.value));
    ASSERT_FALSE(quote);
    EXPECT_EQ(quote.error(), c.reason);
  }
}

TEST(IcmpQuote, RefusesLengthsThatNoDatagramOfOursHas) {
  for (const unsigned length : {0U, 19U, 20U, 27U}) {
    const auto quote =
        parse_icmp_quote(test::with_byte(test::with_byte(valid_quote(), 2, 0), 3, length));
    ASSERT_FALSE(quote) << length;
    EXPECT_EQ(quote.error(), DropReason::IcmpUnmatched) << length;
  }
  EXPECT_TRUE(parse_icmp_quote(test::with_byte(test::with_byte(valid_quote(), 2, 0), 3, 28)));
}

TEST(IcmpQuote, EveryTruncationIsTooShort) {
  for (const Bytes& valid : {valid_quote(), quote_with_options()}) {
    test::for_each_truncation(valid, [](auto bytes) {
      const auto quote = parse_icmp_quote(bytes);
      ASSERT_FALSE(quote);
      EXPECT_EQ(quote.error(), DropReason::IcmpTooShort) << bytes.size();
    });
  }
}

TEST(IcmpQuote, RandomInputIsOursOrRefused) {
  test::for_each_random_input(quote_with_options(), [](auto bytes) {
    if (const auto quote = parse_icmp_quote(bytes)) {
      ASSERT_GE(bytes.size(), quote->ip.header_length + kIcmpQuotedTransportSize);
      ASSERT_GE(quote->ip.payload_length(), kIcmpQuotedTransportSize);
    }
  });
}

}  // namespace
}  // namespace millrace::wire
