// The tag of IEEE 802.1Q that stands behind the addresses of a frame when its Ethernet type is
// Vlan: which VLAN, how urgent, and the type of what follows. Whose VLAN it is is up to the stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <span>
#include <utility>

#include "base/big_endian.hpp"
#include "wire/ethernet.hpp"
#include "wire/raw.hpp"

namespace millrace::wire {

inline constexpr std::size_t kVlanTagSize = 4;
/// IEEE 802.1Q §9.6: 0 tags a frame's priority alone, 4095 is reserved.
inline constexpr std::uint16_t kVlanMin = 1;
inline constexpr std::uint16_t kVlanMax = 4094;

struct VlanTag {
  std::uint16_t vlan = 0;      ///< 12 bits.
  std::uint8_t priority = 0;   ///< 3 bits; 0 is best effort.
  bool drop_eligible = false;  ///< May go first where there is too much.
  EtherType type = EtherType::Ipv4;

  friend constexpr bool operator==(const VlanTag&, const VlanTag&) noexcept = default;
};

namespace detail {

/// What follows the header that `parse_ethernet` reads: control information, then the inner type.
struct RawVlanTag {
  base::BigEndian<std::uint16_t> control;
  base::BigEndian<std::uint16_t> type;
};
static_assert(sizeof(RawVlanTag) == kVlanTagSize);

inline constexpr std::uint16_t kVlanBits = 0x0fff;
inline constexpr std::uint16_t kDropEligibleBit = 0x1000;
inline constexpr unsigned kPriorityShift = 13;

}  // namespace detail

/// `bytes` start behind the Ethernet header (`kEthernetHeaderSize`), whose type is Vlan; what the
/// tag announces starts `kVlanTagSize` further. Fails with EthernetTooShort.
[[nodiscard]] inline Result<VlanTag, DropReason> parse_vlan_tag(
    std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < kVlanTagSize) {
    return fail(DropReason::EthernetTooShort);
  }
  const auto raw = read_raw<detail::RawVlanTag>(bytes);
  const std::uint16_t control = raw.control.value();
  return VlanTag{.vlan = static_cast<std::uint16_t>(control & detail::kVlanBits),
                 .priority = static_cast<std::uint8_t>(control >> detail::kPriorityShift),
                 .drop_eligible = (control & detail::kDropEligibleBit) != 0,
                 .type = EtherType{raw.type.value()}};
}

/// Writes `kVlanTagSize` bytes, behind an Ethernet header of type Vlan.
inline void emit_vlan_tag(std::span<std::byte> out, const VlanTag& tag) noexcept {
  const unsigned control = static_cast<unsigned>(tag.priority) << detail::kPriorityShift |
                           (tag.drop_eligible ? detail::kDropEligibleBit : 0U) |
                           (tag.vlan & detail::kVlanBits);
  write_raw(out, detail::RawVlanTag{
                     .control = base::BigEndian<std::uint16_t>{static_cast<std::uint16_t>(control)},
                     .type = base::BigEndian<std::uint16_t>{std::to_underlying(tag.type)}});
}

}  // namespace millrace::wire
