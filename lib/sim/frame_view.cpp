#include "sim/frame_view.hpp"

#include "base/big_endian.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/raw.hpp"
#include "wire/vlan.hpp"

namespace millrace::sim {

namespace {

using Field16 = base::BigEndian<std::uint16_t>;

// In the IPv4 header.
constexpr std::size_t kTrafficClassOffset = 1;
constexpr std::size_t kChecksumOffset = 10;

}  // namespace

std::optional<std::size_t> ipv4_offset(std::span<const std::byte> frame) noexcept {
  const auto ethernet = wire::parse_ethernet(frame);
  if (!ethernet) {
    return std::nullopt;
  }
  if (ethernet->type == wire::EtherType::Ipv4) {
    return wire::kEthernetHeaderSize;
  }
  if (ethernet->type != wire::EtherType::Vlan) {
    return std::nullopt;
  }
  const auto tag = wire::parse_vlan_tag(frame.subspan(wire::kEthernetHeaderSize));
  if (!tag || tag->type != wire::EtherType::Ipv4) {
    return std::nullopt;
  }
  return wire::kEthernetHeaderSize + wire::kVlanTagSize;
}

std::optional<SegmentView> view_segment(std::span<const std::byte> frame) noexcept {
  const auto offset = ipv4_offset(frame);
  if (!offset) {
    return std::nullopt;
  }
  const auto ip = wire::parse_ipv4(frame.subspan(*offset));
  if (!ip || ip->protocol != wire::IpProtocol::Tcp || ip->is_fragment()) {
    return std::nullopt;
  }
  const std::size_t at = *offset + ip->header_length;
  const auto tcp = wire::parse_tcp(frame.subspan(at, ip->payload_length()));
  if (!tcp) {
    return std::nullopt;
  }
  return SegmentView{.ip = *ip,
                     .tcp = *tcp,
                     .tcp_offset = at,
                     .payload_bytes = std::size_t{ip->payload_length()} - tcp->header_length};
}

std::size_t datagram_bytes(std::span<const std::byte> frame) noexcept {
  const auto offset = ipv4_offset(frame);
  if (!offset) {
    return 0;
  }
  const auto ip = wire::read_ipv4_fields(frame.subspan(*offset));
  return ip ? ip->total_length : 0;
}

bool mark_congested(std::span<std::byte> frame) noexcept {
  const auto offset = ipv4_offset(frame);
  if (!offset || frame.size() < *offset + wire::kIpv4HeaderSize) {
    return false;
  }
  const std::span<std::byte> header = frame.subspan(*offset, wire::kIpv4HeaderSize);
  const auto old_class = std::to_integer<std::uint8_t>(header[kTrafficClassOffset]);
  if (wire::ecn_of(old_class) == wire::Ecn::NotCapable) {
    return false;
  }
  const auto old_word = wire::read_raw<Field16>(header).value();
  header[kTrafficClassOffset] |= static_cast<std::byte>(wire::Ecn::Congested);
  const auto new_word = wire::read_raw<Field16>(header).value();
  const auto field = header.subspan(kChecksumOffset);
  const std::uint16_t checksum =
      wire::update_checksum(wire::read_raw<Field16>(field).value(), old_word, new_word);
  wire::write_raw(field, Field16{checksum});
  return true;
}

}  // namespace millrace::sim
