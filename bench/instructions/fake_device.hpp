// FakeDevice: a NIC that costs next to nothing, so that what is counted is the stack. It verifies
// and fills in every checksum, as the verdicts and requests in the packets have it, takes chains,
// and moves pointers.
#pragma once

#include <array>
#include <cstddef>

#include "base/contract.hpp"
#include "device/device.hpp"
#include "packet/packet.hpp"

namespace millrace::bench {

/// Receives what was offered, in order; keeps what was sent until it is looked at.
class FakeDevice final : public device::Device {
 public:
  static constexpr std::size_t kCapacity = 1'024;

  explicit FakeDevice(const device::Capabilities& capabilities) noexcept
      : capabilities_{capabilities} {}
  FakeDevice(const FakeDevice&) = delete;
  FakeDevice& operator=(const FakeDevice&) = delete;
  ~FakeDevice() override {
    take_sent([](const packet::Packet& /*frame*/) {});
    for (; received_ < offered_; ++received_) {
      const packet::Packet dropped{to_receive_[received_]};
    }
  }

  /// A frame for the next burst.
  void offer(packet::Packet frame) noexcept {
    base::expects(offered_ < kCapacity);
    to_receive_[offered_++] = frame.release();
  }
  /// Shows each frame that was sent since the last call to `look`, and frees it.
  template <class F>
  void take_sent(F&& look) {
    for (std::size_t i = 0; i < sent_count_; ++i) {
      const packet::Packet frame{sent_[i]};
      look(frame);
    }
    sent_count_ = 0;
  }

  void rx_burst(packet::Burst& burst) noexcept override {
    std::uint16_t count = 0;
    for (; count < burst.room() && received_ < offered_; ++count) {
      burst.end()[count] = to_receive_[received_++];
    }
    burst.grow(count);
    if (received_ == offered_) {
      received_ = offered_ = 0;
    }
  }
  void tx_burst(packet::Burst& burst) noexcept override {
    std::uint16_t count = 0;
    for (; count < burst.size() && sent_count_ < kCapacity; ++count) {
      sent_[sent_count_++] = burst.begin()[count];
    }
    burst.drop_front(count);
  }
  [[nodiscard]] const device::Capabilities& capabilities() const noexcept override {
    return capabilities_;
  }

 private:
  device::Capabilities capabilities_;
  std::array<rte_mbuf*, kCapacity> to_receive_{};
  std::array<rte_mbuf*, kCapacity> sent_{};
  std::size_t offered_ = 0;
  std::size_t received_ = 0;
  std::size_t sent_count_ = 0;
};

}  // namespace millrace::bench
