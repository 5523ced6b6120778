// PacketQueue: a first-in, first-out queue of packets linked through their notes. It allocates
// nothing and counts what it holds, so that owners can bound it.
#pragma once

#include <cstdint>
#include <utility>

#include "packet/packet.hpp"

namespace millrace::packet {

/// Owns the packets in it. A packet can stand in one queue at a time.
class PacketQueue {
 public:
  /// A packet that stands in a queue, for walking it.
  using Position = rte_mbuf*;

  PacketQueue() noexcept = default;
  PacketQueue(PacketQueue&& other) noexcept
      : head_{std::exchange(other.head_, nullptr)},
        tail_{std::exchange(other.tail_, nullptr)},
        count_{std::exchange(other.count_, 0)} {}
  PacketQueue& operator=(PacketQueue&& other) noexcept {
    if (this != &other) {
      clear();
      head_ = std::exchange(other.head_, nullptr);
      tail_ = std::exchange(other.tail_, nullptr);
      count_ = std::exchange(other.count_, 0);
    }
    return *this;
  }
  PacketQueue(const PacketQueue&) = delete;
  PacketQueue& operator=(const PacketQueue&) = delete;
  ~PacketQueue() {
    if (head_ != nullptr) {
      clear();
    }
  }

  void push_back(Packet packet) noexcept {
    rte_mbuf* const mbuf = packet.release();
    note_of(mbuf).next_in_queue = nullptr;
    if (tail_ == nullptr) {
      head_ = mbuf;
    } else {
      note_of(tail_).next_in_queue = mbuf;
    }
    tail_ = mbuf;
    ++count_;
  }

  void push_front(Packet packet) noexcept {
    rte_mbuf* const mbuf = packet.release();
    note_of(mbuf).next_in_queue = head_;
    head_ = mbuf;
    if (tail_ == nullptr) {
      tail_ = mbuf;
    }
    ++count_;
  }

  /// An empty Packet when there is none.
  [[nodiscard]] Packet pop_front() noexcept {
    if (head_ == nullptr) {
      return {};
    }
    rte_mbuf* const mbuf = head_;
    head_ = note_of(mbuf).next_in_queue;
    if (head_ == nullptr) {
      tail_ = nullptr;
    }
    --count_;
    return Packet{mbuf};
  }

  /// Puts `packet` behind `position`, which is in this queue, or in front of all when null.
  void insert_after(Position position, Packet packet) noexcept {
    if (position == nullptr) {
      push_front(std::move(packet));
    } else if (position == tail_) {
      push_back(std::move(packet));
    } else {
      rte_mbuf* const mbuf = packet.release();
      note_of(mbuf).next_in_queue = note_of(position).next_in_queue;
      note_of(position).next_in_queue = mbuf;
      ++count_;
    }
  }

  /// Takes out the packet behind `position`, or the first when null.
  [[nodiscard]] Packet remove_after(Position position) noexcept {
    if (position == nullptr) {
      return pop_front();
    }
    rte_mbuf* const mbuf = note_of(position).next_in_queue;
    if (mbuf == nullptr) {
      return {};
    }
    note_of(position).next_in_queue = note_of(mbuf).next_in_queue;
    if (mbuf == tail_) {
      tail_ = position;
    }
    --count_;
    return Packet{mbuf};
  }

  void clear() noexcept {
    while (head_ != nullptr) {
      static_cast<void>(pop_front());
    }
  }

  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
  [[nodiscard]] std::uint32_t size() const noexcept { return count_; }
  [[nodiscard]] Position front() const noexcept { return head_; }
  [[nodiscard]] Position back() const noexcept { return tail_; }
  [[nodiscard]] static Position next(Position mbuf) noexcept { return note_of(mbuf).next_in_queue; }
  [[nodiscard]] static PacketNote& note_of(rte_mbuf* mbuf) noexcept {
    return *static_cast<PacketNote*>(rte_mbuf_to_priv(mbuf));
  }

  /// Bytes of the packet's first segment.
  [[nodiscard]] static std::uint32_t bytes_of(Position position) noexcept {
    return rte_pktmbuf_data_len(position);
  }
  /// Of all its segments.
  [[nodiscard]] static std::uint32_t size_of(Position position) noexcept {
    return rte_pktmbuf_pkt_len(position);
  }
  /// Lends the packet at `position` to `use`; the queue keeps it.
  template <class F>
  static auto view(Position position, F&& use) noexcept {
    struct Loan {
      Packet packet;
      ~Loan() { static_cast<void>(packet.release()); }
    } loan{Packet{position}};
    return std::forward<F>(use)(loan.packet);
  }

 private:
  rte_mbuf* head_ = nullptr;
  rte_mbuf* tail_ = nullptr;
  std::uint32_t count_ = 0;
};

}  // namespace millrace::packet
