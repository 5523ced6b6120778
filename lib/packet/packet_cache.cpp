// Bulk moves between a cache and its pool, which happen once in half a cache of packets.
#include "packet/packet_cache.hpp"

#include <rte_mempool.h>

#include "packet/packet.hpp"

namespace millrace::packet {

rte_mbuf* PacketCache::take_from_pool() noexcept {
  constexpr std::uint32_t kMoved = kCapacity / 2;
  static_assert(sizeof(rte_mbuf*) == sizeof(void*));
  if (is_ours() &&
      rte_mempool_get_bulk(&pool_, reinterpret_cast<void**>(packets_.data()), kMoved) == 0) {
    count_ = kMoved - 1;
    rte_mbuf* const mbuf = packets_[count_];
    clear(*mbuf);
    return mbuf;
  }
  // What is left is less than a move, or the thread is another one.
  return rte_pktmbuf_alloc(&pool_);
}

void PacketCache::move_out(std::uint32_t count) noexcept {
  // Those that were given back first: what comes next is likely in the processor's cache.
  if (count > 0) {
    rte_mempool_put_bulk(&pool_, reinterpret_cast<void**>(packets_.data()), count);
    count_ -= count;
    for (std::uint32_t i = 0; i < count_; ++i) {
      packets_[i] = packets_[count + i];
    }
  }
}

void Packet::free_slowly(rte_mbuf* mbuf) noexcept { rte_pktmbuf_free(mbuf); }

}  // namespace millrace::packet
