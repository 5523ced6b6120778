// HoldingDevice: keeps what was sent for a while, as a NIC with a long transmit ring does, and
// finds out whether somebody wrote into a frame after handing it over. For tests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "device/device.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::device {

/// A frame whose bytes were not the same when it was released as when it was handed over.
struct ChangedFrame {
  std::uint64_t number = 0;  ///< Frames handed over before it.
  std::uint32_t size = 0;    ///< Bytes at hand-over.
};

/// Passes a copy of each frame on to `inner` at once and in order, and holds the frame itself for 0
/// to `turns_max` further turns (calls of `rx_burst`), each for its own random number, so that
/// frames are freed in any order. Taken are at most `capacity` frames at a time, and only while
/// copies can be had.
class HoldingDevice final : public Device {
 public:
  using OnChanged = std::move_only_function<void(const ChangedFrame&) noexcept>;

  struct Options {
    std::uint32_t turns_max = 16;
    std::uint32_t capacity = 1'024;
  };

  /// `pool` supplies the copies and must outlive the device. `on_changed` is called for every
  /// violation.
  HoldingDevice(std::unique_ptr<Device> inner, packet::PacketPool& pool, base::Random random,
                const Options& options, OnChanged on_changed);
  /// Checks and frees what is still held.
  ~HoldingDevice() override;

  void rx_burst(packet::Burst& burst) noexcept override;
  void tx_burst(packet::Burst& burst) noexcept override;
  [[nodiscard]] const Capabilities& capabilities() const noexcept override {
    return inner_->capabilities();
  }
  [[nodiscard]] int wake_descriptor() const noexcept override { return inner_->wake_descriptor(); }
  /// False while frames are held: turns must go on for them to be freed.
  [[nodiscard]] bool arm_wake() noexcept override;
  void disarm_wake() noexcept override { inner_->disarm_wake(); }
  [[nodiscard]] std::uint32_t held_packets() const noexcept override;
  [[nodiscard]] Losses losses() const noexcept override { return inner_->losses(); }

  /// Frames found changed so far.
  [[nodiscard]] std::uint64_t changed() const noexcept { return changed_; }

 private:
  struct Held {
    packet::Packet packet;
    std::uint64_t hash = 0;
    std::uint64_t number = 0;
    std::uint64_t release_turn = 0;
    std::uint32_t size = 0;
  };

  void copy_to(packet::Burst& copies, packet::Burst& burst) noexcept;
  void hold(packet::Packet packet) noexcept;
  void check(const Held& held) noexcept;

  std::unique_ptr<Device> inner_;
  packet::PacketPool& pool_;
  base::Random random_;
  Options options_;
  OnChanged on_changed_;
  std::vector<Held> held_;  // Reserved once; order does not matter.
  std::uint64_t turn_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t changed_ = 0;
};

}  // namespace millrace::device
