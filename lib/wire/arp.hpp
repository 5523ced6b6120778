// ARP packets for IPv4 over Ethernet (RFC 826): format only. Whether a sender is believed is up to
// `net`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <millrace/address.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <span>

namespace millrace::wire {

inline constexpr std::size_t kArpPacketSize = 28;

enum class ArpOperation : std::uint16_t { Request = 1, Reply = 2 };

struct ArpPacket {
  ArpOperation operation = ArpOperation::Request;
  MacAddress sender_mac;
  IpAddress sender_ip;
  MacAddress target_mac;
  IpAddress target_ip;

  friend constexpr bool operator==(const ArpPacket&, const ArpPacket&) noexcept = default;
};

/// Reads the packet behind an Ethernet header; longer input is padding. The addresses are IPv4 and
/// otherwise unchecked. Fails with ArpTooShort, ArpBadFormat, ArpBadOperation.
[[nodiscard]] Result<ArpPacket, DropReason> parse_arp(std::span<const std::byte> bytes) noexcept;

/// Writes `kArpPacketSize` bytes. Both addresses must be IPv4.
void emit_arp(std::span<std::byte> out, const ArpPacket& packet) noexcept;

}  // namespace millrace::wire
