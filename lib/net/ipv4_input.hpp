// Ipv4Input: which datagrams a host takes (RFC 1122 §3.2.1). What is in them is left to the
// transports.
#pragma once

#include <millrace/address.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>

#include "net/interface.hpp"
#include "packet/packet.hpp"
#include "wire/ipv4.hpp"

namespace millrace::net {

/// Stateless.
class Ipv4Input {
 public:
  /// `datagram` starts at the IPv4 header and lies in one piece. On success it is cut to the
  /// datagram's length; the header stays in place, and the destination is one of the interface's
  /// addresses, a broadcast address of the link or 224.0.0.1. Fails with Ipv4TooShort,
  /// Ipv4BadVersion, Ipv4BadHeaderLength, Ipv4BadTotalLength, Ipv4Truncated, Ipv4BadOptions,
  /// Ipv4SourceRoute, Ipv4BadChecksum, Ipv4MartianSource, Ipv4NotForUs, Ipv4Fragment. The caller
  /// counts it.
  [[nodiscard]] Result<wire::Ipv4Header, DropReason> accept(
      const Interface& interface, packet::Packet& datagram) const noexcept;
};

}  // namespace millrace::net
