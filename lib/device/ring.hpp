// RingDevice: an Ethernet cable inside the process, one end per device, over bounded
// single-producer queues. The two ends may be used by two threads. Latency, loss and order are
// perfect; decorators make them worse.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "device/device.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::device {

/// What one end is made of.
struct RingEnd {
  /// `rx_checksum` is ignored: the ring gives no verdicts. Transmit checksums that are offered here
  /// are filled in.
  Capabilities capabilities;
  /// The pool of the core that uses this end; must outlive it. Frames that share bytes with their
  /// sender are copied into it when they are received.
  packet::PacketPool& receive_pool;
};

/// One end of a cable, or a loopback plug. A frame that its sender no longer shares crosses as it
/// is, and is freed to the sender's pool by whoever received it. Any other (chained, indirect,
/// still referenced) arrives as one contiguous packet of the receiver's pool, as a NIC would
/// deliver it; the sender's bytes are read until then.
///
/// Ends are made and destroyed by one thread while no other uses them. After one end is gone, the
/// other's frames are dropped, as on an unplugged cable.
class RingDevice final : public Device {
 public:
  explicit RingDevice(std::size_t capacity, const RingEnd& end);
  RingDevice(const RingDevice&) = delete;
  RingDevice& operator=(const RingDevice&) = delete;
  /// Frees the frames on their way to this end.
  ~RingDevice() override;

  void rx_burst(packet::Burst& burst) noexcept override;
  void tx_burst(packet::Burst& burst) noexcept override;
  [[nodiscard]] const Capabilities& capabilities() const noexcept override { return capabilities_; }
  /// Frames sent here that the other end has not received.
  [[nodiscard]] std::uint32_t held_packets() const noexcept override;
  /// On arrival here alone.
  [[nodiscard]] Losses losses() const noexcept override {
    return {.rx_errors = too_long_, .rx_no_buffer = without_buffer_};
  }

  /// Frames lost on arrival here: longer than the MTU allows, or the pool was exhausted.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return too_long_ + without_buffer_; }

  /// Puts the plug into both ends; `a` and `b` may be the same device. Neither may be plugged
  /// already.
  static void connect(RingDevice& a, RingDevice& b) noexcept;

 private:
  [[nodiscard]] packet::Packet deliver(packet::Packet packet) noexcept;

  Capabilities capabilities_;
  packet::PacketPool& receive_pool_;
  std::size_t capacity_;
  boost::lockfree::spsc_queue<rte_mbuf*> incoming_;  // This end consumes, the peer produces.
  RingDevice* peer_ = nullptr;
  std::uint64_t too_long_ = 0;
  std::uint64_t without_buffer_ = 0;
};

/// Two ends of one cable that takes `capacity` frames each way.
[[nodiscard]] std::pair<std::unique_ptr<RingDevice>, std::unique_ptr<RingDevice>> make_ring_pair(
    std::size_t capacity, const RingEnd& a, const RingEnd& b);

/// A device whose frames come back to it; `capabilities().reflects` is true whatever `end` says.
[[nodiscard]] std::unique_ptr<RingDevice> make_loopback_plug(std::size_t capacity,
                                                             const RingEnd& end);

}  // namespace millrace::device
