// DatagramQueue: the received datagrams of one socket that the application has not read. It knows
// its limits; whose datagrams they are, and the core's share, are others' business.
#pragma once

#include <cstdint>
#include <utility>

#include "packet/packet.hpp"
#include "packet/packet_queue.hpp"

namespace millrace::udp {

/// What one queue may hold.
struct QueueLimits {
  std::uint32_t bytes = 0;  ///< Charged by buffer size (`Packet::chain_charge`).
  std::uint32_t datagrams = 0;
};

/// First in, first out. A datagram that does not fit is refused; one may be larger than
/// `limits.bytes` when the queue is empty, for otherwise it never could be read.
class DatagramQueue {
 public:
  explicit DatagramQueue(const QueueLimits& limits) noexcept : limits_{limits} {}

  [[nodiscard]] bool has_room_for(std::uint32_t charge) const noexcept {
    return packets_.empty() ||
           (packets_.size() < limits_.datagrams && charge <= limits_.bytes - bytes());
  }
  /// There must be room.
  void push(packet::Packet datagram) noexcept;
  /// Empty when there is none.
  [[nodiscard]] packet::Packet pop() noexcept;
  /// Lends the next one to `use`; there must be one.
  template <class F>
  auto view_front(F&& use) const noexcept {
    return packet::PacketQueue::view(packets_.front(), std::forward<F>(use));
  }

  void set_limits(const QueueLimits& limits) noexcept { limits_ = limits; }
  [[nodiscard]] const QueueLimits& limits() const noexcept { return limits_; }
  [[nodiscard]] bool empty() const noexcept { return packets_.empty(); }
  [[nodiscard]] std::uint32_t size() const noexcept { return packets_.size(); }
  /// Charged for what waits; what has passed the limit counts as the limit.
  [[nodiscard]] std::uint32_t bytes() const noexcept {
    return charge_ < limits_.bytes ? charge_ : limits_.bytes;
  }
  /// Charged for what waits.
  [[nodiscard]] std::uint32_t charge() const noexcept { return charge_; }

 private:
  QueueLimits limits_;
  packet::PacketQueue packets_;
  std::uint32_t charge_ = 0;
};

}  // namespace millrace::udp
