#include "tcp/send_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "wire/word_sum.hpp"

namespace millrace::tcp {

using packet::Packet;
using packet::PacketQueue;

std::uint32_t SendBuffer::tail_room(std::uint32_t packet_bytes_max) const noexcept {
  if (packets_.empty()) {
    return 0;
  }
  return PacketQueue::view(packets_.back(), [packet_bytes_max](const Packet& tail) {
    const std::uint32_t held = tail.size();
    return held < packet_bytes_max
               ? std::min<std::uint32_t>(tail.tailroom(), packet_bytes_max - held)
               : 0U;
  });
}

std::size_t SendBuffer::append_to_tail(std::span<const std::byte> bytes,
                                       std::uint32_t packet_bytes_max) noexcept {
  const std::size_t count = std::min<std::size_t>(bytes.size(), tail_room(packet_bytes_max));
  if (count > 0) {
    PacketQueue::view(packets_.back(), [&](Packet& tail) {
      std::memcpy(tail.append(static_cast<std::uint16_t>(count)).data(), bytes.data(), count);
    });
    end_ += static_cast<std::uint32_t>(count);
  }
  return count;
}

bool SendBuffer::append(Packet& packet, packet::PacketBudget& budget,
                        const KnownSum& sum) noexcept {
  base::expects(packet.is_contiguous());
  base::expects(packet.size() > 0);
  if (!budget.try_charge(packet.charge(), budget_use())) {
    return false;
  }
  charge_ += packet.charge();
  packet::PacketNote& note = packet.note();
  note.sequence = end_.value();
  note.words_sum = wire::fold_to_32(sum.words);
  note.summed_bytes = sum.bytes;
  end_ += packet.size();
  packets_.push_back(std::move(packet));
  return true;
}

void SendBuffer::on_ack(SeqNum snd_una, packet::PacketBudget& budget) noexcept {
  // What is acknowledged behind the last byte is FIN.
  front_ = snd_una.is_before(end_) ? snd_una : end_;
  if (cursor_ != nullptr && end_of(cursor_).is_at_or_before(front_)) {
    cursor_ = nullptr;
  }
  std::uint32_t released = 0;
  while (!packets_.empty() && end_of(packets_.front()).is_at_or_before(front_)) {
    const Packet done = packets_.pop_front();
    released += done.charge();
  }
  charge_ -= released;
  budget.release(released);
}

void SendBuffer::clear(packet::PacketBudget& budget) noexcept {
  budget.release(charge_);
  charge_ = 0;
  packets_.clear();
  cursor_ = nullptr;
  front_ = end_;
}

SendBuffer::Piece SendBuffer::piece_at(SeqNum seq) noexcept {
  base::expects(seq.is_at_or_after(front_) && seq.is_before(end_));
  cursor_ = find(seq);
  const auto offset =
      static_cast<std::uint32_t>(seq - SeqNum{PacketQueue::note_of(cursor_).sequence});
  return {.packet = cursor_,
          .offset = offset,
          .bytes = PacketQueue::bytes_of(cursor_) - offset,
          .is_last = cursor_ == packets_.back()};
}

std::uint64_t SendBuffer::sum_words(const Piece& piece, std::uint32_t bytes) noexcept {
  const packet::PacketNote& note = PacketQueue::note_of(piece.packet);
  // What was appended since stands behind the bytes that the sum is of.
  if (piece.offset == 0 && note.summed_bytes == bytes) {
    return note.words_sum;
  }
  return PacketQueue::view(piece.packet, [&](const Packet& held) {
    return wire::sum_words(held.data().subspan(piece.offset, bytes));
  });
}

SendBuffer::Position SendBuffer::find(SeqNum seq) noexcept {
  Position position = cursor_;
  if (position == nullptr || SeqNum{PacketQueue::note_of(position).sequence}.is_after(seq)) {
    position = packets_.front();
  }
  while (!end_of(position).is_after(seq)) {
    position = PacketQueue::next(position);
  }
  return position;
}

}  // namespace millrace::tcp
