// ReassemblyQueue: segments that arrived ahead of a hole, until it is filled. Bounded in segments
// and by buffer size.
//
// Policy on overlap: what came first stays. A newcomer is cut to what is missing; where it would
// fill two gaps, only the first part is kept and the rest comes again.
#pragma once

#include <cstdint>

#include "packet/packet_budget.hpp"
#include "packet/packet_queue.hpp"
#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

class ReassemblyQueue {
 public:
  enum class Outcome : std::uint8_t {
    Kept,
    Duplicate,  ///< All of it is here already.
    Full,       ///< Over the limit of segments, or the budget is used up.
  };

  /// `packet` holds the payload from `seq` on, all of it inside the receive window.
  [[nodiscard]] Outcome insert(SeqNum seq, packet::Packet packet, std::uint32_t segments_max,
                               packet::PacketBudget& budget) noexcept;
  /// The next packet in order: one that starts at or before `rcv_nxt` and ends behind it, cut to
  /// start there. Empty if there is none yet. It is still charged: hand it to
  /// `ReceiveQueue::append_charged`.
  [[nodiscard]] packet::Packet pop_in_order(SeqNum rcv_nxt, packet::PacketBudget& budget) noexcept;
  /// Gives the memory back; what is dropped comes again. Returns how many segments there were.
  std::uint32_t clear(packet::PacketBudget& budget) noexcept;

  [[nodiscard]] bool empty() const noexcept { return packets_.empty(); }
  [[nodiscard]] std::uint32_t segments() const noexcept { return packets_.size(); }
  [[nodiscard]] std::uint32_t charge() const noexcept { return charge_; }
  /// Sorted, without overlap, nothing empty.
  [[nodiscard]] bool check_invariants() const noexcept;

 private:
  packet::PacketQueue
      packets_;  // By sequence; each note's sequence is that of the packet's first byte.
  std::uint32_t charge_ = 0;
};

}  // namespace millrace::tcp
