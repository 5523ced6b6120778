#include "loopback/port.hpp"

#include <array>
#include <utility>

namespace loopback {

using millrace::packet::Burst;
using millrace::packet::Packet;

namespace {

std::uint32_t bytes_at(Burst& burst, std::uint16_t index) noexcept {
  Packet frame{burst.peek(index)};
  const std::uint32_t bytes = frame.size();
  static_cast<void>(frame.release());
  return bytes;
}

}  // namespace

void Port::receive(Burst& burst) noexcept {
  const std::uint16_t before = burst.size();
  device_.rx_burst(burst);
  for (std::uint16_t i = before; i < burst.size(); ++i) {
    counts_.rx_bytes += bytes_at(burst, i);
  }
  counts_.rx_frames += burst.size() - before;
}

void Port::send(Burst& burst) noexcept {
  // Once taken they are the device's, and may be gone.
  std::array<std::uint32_t, Burst::kCapacity> bytes{};
  const std::uint16_t offered = burst.size();
  for (std::uint16_t i = 0; i < offered; ++i) {
    bytes[i] = bytes_at(burst, i);
  }
  device_.tx_burst(burst);
  const auto taken = static_cast<std::uint16_t>(offered - burst.size());
  for (std::uint16_t i = 0; i < taken; ++i) {
    counts_.tx_bytes += bytes[i];
  }
  counts_.tx_frames += taken;
}

Packet Port::allocate() noexcept {
  Packet packet = pool_.allocate();
  counts_.tx_no_buffer += packet ? 0 : 1;
  return packet;
}

}  // namespace loopback
