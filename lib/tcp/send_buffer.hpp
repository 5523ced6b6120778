// SendBuffer: the packets an application has handed over, from then until their last byte is
// acknowledged. Bytes that have been sent never change here (decision 6): transmissions refer to
// them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/contract.hpp"
#include "packet/packet_budget.hpp"
#include "packet/packet_queue.hpp"
#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// What was learned of a packet's bytes while they were copied: the sum of their words
/// (wire/word_sum.hpp), so that nothing has to read them again for it.
struct KnownSum {
  std::uint64_t words = 0;
  std::uint32_t bytes = 0;  ///< None: nothing was learned.
};

/// Bytes [front, end), charged to the core's budget by buffer size.
class SendBuffer {
 public:
  SendBuffer() noexcept = default;

  /// Sets where the next byte stands. Only while empty.
  void start(SeqNum next) noexcept {
    base::expects(packets_.empty());
    front_ = end_ = next;
  }

  /// Copies into the tail of the last packet, up to `packet_bytes_max` in that packet, and returns
  /// how much that was.
  [[nodiscard]] std::size_t append_to_tail(std::span<const std::byte> bytes,
                                           std::uint32_t packet_bytes_max) noexcept;
  /// Queues a packet whose data is payload: contiguous, not empty, in nobody else's hands. `sum` is
  /// of its first bytes. False if the budget is used up; `packet` is then kept.
  [[nodiscard]] bool append(packet::Packet& packet, packet::PacketBudget& budget,
                            const KnownSum& sum = {}) noexcept;
  /// Lets go of everything before `snd_una`.
  void on_ack(SeqNum snd_una, packet::PacketBudget& budget) noexcept;
  void clear(packet::PacketBudget& budget) noexcept;

  /// Calls `visit(Position packet, offset, length)` for each piece of [seq, seq + bytes), which
  /// must be held.
  template <class F>
  void for_each_piece(SeqNum seq, std::uint32_t bytes, F&& visit);

  /// What is held from a byte on, in that byte's packet.
  struct Piece {
    packet::PacketQueue::Position packet = nullptr;
    std::uint32_t offset = 0;  ///< Of the byte, in the packet.
    std::uint32_t bytes = 0;
    bool is_last = false;  ///< More may be appended to the packet.
  };
  /// `seq` must be held.
  [[nodiscard]] Piece piece_at(SeqNum seq) noexcept;
  /// The sum of the words of a piece's first `bytes`; read only where it is not known yet.
  [[nodiscard]] static std::uint64_t sum_words(const Piece& piece, std::uint32_t bytes) noexcept;

  [[nodiscard]] bool empty() const noexcept { return packets_.empty(); }
  /// Behind the last byte.
  [[nodiscard]] SeqNum end() const noexcept { return end_; }
  /// What the next packet is charged as.
  [[nodiscard]] packet::BudgetUse budget_use() const noexcept {
    return packets_.empty() ? packet::BudgetUse::FirstToSend : packet::BudgetUse::Bulk;
  }
  /// Bytes held.
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(end_ - front_);
  }
  /// Memory held, by buffer size.
  [[nodiscard]] std::uint32_t charge() const noexcept { return charge_; }
  /// How many bytes `append_to_tail` would take.
  [[nodiscard]] std::uint32_t tail_room(std::uint32_t packet_bytes_max) const noexcept;

 private:
  using Position = packet::PacketQueue::Position;

  [[nodiscard]] Position find(SeqNum seq) noexcept;
  /// Behind the last byte of a packet.
  [[nodiscard]] static SeqNum end_of(Position packet) noexcept {
    return SeqNum{packet::PacketQueue::note_of(packet).sequence} +
           packet::PacketQueue::bytes_of(packet);
  }

  packet::PacketQueue packets_;  // Each note's sequence is that of the packet's first byte.
  Position cursor_ =
      nullptr;       // Where the last search ended; transmission goes forward nearly always.
  SeqNum front_{0};  // First byte held and not acknowledged.
  SeqNum end_{0};
  std::uint32_t charge_ = 0;
};

template <class F>
void SendBuffer::for_each_piece(SeqNum seq, std::uint32_t bytes, F&& visit) {
  base::expects(seq.is_at_or_after(front_));
  base::expects((seq + bytes).is_at_or_before(end_));
  Position position = find(seq);
  while (bytes > 0) {
    const auto offset =
        static_cast<std::uint32_t>(seq - SeqNum{packet::PacketQueue::note_of(position).sequence});
    const std::uint32_t length = std::min(bytes, packet::PacketQueue::bytes_of(position) - offset);
    visit(position, offset, length);
    seq += length;
    bytes -= length;
    cursor_ = position;
    position = packet::PacketQueue::next(position);
  }
}

}  // namespace millrace::tcp
