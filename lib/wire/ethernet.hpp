// The Ethernet II header. Whether the frame is for us and what its type means is up to the stack.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <millrace/address.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <span>
#include <utility>

#include "base/big_endian.hpp"
#include "wire/raw.hpp"

namespace millrace::wire {

inline constexpr std::size_t kEthernetHeaderSize = 14;

/// The types we name. A parsed header may hold any other value.
enum class EtherType : std::uint16_t {
  Ipv4 = 0x0800,
  Arp = 0x0806,
  Vlan = 0x8100,  ///< IEEE 802.1Q's tag of a customer's VLAN.
  Ipv6 = 0x86dd,
  ServiceVlan = 0x88a8,  ///< IEEE 802.1ad's tag of a provider's, around another.
};

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  EtherType type = EtherType::Ipv4;

  friend constexpr bool operator==(const EthernetHeader&, const EthernetHeader&) noexcept = default;
};

namespace detail {

struct RawEthernet {
  std::array<std::uint8_t, MacAddress::kSize> destination;
  std::array<std::uint8_t, MacAddress::kSize> source;
  base::BigEndian<std::uint16_t> type;
};
static_assert(sizeof(RawEthernet) == kEthernetHeaderSize);

}  // namespace detail

/// The header of a frame; its payload starts at `kEthernetHeaderSize`. Fails with EthernetTooShort.
[[nodiscard]] inline Result<EthernetHeader, DropReason> parse_ethernet(
    std::span<const std::byte> frame) noexcept {
  if (frame.size() < kEthernetHeaderSize) {
    return fail(DropReason::EthernetTooShort);
  }
  const auto raw = read_raw<detail::RawEthernet>(frame);
  return EthernetHeader{.destination = MacAddress{raw.destination},
                        .source = MacAddress{raw.source},
                        .type = EtherType{raw.type.value()}};
}

/// Writes `kEthernetHeaderSize` bytes.
inline void emit_ethernet(std::span<std::byte> out, const EthernetHeader& header) noexcept {
  write_raw(out, detail::RawEthernet{
                     .destination = header.destination.bytes(),
                     .source = header.source.bytes(),
                     .type = base::BigEndian<std::uint16_t>{std::to_underlying(header.type)}});
}

}  // namespace millrace::wire
