// FaultInjector: makes a device lose, repeat, reorder and damage frames, by a seeded generator. It
// delays nothing else and knows no protocol.
#pragma once

#include <cstdint>
#include <memory>

#include "base/fixed_vector.hpp"
#include "base/random.hpp"
#include "device/device.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::device {

/// What may happen to frames of one direction, each in parts per million.
struct Faults {
  std::uint32_t drop_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  std::uint32_t corrupt_ppm = 0;         ///< One bit of one byte is turned over, in a copy.
  std::uint32_t reorder_ppm = 0;         ///< The frame is held back while others pass it.
  std::uint32_t reorder_frames_max = 8;  ///< How many pass it at most, 1 or more.
};

/// What a FaultInjector did, per direction.
struct FaultCounts {
  std::uint64_t dropped = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t reordered = 0;
};

/// Decorates `inner`. A frame held back for reordering goes on after `reorder_frames_max` frames or
/// `kTurnsHeldMax` calls of `rx_burst`, whichever comes first. Checksum offload is withheld where a
/// frame could be corrupted, or the damage would be sealed by a right checksum.
class FaultInjector final : public Device {
 public:
  static constexpr std::uint32_t kTurnsHeldMax = 64;

  /// Copies (of duplicated and corrupted frames) come from `pool`, which must outlive the device;
  /// when it is exhausted, those faults do not happen.
  FaultInjector(std::unique_ptr<Device> inner, packet::PacketPool& pool, base::Random random,
                const Faults& rx, const Faults& tx);
  ~FaultInjector() override;

  void rx_burst(packet::Burst& burst) noexcept override;
  void tx_burst(packet::Burst& burst) noexcept override;
  [[nodiscard]] const Capabilities& capabilities() const noexcept override { return capabilities_; }
  [[nodiscard]] int wake_descriptor() const noexcept override { return inner_->wake_descriptor(); }
  /// False while frames are held back or wait for the inner device.
  [[nodiscard]] bool arm_wake() noexcept override;
  void disarm_wake() noexcept override { inner_->disarm_wake(); }
  [[nodiscard]] std::uint32_t held_packets() const noexcept override;
  [[nodiscard]] Losses losses() const noexcept override { return inner_->losses(); }

  [[nodiscard]] const FaultCounts& rx_counts() const noexcept { return rx_.counts; }
  [[nodiscard]] const FaultCounts& tx_counts() const noexcept { return tx_.counts; }

 private:
  static constexpr std::size_t kHeldBackMax = 12;

  struct HeldBack {
    packet::Packet packet;
    std::uint32_t frames_left = 0;
    std::uint32_t turns_left = 0;
  };
  /// One direction: what arrived, what is held back, and what has been through the faults and goes
  /// on next.
  struct Lane {
    Faults faults;
    FaultCounts counts;
    packet::Burst arrived;
    base::FixedVector<HeldBack, kHeldBackMax> held;
    packet::Burst ready;
  };

  void pass_arrived(Lane& lane) noexcept;
  void pass(Lane& lane, packet::Packet packet) noexcept;
  void put_ready(Lane& lane, packet::Packet packet) noexcept;
  void release_overdue(Lane& lane) noexcept;
  [[nodiscard]] bool happens(std::uint32_t ppm) noexcept;
  [[nodiscard]] packet::Packet corrupted_copy(const packet::Packet& packet) noexcept;

  std::unique_ptr<Device> inner_;
  packet::PacketPool& pool_;
  base::Random random_;
  Capabilities capabilities_;
  Lane rx_;
  Lane tx_;
};

}  // namespace millrace::device
