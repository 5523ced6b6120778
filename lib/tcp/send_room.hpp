// SendRoom: how much more a connection may queue for sending, worked out once for each call of the
// application: of its buffer's limit, of its share of the core's packets, and of what it wants
// unsent. What follows from it is decided elsewhere.
#pragma once

#include <algorithm>
#include <cstdint>

#include "packet/packet_budget.hpp"

namespace millrace::tcp {

class SendRoom {
 public:
  struct Measure {
    std::uint32_t charge = 0;        ///< Memory held by what is queued, in bytes.
    std::uint32_t buffer_limit = 0;  ///< Likewise, at most.
    packet::BudgetUse use = packet::BudgetUse::FirstToSend;  ///< Of the next packet.
    bool has_enough_unsent = false;  ///< The application wants no more ahead of what leaves.
  };

  SendRoom(const Measure& measure, const packet::PacketBudget& budget) noexcept
      : charge_{measure.charge}, has_enough_unsent_{measure.has_enough_unsent} {
    const std::uint64_t bulk = budget.left(packet::BudgetUse::Bulk);
    // No connection takes more than a quarter of what the core has left, so that a few cannot
    // starve the others.
    limit_ = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(measure.buffer_limit, std::max<std::uint64_t>(kAlways, bulk / 4)));
    const std::uint64_t left =
        measure.use == packet::BudgetUse::Bulk ? bulk : budget.left(measure.use);
    if (charge_ < limit_ && left >= packet::PacketBudget::kPacketCharge && !has_enough_unsent_) {
      free_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(limit_ - charge_, left));
    }
  }

  /// Memory that more may be charged, in bytes. Zero: not a packet.
  [[nodiscard]] std::uint32_t free() const noexcept { return free_; }
  /// Packets, if anything, are what is missing.
  [[nodiscard]] bool is_within_limits() const noexcept {
    return charge_ < limit_ && !has_enough_unsent_;
  }
  /// The buffer has room, but the core has no packet to spare.
  [[nodiscard]] bool is_short_of_packets() const noexcept {
    return is_within_limits() && free_ == 0;
  }
  /// The caller may find what is free too little.
  [[nodiscard]] bool is_nearly_used_up() const noexcept {
    return has_enough_unsent_ || charge_ > limit_ / 3 * 2;
  }

 private:
  static constexpr std::uint32_t kAlways = 16 * 1024;  // Whatever the core has left.

  std::uint32_t charge_;
  std::uint32_t limit_ = 0;
  std::uint32_t free_ = 0;
  bool has_enough_unsent_;
};

}  // namespace millrace::tcp
