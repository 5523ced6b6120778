// ICMP for IPv4 (RFC 792): header, checksum and the datagram quoted in errors. What is answered,
// believed or limited is up to `net`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <span>

#include "wire/ipv4.hpp"
#include "wire/seq_num.hpp"

namespace millrace::wire {

inline constexpr std::size_t kIcmpHeaderSize = 8;
/// What of its transport header a quoted datagram must carry, in bytes (RFC 792).
inline constexpr std::size_t kIcmpQuotedTransportSize = 8;

/// The types we name. A parsed header may hold any other value.
enum class IcmpType : std::uint8_t {
  EchoReply = 0,
  DestinationUnreachable = 3,
  SourceQuench = 4,
  Redirect = 5,
  EchoRequest = 8,
  TimeExceeded = 11,
  ParameterProblem = 12,
};

struct IcmpHeader {
  IcmpType type = IcmpType::EchoReply;
  std::uint8_t code = 0;
  /// The last four octets: identifier in the high half and sequence in the low one for echoes, the
  /// next hop's MTU in the low half for "fragmentation needed" (RFC 1191 §4).
  std::uint32_t rest = 0;

  friend constexpr bool operator==(const IcmpHeader&, const IcmpHeader&) noexcept = default;
};

/// What an ICMP error tells about the datagram it complains of.
struct IcmpQuote {
  Ipv4Header ip;  ///< As quoted: `total_length` is usually more than what was quoted.
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  SeqNum sequence;  ///< Only for TCP; the same octets mean something else in other protocols.

  friend constexpr bool operator==(const IcmpQuote&, const IcmpQuote&) noexcept = default;
};

/// Reads the header of a message that fills `message` entirely, and verifies the checksum over it.
/// Fails with IcmpTooShort, IcmpBadChecksum.
[[nodiscard]] Result<IcmpHeader, DropReason> parse_icmp(
    std::span<const std::byte> message) noexcept;

/// Reads the header at the start of a message that is not in one piece, without looking at the
/// checksum. Fails with IcmpTooShort.
[[nodiscard]] Result<IcmpHeader, DropReason> read_icmp_header(
    std::span<const std::byte> bytes) noexcept;

/// Makes the header of an echo request that of its reply, whose checksum follows from the
/// request's.
void turn_echo_around(std::span<std::byte> header) noexcept;

/// Writes the header to the start of `message` and the checksum over all of it; the payload must be
/// in place.
void emit_icmp(std::span<std::byte> message, const IcmpHeader& header) noexcept;

/// Reads the datagram quoted in an error, given what follows the ICMP header. The quoted header's
/// checksum and options are not checked, for routers have changed both. Fails with IcmpTooShort
/// when less than the header and eight more octets are there, and with IcmpUnmatched when it is
/// nothing we can have sent: not IPv4, an impossible length, or not the first fragment.
[[nodiscard]] Result<IcmpQuote, DropReason> parse_icmp_quote(
    std::span<const std::byte> quote) noexcept;

}  // namespace millrace::wire
