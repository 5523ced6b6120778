// From a payload to a datagram in IP's hands, and who has to wait for that.
#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/udp_core.hpp"
#include "udp/udp_output.hpp"
#include "wire/udp.hpp"

namespace millrace::stack {

using packet::Packet;

namespace {

bool may_not_cut(const UdpSlot& slot) noexcept {
  return slot.fragmentation == Fragmentation::Forbidden ||
         slot.fragmentation == Fragmentation::Probe;
}

}  // namespace

Packet UdpCore::copy_of(std::span<const std::byte> data) noexcept {
  Packet whole;
  do {
    Packet piece = data.size() <= packet::CorePools::kHeaderRoomBytes ? pools_.headers.allocate()
                                                                      : pools_.data.allocate();
    if (!piece) {
      return {};
    }
    const auto bytes = data.first(std::min<std::size_t>(data.size(), piece.tailroom()));
    std::ranges::copy(bytes, piece.append(static_cast<std::uint16_t>(bytes.size())).begin());
    data = data.subspan(bytes.size());
    if (!whole) {
      whole = std::move(piece);
    } else if (!whole.chain(piece)) {
      return {};
    }
  } while (!data.empty());
  return whole;
}

Result<void> UdpCore::send(Instant now, UdpSlot& slot, const Endpoint& destination,
                           Packet& payload) noexcept {
  const std::uint32_t bytes = payload ? payload.size() : 0;
  if (bytes > udp::kPayloadMax) {
    return fail(Error::MessageTooLong);
  }
  const auto path = path_to(slot, destination);
  if (!path) {
    return fail(path.error());
  }
  const net::Interface& interface = *path->interface;
  const std::uint16_t mtu = mtu_towards(now, slot, destination.address, interface);
  const bool fits = wire::kIpv4HeaderSize + wire::kUdpHeaderSize + bytes <= mtu;
  if (!fits && may_not_cut(slot)) {
    return fail(Error::MessageTooLong);
  }
  if (interface.tx.size() >= frames_max()) {
    block(slot, &interface);
    return fail(Error::WouldBlock);
  }
  Packet datagram = with_header_room(payload);
  if (!datagram) {
    want_packets(slot);
    return fail(Error::OutOfPackets);
  }
  // A device finishes checksums of whole datagrams alone.
  const bool device_sums = fits && interface.offloads.tx_udp_checksum;
  const FourTuple tuple{.local = {.address = path->source, .port = slot.tuple.local.port},
                        .remote = destination};
  udp::write_header(datagram, tuple, device_sums ? udp::ChecksumBy::Device : udp::ChecksumBy::Us);
  ++stats_.udp_datagrams_out;
  stats_.udp_bytes_out += bytes;
  // RFC 1112 §6.1: a group is reached on the link unless somebody asks for more.
  const std::uint8_t hops = destination.address.is_multicast() ? 1 : slot.hop_limit;
  const auto sent =
      output_.send(now, std::move(datagram),
                   {.source = tuple.local.address,
                    .destination = destination.address,
                    .protocol = wire::IpProtocol::Udp,
                    .ttl = hops,
                    .traffic_class = slot.traffic_class,
                    .dont_fragment = fits && slot.fragmentation != Fragmentation::Allowed,
                    .device_fills_udp_checksum = device_sums,
                    .path_mtu = mtu},
                   *path);
  if (!sent) {
    stats_.count(sent.error());  // Lost on the way, as the network may lose it.
  }
  return {};
}

Result<IpAddress> UdpCore::check(Instant now, const UdpSlot& slot, const Endpoint& destination,
                                 std::size_t bytes) noexcept {
  constexpr std::size_t kHeaders = wire::kIpv4HeaderSize + wire::kUdpHeaderSize;
  const auto path = path_to(slot, destination);
  if (!path) {
    return fail(path.error());
  }
  const std::size_t mtu = mtu_towards(now, slot, destination.address, *path->interface);
  if (bytes > udp::kPayloadMax || (may_not_cut(slot) && kHeaders + bytes > mtu)) {
    return fail(Error::MessageTooLong);
  }
  return path->source;
}

Result<net::Path> UdpCore::path_to(const UdpSlot& slot,
                                   const Endpoint& destination) const noexcept {
  if (destination.port.is_unspecified() || destination.address.is_unspecified() ||
      !destination.address.is_v4()) {
    return fail(Error::InvalidArgument);
  }
  const IpAddress& ours = slot.is_connected() ? slot.tuple.local.address : slot.bound_address;
  const auto path = output_.route(destination.address,
                                  ours.is_unspecified() ? std::nullopt : std::optional{ours});
  if (!path) {
    return fail(Error::NetworkUnreachable);
  }
  if (!slot.may_broadcast && path->interface->is_broadcast(destination.address)) {
    return fail(Error::NotPermitted);
  }
  return *path;
}

std::uint16_t UdpCore::mtu_towards(Instant now, const UdpSlot& slot, const IpAddress& destination,
                                   const net::Interface& interface) noexcept {
  // A device that takes no chains takes no frames beyond one packet.
  constexpr std::uint16_t kOnePacket = wire::kIpv4HeaderSize + net::Fragmenter::kCopiedPieceMax;
  const std::uint16_t link =
      interface.offloads.multi_segment ? interface.mtu : std::min(interface.mtu, kOnePacket);
  const bool heeds_routers = slot.fragmentation == Fragmentation::Discover ||
                             slot.fragmentation == Fragmentation::Forbidden;
  const auto known = heeds_routers ? path_mtus_.find(now, destination) : std::nullopt;
  return std::min(link, known.value_or(link));
}

Result<std::size_t> UdpCore::payload_max(Instant now, const UdpSlot& slot) noexcept {
  constexpr std::size_t kHeaders = wire::kIpv4HeaderSize + wire::kUdpHeaderSize;
  if (slot.is_connected()) {
    const auto path = path_to(slot, slot.tuple.remote);
    if (!path) {
      return fail(path.error());
    }
    return mtu_towards(now, slot, slot.tuple.remote.address, *path->interface) - kHeaders;
  }
  std::uint16_t widest = 0;
  for (const net::Interface& interface : interfaces_) {
    widest = std::max(widest, interface.mtu);
  }
  return widest - kHeaders;
}

/// Empty if there is no packet for a header; `payload` is then as it was.
Packet UdpCore::with_header_room(Packet& payload) noexcept {
  constexpr std::size_t kRoom = net::Ipv4Output::kHeadersSize + wire::kUdpHeaderSize;
  if (payload && payload.is_front_exclusive() && payload.headroom() >= kRoom) {
    payload.clear_offload();
    static_cast<void>(payload.prepend(wire::kUdpHeaderSize));
    return std::move(payload);
  }
  // Others hold those bytes, too: what is written must not be in front of them.
  Packet header = pools_.headers.allocate();
  if (!header) {
    return header;
  }
  static_cast<void>(header.append(wire::kUdpHeaderSize));
  if (payload && payload.size() > 0 && !header.chain(payload)) {
    return {};
  }
  payload.reset();
  return header;
}

void UdpCore::want_packets(UdpSlot& slot) noexcept { block(slot, nullptr); }

void UdpCore::block(UdpSlot& slot, const net::Interface* interface) noexcept {
  slot.blocked_on = interface;
  if (!slot.blocked_link.is_linked()) {
    blocked_.push_back(slot);
  }
}

void UdpCore::wake_blocked(bool has_rival) noexcept {
  has_rival_ = has_rival;
  const std::uint32_t few = frames_max() / 2;
  UdpBlockedList waiting;
  waiting.splice_back(blocked_);
  while (UdpSlot* const slot = waiting.pop_front()) {
    if (slot->blocked_on == nullptr || slot->blocked_on->tx.size() <= few) {
      note(*slot, UdpNews::kWritable);
    } else {
      blocked_.push_back(*slot);
    }
  }
}

}  // namespace millrace::stack
