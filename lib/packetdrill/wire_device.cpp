#include "packetdrill/wire_device.hpp"

#include <cstring>
#include <utility>

#include "wire/arp.hpp"
#include "wire/ethernet.hpp"

namespace millrace::packetdrill {

namespace {

constexpr MacAddress kOurs{{0x02, 0, 0, 0, 0, 1}};
constexpr MacAddress kTheirs{{0x02, 0, 0, 0, 0, 2}};

}  // namespace

WireDevice::WireDevice(runtime::Clock& clock, packet::PacketPool& large)
    : clock_{clock}, large_{large} {
  capabilities_.mac = kOurs;
}

bool WireDevice::arrive(std::span<const std::byte> packet) {
  packet::Packet frame = packet.size() > kLargest ? packet::Packet{} : large_.allocate();
  if (!frame) {
    return false;
  }
  wire::emit_ethernet(frame.append(wire::kEthernetHeaderSize),
                      {.destination = kOurs, .source = kTheirs, .type = wire::EtherType::Ipv4});
  std::memcpy(frame.append(static_cast<std::uint16_t>(packet.size())).data(), packet.data(),
              packet.size());
  received_.push_back(std::move(frame));
  return true;
}

void WireDevice::rx_burst(packet::Burst& burst) noexcept {
  while (!burst.full() && !received_.empty()) {
    burst.push_back(received_.pop_front());
  }
}

void WireDevice::tx_burst(packet::Burst& burst) noexcept {
  for (std::uint16_t i = 0; i < burst.size(); ++i) {
    const packet::Packet frame = burst.take(i);
    take(frame.data());  // One segment: chains were not offered.
  }
  burst.clear();
}

void WireDevice::take(std::span<const std::byte> frame) {
  const auto header = wire::parse_ethernet(frame);
  if (!header) {
    return;
  }
  const auto bytes = frame.subspan(wire::kEthernetHeaderSize);
  if (header->type == wire::EtherType::Arp) {
    answer(bytes);
  } else if (header->type == wire::EtherType::Ipv4) {
    sent_.push_back({.time = clock_.now(), .bytes = {bytes.begin(), bytes.end()}});
  }
}

void WireDevice::answer(std::span<const std::byte> request) {
  const auto arp = wire::parse_arp(request);
  const bool is_asked = arp && arp->operation == wire::ArpOperation::Request &&
                        arp->sender_ip != arp->target_ip && !arp->sender_ip.is_unspecified();
  packet::Packet frame = is_asked ? large_.allocate() : packet::Packet{};
  if (!frame) {
    return;
  }
  wire::emit_ethernet(frame.append(wire::kEthernetHeaderSize),
                      {.destination = kOurs, .source = kTheirs, .type = wire::EtherType::Arp});
  wire::emit_arp(frame.append(wire::kArpPacketSize), {.operation = wire::ArpOperation::Reply,
                                                      .sender_mac = kTheirs,
                                                      .sender_ip = arp->target_ip,
                                                      .target_mac = kOurs,
                                                      .target_ip = arp->sender_ip});
  received_.push_back(std::move(frame));
}

}  // namespace millrace::packetdrill
