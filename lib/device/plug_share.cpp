// Who sent a frame is told by its source address: that is what the two differ in.
#include "device/plug_share.hpp"

#include <rte_ether.h>

#include <cstring>

namespace millrace::device {

namespace {

bool is_from(const packet::Packet& frame, const MacAddress& mac) noexcept {
  return frame.data().size() >= RTE_ETHER_HDR_LEN &&
         std::memcmp(frame.data().data() + RTE_ETHER_ADDR_LEN, mac.bytes().data(),
                     RTE_ETHER_ADDR_LEN) == 0;
}

}  // namespace

std::pair<std::unique_ptr<Device>, std::unique_ptr<Device>> PlugShare::split(
    std::unique_ptr<Device> port, const MacAddress& second) {
  auto shared = std::make_unique<Port>();
  shared->macs = {port->capabilities().mac, second};
  shared->device = std::move(port);
  std::unique_ptr<Device> a{new PlugShare{shared.get(), 0}};
  std::unique_ptr<Device> b{new PlugShare{shared.get(), 1}};
  static_cast<void>(shared.release());  // Theirs from here on.
  return {std::move(a), std::move(b)};
}

PlugShare::PlugShare(Port* port, unsigned side) noexcept
    : port_{port}, side_{side}, capabilities_{port->device->capabilities()} {
  capabilities_.mac = port->macs[side];
  capabilities_.reflects = false;  // It is the other one who hears it.
}

PlugShare::~PlugShare() {
  port_->waiting[side_].clear();
  if (--port_->owners == 0) {
    delete port_;
  }
}

void PlugShare::rx_burst(packet::Burst& burst) noexcept {
  packet::PacketQueue& own = port_->waiting[side_];
  if (own.empty()) {
    fetch();
  }
  while (!burst.full() && !own.empty()) {
    burst.push_back(own.pop_front());
  }
}

void PlugShare::tx_burst(packet::Burst& burst) noexcept { port_->device->tx_burst(burst); }

std::uint32_t PlugShare::held_packets() const noexcept {
  const std::uint32_t waiting = port_->waiting[side_].size();
  return side_ == 0 ? waiting + port_->device->held_packets() : waiting;
}

Losses PlugShare::losses() const noexcept {
  return side_ == 0 ? port_->device->losses() : Losses{};
}

void PlugShare::fetch() noexcept {
  // The other one may not look for a while; what waits for it is bounded.
  if (port_->waiting[1 - side_].size() > kWaitingMax - packet::Burst::kCapacity) {
    return;
  }
  packet::Burst came_back;
  port_->device->rx_burst(came_back);
  for (std::uint16_t i = 0; i < came_back.size(); ++i) {
    packet::Packet frame = came_back.take(i);
    // Of a frame of neither, which a plug cannot bring, the first one hears.
    const unsigned receiver = is_from(frame, port_->macs[0]) ? 1 : 0;
    port_->waiting[receiver].push_back(std::move(frame));
  }
}

}  // namespace millrace::device
