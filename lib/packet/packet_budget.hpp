// PacketBudget: how much packet memory the queues of one core may hold in all, so that receive
// descriptors, a transmit burst and control traffic always find a packet; and who is refused first
// as it runs out, so that peers who do not read cannot keep others from being heard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/contract.hpp"

namespace millrace::packet {

/// What a charge is for; the order in which they are refused is from the last to the first.
enum class BudgetUse : std::uint8_t {
  InOrder,      ///< What has arrived and is next: may use all there is.
  FirstToSend,  ///< The only packet of a send buffer, a short answer say: leaves half of the
                ///< reserve.
  Bulk,         ///< More to send, or out of order: leaves the whole reserve.
};

/// Counts bytes by buffer size (`Packet::charge`), not by payload.
class PacketBudget {
 public:
  /// What a packet of a core's data pool is charged.
  static constexpr std::uint32_t kPacketCharge = 2'432;

  /// `reserve_bytes` of the limit are not for everyone: see `BudgetUse`.
  explicit PacketBudget(std::uint64_t limit_bytes, std::uint64_t reserve_bytes = 0) noexcept
      : ceilings_{limit_bytes, limit_bytes - reserve_bytes / 2, limit_bytes - reserve_bytes} {
    base::expects(reserve_bytes <= limit_bytes);
  }

  /// False, and nothing charged, if what that use may hold would be passed.
  [[nodiscard]] bool try_charge(std::uint32_t bytes, BudgetUse use) noexcept {
    if (bytes > left(use)) {
      return false;
    }
    used_ += bytes;
    return true;
  }
  void release(std::uint32_t bytes) noexcept {
    base::expects(bytes <= used_);
    used_ -= bytes;
  }
  /// Whether it could once `released` of what is charged is given back.
  [[nodiscard]] bool could_charge(std::uint32_t bytes, BudgetUse use,
                                  std::uint64_t released) const noexcept {
    base::expects(released <= used_);
    return used_ - released + bytes <= ceiling(use);
  }
  [[nodiscard]] std::uint64_t used() const noexcept { return used_; }
  [[nodiscard]] std::uint64_t limit() const noexcept { return ceiling(BudgetUse::InOrder); }
  /// Bytes that `use` may still charge.
  [[nodiscard]] std::uint64_t left(BudgetUse use) const noexcept {
    return used_ < ceiling(use) ? ceiling(use) - used_ : 0;
  }

 private:
  [[nodiscard]] std::uint64_t ceiling(BudgetUse use) const noexcept {
    return ceilings_[static_cast<std::size_t>(use)];
  }

  std::array<std::uint64_t, 3> ceilings_;  // By use.
  std::uint64_t used_ = 0;
};

}  // namespace millrace::packet
