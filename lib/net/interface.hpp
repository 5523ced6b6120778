// Interface: one attachment of this host to a link, as the protocols see it: a device or one VLAN
// of it, with addresses, sizes, offloads, and the queue of frames that wait to leave.
#pragma once

#include <bit>
#include <cstdint>

#include <millrace/address.hpp>

#include "base/big_endian.hpp"
#include "base/fixed_vector.hpp"
#include "packet/packet_queue.hpp"

namespace millrace::net {

/// An IPv4 address as a number, host order.
[[nodiscard]] constexpr std::uint32_t v4_number(const IpAddress& address) noexcept {
  return std::bit_cast<base::BigEndian<std::uint32_t>>(address.v4_bytes()).value();
}

/// What the link's device does for us; a plain copy of what was agreed at start-up.
struct Offloads {
  bool tx_ipv4_checksum = false;
  bool tx_tcp_checksum = false;
  bool tx_udp_checksum = false;
  bool multi_segment = false;
  std::uint16_t tso_pieces = 0;  ///< As `device::Capabilities`.
  bool reflects = false;  ///< A loopback plug: our own frames come back, so our own source address
                          ///< is no martian.
};

/// Belongs to one core.
struct Interface {
  static constexpr std::size_t kMaxAddresses = 8;

  std::uint32_t index = 0;
  std::uint16_t vlan = 0;  ///< IEEE 802.1Q, 1 to 4094; 0: frames go without a tag.
  MacAddress mac;
  std::uint16_t mtu = 1500;  ///< Bytes of an IP datagram.
  Offloads offloads;
  base::FixedVector<IpPrefix, kMaxAddresses> addresses;
  packet::PacketQueue tx;  ///< Whole Ethernet frames, in order.

  [[nodiscard]] bool has_address(const IpAddress& address) const noexcept {
    for (const IpPrefix& prefix : addresses) {
      if (prefix.address() == address) {
        return true;
      }
    }
    return false;
  }
  /// Limited or directed broadcast on this link.
  [[nodiscard]] bool is_broadcast(const IpAddress& address) const noexcept {
    if (!address.is_v4()) {
      return false;
    }
    const std::uint32_t number = v4_number(address);
    if (number == kLimitedBroadcast) {
      return true;
    }
    for (const IpPrefix& prefix : addresses) {
      // As `IpPrefix::directed_broadcast` says, without writing that address out: every datagram
      // that Ipv4Input is given is asked about.
      const std::uint32_t hosts = prefix.address().is_v4() ? host_mask(prefix.length()) : 0;
      if (hosts > 1 && (v4_number(prefix.address()) | hosts) == number) {
        return true;
      }
    }
    return false;
  }

 private:
  static constexpr std::uint32_t kLimitedBroadcast = 0xffff'ffff;

  /// Ones where the host part of an IPv4 prefix of that length is.
  [[nodiscard]] static constexpr std::uint32_t host_mask(unsigned length) noexcept {
    return length == 0 ? ~0U : (1U << (32U - length)) - 1U;
  }
};

}  // namespace millrace::net
