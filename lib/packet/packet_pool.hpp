// PacketPool: one core's supply of packet buffers, a DPDK mempool. CorePools: the three kinds a
// core needs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <millrace/error.hpp>

#include "packet/packet.hpp"
#include "packet/packet_cache.hpp"

struct rte_mempool;

namespace millrace::packet {

/// Owns a mempool of equal buffers, each with a PacketNote, and a cache of it. Allocating and
/// freeing belong to the owning core, but a device may free from elsewhere. Every packet must be
/// back before the pool is destroyed.
class PacketPool {
 public:
  /// Bytes in front of the data, for headers that are put before a payload in place.
  static constexpr std::uint16_t kHeadroomBytes = 128;

  PacketPool(PacketPool&&) noexcept = default;
  PacketPool& operator=(PacketPool&& other) noexcept {
    cache_ = std::move(other.cache_);  // First: the one before gives its packets back.
    pool_ = std::move(other.pool_);
    return *this;
  }
  ~PacketPool() = default;

  /// `data_room_bytes` excludes the headroom. Error: the reason in words (out of memory, name
  /// taken).
  [[nodiscard]] static Result<PacketPool, std::string> create(const std::string& name,
                                                              std::uint32_t count,
                                                              std::uint16_t data_room_bytes,
                                                              int numa_node);

  /// An empty Packet when the pool is exhausted. Data is empty, headroom is `kHeadroomBytes`.
  [[nodiscard]] Packet allocate() noexcept { return Packet{cache_->take()}; }

  /// The cache is the calling thread's from now on. Until the first call, and where the pool is
  /// small, it stays empty.
  void adopt() noexcept { cache_->adopt(); }

  /// A packet of this pool that refers to `length` bytes from `offset` of the data of `source`
  /// without copying. Empty when the pool is exhausted. The bytes stay held until it is freed.
  [[nodiscard]] Packet reference(rte_mbuf* source, std::uint32_t offset,
                                 std::uint32_t length) noexcept;

  /// Buffers that are in nobody's hands. Walks the per-core caches: for reports and tests, on the
  /// owning core.
  [[nodiscard]] std::uint32_t available() const noexcept;
  [[nodiscard]] std::uint32_t capacity() const noexcept;
  [[nodiscard]] std::uint32_t in_use() const noexcept { return capacity() - available(); }
  /// For devices, which fill their receive rings from it.
  [[nodiscard]] rte_mempool* get() const noexcept { return pool_.get(); }

 private:
  struct Free {
    void operator()(rte_mempool* pool) const noexcept;
  };
  PacketPool(rte_mempool* pool, std::unique_ptr<PacketCache> cache) noexcept
      : pool_{pool}, cache_{std::move(cache)} {}

  std::unique_ptr<rte_mempool, Free> pool_;
  std::unique_ptr<PacketCache> cache_;  // Behind the pool: it gives back what it keeps.
};

/// How many buffers of each kind.
struct PoolSizes {
  std::uint32_t data = 32'768;  ///< Full frames: received, or holding payload to send.
  std::uint32_t headers =
      8'192;  ///< Headers of segments in flight to the device, and small frames.
  std::uint32_t references =
      16'384;  ///< References to payload in frames on their way to the device.
};

/// The pools of one core.
struct CorePools {
  PacketPool data;
  PacketPool headers;
  PacketPool references;

  static constexpr std::uint16_t kDataRoomBytes = 2'048;
  static constexpr std::uint16_t kHeaderRoomBytes = 384;

  /// `name` must be unique in the process. Error: the reason in words.
  [[nodiscard]] static Result<CorePools, std::string> create(const std::string& name,
                                                             const PoolSizes& sizes, int numa_node);
  /// The caches of all three are the calling thread's from now on.
  void adopt() noexcept {
    data.adopt();
    headers.adopt();
    references.adopt();
  }
  [[nodiscard]] std::uint32_t in_use() const noexcept {
    return data.in_use() + headers.in_use() + references.in_use();
  }
  [[nodiscard]] std::uint32_t capacity() const noexcept {
    return data.capacity() + headers.capacity() + references.capacity();
  }
};

}  // namespace millrace::packet
