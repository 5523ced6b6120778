// DpdkDevice: one queue pair of a DPDK port as a Device. How the port was set up is in dpdk_config.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <millrace/error.hpp>

#include "device/device.hpp"
#include "device/dpdk/dpdk_config.hpp"
#include "device/dpdk/eal.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::device {

/// Owns the port: destroying it stops and closes it, which removes a TAP interface and detaches the
/// XDP program from an interface that was borrowed.
class DpdkDevice final : public Device {
 public:
  /// `eal` and `pool` must outlive the device. `pool` holds what is received: full frames in one
  /// buffer. Error: one line with the cause.
  [[nodiscard]] static Result<std::unique_ptr<DpdkDevice>, std::string> open(
      Eal& eal, const DpdkConfig& config, packet::PacketPool& pool);
  DpdkDevice(const DpdkDevice&) = delete;
  DpdkDevice& operator=(const DpdkDevice&) = delete;
  ~DpdkDevice() override;

  void rx_burst(packet::Burst& burst) noexcept override;
  void tx_burst(packet::Burst& burst) noexcept override;
  [[nodiscard]] const Capabilities& capabilities() const noexcept override {
    return agreement_.capabilities;
  }
  [[nodiscard]] int wake_descriptor() const noexcept override { return wake_descriptor_; }
  [[nodiscard]] bool arm_wake() noexcept override;
  void disarm_wake() noexcept override;
  /// The buffers in the receive ring.
  [[nodiscard]] std::uint32_t held_packets() const noexcept override { return held_packets_; }
  /// What the driver tells, and what was dropped here.
  [[nodiscard]] Losses losses() const noexcept override;

  [[nodiscard]] const DpdkAgreement& agreement() const noexcept { return agreement_; }
  /// Frames dropped here: too long, asking for what the driver cannot do, or no buffer to receive
  /// them.
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_ + without_buffer_; }

 private:
  /// What the wake descriptor is, and so what it takes to sleep on it.
  enum class Wake : std::uint8_t {
    Interrupts,  ///< Counts interrupts (an eventfd): switched on before, emptied afterwards.
    Readiness,   ///< Readable as long as frames wait in it: nothing to do.
  };

  DpdkDevice(DpdkPort port, packet::PacketPool& pool, std::uint32_t held_packets) noexcept;
  void open_wake_descriptor() noexcept;
  void receive_copies(packet::Burst& burst) noexcept;
  void push_left_frames() noexcept;
  [[nodiscard]] std::uint16_t sound_frames(const packet::Burst& burst) const noexcept;
  [[nodiscard]] bool is_too_long(const rte_mbuf& frame) const noexcept;
  void make_received(packet::Burst& handed_over, packet::Burst& burst) noexcept;

  DpdkPort port_;
  const DpdkAgreement& agreement_;
  packet::PacketPool& pool_;
  std::uint32_t held_packets_;
  int wake_descriptor_ = -1;
  Wake wake_ = Wake::Interrupts;
  bool needs_prepare_ = false;
  bool may_have_left_frames_ = false;  // The kernel may have left frames in the transmit ring.
  bool hands_over_mbufs_ = false;      // What is received are the very buffers that were sent.
  std::uint64_t refused_ = 0;          // To send.
  std::uint64_t without_buffer_ = 0;
};

}  // namespace millrace::device
