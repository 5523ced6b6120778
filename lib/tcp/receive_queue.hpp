// ReceiveQueue: in-order payload that waits for the application, in the packets it came in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "packet/packet_budget.hpp"
#include "packet/packet_queue.hpp"

namespace millrace::tcp {

/// Packets whose data is payload, charged to the core's budget by buffer size. Small payloads are
/// copied into the tail of the packet before, so that the charge stays within a fixed multiple of
/// the payload.
class ReceiveQueue {
 public:
  /// Payloads up to this size are copied into the packet before. Together with the room that a
  /// full-sized segment leaves, it keeps packets at least half full on average.
  static constexpr std::uint32_t kCopyMax = 1'024;

  /// False if the budget is used up; `packet` is then kept.
  [[nodiscard]] bool append(packet::Packet& packet, packet::PacketBudget& budget) noexcept;
  /// As `append`, for one that is `is_kept_whole`, and that the budget has been charged for.
  void append_whole(packet::Packet& packet) noexcept {
    charge_ += packet.charge();
    bytes_ += packet.size();
    packets_.push_back(std::move(packet));
  }
  /// Whether so much payload stays in its packet, whatever there is before it.
  [[nodiscard]] static constexpr bool is_kept_whole(std::uint32_t bytes) noexcept {
    return bytes > kCopyMax;
  }
  /// As `append`, for a packet that the budget has been charged for.
  void append_charged(packet::Packet packet, packet::PacketBudget& budget) noexcept;
  /// The first packet, or an empty one.
  [[nodiscard]] packet::Packet pop(packet::PacketBudget& budget) noexcept;
  /// The first packet's bytes; empty if there are none.
  [[nodiscard]] std::span<const std::byte> front() const noexcept;
  /// Drops the first `bytes`, of at most `size()`.
  void consume(std::uint32_t bytes, packet::PacketBudget& budget) noexcept;
  void clear(packet::PacketBudget& budget) noexcept;
  /// The byte that lies `offset` behind the first; there is one.
  [[nodiscard]] std::byte at(std::uint32_t offset) const noexcept;

  /// Zero if there is none.
  [[nodiscard]] std::uint32_t front_packet_bytes() const noexcept {
    return packets_.empty() ? 0 : packet::PacketQueue::bytes_of(packets_.front());
  }
  [[nodiscard]] bool empty() const noexcept { return packets_.empty(); }
  [[nodiscard]] std::uint32_t size() const noexcept { return bytes_; }
  [[nodiscard]] std::uint32_t charge() const noexcept { return charge_; }

 private:
  [[nodiscard]] bool copy_into_tail(const packet::Packet& packet) noexcept;

  packet::PacketQueue packets_;
  std::uint32_t bytes_ = 0;
  std::uint32_t charge_ = 0;
};

}  // namespace millrace::tcp
