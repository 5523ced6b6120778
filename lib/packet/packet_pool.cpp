#include "packet/packet_pool.hpp"

#include <rte_errno.h>
#include <rte_mempool.h>

#include <algorithm>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace millrace::packet {

namespace {

// DPDK's cache for each of its threads: large enough for two bursts.
constexpr std::uint32_t kPoolCache = 256;

// Last in, first out: the packets that are used are few and stay in the processor's caches. DPDK's
// usual pools are rings, which hand out the packet that has lain idle longest.
constexpr const char* kPoolOrder = "stack";

/// Whether DPDK's caches leave such a pool something.
constexpr bool has_caches(std::uint32_t count) { return count >= 8 * kPoolCache; }

/// Whether ours does. Devices do not find the packets in it, so that it must be small beside what
/// receive rings need. Pools are best one short of a power of two: so many are enough.
constexpr bool has_core_cache(std::uint32_t count) {
  return count + 1 >= 64 * PacketCache::kCapacity;
}

/// DPDK's programs load their drivers, this one among them, when they start.
bool has_pool_order() {
  const std::span known{rte_mempool_ops_table.ops, rte_mempool_ops_table.num_ops};
  return std::ranges::any_of(
      known, [](const rte_mempool_ops& ops) { return std::string_view{ops.name} == kPoolOrder; });
}

/// A note must be readable from the first time that a packet is handed out.
void construct_note(rte_mempool* /*pool*/, void* cache, void* object, unsigned /*index*/) {
  ::new (rte_mbuf_to_priv(static_cast<rte_mbuf*>(object)))
      PacketNote{.home = static_cast<PacketCache*>(cache)};
}

constexpr std::uint16_t round_up_to(std::size_t value, std::size_t step) {
  return static_cast<std::uint16_t>((value + step - 1) / step * step);
}

}  // namespace

Result<PacketPool, std::string> PacketPool::create(const std::string& name, std::uint32_t count,
                                                   std::uint16_t data_room_bytes, int numa_node) {
  static_assert(kHeadroomBytes == RTE_PKTMBUF_HEADROOM);
  // A multiple of 16, as far as which headers are aligned.
  constexpr std::uint16_t kNoteBytes = round_up_to(sizeof(PacketNote), 2 * RTE_MBUF_PRIV_ALIGN);
  rte_mempool* const pool = rte_pktmbuf_pool_create_by_ops(
      name.c_str(), count, has_caches(count) ? kPoolCache : 0, kNoteBytes,
      static_cast<std::uint16_t>(kHeadroomBytes + data_room_bytes), numa_node, kPoolOrder);
  if (pool == nullptr) {
    return fail("cannot create a pool of " + std::to_string(count) + " packets of " +
                std::to_string(data_room_bytes) + " bytes: " +
                (has_pool_order() ? rte_strerror(rte_errno)
                                  : "DPDK's driver librte_mempool_stack is not installed"));
  }
  PacketPool made{pool, std::make_unique<PacketCache>(*pool, has_core_cache(count))};
  rte_mempool_obj_iter(pool, construct_note, has_core_cache(count) ? made.cache_.get() : nullptr);
  return made;
}

Packet PacketPool::reference(rte_mbuf* source, std::uint32_t offset,
                             std::uint32_t length) noexcept {
  base::expects(offset + length <= rte_pktmbuf_data_len(source));
  rte_mbuf* const mbuf = cache_->take();
  if (mbuf == nullptr) {
    return {};
  }
  if (RTE_MBUF_DIRECT(source)) [[likely]] {
    // As rte_pktmbuf_attach, without what `source` says of how it arrived.
    rte_mbuf_refcnt_update(source, 1);
    mbuf->priv_size = source->priv_size;
    rte_mbuf_iova_set(mbuf, rte_mbuf_iova_get(source));
    mbuf->buf_addr = source->buf_addr;
    mbuf->buf_len = source->buf_len;
    mbuf->ol_flags = RTE_MBUF_F_INDIRECT;
  } else {
    rte_pktmbuf_attach(mbuf, source);
    mbuf->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  }
  mbuf->data_off = static_cast<std::uint16_t>(source->data_off + offset);
  mbuf->data_len = static_cast<std::uint16_t>(length);
  mbuf->pkt_len = length;
  return Packet{mbuf};
}

std::uint32_t PacketPool::available() const noexcept {
  return rte_mempool_avail_count(pool_.get()) + cache_->size();
}

std::uint32_t PacketPool::capacity() const noexcept { return pool_->size; }

void PacketPool::Free::operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }

Result<CorePools, std::string> CorePools::create(const std::string& name, const PoolSizes& sizes,
                                                 int numa_node) {
  auto data = PacketPool::create(name + "_data", sizes.data, kDataRoomBytes, numa_node);
  if (!data) {
    return fail(std::move(data.error()));
  }
  auto headers = PacketPool::create(name + "_head", sizes.headers, kHeaderRoomBytes, numa_node);
  if (!headers) {
    return fail(std::move(headers.error()));
  }
  auto references = PacketPool::create(name + "_ref", sizes.references, 0, numa_node);
  if (!references) {
    return fail(std::move(references.error()));
  }
  return CorePools{std::move(*data), std::move(*headers), std::move(*references)};
}

}  // namespace millrace::packet
