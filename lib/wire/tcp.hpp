// The fixed TCP header (RFC 9293 §3.1) and its flags. Options are in `wire/tcp_options.hpp`; the
// checksum is computed and verified by the caller with `wire/checksum.hpp`, because the device may
// do it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <span>

#include "base/big_endian.hpp"
#include "wire/raw.hpp"
#include "wire/seq_num.hpp"

namespace millrace::wire {

inline constexpr std::size_t kTcpHeaderSize = 20;
inline constexpr std::size_t kTcpHeaderSizeMax = 60;

/// The control bits, one octet.
class TcpFlags {
 public:
  static constexpr std::uint8_t kFin = 1;
  static constexpr std::uint8_t kSyn = 2;
  static constexpr std::uint8_t kRst = 4;
  static constexpr std::uint8_t kPsh = 8;
  static constexpr std::uint8_t kAck = 16;
  static constexpr std::uint8_t kUrg = 32;
  static constexpr std::uint8_t kEce = 64;
  static constexpr std::uint8_t kCwr = 128;

  constexpr TcpFlags() noexcept = default;
  constexpr explicit TcpFlags(std::uint8_t bits) noexcept : bits_{bits} {}

  [[nodiscard]] constexpr std::uint8_t bits() const noexcept { return bits_; }
  /// Whether all of `bits` are set.
  [[nodiscard]] constexpr bool has(std::uint8_t bits) const noexcept {
    return (bits_ & bits) == bits;
  }
  [[nodiscard]] constexpr bool fin() const noexcept { return has(kFin); }
  [[nodiscard]] constexpr bool syn() const noexcept { return has(kSyn); }
  [[nodiscard]] constexpr bool rst() const noexcept { return has(kRst); }
  [[nodiscard]] constexpr bool psh() const noexcept { return has(kPsh); }
  [[nodiscard]] constexpr bool ack() const noexcept { return has(kAck); }
  [[nodiscard]] constexpr bool urg() const noexcept { return has(kUrg); }
  [[nodiscard]] constexpr bool ece() const noexcept { return has(kEce); }
  [[nodiscard]] constexpr bool cwr() const noexcept { return has(kCwr); }

  /// These flags and `bits`.
  [[nodiscard]] constexpr TcpFlags with(std::uint8_t bits) const noexcept {
    return TcpFlags{static_cast<std::uint8_t>(bits_ | bits)};
  }

  friend constexpr bool operator==(TcpFlags, TcpFlags) noexcept = default;

 private:
  std::uint8_t bits_ = 0;
};

struct TcpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  SeqNum seq;
  SeqNum ack;  ///< Meaningless unless `flags.ack()`.
  TcpFlags flags;
  std::uint16_t window = 0;  ///< As on the wire, not scaled.
  std::uint16_t urgent_pointer = 0;
  std::uint16_t header_length = kTcpHeaderSize;  ///< Bytes, options included.

  friend constexpr bool operator==(const TcpHeader&, const TcpHeader&) noexcept = default;
};

namespace detail {

struct RawTcp {
  base::BigEndian<std::uint16_t> source_port;
  base::BigEndian<std::uint16_t> destination_port;
  base::BigEndian<std::uint32_t> seq;
  base::BigEndian<std::uint32_t> ack;
  std::uint8_t data_offset;  // In the high four bits, counted in 32-bit words.
  std::uint8_t flags;
  base::BigEndian<std::uint16_t> window;
  base::BigEndian<std::uint16_t> checksum;
  base::BigEndian<std::uint16_t> urgent_pointer;
};
static_assert(sizeof(RawTcp) == kTcpHeaderSize);

}  // namespace detail

/// Reads the fixed header of a segment; options lie between `kTcpHeaderSize` and `header_length`,
/// payload behind. Fails with TcpTooShort, TcpBadDataOffset, TcpBadPort.
[[nodiscard]] inline Result<TcpHeader, DropReason> parse_tcp(
    std::span<const std::byte> segment) noexcept {
  if (segment.size() < kTcpHeaderSize) {
    return fail(DropReason::TcpTooShort);
  }
  const auto raw = read_raw<detail::RawTcp>(segment);
  const TcpHeader header{.source_port = raw.source_port.value(),
                         .destination_port = raw.destination_port.value(),
                         .seq = SeqNum{raw.seq.value()},
                         .ack = SeqNum{raw.ack.value()},
                         .flags = TcpFlags{raw.flags},
                         .window = raw.window.value(),
                         .urgent_pointer = raw.urgent_pointer.value(),
                         .header_length = static_cast<std::uint16_t>((raw.data_offset >> 4U) * 4U)};
  if (header.header_length < kTcpHeaderSize || header.header_length > segment.size()) {
    return fail(DropReason::TcpBadDataOffset);
  }
  if (header.source_port == 0 || header.destination_port == 0) {
    return fail(DropReason::TcpBadPort);
  }
  return header;
}

/// Writes the `kTcpHeaderSize` bytes of the fixed header with a checksum field of zero.
/// `header_length` counts the options that the caller writes behind it: a multiple of 4 up to
/// `kTcpHeaderSizeMax`.
inline void emit_tcp(std::span<std::byte> out, const TcpHeader& header) noexcept {
  base::expects(header.header_length >= kTcpHeaderSize);
  base::expects(header.header_length <= kTcpHeaderSizeMax);
  base::expects(header.header_length % 4 == 0);
  using Field16 = base::BigEndian<std::uint16_t>;
  using Field32 = base::BigEndian<std::uint32_t>;
  write_raw(
      out, detail::RawTcp{.source_port = Field16{header.source_port},
                          .destination_port = Field16{header.destination_port},
                          .seq = Field32{header.seq.value()},
                          .ack = Field32{header.ack.value()},
                          .data_offset = static_cast<std::uint8_t>(header.header_length / 4U << 4U),
                          .flags = header.flags.bits(),
                          .window = Field16{header.window},
                          .checksum = Field16{0},
                          .urgent_pointer = Field16{header.urgent_pointer}});
}

/// The checksum field of a header that was parsed.
[[nodiscard]] inline std::uint16_t tcp_checksum_field(std::span<const std::byte> header) noexcept {
  base::expects(header.size() >= kTcpHeaderSize);
  return read_raw<detail::RawTcp>(header).checksum.value();
}

/// Stores a checksum from `Checksum::finish` in an emitted header.
inline void set_tcp_checksum(std::span<std::byte> header, std::uint16_t checksum) noexcept {
  base::expects(header.size() >= kTcpHeaderSize);
  write_raw(header.subspan(offsetof(detail::RawTcp, checksum)),
            base::BigEndian<std::uint16_t>{checksum});
}

}  // namespace millrace::wire
