// Ipv4Input: which datagrams a host takes (RFC 1122 §3.2.1). What is in them is left to the
// transports.
#pragma once

#include <span>

#include <millrace/address.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>

#include "net/interface.hpp"
#include "packet/packet.hpp"
#include "wire/ipv4.hpp"

namespace millrace::net {

/// Keeps nothing from one datagram to the next.
class Ipv4Input {
 public:
  /// `interfaces` must outlive it.
  explicit Ipv4Input(std::span<const Interface> interfaces) noexcept : interfaces_{interfaces} {}

  /// `datagram` starts at the IPv4 header and lies in one piece. On success it is cut to the
  /// datagram's length; the header stays in place, and the destination is one of this interface's
  /// addresses, not another's (RFC 1122 §3.3.4.2, the strong model; decision 0012), a broadcast
  /// address of the link or 224.0.0.1. It may be a fragment. Fails with Ipv4TooShort,
  /// Ipv4BadVersion, Ipv4BadHeaderLength, Ipv4BadTotalLength, Ipv4Truncated, Ipv4BadOptions,
  /// Ipv4SourceRoute, Ipv4BadChecksum, Ipv4MartianSource, Ipv4NotForUs. The caller counts it.
  [[nodiscard]] Result<wire::Ipv4Header, DropReason> accept(
      const Interface& interface, packet::Packet& datagram) const noexcept;

 private:
  [[nodiscard]] bool is_martian(const Interface& interface, const IpAddress& source) const noexcept;

  std::span<const Interface> interfaces_;
};

}  // namespace millrace::net
