// PlugShare: two devices on one port whose frames come back to it, so that two stacks talk to each
// other through a single port with a loopback plug. What one sends is what the other receives.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "device/device.hpp"
#include "packet/packet_queue.hpp"

namespace millrace::device {

/// One of the two. Both are used by one thread, which may make and destroy them in any order; the
/// port goes with the last.
class PlugShare final : public Device {
 public:
  /// Frames that came back and wait for their receiver, at most: no more are taken from the port
  /// while another burst of them might be too many.
  static constexpr std::uint32_t kWaitingMax = 256;

  /// The first has the port's own address, the second one that differs. `port` must take frames for
  /// both.
  [[nodiscard]] static std::pair<std::unique_ptr<Device>, std::unique_ptr<Device>> split(
      std::unique_ptr<Device> port, const MacAddress& second);
  PlugShare(const PlugShare&) = delete;
  PlugShare& operator=(const PlugShare&) = delete;
  ~PlugShare() override;

  void rx_burst(packet::Burst& burst) noexcept override;
  void tx_burst(packet::Burst& burst) noexcept override;
  [[nodiscard]] const Capabilities& capabilities() const noexcept override { return capabilities_; }
  /// The first one tells of the port, the second one of nothing: it is one port.
  [[nodiscard]] std::uint32_t held_packets() const noexcept override;
  [[nodiscard]] Losses losses() const noexcept override;

 private:
  /// What the two share; the last of them frees it.
  struct Port {
    std::unique_ptr<Device> device;
    std::array<MacAddress, 2> macs;
    std::array<packet::PacketQueue, 2> waiting;
    unsigned owners = 2;
  };

  PlugShare(Port* port, unsigned side) noexcept;
  void fetch() noexcept;

  Port* port_;
  unsigned side_;
  Capabilities capabilities_;
};

}  // namespace millrace::device
