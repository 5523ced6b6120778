// Port: one device with the pool behind it, and what has passed through it. What the frames mean is
// the tester's and the target's.
#pragma once

#include <cstdint>
#include <string>

#include "device/device.hpp"
#include "packet/burst.hpp"
#include "packet/packet_pool.hpp"

namespace loopback {

/// Frames and bytes (Ethernet header included, frame check sequence not) since the start.
struct PortCounts {
  std::uint64_t rx_frames = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_frames = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_missed = 0;     ///< No place in the receive ring.
  std::uint64_t rx_errors = 0;     ///< Damaged, or too long.
  std::uint64_t rx_no_buffer = 0;  ///< No packet buffer to receive into.
  std::uint64_t tx_errors = 0;     ///< Handed over, and not sent.
  std::uint64_t tx_no_buffer = 0;  ///< No packet buffer to send in.

  friend bool operator==(const PortCounts&, const PortCounts&) noexcept = default;
};

[[nodiscard]] inline PortCounts with_losses(PortCounts counts,
                                            const millrace::device::Losses& losses) noexcept {
  counts.rx_missed = losses.rx_missed;
  counts.rx_errors = losses.rx_errors;
  counts.rx_no_buffer = losses.rx_no_buffer;
  counts.tx_errors = losses.tx_errors;
  return counts;
}

/// Both must outlive it.
class Port {
 public:
  Port(std::string name, millrace::device::Device& device,
       millrace::packet::PacketPool& pool) noexcept
      : name_{std::move(name)}, device_{device}, pool_{pool} {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const millrace::device::Capabilities& capabilities() const noexcept {
    return device_.capabilities();
  }

  /// Appends what has arrived to `burst`.
  void receive(millrace::packet::Burst& burst) noexcept;
  /// Takes from the front what there is room for; the rest stays.
  void send(millrace::packet::Burst& burst) noexcept;
  /// A buffer to send in; empty, and counted, when there is none.
  [[nodiscard]] millrace::packet::Packet allocate() noexcept;

  [[nodiscard]] PortCounts counts() const noexcept {
    return with_losses(counts_, device_.losses());
  }

 private:
  std::string name_;
  millrace::device::Device& device_;
  millrace::packet::PacketPool& pool_;
  PortCounts counts_;
};

}  // namespace loopback
