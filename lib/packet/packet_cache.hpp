// PacketCache: free packets of one pool within reach of the core that uses it, so that taking a
// plain packet and giving one back costs a few instructions. DPDK's own cache asks with every
// packet which thread runs, what kind the buffer is and where the cache lies. It moves packets from
// and to the pool in bulk; what is neither plain nor its own it leaves to DPDK.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "base/contract.hpp"
#include "base/this_thread.hpp"

namespace millrace::packet {

/// Of one thread at a time, the last that called `adopt`; any other passes it by. Must outlive the
/// packets of its pool.
class PacketCache {
 public:
  /// Packets that it keeps at most, and half of which it moves at once.
  static constexpr std::uint32_t kCapacity = 128;

  /// One that `is_enabled` is not, because the pool is too small to spare any, never keeps a
  /// packet.
  PacketCache(rte_mempool& pool, bool is_enabled) noexcept : pool_{pool}, is_enabled_{is_enabled} {}
  PacketCache(const PacketCache&) = delete;
  PacketCache& operator=(const PacketCache&) = delete;
  ~PacketCache() { move_out(count_); }

  /// From now on it is the calling thread's. Nobody else may be using it, or one of the pool's
  /// packets where that needs the core.
  void adopt() noexcept {
    if (is_enabled_) {
      owner_.store(base::this_thread(), std::memory_order_relaxed);
    }
  }

  /// A packet without data behind `RTE_PKTMBUF_HEADROOM` bytes; null when the pool is exhausted.
  [[nodiscard]] rte_mbuf* take() noexcept {
    if (!is_ours() || count_ == 0) [[unlikely]] {
      return take_from_pool();
    }
    rte_mbuf* const mbuf = packets_[--count_];
    clear(*mbuf);
    return mbuf;
  }
  /// False, and nothing done, if the packet is not plain or the thread another one.
  [[nodiscard]] bool give(rte_mbuf* mbuf) noexcept {
    if (!is_plain(*mbuf) || !is_ours()) [[unlikely]] {
      return false;
    }
    base::debug_expects([&] { return !holds(mbuf); });  // Given back twice.
    if (count_ == kCapacity) [[unlikely]] {
      move_out(kCapacity / 2);
    }
    packets_[count_++] = mbuf;
    return true;
  }

  /// Only on the thread that uses it.
  [[nodiscard]] std::uint32_t size() const noexcept { return count_; }

 private:
  /// What DPDK expects of a buffer in a pool: nobody else's, in its own memory, alone.
  [[nodiscard]] static bool is_plain(const rte_mbuf& mbuf) noexcept {
    return rte_mbuf_refcnt_read(&mbuf) == 1 && mbuf.nb_segs == 1 && RTE_MBUF_DIRECT(&mbuf) &&
           mbuf.next == nullptr;
  }
  [[nodiscard]] bool holds(const rte_mbuf* mbuf) const noexcept {
    return std::ranges::find(packets_.data(), packets_.data() + count_, mbuf) !=
           packets_.data() + count_;
  }
  /// As rte_pktmbuf_reset, of a plain packet of ours, whose memory begins with the headroom.
  static void clear(rte_mbuf& mbuf) noexcept {
    mbuf.data_off = RTE_PKTMBUF_HEADROOM;
    mbuf.refcnt = 1;  // As they are: one store for all four.
    mbuf.nb_segs = 1;
    mbuf.port = RTE_MBUF_PORT_INVALID;
    mbuf.ol_flags = 0;
    mbuf.packet_type = 0;
    mbuf.pkt_len = 0;
    mbuf.data_len = 0;
    mbuf.vlan_tci = 0;
    mbuf.vlan_tci_outer = 0;
    mbuf.tx_offload = 0;
  }
  [[nodiscard]] bool is_ours() const noexcept {
    return owner_.load(std::memory_order_relaxed) == base::this_thread();
  }

  [[nodiscard, gnu::cold]] rte_mbuf* take_from_pool() noexcept;
  [[gnu::cold]] void move_out(std::uint32_t count) noexcept;

  rte_mempool& pool_;
  // Relaxed: whoever is told anything but his own mark keeps away, whatever it was.
  std::atomic<base::ThreadMark> owner_{0};
  std::uint32_t count_ = 0;
  bool is_enabled_;
  std::array<rte_mbuf*, kCapacity> packets_;  // The first `count_`.
};

}  // namespace millrace::packet
