// What stands before the payload of a frame: the Ethernet header, and the tag of a VLAN behind it
// where there is one. Which interface a received frame belongs to is left to the stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <millrace/address.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>

#include "net/interface.hpp"
#include "wire/ethernet.hpp"
#include "wire/vlan.hpp"

namespace millrace::net {

/// The largest one, in bytes.
inline constexpr std::uint16_t kLinkHeaderMax = wire::kEthernetHeaderSize + wire::kVlanTagSize;

/// What a received frame says before its payload.
struct LinkHeader {
  MacAddress destination;
  wire::EtherType type = wire::EtherType::Ipv4;  ///< Of the payload.
  std::uint16_t vlan = 0;                        ///< 0: no tag, or one that gives a priority alone.
  std::uint16_t size = wire::kEthernetHeaderSize;  ///< Bytes before the payload.
};

/// Fails with EthernetTooShort and VlanNested.
[[nodiscard]] inline Result<LinkHeader, DropReason> parse_link_header(
    std::span<const std::byte> frame) noexcept {
  const auto ethernet = wire::parse_ethernet(frame);
  if (!ethernet) {
    return fail(ethernet.error());
  }
  LinkHeader header{.destination = ethernet->destination, .type = ethernet->type};
  if (ethernet->type == wire::EtherType::Vlan) [[unlikely]] {
    const auto tag = wire::parse_vlan_tag(frame.subspan(wire::kEthernetHeaderSize));
    if (!tag) {
      return fail(tag.error());
    }
    header.type = tag->type;
    header.vlan = tag->vlan;
    header.size = kLinkHeaderMax;
  }
  if (header.type == wire::EtherType::ServiceVlan || header.type == wire::EtherType::Vlan)
      [[unlikely]] {
    return fail(DropReason::VlanNested);
  }
  return header;
}

/// Bytes before the payload of what `interface` sends.
[[nodiscard]] inline std::uint16_t link_header_size(const Interface& interface) noexcept {
  return interface.vlan == 0 ? std::uint16_t{wire::kEthernetHeaderSize} : kLinkHeaderMax;
}

/// Writes `link_header_size(interface)` bytes.
inline void emit_link_header(std::span<std::byte> out, const Interface& interface,
                             const MacAddress& destination, wire::EtherType type) noexcept {
  const bool is_tagged = interface.vlan != 0;
  wire::emit_ethernet(out, {.destination = destination,
                            .source = interface.mac,
                            .type = is_tagged ? wire::EtherType::Vlan : type});
  if (is_tagged) {
    wire::emit_vlan_tag(out.subspan(wire::kEthernetHeaderSize),
                        {.vlan = interface.vlan, .type = type});
  }
}

}  // namespace millrace::net
