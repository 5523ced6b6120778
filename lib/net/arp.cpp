// ARP packets in and out.
#include "net/arp.hpp"

#include <algorithm>
#include <utility>

#include <millrace/error.hpp>

#include "base/contract.hpp"
#include "net/link_header.hpp"
#include "net/source_address.hpp"
#include "net/transmit_queue.hpp"

namespace millrace::net {

namespace {

constexpr IpAddress kUnspecified = IpAddress::v4(0, 0, 0, 0);

bool is_believable_sender(const Interface& interface, const wire::ArpPacket& received) noexcept {
  const MacAddress& mac = received.sender_mac;
  if (mac.is_multicast() || mac.is_zero() || mac == interface.mac) {
    return false;
  }
  const IpAddress& ip = received.sender_ip;
  if (ip.is_unspecified()) {
    return received.operation == wire::ArpOperation::Request;  // RFC 5227 §2.1.1: a probe.
  }
  return !ip.is_multicast() && !ip.is_loopback() && !interface.is_broadcast(ip);
}

bool is_on_link(const Interface& interface, const IpAddress& address) noexcept {
  return std::ranges::any_of(interface.addresses,
                             [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

}  // namespace

Arp::Arp(std::span<Interface> interfaces, NeighborTable& neighbors, packet::PacketPool& headers,
         CoreStats& stats, base::Random& random)
    : interfaces_{interfaces},
      neighbors_{neighbors},
      headers_{headers},
      stats_{stats},
      random_{random} {}

void Arp::start(Instant now) {
  claims_.clear();
  for (Interface& interface : interfaces_) {
    for (const IpPrefix& prefix : interface.addresses) {
      if (prefix.address().is_v4()) {
        claims_.push_back({.interface_index = interface.index, .address = prefix.address()});
        send_request(interface, MacAddress::broadcast(), kUnspecified, prefix.address());
      }
    }
  }
  announcements_left_ = claims_.empty() ? 0 : kAnnouncementsMax;
  announce_at_ = now + kAnnounceWait +
                 Duration{random_.below(static_cast<std::uint32_t>(kAnnounceWait.count()))};
}

void Arp::on_packet(Instant now, Interface& interface, packet::Packet packet) noexcept {
  const auto received = wire::parse_arp(packet.data());
  if (!received) {
    stats_.count(received.error());
    return;
  }
  if (!is_believable_sender(interface, *received)) {
    stats_.count(DropReason::ArpBadSender);
    return;
  }
  if (interface.has_address(received->sender_ip)) {
    on_conflict(now, interface, *received);
    return;
  }
  on_valid_packet(now, interface, std::move(packet), *received);
}

void Arp::on_valid_packet(Instant now, Interface& interface, packet::Packet packet,
                          const wire::ArpPacket& received) noexcept {
  const bool asks_for_us = received.operation == wire::ArpOperation::Request &&
                           interface.has_address(received.target_ip);
  bool is_known = false;
  // RFC 5227 §1.1: a probe claims nothing, so there is nothing to learn from it.
  if (!received.sender_ip.is_unspecified()) {
    const bool may_create = asks_for_us && is_on_link(interface, received.sender_ip);
    is_known = neighbors_.learn(now, interface, received.sender_ip, received.sender_mac,
                                may_create ? Creation::Allowed : Creation::Forbidden);
  }
  if (asks_for_us) {
    answer(interface, std::move(packet), received);
  } else if (!is_known) {
    stats_.count(DropReason::ArpUnsolicited);
  }
}

// RFC 5227 §2.4 (c): our addresses were given by an operator and are never given up; a claim on one
// is answered by a single announcement, and further claims within the interval by none, so that two
// defenders do not flood the link.
void Arp::on_conflict(Instant now, Interface& interface, const wire::ArpPacket& received) noexcept {
  ++stats_.arp_conflicts;
  if (!conflict_) {
    conflict_ = Conflict{.address = received.sender_ip, .claimed_by = received.sender_mac};
  }
  const auto claim = std::ranges::find_if(claims_, [&](const Claim& candidate) {
    return candidate.interface_index == interface.index && candidate.address == received.sender_ip;
  });
  if (claim == claims_.end()) {
    return;
  }
  claim->is_contested = true;
  // Until our first announcement the other was there before us.
  const bool has_announced = announcements_left_ < kAnnouncementsMax;
  const bool is_due = !claim->defended_at || now - *claim->defended_at >= kDefendInterval;
  if (has_announced && is_due) {
    claim->defended_at = now;
    send_request(interface, MacAddress::broadcast(), claim->address, claim->address);
  }
}

void Arp::answer(Interface& interface, packet::Packet packet,
                 const wire::ArpPacket& request) noexcept {
  if (packet.is_exclusive() && packet.headroom() >= kLinkHeaderMax) {
    packet.truncate(wire::kArpPacketSize);
    packet.clear_offload();
  } else {
    packet = headers_.allocate();
    if (!packet) {
      stats_.count(DropReason::OutOfPackets);
      return;
    }
    static_cast<void>(packet.append(wire::kArpPacketSize));
  }
  ++stats_.arp_replies_out;
  send(interface, std::move(packet), request.sender_mac,
       {.operation = wire::ArpOperation::Reply,
        .sender_mac = interface.mac,
        .sender_ip = request.target_ip,
        .target_mac = request.sender_mac,
        .target_ip = request.sender_ip});
}

void Arp::send_request(Interface& interface, const MacAddress& destination, const IpAddress& sender,
                       const IpAddress& target) noexcept {
  packet::Packet packet = headers_.allocate();
  if (!packet) {
    stats_.count(DropReason::OutOfPackets);
    return;
  }
  static_cast<void>(packet.append(wire::kArpPacketSize));
  ++stats_.arp_requests_out;
  send(interface, std::move(packet), destination,
       {.operation = wire::ArpOperation::Request,
        .sender_mac = interface.mac,
        .sender_ip = sender,
        .target_mac = MacAddress{},
        .target_ip = target});
}

void Arp::send(Interface& interface, packet::Packet packet, const MacAddress& destination,
               const wire::ArpPacket& values) noexcept {
  base::expects(packet.data().size() == wire::kArpPacketSize);
  wire::emit_arp(packet.data(), values);
  emit_link_header(packet.prepend(link_header_size(interface)), interface, destination,
                   wire::EtherType::Arp);
  if (const auto queued = enqueue_frame(interface, std::move(packet)); !queued) {
    stats_.count(queued.error());
  }
}

void Arp::advance(Instant now) noexcept {
  if (announcements_left_ > 0 && now >= announce_at_) {
    announce(now);
  }
  neighbors_.advance(now);
  send_solicitations();
}

std::optional<Instant> Arp::next_deadline() const noexcept {
  const std::optional<Instant> expiry = neighbors_.next_deadline();
  if (announcements_left_ == 0) {
    return expiry;
  }
  return expiry ? std::min(*expiry, announce_at_) : announce_at_;
}

void Arp::send_solicitations() noexcept {
  while (const auto asked = neighbors_.next_solicitation()) {
    Interface& interface = interfaces_[asked->target.interface_index];
    const IpAddress source =
        source_address_for(interface, asked->target.address).value_or(kUnspecified);
    send_request(interface, asked->destination, source, asked->target.address);
  }
}

std::optional<Conflict> Arp::take_conflict() noexcept {
  return std::exchange(conflict_, std::nullopt);
}

// RFC 5227 §2.3: an announcement is a request for our own address from itself. It renews what
// others remember of us.
void Arp::announce(Instant now) noexcept {
  for (const Claim& claim : claims_) {
    if (!claim.is_contested) {
      send_request(interfaces_[claim.interface_index], MacAddress::broadcast(), claim.address,
                   claim.address);
    }
  }
  --announcements_left_;
  announce_at_ = now + kAnnounceInterval;
}

}  // namespace millrace::net
