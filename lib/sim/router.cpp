#include "sim/router.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/big_endian.hpp"
#include "sim/router_icmp.hpp"
#include "wire/arp.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/raw.hpp"

namespace millrace::sim {

namespace {

using Field16 = base::BigEndian<std::uint16_t>;

// In the IPv4 header.
constexpr std::size_t kTtlOffset = 8;
constexpr std::size_t kChecksumOffset = 10;

constexpr std::uint8_t kNetworkUnreachable = 0;
constexpr std::uint8_t kFragmentationNeeded = 4;

/// RFC 1812 §5.3.1.
void lower_ttl(std::span<std::byte> header) noexcept {
  const auto field = header.subspan(kTtlOffset);
  const std::uint16_t old_word = wire::read_raw<Field16>(field).value();
  header[kTtlOffset] = static_cast<std::byte>(std::to_integer<unsigned>(header[kTtlOffset]) - 1);
  const std::uint16_t checksum =
      wire::update_checksum(wire::read_raw<Field16>(header.subspan(kChecksumOffset)).value(),
                            old_word, wire::read_raw<Field16>(field).value());
  wire::write_raw(header.subspan(kChecksumOffset), Field16{checksum});
}

}  // namespace

Router::Router(RouterSetup setup, std::uint8_t number, FrameStore& frames)
    : setup_{std::move(setup)}, number_{number}, frames_{frames} {}

std::size_t Router::add_port(std::unique_ptr<Link> out, const IpAddress& address) {
  const MacAddress mac{{0x02, 0, 0, 1, number_, static_cast<std::uint8_t>(ports_.size())}};
  ports_.push_back({.own = {.mac = mac, .address = address}, .out = std::move(out)});
  return ports_.size() - 1;
}

void Router::add_route(const IpPrefix& destination, std::size_t port, const MacAddress& next_hop) {
  routes_.push_back({.destination = destination, .port = port, .next_hop = next_hop});
}

void Router::forward(Instant now, std::size_t port, Frame frame) {
  const auto ethernet = wire::parse_ethernet(frame);
  if (!ethernet) {
    ++counts_.damaged;
  } else if (ethernet->type == wire::EtherType::Arp) {
    answer_arp(now, port, frame);
  } else if (ethernet->type == wire::EtherType::Ipv4 &&
             ethernet->destination == ports_[port].own.mac) {
    forward_datagram(now, port, std::move(frame));
  }
}

void Router::answer_arp(Instant now, std::size_t port, const Frame& frame) {
  const RouterPort& own = ports_[port].own;
  const auto arp = wire::parse_arp(std::span{frame}.subspan(wire::kEthernetHeaderSize));
  if (!arp || arp->operation != wire::ArpOperation::Request || arp->target_ip != own.address) {
    return;
  }
  std::array<std::byte, wire::kEthernetHeaderSize + wire::kArpPacketSize> reply{};
  wire::emit_ethernet(
      reply, {.destination = arp->sender_mac, .source = own.mac, .type = wire::EtherType::Arp});
  wire::emit_arp(std::span{reply}.subspan(wire::kEthernetHeaderSize),
                 {.operation = wire::ArpOperation::Reply,
                  .sender_mac = own.mac,
                  .sender_ip = own.address,
                  .target_mac = arp->sender_mac,
                  .target_ip = arp->sender_ip});
  Frame answer = frames_.take();
  answer.append(reply);
  ports_[port].out->send(now, std::move(answer));
}

void Router::forward_datagram(Instant now, std::size_t port, Frame frame) {
  const auto datagram = std::span{frame}.subspan(wire::kEthernetHeaderSize);
  const auto ip = wire::parse_ipv4(datagram);
  if (!ip || !wire::has_valid_ipv4_checksum(datagram.first(ip->header_length))) {
    ++counts_.damaged;
    return;
  }
  const Route* const route = route_to(ip->destination);
  if (route == nullptr) {
    ++counts_.unroutable;
    report(now, port, frame,
           {.type = wire::IcmpType::DestinationUnreachable, .code = kNetworkUnreachable});
    return;
  }
  if (ip->ttl <= 1) {
    ++counts_.expired;
    report(now, port, frame, {.type = wire::IcmpType::TimeExceeded});
    return;
  }
  const std::uint32_t mtu = ports_[route->port].out->parameters().mtu;
  if (mtu == 0 || ip->total_length <= mtu) {
    lower_ttl(datagram.first(ip->header_length));
    send_on(now, *route, std::move(frame));
  } else if (ip->dont_fragment) {
    ++counts_.too_long;
    // RFC 1191 §4: the next hop's MTU in the low half.
    report(now, port, frame,
           {.type = wire::IcmpType::DestinationUnreachable,
            .code = kFragmentationNeeded,
            .rest = mtu});
  } else {
    ++counts_.fragmented;
    send_in_fragments(now, *route, frame, *ip, mtu);
  }
}

const Router::Route* Router::route_to(const IpAddress& destination) const noexcept {
  const Route* best = nullptr;
  for (const Route& route : routes_) {
    if (route.destination.contains(destination) &&
        (best == nullptr || route.destination.length() >= best->destination.length())) {
      best = &route;
    }
  }
  return best;
}

void Router::send_on(Instant now, const Route& route, Frame frame) {
  wire::emit_ethernet(frame, {.destination = route.next_hop, .source = ports_[route.port].own.mac});
  ++counts_.forwarded;
  ports_[route.port].out->send(now, std::move(frame));
}

void Router::send_in_fragments(Instant now, const Route& route, const Frame& frame,
                               const wire::Ipv4Header& header, std::uint32_t mtu) {
  const auto datagram = std::span{frame}.subspan(wire::kEthernetHeaderSize);
  const auto payload = datagram.subspan(header.header_length, header.payload_length());
  // RFC 791 §3.2: all but the last in units of eight bytes.
  const std::size_t most = (mtu - wire::kIpv4HeaderSize) / 8 * 8;
  for (std::size_t at = 0; at < payload.size(); at += most) {
    const auto piece = payload.subspan(at, std::min(most, payload.size() - at));
    wire::Ipv4Header part = header;
    part.ttl = static_cast<std::uint8_t>(header.ttl - 1);
    part.header_length = wire::kIpv4HeaderSize;
    part.total_length = static_cast<std::uint16_t>(wire::kIpv4HeaderSize + piece.size());
    part.fragment_offset = static_cast<std::uint16_t>(header.fragment_offset + at);
    part.more_fragments = header.more_fragments || at + piece.size() < payload.size();
    std::array<std::byte, wire::kEthernetHeaderSize + wire::kIpv4HeaderSize> headers{};
    wire::emit_ipv4(std::span{headers}.subspan(wire::kEthernetHeaderSize), part, true);
    Frame fragment = frames_.take();
    fragment.append(headers);
    fragment.append(piece);
    send_on(now, route, std::move(fragment));
  }
}

void Router::report(Instant now, std::size_t port, const Frame& offending,
                    const wire::IcmpHeader& what) {
  if (!setup_.sends_icmp) {
    return;
  }
  if (auto message = make_icmp_error(frames_, ports_[port].own, offending, what)) {
    ++counts_.icmp_sent;
    ports_[port].out->send(now, std::move(*message));
  }
}

}  // namespace millrace::sim
