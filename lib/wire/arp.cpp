// Reading and writing ARP packets, field by field; see arp.hpp.
#include "wire/arp.hpp"

#include <array>
#include <utility>

#include "base/big_endian.hpp"
#include "base/contract.hpp"
#include "wire/ethernet.hpp"
#include "wire/raw.hpp"

namespace millrace::wire {

namespace {

using Field16 = base::BigEndian<std::uint16_t>;

constexpr std::uint16_t kHardwareTypeEthernet = 1;
constexpr std::uint8_t kIpv4AddressSize = 4;

struct RawArp {
  Field16 hardware_type;
  Field16 protocol_type;
  std::uint8_t hardware_length;
  std::uint8_t protocol_length;
  Field16 operation;
  std::array<std::uint8_t, MacAddress::kSize> sender_mac;
  std::array<std::uint8_t, kIpv4AddressSize> sender_ip;
  std::array<std::uint8_t, MacAddress::kSize> target_mac;
  std::array<std::uint8_t, kIpv4AddressSize> target_ip;
};
static_assert(sizeof(RawArp) == kArpPacketSize);

bool is_ipv4_over_ethernet(const RawArp& raw) noexcept {
  return raw.hardware_type.value() == kHardwareTypeEthernet &&
         raw.protocol_type.value() == std::to_underlying(EtherType::Ipv4) &&
         raw.hardware_length == MacAddress::kSize && raw.protocol_length == kIpv4AddressSize;
}

}  // namespace

Result<ArpPacket, DropReason> parse_arp(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < kArpPacketSize) {
    return fail(DropReason::ArpTooShort);
  }
  const auto raw = read_raw<RawArp>(bytes);
  if (!is_ipv4_over_ethernet(raw)) {
    return fail(DropReason::ArpBadFormat);
  }
  const ArpOperation operation{raw.operation.value()};
  if (operation != ArpOperation::Request && operation != ArpOperation::Reply) {
    return fail(DropReason::ArpBadOperation);
  }
  return ArpPacket{.operation = operation,
                   .sender_mac = MacAddress{raw.sender_mac},
                   .sender_ip = IpAddress::v4(raw.sender_ip),
                   .target_mac = MacAddress{raw.target_mac},
                   .target_ip = IpAddress::v4(raw.target_ip)};
}

void emit_arp(std::span<std::byte> out, const ArpPacket& packet) noexcept {
  base::expects(packet.sender_ip.is_v4());
  base::expects(packet.target_ip.is_v4());
  write_raw(out, RawArp{.hardware_type = Field16{kHardwareTypeEthernet},
                        .protocol_type = Field16{std::to_underlying(EtherType::Ipv4)},
                        .hardware_length = MacAddress::kSize,
                        .protocol_length = kIpv4AddressSize,
                        .operation = Field16{std::to_underlying(packet.operation)},
                        .sender_mac = packet.sender_mac.bytes(),
                        .sender_ip = packet.sender_ip.v4_bytes(),
                        .target_mac = packet.target_mac.bytes(),
                        .target_ip = packet.target_ip.v4_bytes()});
}

}  // namespace millrace::wire
