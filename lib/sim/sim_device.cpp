#include "sim/sim_device.hpp"

#include <span>
#include <utility>

#include "packet/packet_chain.hpp"
#include "sim/byte_hash.hpp"
#include "sim/segment_cutter.hpp"
#include "wire/ethernet.hpp"

namespace millrace::sim {

using packet::Packet;

namespace {

constexpr std::uint16_t kTsoPieces = 40;

}  // namespace

SimDevice::SimDevice(const SimDeviceContext& context, const SimDeviceOptions& options,
                     base::Random random, Callbacks callbacks)
    : context_{context},
      options_{options},
      random_{std::move(random)},
      callbacks_{std::move(callbacks)} {
  capabilities_.mac = options.mac;
  capabilities_.mtu = options.mtu;
  capabilities_.multi_segment = options.multi_segment;
  if (options.cuts_segments) {
    capabilities_.tx_tcp_checksum = true;
    capabilities_.tso_pieces = kTsoPieces;
  }
  held_.reserve(options.tx_ring);
  free_held_.reserve(options.tx_ring);
}

SimDevice::~SimDevice() = default;

void SimDevice::arrive(const Frame& frame) {
  const bool is_too_long = frame.size() > options_.mtu + wire::kEthernetHeaderSize;
  Packet packet = received_.size() < options_.rx_ring && !is_too_long ? packet_of(frame) : Packet{};
  if (!packet) {
    ++dropped_;
    return;
  }
  received_.push_back(std::move(packet));
  callbacks_.on_wake();
}

/// In as many pieces as it takes; empty when the pool is.
Packet SimDevice::packet_of(const Frame& frame) noexcept {
  std::span<const std::byte> left{frame.data(), frame.size()};
  Packet piece = context_.pool.allocate();
  if (!piece) {
    return piece;
  }
  packet::PacketChain chain{std::move(piece)};
  for (left = left.subspan(chain.append(left)); !left.empty();
       left = left.subspan(chain.append(left))) {
    piece = context_.pool.allocate();
    if (!piece) {
      return piece;
    }
    chain.add(std::move(piece));
  }
  return chain.take();
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
    send(packet);
    hold(std::move(packet));
  }
  burst.drop_front(taken);
}

void SimDevice::send(const Packet& packet) {
  Frame frame = context_.frames.take();
  packet.for_each_segment([&frame](std::span<const std::byte> bytes) { frame.append(bytes); });
  if (packet.wants_tcp_checksum() || packet.segmentation() > 0) {
    for (Frame& segment : cut_segments(frame, packet.segmentation(), context_.frames)) {
      put(std::move(segment));
    }
  } else {
    put(std::move(frame));
  }
}

void SimDevice::put(Frame frame) {
  callbacks_.on_sent(frame);
  if (cable_) {
    cable_(std::move(frame));
  }
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
