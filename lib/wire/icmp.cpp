// Reading and writing ICMP messages and the datagrams they quote; see icmp.hpp.
#include "wire/icmp.hpp"

#include <utility>

#include "base/big_endian.hpp"
#include "base/contract.hpp"
#include "wire/checksum.hpp"
#include "wire/raw.hpp"

namespace millrace::wire {

namespace {

using Field16 = base::BigEndian<std::uint16_t>;
using Field32 = base::BigEndian<std::uint32_t>;

struct RawIcmp {
  std::uint8_t type;
  std::uint8_t code;
  Field16 checksum;
  Field32 rest;
};
static_assert(sizeof(RawIcmp) == kIcmpHeaderSize);

struct RawQuotedTransport {
  Field16 source_port;
  Field16 destination_port;
  Field32 sequence;
};
static_assert(sizeof(RawQuotedTransport) == kIcmpQuotedTransportSize);

}  // namespace

Result<IcmpHeader, DropReason> parse_icmp(std::span<const std::byte> message) noexcept {
  if (message.size() < kIcmpHeaderSize) {
    return fail(DropReason::IcmpTooShort);
  }
  if (!has_valid_checksum(message)) {
    return fail(DropReason::IcmpBadChecksum);
  }
  const auto raw = read_raw<RawIcmp>(message);
  return IcmpHeader{.type = IcmpType{raw.type}, .code = raw.code, .rest = raw.rest.value()};
}

Result<IcmpHeader, DropReason> read_icmp_header(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < kIcmpHeaderSize) {
    return fail(DropReason::IcmpTooShort);
  }
  const auto raw = read_raw<RawIcmp>(bytes);
  return IcmpHeader{.type = IcmpType{raw.type}, .code = raw.code, .rest = raw.rest.value()};
}

void turn_echo_around(std::span<std::byte> header) noexcept {
  auto raw = read_raw<RawIcmp>(header);
  const auto first_word = [&raw] {
    return static_cast<std::uint16_t>(unsigned{raw.type} << 8U | raw.code);
  };
  const std::uint16_t before = first_word();
  raw.type = std::to_underlying(IcmpType::EchoReply);
  raw.checksum = update_checksum(raw.checksum.value(), before, first_word());
  write_raw(header, raw);
}

void emit_icmp(std::span<std::byte> message, const IcmpHeader& header) noexcept {
  RawIcmp raw{.type = std::to_underlying(header.type),
              .code = header.code,
              .checksum = Field16{0},
              .rest = Field32{header.rest}};
  write_raw(message, raw);
  raw.checksum = internet_checksum(message);
  write_raw(message, raw);
}

Result<IcmpQuote, DropReason> parse_icmp_quote(std::span<const std::byte> quote) noexcept {
  if (quote.size() < kIpv4HeaderSize + kIcmpQuotedTransportSize) {
    return fail(DropReason::IcmpTooShort);
  }
  const auto ip = read_ipv4_fields(quote.first<kIpv4HeaderSize>());
  if (!ip || ip->header_length < kIpv4HeaderSize || ip->fragment_offset != 0 ||
      ip->total_length < ip->header_length + kIcmpQuotedTransportSize) {
    return fail(DropReason::IcmpUnmatched);
  }
  if (quote.size() < ip->header_length + kIcmpQuotedTransportSize) {
    return fail(DropReason::IcmpTooShort);
  }
  const auto transport = read_raw<RawQuotedTransport>(quote.subspan(ip->header_length));
  return IcmpQuote{.ip = *ip,
                   .source_port = transport.source_port.value(),
                   .destination_port = transport.destination_port.value(),
                   .sequence = SeqNum{transport.sequence.value()}};
}

}  // namespace millrace::wire
