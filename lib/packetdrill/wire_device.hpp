// WireDevice: a link whose other end is a script: IP packets that the script hands in, and the
// stack's own with the time when each left. Every neighbor that is asked for answers at once.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include <millrace/time.hpp>

#include "device/device.hpp"
#include "packet/packet_pool.hpp"
#include "packet/packet_queue.hpp"
#include "runtime/clock.hpp"

namespace millrace::packetdrill {

class WireDevice final : public device::Device {
 public:
  /// An IP packet that the stack has sent.
  struct Sent {
    Instant time;
    std::vector<std::byte> bytes;
  };
  /// Bytes of the largest packet that a script may hand in.
  static constexpr std::uint16_t kLargest = 65'300;

  /// `large` holds packets of kLargest bytes and a link header. All must outlive it.
  WireDevice(runtime::Clock& clock, packet::PacketPool& large);

  /// One IP packet for the stack. False: too large, or no packet is free.
  [[nodiscard]] bool arrive(std::span<const std::byte> packet);
  [[nodiscard]] std::deque<Sent>& sent() noexcept { return sent_; }

  void rx_burst(packet::Burst& burst) noexcept override;
  void tx_burst(packet::Burst& burst) noexcept override;
  [[nodiscard]] const device::Capabilities& capabilities() const noexcept override {
    return capabilities_;
  }

 private:
  void take(std::span<const std::byte> frame);
  void answer(std::span<const std::byte> request);

  runtime::Clock& clock_;
  packet::PacketPool& large_;
  device::Capabilities capabilities_;
  packet::PacketQueue received_;
  std::deque<Sent> sent_;
};

}  // namespace millrace::packetdrill
