// Interface: one attachment of this host to a link, as the protocols see it: a device or one VLAN
// of it, with addresses, sizes, offloads, and the queue of frames that wait to leave.
#pragma once

#include <cstdint>

#include <millrace/address.hpp>

#include "base/fixed_vector.hpp"
#include "packet/packet_queue.hpp"

namespace millrace::net {

/// What the link's device does for us; a plain copy of what was agreed at start-up.
struct Offloads {
  bool tx_ipv4_checksum = false;
  bool tx_tcp_checksum = false;
  bool tx_udp_checksum = false;
  bool multi_segment = false;
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
    if (address.is_limited_broadcast()) {
      return true;
    }
    for (const IpPrefix& prefix : addresses) {
      if (address.is_v4() && prefix.directed_broadcast() == address) {
        return true;
      }
    }
    return false;
  }
};

}  // namespace millrace::net
