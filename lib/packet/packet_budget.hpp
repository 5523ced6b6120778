// PacketBudget: how much packet memory the queues of one core may hold in all, so that receive
// descriptors, a transmit burst and control traffic always find a packet.
#pragma once

#include <cstdint>

#include "base/contract.hpp"

namespace millrace::packet {

/// Counts bytes by buffer size (`Packet::charge`), not by payload.
class PacketBudget {
 public:
  explicit PacketBudget(std::uint64_t limit_bytes) noexcept : limit_{limit_bytes} {}

  /// False, and nothing charged, if the limit would be passed.
  [[nodiscard]] bool try_charge(std::uint32_t bytes) noexcept {
    if (used_ + bytes > limit_) {
      return false;
    }
    used_ += bytes;
    return true;
  }
  void release(std::uint32_t bytes) noexcept {
    base::expects(bytes <= used_);
    used_ -= bytes;
  }
  [[nodiscard]] std::uint64_t used() const noexcept { return used_; }
  [[nodiscard]] std::uint64_t limit() const noexcept { return limit_; }
  [[nodiscard]] std::uint64_t left() const noexcept { return limit_ - used_; }

 private:
  std::uint64_t limit_;
  std::uint64_t used_ = 0;
};

}  // namespace millrace::packet
