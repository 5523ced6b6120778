// SharedMemoryDevice: a DPDK port whose other end is a process of this machine, over memif, vhost
// or virtio-user. It adds to the port what such a link needs: the socket that introduces the two, a
// link that goes and comes with the peer, and frames that do not pile up while nobody is there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <millrace/error.hpp>

#include "device/device.hpp"
#include "device/dpdk/device_spec.hpp"
#include "device/dpdk/dpdk_config.hpp"
#include "device/dpdk/dpdk_device.hpp"
#include "device/dpdk/eal.hpp"
#include "device/dpdk/interrupt_barrier.hpp"
#include "device/dpdk/memif_relay.hpp"
#include "device/dpdk/virtio_user_port.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::device {

/// Owns the port and the socket file that it serves; both are gone when it is destroyed. While the
/// link is down, what is to be sent is dropped, as a NIC without a cable does.
class SharedMemoryDevice final : public Device {
 public:
  /// `eal` and `pool` must outlive the device. `config.mac` must be set: vhost's own would be the
  /// same in every process. Waits for the peer no longer than `config.link_wait`; it may come, go
  /// and come back later. From here on the process ignores SIGPIPE, unless it handles it: DPDK's
  /// drivers write into sockets whose reader may be gone. Error: one line with the cause.
  [[nodiscard]] static Result<std::unique_ptr<SharedMemoryDevice>, std::string> open(
      Eal& eal, const DeviceSpec& spec, const DpdkConfig& config, packet::PacketPool& pool);
  SharedMemoryDevice(const SharedMemoryDevice&) = delete;
  SharedMemoryDevice& operator=(const SharedMemoryDevice&) = delete;
  ~SharedMemoryDevice() override;

  void rx_burst(packet::Burst& burst) noexcept override;
  void tx_burst(packet::Burst& burst) noexcept override;
  [[nodiscard]] const Capabilities& capabilities() const noexcept override { return capabilities_; }
  [[nodiscard]] std::uint32_t held_packets() const noexcept override;
  /// While the link is down, of what was lost here alone.
  [[nodiscard]] Losses losses() const noexcept override;

  [[nodiscard]] bool is_link_up() const noexcept { return usable_ != nullptr; }
  /// "net_memif", and whom it waits for while the link is down.
  [[nodiscard]] std::string driver() const;
  /// As `DpdkAgreement::offloads_to_string`.
  [[nodiscard]] std::string offloads() const;
  /// Frames dropped because nobody was there to take them.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
  /// Frames of the peer that no single buffer holds.
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

 private:
  SharedMemoryDevice(const DeviceSpec& spec, const DpdkConfig& config);
  [[nodiscard]] Result<void, std::string> open_memif(Eal& eal, packet::PacketPool& pool);
  [[nodiscard]] Result<void, std::string> open_vhost(Eal& eal, packet::PacketPool& pool);
  [[nodiscard]] Result<void, std::string> open_virtio_user(Eal& eal, packet::PacketPool& pool);
  [[nodiscard]] Result<void, std::string> plug(Eal& eal, packet::PacketPool& pool,
                                               const std::string& arguments);
  void wait_for_peer();
  void look_after_link() noexcept;
  void look_after_memif() noexcept;
  [[nodiscard]] bool is_introduction_overdue() noexcept;
  void look_after_vhost() noexcept;
  void look_after_virtio_user() noexcept;
  void restart_memif_client() noexcept;
  void let_go() noexcept;
  void drop_chains(packet::Burst& burst, std::uint16_t first) noexcept;

  DeviceSpec spec_;
  DpdkConfig config_;
  Duration link_wait_;
  Capabilities capabilities_;
  bool is_plugged_ = false;
  bool takes_chains_ = false;                    // Frames may be longer than a packet.
  bool is_peer_unfit_ = false;                   // It was not told to join segments.
  std::unique_ptr<MemifRelay> relay_;            // memif alone.
  std::unique_ptr<DpdkDevice> port_;             // memif and vhost.
  std::unique_ptr<VirtioUserPort> virtio_user_;  // virtio-user alone.
  DpdkDevice* usable_ = nullptr;                 // The port while its link is up.
  bool is_leaving_ = false;  // The peer is gone, but its last frames may still be in the ring.
  InterruptBarrier interrupts_;
  bool is_settling_ = false;         // The memif driver has still to hear that its peer is gone.
  std::uint64_t next_look_ = 0;      // Ticks of the time-stamp counter.
  std::uint64_t introduced_by_ = 0;  // The same; 0: no introduction is under way.
  std::uint64_t dropped_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace millrace::device
