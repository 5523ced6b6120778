// The checks of RFC 1122 §3.2.1, in the order of what they cost.
#include "net/ipv4_input.hpp"

#include <algorithm>

namespace millrace::net {

namespace {

constexpr std::uint8_t kLoopbackNetwork = 127;

bool has_good_checksum(const packet::Packet& datagram, const wire::Ipv4Header& header) noexcept {
  switch (datagram.ip_checksum_verdict()) {
    case packet::ChecksumVerdict::Good: return true;
    case packet::ChecksumVerdict::Bad: return false;
    case packet::ChecksumVerdict::Unknown: break;
  }
  return wire::has_valid_ipv4_checksum(datagram.data().first(header.header_length));
}

bool is_for_us(const Interface& interface, const IpAddress& destination) noexcept {
  constexpr IpAddress kAllHosts = IpAddress::v4(224, 0, 0, 1);  // RFC 1112 §4
  return interface.has_address(destination) || interface.is_broadcast(destination) ||
         destination == kAllHosts;
}

// Segments that a NIC or the kernel has joined make a datagram that no frame of this link can
// carry, and drivers with frames of a fixed size cut it off.
bool is_cut_off_joined(const Interface& interface, const packet::Packet& datagram) noexcept {
  const auto header = wire::read_ipv4_fields(datagram.data());
  return header && header->total_length > interface.mtu && header->total_length > datagram.size();
}

}  // namespace

Result<wire::Ipv4Header, DropReason> Ipv4Input::accept(const Interface& interface,
                                                       packet::Packet& datagram) const noexcept {
  const auto header = wire::parse_ipv4(datagram.data(), datagram.size());
  if (!header) {
    const bool is_cut_off =
        header.error() == DropReason::Ipv4BadTotalLength && is_cut_off_joined(interface, datagram);
    return fail(is_cut_off ? DropReason::Ipv4Truncated : header.error());
  }
  if (!has_good_checksum(datagram, *header)) {
    return fail(DropReason::Ipv4BadChecksum);
  }
  if (is_martian(interface, header->source)) {
    return fail(DropReason::Ipv4MartianSource);
  }
  if (!is_for_us(interface, header->destination)) {
    return fail(DropReason::Ipv4NotForUs);
  }
  // Short frames are padded by Ethernet.
  if (datagram.is_contiguous()) {
    datagram.truncate(header->total_length);
  } else {
    datagram.keep_first(header->total_length);
  }
  return header;
}

// RFC 1122 §3.2.1.3: addresses that never are a source on the wire. One of our own, of any
// interface, means a spoofed datagram, unless the link brings back what we sent.
bool Ipv4Input::is_martian(const Interface& interface, const IpAddress& source) const noexcept {
  const std::uint8_t first = source.v4_bytes()[0];
  const bool is_multicast = (first & 0xf0U) == 0xe0U;
  if (first == 0 || first == kLoopbackNetwork || is_multicast || interface.is_broadcast(source)) {
    return true;
  }
  return !interface.offloads.reflects &&
         std::ranges::any_of(interfaces_,
                             [&](const Interface& own) { return own.has_address(source); });
}

}  // namespace millrace::net
