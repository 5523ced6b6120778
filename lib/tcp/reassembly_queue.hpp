// ReassemblyQueue: segments that arrived ahead of a hole, until it is filled. Bounded in segments
// and by buffer size.
//
// Policy on overlap: ahead of the hole, what came first stays. A newcomer is cut to what is
// missing; where it would fill two gaps, only the first part is kept and the rest comes again. Text
// in order is taken as it comes, and what waited here gives way where it overlaps.
#pragma once

#include <cstdint>
#include <optional>

#include "packet/packet_budget.hpp"
#include "packet/packet_queue.hpp"
#include "wire/seq_num.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::tcp {

using wire::SackBlock;
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
  /// The first contiguous run of [left, right) that is here.
  [[nodiscard]] std::optional<SackBlock> overlap(SeqNum left, SeqNum right) const noexcept;
  /// Everything contiguous that is here around `seq`; nothing if `seq` itself is missing. `known`
  /// is such a run of before, which is cheap to follow when it has only grown at the queue's end.
  [[nodiscard]] std::optional<SackBlock> run_around(
      SeqNum seq, const std::optional<SackBlock>& known) const noexcept;
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
