// What a received datagram must be to be UDP (RFC 768, RFC 1122 §4.1.3), and taking it apart. Whose
// it is, is decided elsewhere.
#pragma once

#include <cstdint>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>

#include "packet/packet.hpp"
#include "wire/ipv4.hpp"

namespace millrace::udp {

/// Both ends of a sound datagram. The local one is what it was sent to: perhaps a broadcast
/// address.
struct Arrival {
  FourTuple tuple;
  std::uint32_t payload_bytes = 0;
};

/// `datagram` starts at its IPv4 header, which was accepted as `header`, and may be a chain of
/// fragments whose first piece holds the UDP header. What lies behind the UDP length is cut off.
/// Fails with UdpTooShort, UdpBadLength, UdpBadChecksum, UdpPartialChecksum.
[[nodiscard]] Result<Arrival, DropReason> accept_udp(const wire::Ipv4Header& header,
                                                     packet::Packet& datagram) noexcept;

/// Both ends of what `accept_udp` has taken, read again, with the headers taken off: what is left
/// is the payload.
[[nodiscard]] FourTuple strip_headers(packet::Packet& datagram) noexcept;

/// Both ends of what `accept_udp` has taken.
[[nodiscard]] FourTuple ends_of(const packet::Packet& datagram) noexcept;

/// Bytes of payload in what `accept_udp` has taken.
[[nodiscard]] std::uint32_t payload_bytes(const packet::Packet& datagram) noexcept;

}  // namespace millrace::udp
