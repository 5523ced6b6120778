// The UDP header (RFC 768). The checksum is computed and verified by the caller with
// `wire/checksum.hpp`, because the device may do it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <span>

#include "base/big_endian.hpp"
#include "wire/raw.hpp"

namespace millrace::wire {

inline constexpr std::size_t kUdpHeaderSize = 8;

struct UdpHeader {
  std::uint16_t source_port = 0;  ///< Zero when the sender wants no answer.
  std::uint16_t destination_port = 0;
  std::uint16_t length = kUdpHeaderSize;  ///< Bytes, header included.
  bool has_checksum = false;              ///< Filled by the parser; not looked at by the emitter.

  friend constexpr bool operator==(const UdpHeader&, const UdpHeader&) noexcept = default;
};

namespace detail {

struct RawUdp {
  base::BigEndian<std::uint16_t> source_port;
  base::BigEndian<std::uint16_t> destination_port;
  base::BigEndian<std::uint16_t> length;
  base::BigEndian<std::uint16_t> checksum;
};
static_assert(sizeof(RawUdp) == kUdpHeaderSize);

}  // namespace detail

/// Reads the header at the start of an IP payload of `payload_bytes`, of which `bytes` is the first
/// piece; what lies behind `length` is padding, and not part of the checksum. Fails with
/// UdpTooShort, UdpBadLength.
[[nodiscard]] inline Result<UdpHeader, DropReason> parse_udp(std::span<const std::byte> bytes,
                                                             std::size_t payload_bytes) noexcept {
  if (bytes.size() < kUdpHeaderSize) {
    return fail(DropReason::UdpTooShort);
  }
  const auto raw = read_raw<detail::RawUdp>(bytes);
  const std::uint16_t length = raw.length.value();
  if (length < kUdpHeaderSize || length > payload_bytes) {
    return fail(DropReason::UdpBadLength);
  }
  return UdpHeader{.source_port = raw.source_port.value(),
                   .destination_port = raw.destination_port.value(),
                   .length = length,
                   .has_checksum = raw.checksum.value() != 0};
}

/// The same for a payload in one piece.
[[nodiscard]] inline Result<UdpHeader, DropReason> parse_udp(
    std::span<const std::byte> bytes) noexcept {
  return parse_udp(bytes, bytes.size());
}

/// The checksum field of a header that `parse_udp` has taken.
[[nodiscard]] inline std::uint16_t udp_checksum_field(std::span<const std::byte> header) noexcept {
  return read_raw<detail::RawUdp>(header).checksum.value();
}

/// Writes `kUdpHeaderSize` bytes with a checksum field of zero.
inline void emit_udp(std::span<std::byte> out, const UdpHeader& header) noexcept {
  using Field = base::BigEndian<std::uint16_t>;
  write_raw(out, detail::RawUdp{.source_port = Field{header.source_port},
                                .destination_port = Field{header.destination_port},
                                .length = Field{header.length},
                                .checksum = Field{0}});
}

/// Stores a checksum from `Checksum::finish` in an emitted header.
inline void set_udp_checksum(std::span<std::byte> header, std::uint16_t checksum) noexcept {
  base::expects(header.size() >= kUdpHeaderSize);
  // RFC 768: zero means "no checksum", so a sum of zero travels as its other form, all ones.
  write_raw(header.subspan(offsetof(detail::RawUdp, checksum)),
            base::BigEndian<std::uint16_t>{checksum == 0 ? std::uint16_t{0xffff} : checksum});
}

}  // namespace millrace::wire
