// Reading and writing IPv4 headers, options included; see ipv4.hpp.
#include "wire/ipv4.hpp"

#include <array>
#include <optional>
#include <utility>

#include "base/big_endian.hpp"
#include "base/contract.hpp"
#include "wire/checksum.hpp"
#include "wire/raw.hpp"

namespace millrace::wire {

namespace {

using Field16 = base::BigEndian<std::uint16_t>;

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::uint16_t kOffsetMask = 0x1fff;
constexpr std::uint8_t kVersionAndMinimalLength = 0x45;

// Option types of RFC 791 §3.1, copied flag included.
constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNoOperation = 1;
constexpr std::uint8_t kOptionLooseSourceRoute = 131;
constexpr std::uint8_t kOptionStrictSourceRoute = 137;

struct RawIpv4 {
  std::uint8_t
      version_and_length;  // Version in the high four bits, length in 32-bit words in the low.
  std::uint8_t traffic_class;
  Field16 total_length;
  Field16 identification;
  Field16 flags_and_offset;  // The offset is counted in units of 8 bytes.
  std::uint8_t ttl;
  std::uint8_t protocol;
  Field16 checksum;
  std::array<std::uint8_t, 4> source;
  std::array<std::uint8_t, 4> destination;
};
static_assert(sizeof(RawIpv4) == kIpv4HeaderSize);

Ipv4Header to_header(const RawIpv4& raw) noexcept {
  const std::uint16_t fragment = raw.flags_and_offset.value();
  return {.source = IpAddress::v4(raw.source),
          .destination = IpAddress::v4(raw.destination),
          .protocol = IpProtocol{raw.protocol},
          .ttl = raw.ttl,
          .traffic_class = raw.traffic_class,
          .identification = raw.identification.value(),
          .dont_fragment = (fragment & kDontFragment) != 0,
          .more_fragments = (fragment & kMoreFragments) != 0,
          .fragment_offset = static_cast<std::uint16_t>((fragment & kOffsetMask) * 8U),
          .header_length = static_cast<std::uint16_t>((raw.version_and_length & 0x0fU) * 4U),
          .total_length = raw.total_length.value()};
}

// What is wrong with the options, if anything. A source route counts only if all options can be
// read.
std::optional<DropReason> check_options(std::span<const std::byte> options) noexcept {
  bool has_source_route = false;
  while (!options.empty()) {
    const auto type = std::to_integer<std::uint8_t>(options[0]);
    if (type == kOptionEnd) {
      break;
    }
    if (type == kOptionNoOperation) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) {
      return DropReason::Ipv4BadOptions;
    }
    const auto length = std::to_integer<std::size_t>(options[1]);
    if (length < 2 || length > options.size()) {
      return DropReason::Ipv4BadOptions;
    }
    has_source_route |= type == kOptionLooseSourceRoute || type == kOptionStrictSourceRoute;
    options = options.subspan(length);
  }
  return has_source_route ? std::optional{DropReason::Ipv4SourceRoute} : std::nullopt;
}

}  // namespace

Result<Ipv4Header, DropReason> parse_ipv4(std::span<const std::byte> bytes) noexcept {
  return parse_ipv4(bytes, bytes.size());
}

Result<Ipv4Header, DropReason> parse_ipv4(std::span<const std::byte> front,
                                          std::size_t size) noexcept {
  const auto fields = read_ipv4_fields(front);
  if (!fields) {
    return fields;
  }
  const Ipv4Header& header = *fields;
  if (header.header_length < kIpv4HeaderSize || header.header_length > front.size()) {
    return fail(DropReason::Ipv4BadHeaderLength);
  }
  if (header.total_length < header.header_length || header.total_length > size) {
    return fail(DropReason::Ipv4BadTotalLength);
  }
  const auto options = front.first(header.header_length).subspan(kIpv4HeaderSize);
  if (const auto problem = check_options(options)) {
    return fail(*problem);
  }
  return fields;
}

Result<Ipv4Header, DropReason> read_ipv4_fields(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < kIpv4HeaderSize) {
    return fail(DropReason::Ipv4TooShort);
  }
  const auto raw = read_raw<RawIpv4>(bytes);
  if (raw.version_and_length >> 4U != 4) {
    return fail(DropReason::Ipv4BadVersion);
  }
  return to_header(raw);
}

bool has_valid_ipv4_checksum(std::span<const std::byte> header) noexcept {
  base::expects(header.size() >= kIpv4HeaderSize);
  return has_valid_checksum(header);
}

void emit_ipv4(std::span<std::byte> out, const Ipv4Header& header, bool with_checksum) noexcept {
  base::expects(header.source.is_v4());
  base::expects(header.destination.is_v4());
  base::expects(header.total_length >= kIpv4HeaderSize);
  base::expects(header.fragment_offset % 8 == 0);
  const auto fragment = static_cast<std::uint16_t>((header.dont_fragment ? kDontFragment : 0U) |
                                                   (header.more_fragments ? kMoreFragments : 0U) |
                                                   (header.fragment_offset / 8U));
  RawIpv4 raw{.version_and_length = kVersionAndMinimalLength,
              .traffic_class = header.traffic_class,
              .total_length = Field16{header.total_length},
              .identification = Field16{header.identification},
              .flags_and_offset = Field16{fragment},
              .ttl = header.ttl,
              .protocol = std::to_underlying(header.protocol),
              .checksum = Field16{0},
              .source = header.source.v4_bytes(),
              .destination = header.destination.v4_bytes()};
  if (with_checksum) {
    raw.checksum = internet_checksum(std::as_bytes(std::span{&raw, 1}));
  }
  write_raw(out, raw);
}

}  // namespace millrace::wire
