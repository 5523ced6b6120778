// Burst: the packets that one call moves between a device and the stack.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/contract.hpp"
#include "packet/packet.hpp"

namespace millrace::packet {

/// A fixed-capacity array of owned packets, filled from the back and drained from the front.
class Burst {
 public:
  static constexpr std::uint16_t kCapacity = 32;

  Burst() noexcept = default;
  Burst(const Burst&) = delete;
  Burst& operator=(const Burst&) = delete;
  ~Burst() { clear(); }

  [[nodiscard]] std::uint16_t size() const noexcept { return count_; }
  [[nodiscard]] std::uint16_t room() const noexcept {
    return static_cast<std::uint16_t>(kCapacity - count_);
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] bool full() const noexcept { return count_ == kCapacity; }

  /// There must be room.
  void push_back(Packet packet) noexcept {
    base::expects(!full());
    mbufs_[count_++] = packet.release();
  }
  /// Takes the packet at `index` out and leaves a hole: `clear` afterwards, or `forget` when all
  /// have been taken.
  [[nodiscard]] Packet take(std::uint16_t index) noexcept {
    return Packet{std::exchange(mbufs_[index], nullptr)};
  }
  /// The bytes of the packet at `index`, which has not been taken; none if it is a chain.
  [[nodiscard]] std::span<const std::byte> contiguous(std::uint16_t index) const noexcept {
    const rte_mbuf* const mbuf = mbufs_[index];
    const std::size_t bytes = mbuf->nb_segs == 1 ? mbuf->data_len : 0;
    return {rte_pktmbuf_mtod(mbuf, const std::byte*), bytes};
  }
  /// Bytes of that packet, of all its segments.
  [[nodiscard]] std::uint32_t bytes_of(std::uint16_t index) const noexcept {
    return mbufs_[index]->pkt_len;
  }
  /// Brings its first bytes into the cache.
  void prefetch(std::uint16_t index) const noexcept {
    __builtin_prefetch(rte_pktmbuf_mtod(mbufs_[index], const std::byte*));
  }
  [[nodiscard]] rte_mbuf* peek(std::uint16_t index) const noexcept { return mbufs_[index]; }

  /// Frees what is left.
  void clear() noexcept {
    for (std::uint16_t i = 0; i < count_; ++i) {
      if (mbufs_[i] != nullptr) {
        const Packet left{mbufs_[i]};
      }
    }
    count_ = 0;
  }

  /// Gives back what was taken from there.
  void put_back(std::uint16_t index, Packet packet) noexcept { mbufs_[index] = packet.release(); }
  /// When all have been taken.
  void forget() noexcept {
    base::debug_expects([&] {
      return std::ranges::all_of(std::span{mbufs_}.first(count_),
                                 [](const rte_mbuf* mbuf) { return mbuf == nullptr; });
    });
    count_ = 0;
  }

  /// For devices: where received mbufs are written, then `grow` by their number.
  [[nodiscard]] rte_mbuf** end() noexcept { return mbufs_.data() + count_; }
  void grow(std::uint16_t count) noexcept {
    base::expects(count <= room());
    count_ = static_cast<std::uint16_t>(count_ + count);
  }
  /// For devices: what is to be sent; `drop_front` by the number taken, which moves the rest to the
  /// front.
  [[nodiscard]] rte_mbuf** begin() noexcept { return mbufs_.data(); }
  void drop_front(std::uint16_t count) noexcept {
    base::expects(count <= count_);
    for (std::uint16_t i = count; i < count_; ++i) {
      mbufs_[i - count] = mbufs_[i];
    }
    count_ = static_cast<std::uint16_t>(count_ - count);
  }

 private:
  std::array<rte_mbuf*, kCapacity> mbufs_{};
  std::uint16_t count_ = 0;
};

}  // namespace millrace::packet
