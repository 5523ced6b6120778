#include "sim/router_icmp.hpp"

#include <algorithm>
#include <array>

#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"

namespace millrace::sim {

namespace {

// RFC 1812 §4.3.2.3: as much as fits into 576 bytes.
constexpr std::size_t kDatagramMax = 576;

bool may_be_answered(const wire::Ipv4Header& ip, std::span<const std::byte> payload) {
  if (ip.fragment_offset != 0 || ip.source.is_unspecified() || ip.source.is_multicast() ||
      ip.destination.is_multicast() || ip.destination.is_limited_broadcast()) {
    return false;
  }
  if (ip.protocol != wire::IpProtocol::Icmp) {
    return true;
  }
  const auto icmp = wire::read_icmp_header(payload);
  return icmp &&
         (icmp->type == wire::IcmpType::EchoRequest || icmp->type == wire::IcmpType::EchoReply);
}

}  // namespace

std::optional<Frame> make_icmp_error(FrameStore& frames, const RouterPort& port,
                                     std::span<const std::byte> offending,
                                     const wire::IcmpHeader& what) {
  const auto ethernet = wire::parse_ethernet(offending);
  const auto datagram = offending.subspan(wire::kEthernetHeaderSize);
  const auto ip = wire::parse_ipv4(datagram);
  if (!ethernet || !ip ||
      !may_be_answered(*ip, datagram.subspan(ip->header_length, ip->payload_length()))) {
    return std::nullopt;
  }
  constexpr std::size_t kHeaders = wire::kIpv4HeaderSize + wire::kIcmpHeaderSize;
  const std::size_t quoted = std::min<std::size_t>(ip->total_length, kDatagramMax - kHeaders);
  std::array<std::byte, wire::kEthernetHeaderSize + kDatagramMax> bytes{};
  const std::span<std::byte> frame{bytes};
  wire::emit_ethernet(frame, {.destination = ethernet->source, .source = port.mac});
  const auto answer = frame.subspan(wire::kEthernetHeaderSize);
  wire::emit_ipv4(answer,
                  {.source = port.address,
                   .destination = ip->source,
                   .protocol = wire::IpProtocol::Icmp,
                   .total_length = static_cast<std::uint16_t>(kHeaders + quoted)},
                  true);
  std::ranges::copy(datagram.first(quoted), answer.subspan(kHeaders).begin());
  wire::emit_icmp(answer.subspan(wire::kIpv4HeaderSize, wire::kIcmpHeaderSize + quoted), what);
  Frame made = frames.take();
  made.append(frame.first(wire::kEthernetHeaderSize + kHeaders + quoted));
  return made;
}

}  // namespace millrace::sim
