#include "sim/sim_device.hpp"

#include <cstring>
#include <utility>

#include "sim/byte_hash.hpp"
#include "wire/ethernet.hpp"

namespace millrace::sim {

using packet::Packet;

SimDevice::SimDevice(const SimDeviceContext& context, const SimDeviceOptions& options,
                     base::Random random, Callbacks callbacks)
    : context_{context},
      options_{options},
      random_{std::move(random)},
      callbacks_{std::move(callbacks)} {
  capabilities_.mac = options.mac;
  capabilities_.mtu = options.mtu;
  capabilities_.multi_segment = options.multi_segment;
  held_.reserve(options.tx_ring);
  free_held_.reserve(options.tx_ring);
}

SimDevice::~SimDevice() = default;

void SimDevice::arrive(const Frame& frame) {
  const bool is_too_long = frame.size() > options_.mtu + wire::kEthernetHeaderSize;
  Packet packet =
      received_.size() < options_.rx_ring && !is_too_long ? context_.pool.allocate() : Packet{};
  if (!packet) {
    ++dropped_;
    return;
  }
  std::memcpy(packet.append(static_cast<std::uint16_t>(frame.size())).data(), frame.data(),
              frame.size());
  received_.push_back(std::move(packet));
  callbacks_.on_wake();
}

void SimDevice::rx_burst(packet::Burst& burst) noexcept {
  while (!burst.full() && !received_.empty()) {
    burst.push_back(received_.pop_front());
  }
}

void SimDevice::tx_burst(packet::Burst& burst) noexcept {
  std::uint16_t taken = 0;
  while (taken < burst.size() && held_packets() - received_.size() < options_.tx_ring) {
    Packet packet = burst.take(taken++);
    Frame frame = context_.frames.take();
    packet.for_each_segment([&frame](std::span<const std::byte> bytes) { frame.append(bytes); });
    hold(std::move(packet));
    callbacks_.on_sent(frame);
    if (cable_) {
      cable_(std::move(frame));
    }
  }
  burst.drop_front(taken);
}

std::uint32_t SimDevice::held_packets() const noexcept {
  return received_.size() + static_cast<std::uint32_t>(held_.size() - free_held_.size());
}

std::uint64_t SimDevice::hash_of(const Packet& packet) noexcept {
  ByteHash hash{packet.size()};
  packet.for_each_segment([&](std::span<const std::byte> bytes) { hash.add(bytes); });
  return hash.value();
}

void SimDevice::hold(Packet packet) {
  const std::uint64_t hash = hash_of(packet);
  Held held{.packet = std::move(packet), .hash = hash};
  std::uint32_t slot = static_cast<std::uint32_t>(held_.size());
  if (free_held_.empty()) {
    held_.push_back(std::move(held));
  } else {
    slot = free_held_.back();
    free_held_.pop_back();
    held_[slot] = std::move(held);
  }
  const auto most =
      std::chrono::duration_cast<std::chrono::microseconds>(options_.held_max).count();
  const std::chrono::microseconds time{random_.below(static_cast<std::uint32_t>(most) + 1)};
  context_.schedule.at(context_.clock.now() + time, [this, slot] { release(slot); });
}

void SimDevice::release(std::uint32_t slot) {
  Held& held = held_[slot];
  if (hash_of(held.packet) != held.hash) {
    callbacks_.on_changed();
  }
  held.packet.reset();
  free_held_.push_back(slot);
}

}  // namespace millrace::sim
