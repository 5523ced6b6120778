// The memory is our own mapping: what EAL holds may come in pieces, and is planned for packets.
#include "device/dpdk/umem_pool.hpp"

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace millrace::device {

namespace {

constexpr std::size_t kElementBytes =
    UmemPool::kPageBytes - RTE_ALIGN_CEIL(sizeof(rte_mempool_objhdr), RTE_MEMPOOL_ALIGN);
constexpr std::size_t kBufferBytes = kElementBytes - sizeof(rte_mbuf);

void unmap(rte_mempool_memhdr* memory, void* /*argument*/) { ::munmap(memory->addr, memory->len); }

/// Whether the driver's arithmetic about this pool holds.
bool is_gapless(const rte_mempool& pool) noexcept {
  const std::size_t element = std::size_t{pool.header_size} + pool.elt_size + pool.trailer_size;
  const rte_mempool_memhdr* const memory = STAILQ_FIRST(&pool.mem_list);
  return element == UmemPool::kPageBytes && pool.nb_mem_chunks == 1 &&
         pool.populated_size == UmemPool::kBuffers &&
         reinterpret_cast<std::uintptr_t>(memory->addr) % UmemPool::kPageBytes == 0;
}

}  // namespace

Result<UmemPool, std::string> UmemPool::create(const std::string& name, int numa_node) {
  // Without these flags elements grow a little, so that they start on different memory channels,
  // and memory is taken page by page, since a NIC might want to know where it lies.
  constexpr unsigned kFlags = RTE_MEMPOOL_F_NO_SPREAD | RTE_MEMPOOL_F_NO_IOVA_CONTIG;
  UmemPool pool{rte_mempool_create_empty(name.c_str(), kBuffers, kElementBytes, 0,
                                         sizeof(rte_pktmbuf_pool_private), numa_node, kFlags)};
  const auto failed = [](const std::string& why) {
    return fail("cannot make the buffers that AF_XDP shares with the kernel: " + why);
  };
  if (!pool) {
    return failed(rte_strerror(rte_errno));
  }
  rte_pktmbuf_pool_private sizes{};
  sizes.mbuf_data_room_size = static_cast<std::uint16_t>(kBufferBytes);
  rte_pktmbuf_pool_init(pool.get(), &sizes);
  if (const int status =
          rte_mempool_set_ops_byname(pool.get(), rte_mbuf_best_mempool_ops(), nullptr);
      status != 0) {
    return failed(rte_strerror(-status));
  }
  void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    return failed(std::strerror(errno));
  }
  auto* const bytes = static_cast<char*>(memory);
  if (const int count =
          rte_mempool_populate_virt(pool.get(), bytes, kBytes, kPageBytes, unmap, nullptr);
      count < 0) {
    ::munmap(memory, kBytes);
    return failed(rte_strerror(-count));
  }
  rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
  if (!is_gapless(*pool.get())) {
    return failed("DPDK lays them out in another way than its driver expects");
  }
  return pool;
}

void UmemPool::Free::operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }

}  // namespace millrace::device
