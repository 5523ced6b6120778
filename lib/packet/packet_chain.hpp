// PacketChain: puts a chain together, piece by piece, without looking for its end each time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "base/contract.hpp"
#include "packet/packet.hpp"

namespace millrace::packet {

/// Owns what it holds until it is taken.
class PacketChain {
 public:
  /// `front` is contiguous.
  explicit PacketChain(Packet front) noexcept : front_{std::move(front)}, last_{front_.get()} {
    base::expects(front_.is_contiguous());
  }

  /// Hangs a contiguous packet behind all others.
  void add(Packet piece) noexcept {
    base::expects(piece.is_contiguous());
    rte_mbuf* const mbuf = piece.release();
    rte_mbuf* const front = front_.get();
    last_->next = mbuf;
    last_ = mbuf;
    ++front->nb_segs;
    front->pkt_len += mbuf->data_len;
  }

  /// Copies as many of `bytes` as the last piece, which is nobody else's, has room for behind its
  /// data; returns how many.
  std::size_t append(std::span<const std::byte> bytes) noexcept {
    const std::size_t count = std::min<std::size_t>(bytes.size(), rte_pktmbuf_tailroom(last_));
    std::memcpy(rte_pktmbuf_mtod_offset(last_, std::byte*, last_->data_len), bytes.data(), count);
    last_->data_len = static_cast<std::uint16_t>(last_->data_len + count);
    front_.get()->pkt_len += static_cast<std::uint32_t>(count);
    return count;
  }

  [[nodiscard]] std::uint16_t pieces() const noexcept { return front_.segments(); }
  /// The whole chain. Nothing may be added afterwards.
  [[nodiscard]] Packet take() noexcept { return std::move(front_); }

 private:
  Packet front_;
  rte_mbuf* last_;
};

}  // namespace millrace::packet
