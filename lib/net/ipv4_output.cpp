// Headers, identifiers and the way to the next hop.
#include "net/ipv4_output.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/contract.hpp"
#include "net/source_address.hpp"
#include "net/transmit_queue.hpp"

namespace millrace::net {

namespace {

std::array<std::byte, base::KeyedHash::kKeyBytes> draw_key(base::Random& random) noexcept {
  std::array<std::byte, base::KeyedHash::kKeyBytes> key;
  random.fill(key);
  return key;
}

// RFC 1112 §6.4: 01:00:5e and the low 23 bits of the group.
MacAddress multicast_mac(const IpAddress& group) noexcept {
  const auto bytes = group.v4_bytes();
  return MacAddress{
      {0x01, 0x00, 0x5e, static_cast<std::uint8_t>(bytes[1] & 0x7fU), bytes[2], bytes[3]}};
}

/// The MAC address of a next hop that needs no neighbor.
std::optional<MacAddress> fixed_mac(const Interface& interface,
                                    const IpAddress& next_hop) noexcept {
  if (interface.is_broadcast(next_hop)) {
    return MacAddress::broadcast();
  }
  if (next_hop.is_multicast()) {
    return multicast_mac(next_hop);
  }
  return std::nullopt;
}

}  // namespace

Ipv4Output::Ipv4Output(std::span<Interface> interfaces, const RouteTable& routes,
                       NeighborTable& neighbors, Arp& arp, base::Random& random) noexcept
    : interfaces_{interfaces},
      routes_{routes},
      neighbors_{neighbors},
      arp_{arp},
      hash_{draw_key(random)} {
  random.fill(std::as_writable_bytes(std::span{identifiers_}));
}

Result<Path, DropReason> Ipv4Output::route(const IpAddress& destination,
                                           const std::optional<IpAddress>& source) const noexcept {
  if (!destination.is_v4() || destination.is_unspecified() || destination.is_loopback()) {
    return fail(DropReason::NoRoute);
  }
  const std::optional<NextHop> next_hop = find_next_hop(destination, source);
  if (!next_hop || next_hop->interface_index >= interfaces_.size()) {
    return fail(DropReason::NoRoute);
  }
  Interface& interface = interfaces_[next_hop->interface_index];
  const std::optional<IpAddress> chosen =
      source ? source : source_address_for(interface, next_hop->address);
  const bool is_unreachable_self =
      !interface.offloads.reflects && std::ranges::any_of(interfaces_, [&](const Interface& own) {
        return own.has_address(destination);
      });
  if (!chosen || is_unreachable_self) {
    return fail(DropReason::NoRoute);
  }
  return Path{.interface = &interface, .next_hop = next_hop->address, .source = *chosen};
}

std::optional<NextHop> Ipv4Output::find_next_hop(
    const IpAddress& destination, const std::optional<IpAddress>& source) const noexcept {
  std::optional<std::uint32_t> only;
  if (source) {
    const auto owner = std::ranges::find_if(
        interfaces_, [&](const Interface& own) { return own.has_address(*source); });
    if (owner == interfaces_.end()) {
      return std::nullopt;
    }
    only = owner->index;
  }
  const std::optional<NextHop> found = routes_.lookup(destination, only);
  if (destination.is_limited_broadcast() || destination.is_multicast()) {
    // These stay on the link: no gateway forwards them for us.
    return NextHop{.interface_index = found ? found->interface_index : only.value_or(0),
                   .address = destination};
  }
  return found;
}

Result<void, DropReason> Ipv4Output::send(Instant now, packet::Packet packet,
                                          const Datagram& datagram) noexcept {
  const auto path = route(datagram.destination, datagram.source);
  if (!path) {
    return fail(path.error());
  }
  return send(now, std::move(packet), datagram, *path);
}

Result<void, DropReason> Ipv4Output::send(Instant now, packet::Packet packet,
                                          const Datagram& datagram, const Path& path) noexcept {
  base::expects(path.interface != nullptr);
  const Interface& interface = *path.interface;
  const std::uint16_t mtu =
      datagram.path_mtu == 0 ? interface.mtu : std::min(interface.mtu, datagram.path_mtu);
  const bool fits = packet.size() + wire::kIpv4HeaderSize <= mtu;
  if (!fits && (datagram.dont_fragment || fragmenter_ == nullptr)) {
    return fail(DropReason::NoRoute);
  }
  const bool must_gather =
      fragmenter_ != nullptr && !packet.is_contiguous() &&
      (!interface.offloads.multi_segment || packet.segments() > Fragmenter::kSegmentsMax);
  if (!fits || must_gather) {
    return send_in_parts(now, packet, datagram, path, mtu);
  }
  return send_part(now, std::move(packet), datagram, path,
                   {.identification = next_identifier(datagram)});
}

Result<void, DropReason> Ipv4Output::send_in_parts(Instant now, const packet::Packet& packet,
                                                   const Datagram& datagram, const Path& path,
                                                   std::uint16_t mtu) noexcept {
  const Interface& interface = *path.interface;
  const bool may_chain = interface.offloads.multi_segment;
  const auto room = static_cast<std::uint16_t>(mtu - wire::kIpv4HeaderSize);
  const std::uint16_t most = may_chain ? room : std::min(room, Fragmenter::kCopiedPieceMax);
  const bool is_whole = packet.size() <= most;
  if (!is_whole && datagram.dont_fragment) {
    return fail(DropReason::NoRoute);
  }
  // RFC 791 §3.2: every part but the last is a multiple of eight octets.
  constexpr std::uint16_t kOctets = 7;
  const auto piece_bytes = static_cast<std::uint16_t>(is_whole ? most : most & ~kOctets);
  auto pieces = fragmenter_->cut(packet, {.piece_bytes = piece_bytes, .may_chain = may_chain});
  if (!pieces) {
    return fail(pieces.error());
  }
  if (interface.tx.size() + pieces->size() > kMaxQueuedFrames) {
    return fail(DropReason::TransmitQueueFull);  // A part without the others is of no use.
  }
  Part part{.identification = next_identifier(datagram)};
  while (packet::Packet piece = pieces->pop_front()) {
    const std::uint32_t bytes = piece.size();
    part.has_more = !pieces->empty();
    if (const auto sent = send_part(now, std::move(piece), datagram, path, part); !sent) {
      return sent;
    }
    part.offset = static_cast<std::uint16_t>(part.offset + bytes);
  }
  return {};
}

Result<void, DropReason> Ipv4Output::send_part(Instant now, packet::Packet packet,
                                               const Datagram& datagram, const Path& path,
                                               const Part& part) noexcept {
  Interface& interface = *path.interface;
  write_ipv4_header(packet, datagram, interface, part);

  const auto mac = known_mac(now, path);
  emit_link_header(packet.prepend(link_header_size(interface)), interface,
                   mac.value_or(MacAddress{}), wire::EtherType::Ipv4);
  if (mac) {
    return enqueue_frame(interface, std::move(packet));
  }
  const auto parked = neighbors_.park(
      now, {.interface_index = interface.index, .address = path.next_hop}, std::move(packet));
  arp_.send_solicitations();
  return parked;
}

std::optional<MacAddress> Ipv4Output::known_mac(Instant now, const Path& path) noexcept {
  const Interface& interface = *path.interface;
  if (interface.offloads.reflects && interface.has_address(path.next_hop)) {
    return interface.mac;
  }
  const auto mac =
      neighbors_.resolve(now, {.interface_index = interface.index, .address = path.next_hop});
  return mac ? mac : fixed_mac(interface, path.next_hop);
}

void Ipv4Output::doubt(Instant now, const Path& path) noexcept {
  neighbors_.doubt(now, {.interface_index = path.interface->index, .address = path.next_hop});
  arp_.send_solicitations();
}

void Ipv4Output::write_ipv4_header(packet::Packet& packet, const Datagram& datagram,
                                   const Interface& interface, const Part& part) noexcept {
  const auto total_length = static_cast<std::uint16_t>(packet.size() + wire::kIpv4HeaderSize);
  const bool device_fills_checksum = interface.offloads.tx_ipv4_checksum;
  const wire::Ipv4Header header{.source = datagram.source,
                                .destination = datagram.destination,
                                .protocol = datagram.protocol,
                                .ttl = datagram.ttl,
                                .traffic_class = datagram.traffic_class,
                                .identification = part.identification,
                                .dont_fragment = datagram.dont_fragment,
                                .more_fragments = part.has_more,
                                .fragment_offset = part.offset,
                                .total_length = total_length};
  wire::emit_ipv4(packet.prepend(wire::kIpv4HeaderSize), header, !device_fills_checksum);
  if (device_fills_checksum || datagram.device_fills_tcp_checksum ||
      datagram.device_fills_udp_checksum) {
    packet.request_checksums(link_header_size(interface), wire::kIpv4HeaderSize,
                             device_fills_checksum, datagram.device_fills_tcp_checksum,
                             datagram.device_fills_udp_checksum);
  }
}

std::uint16_t Ipv4Output::next_identifier(const Datagram& datagram) noexcept {
  if (datagram.dont_fragment) {
    // RFC 6864 §4.1: an atomic datagram may carry any value. Zero tells an observer nothing.
    return 0;
  }
  // RFC 6864 §4.2: no value twice within the datagram's lifetime for the same source, destination
  // and protocol. Tuples that share a counter only use it up sooner; which ones do is secret, and
  // so is where it starts.
  std::array<std::byte, 2 * IpAddress::kSize + 1> tuple;
  std::memcpy(tuple.data(), datagram.source.bytes().data(), IpAddress::kSize);
  std::memcpy(tuple.data() + IpAddress::kSize, datagram.destination.bytes().data(),
              IpAddress::kSize);
  tuple.back() = static_cast<std::byte>(datagram.protocol);
  return identifiers_[hash_(tuple) % kIdentifierCounters]++;
}

}  // namespace millrace::net
