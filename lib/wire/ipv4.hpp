// The IPv4 header (RFC 791): format only. Addresses, fragments and protocols are judged in `net`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <millrace/address.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t kIpv4HeaderSize = 20;

/// The protocols we name. A parsed header may hold any other value.
enum class IpProtocol : std::uint8_t { Icmp = 1, Tcp = 6, Udp = 17 };

/// RFC 3168 §5: the low two bits of the traffic class.
enum class Ecn : std::uint8_t {
  NotCapable = 0,
  Capable1 = 1,
  Capable0 = 2,   ///< What we send.
  Congested = 3,  ///< Set by a router that would rather not drop.
};

[[nodiscard]] constexpr Ecn ecn_of(std::uint8_t traffic_class) noexcept {
  return static_cast<Ecn>(traffic_class & 3U);
}

struct Ipv4Header {
  IpAddress source;
  IpAddress destination;
  IpProtocol protocol = IpProtocol::Tcp;
  std::uint8_t ttl = 64;
  std::uint8_t traffic_class = 0;  ///< DSCP and ECN in one octet (RFC 2474, RFC 3168).
  std::uint16_t identification = 0;
  bool dont_fragment = false;
  bool more_fragments = false;
  std::uint16_t fragment_offset = 0;              ///< Bytes, a multiple of 8.
  std::uint16_t header_length = kIpv4HeaderSize;  ///< Bytes, options included.
  std::uint16_t total_length = kIpv4HeaderSize;   ///< Bytes, header included.

  [[nodiscard]] constexpr bool is_fragment() const noexcept {
    return more_fragments || fragment_offset != 0;
  }
  /// Bytes behind the header. A parsed header never has `total_length` below `header_length`.
  [[nodiscard]] constexpr std::uint16_t payload_length() const noexcept {
    return static_cast<std::uint16_t>(total_length - header_length);
  }

  friend constexpr bool operator==(const Ipv4Header&, const Ipv4Header&) noexcept = default;
};

/// Reads the header at the start of `bytes`; what lies behind `total_length` is padding. Does not
/// look at the checksum, because the device may have. Fails with Ipv4TooShort, Ipv4BadVersion,
/// Ipv4BadHeaderLength, Ipv4BadTotalLength, Ipv4BadOptions, Ipv4SourceRoute.
[[nodiscard]] Result<Ipv4Header, DropReason> parse_ipv4(std::span<const std::byte> bytes) noexcept;
/// The same of a datagram in several pieces, of `size` bytes in all, `front` being the first.
[[nodiscard]] Result<Ipv4Header, DropReason> parse_ipv4(std::span<const std::byte> front,
                                                        std::size_t size) noexcept;

/// Reads the fixed fields alone and believes every length, for headers quoted in part by ICMP
/// errors. Fails with Ipv4TooShort, Ipv4BadVersion.
[[nodiscard]] Result<Ipv4Header, DropReason> read_ipv4_fields(
    std::span<const std::byte> bytes) noexcept;

/// Whether the header checksum is right. `header` is the whole header, options included, and
/// nothing more.
[[nodiscard]] bool has_valid_ipv4_checksum(std::span<const std::byte> header) noexcept;

/// Writes a header of `kIpv4HeaderSize` bytes without options; `header_length` is not looked at,
/// `total_length` is written as it is. Without checksum the field is zero, as devices that fill it
/// in want it.
void emit_ipv4(std::span<std::byte> out, const Ipv4Header& header, bool with_checksum) noexcept;

}  // namespace millrace::wire
