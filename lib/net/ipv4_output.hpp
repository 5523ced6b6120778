// Ipv4Output: puts IPv4 and Ethernet headers before a transport's packet and hands it to the
// interface, or to the neighbor table when the next hop is not known yet. What is too large leaves
// in fragments where its sender allows that; how it is cut is left to `Fragmenter`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <millrace/address.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <millrace/time.hpp>

#include "base/keyed_hash.hpp"
#include "base/random.hpp"
#include "net/arp.hpp"
#include "net/fragmenter.hpp"
#include "net/interface.hpp"
#include "net/link_header.hpp"
#include "net/neighbor_table.hpp"
#include "net/route_table.hpp"
#include "packet/packet.hpp"
#include "wire/ipv4.hpp"

namespace millrace::net {

/// Where a datagram leaves. Stays valid while routes and addresses stay as they are.
struct Path {
  Interface* interface = nullptr;
  IpAddress next_hop;
  IpAddress source;  ///< The address of ours to use when the sender has not chosen one.
};

/// The header values that a transport decides.
struct Datagram {
  IpAddress source;
  IpAddress destination;
  wire::IpProtocol protocol = wire::IpProtocol::Tcp;
  std::uint8_t ttl = 64;
  std::uint8_t traffic_class = 0;  ///< DSCP and ECN in one octet.
  bool dont_fragment = true;
  bool device_fills_tcp_checksum = false;  ///< The field holds the pseudo header's sum.
  bool device_fills_udp_checksum = false;  ///< Likewise; never of what is cut into fragments.
  std::uint16_t path_mtu = 0;  ///< What the path is known to take; 0: what the interface does.
};

/// Drops: every failure is returned, the packet freed, and the caller counts it.
class Ipv4Output {
 public:
  /// Headroom that a packet needs for the headers of both layers, in bytes.
  static constexpr std::size_t kHeadersSize = kLinkHeaderMax + wire::kIpv4HeaderSize;

  /// From now on datagrams that may be fragmented are. `fragmenter` must outlive this.
  void set_fragmenter(Fragmenter& fragmenter) noexcept { fragmenter_ = &fragmenter; }

  /// `interfaces` have their index as position. All that is passed must outlive this, but `random`,
  /// which keys the identifiers.
  Ipv4Output(std::span<Interface> interfaces, const RouteTable& routes, NeighborTable& neighbors,
             Arp& arp, base::Random& random) noexcept;

  /// What comes from an address of ours leaves by the interface that has the address, by its routes
  /// alone (RFC 1122 §3.3.4.2, the strong model; decision 0012). Without `source` the best route of
  /// all interfaces counts, and the path names the address to use. Fails with NoRoute: none leads
  /// there, `source` is none of our addresses, the interface has no IPv4 address, or the
  /// destination is one of our own on a link that does not reflect.
  [[nodiscard]] Result<Path, DropReason> route(
      const IpAddress& destination, const std::optional<IpAddress>& source = {}) const noexcept;

  /// `packet` starts at the transport header, has a headroom of `kHeadersSize` in its first segment
  /// and is nobody else's there. Success may mean that it waits for the neighbor (see
  /// NeighborTable::failed). A chain that the device cannot take is copied together, and a datagram
  /// beyond the MTU cut into fragments, unless `dont_fragment`. Fails with NoRoute (also when it
  /// exceeds the MTU and must not be cut), NeighborTableFull, NeighborQueueFull, TransmitQueueFull,
  /// OutOfPackets.
  [[nodiscard]] Result<void, DropReason> send(Instant now, packet::Packet packet,
                                              const Datagram& datagram) noexcept;
  /// The same by a path that `route` gave for these addresses.
  [[nodiscard]] Result<void, DropReason> send(Instant now, packet::Packet packet,
                                              const Datagram& datagram, const Path& path) noexcept;
  /// The MAC address that what leaves by `path` goes to, if that is known. Counts as a use of it.
  [[nodiscard]] std::optional<MacAddress> known_mac(Instant now, const Path& path) noexcept;
  /// A transport gets no answer by that path: its next hop is asked whether it is still there.
  void doubt(Instant now, const Path& path) noexcept;

 private:
  static constexpr std::size_t kIdentifierCounters = 256;

  [[nodiscard]] std::optional<NextHop> find_next_hop(
      const IpAddress& destination, const std::optional<IpAddress>& source) const noexcept;
  /// Which part of a datagram a packet carries.
  struct Part {
    std::uint16_t identification = 0;
    std::uint16_t offset = 0;  // Bytes.
    bool has_more = false;
  };

  [[nodiscard]] std::uint16_t next_identifier(const Datagram& datagram) noexcept;
  [[nodiscard]] Result<void, DropReason> send_in_parts(Instant now, const packet::Packet& packet,
                                                       const Datagram& datagram, const Path& path,
                                                       std::uint16_t mtu) noexcept;
  [[nodiscard]] Result<void, DropReason> send_part(Instant now, packet::Packet packet,
                                                   const Datagram& datagram, const Path& path,
                                                   const Part& part) noexcept;
  static void write_ipv4_header(packet::Packet& packet, const Datagram& datagram,
                                const Interface& interface, const Part& part) noexcept;

  std::span<Interface> interfaces_;
  const RouteTable& routes_;
  NeighborTable& neighbors_;
  Arp& arp_;
  Fragmenter* fragmenter_ = nullptr;
  base::KeyedHash hash_;
  std::array<std::uint16_t, kIdentifierCounters>
      identifiers_{};  // By hash of source, destination and protocol.
};

}  // namespace millrace::net
