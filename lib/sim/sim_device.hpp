// SimDevice: the NIC of a simulated host. It reads a frame when it is handed over and, like a slow
// NIC, keeps the packet for a while, then finds out whether somebody wrote into it. What arrives
// takes a packet of the host's own pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "device/device.hpp"
#include "packet/packet_pool.hpp"
#include "packet/packet_queue.hpp"
#include "sim/event_schedule.hpp"
#include "sim/frame.hpp"
#include "sim/link.hpp"
#include "sim/virtual_clock.hpp"

namespace millrace::sim {

struct SimDeviceOptions {
  MacAddress mac;
  std::uint16_t mtu = 1500;
  bool multi_segment = true;
  bool cuts_segments = false;                          ///< TSO, and with it the checksums of TCP.
  std::uint32_t rx_ring = 512;                         ///< Frames that may wait for the host.
  std::uint32_t tx_ring = 512;                         ///< Packets that it keeps at most.
  Duration held_max = std::chrono::microseconds{200};  ///< How long a sent packet is kept at most.
};

/// What a device is part of. All must outlive it.
struct SimDeviceContext {
  VirtualClock& clock;
  EventSchedule& schedule;
  packet::PacketPool& pool;
  FrameStore& frames;
};

class SimDevice final : public device::Device {
 public:
  /// `on_wake` is called when the host has something to look at, `on_sent` with every frame,
  /// `on_changed` when a packet was written into after it was sent.
  struct Callbacks {
    std::move_only_function<void()> on_wake;
    std::move_only_function<void(const Frame&)> on_sent;
    std::move_only_function<void()> on_changed;
  };

  SimDevice(const SimDeviceContext& context, const SimDeviceOptions& options, base::Random random,
            Callbacks callbacks);
  SimDevice(const SimDevice&) = delete;
  SimDevice& operator=(const SimDevice&) = delete;
  ~SimDevice() override;

  /// Where its frames go; without one they go nowhere.
  void plug_into(Link::Sink cable) { cable_ = std::move(cable); }
  /// A frame comes in.
  void arrive(const Frame& frame);

  void rx_burst(packet::Burst& burst) noexcept override;
  void tx_burst(packet::Burst& burst) noexcept override;
  [[nodiscard]] const device::Capabilities& capabilities() const noexcept override {
    return capabilities_;
  }
  [[nodiscard]] std::uint32_t held_packets() const noexcept override;

  /// Frames lost on arrival: the ring was full, the pool was empty, or the frame was too long.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  struct Held {
    packet::Packet packet;
    std::uint64_t hash;
  };

  [[nodiscard]] static std::uint64_t hash_of(const packet::Packet& packet) noexcept;
  [[nodiscard]] packet::Packet packet_of(const Frame& frame) noexcept;
  void send(const packet::Packet& packet);
  void put(Frame frame);
  void hold(packet::Packet packet);
  void release(std::uint32_t slot);

  SimDeviceContext context_;
  SimDeviceOptions options_;
  device::Capabilities capabilities_;
  base::Random random_;
  Callbacks callbacks_;
  Link::Sink cable_;
  packet::PacketQueue received_;
  std::vector<Held> held_;  // Empty packets mark free slots.
  std::vector<std::uint32_t> free_held_;
  std::uint64_t dropped_ = 0;
};

}  // namespace millrace::sim
