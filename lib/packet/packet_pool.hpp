// PacketPool: one core's supply of packet buffers, a DPDK mempool. CorePools: the three kinds a
// core needs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <millrace/error.hpp>

#include "packet/packet.hpp"

struct rte_mempool;

namespace millrace::packet {

/// Owns a mempool of equal buffers, each with a PacketNote. Allocating and freeing belong to the
/// owning core, but a device may free from elsewhere. Every packet must be back before the pool is
/// destroyed.
class PacketPool {
 public:
  /// Bytes in front of the data, for headers that are put before a payload in place.
  static constexpr std::uint16_t kHeadroomBytes = 128;

  /// `data_room_bytes` excludes the headroom. Error: the reason in words (out of memory, name
  /// taken).
  [[nodiscard]] static Result<PacketPool, std::string> create(const std::string& name,
                                                              std::uint32_t count,
                                                              std::uint16_t data_room_bytes,
                                                              int numa_node);

  /// An empty Packet when the pool is exhausted. Data is empty, headroom is `kHeadroomBytes`.
  [[nodiscard]] Packet allocate() noexcept {
    rte_mbuf* const mbuf = rte_pktmbuf_alloc(pool_.get());
    return Packet{mbuf};
  }

  /// A packet of this pool that refers to `length` bytes from `offset` of the data of `source`
  /// without copying. Empty when the pool is exhausted. The bytes stay held until it is freed.
  [[nodiscard]] Packet reference(rte_mbuf* source, std::uint32_t offset,
                                 std::uint32_t length) noexcept;

  /// Buffers that are in nobody's hands. Walks the per-core caches: for reports and tests.
  [[nodiscard]] std::uint32_t available() const noexcept;
  [[nodiscard]] std::uint32_t capacity() const noexcept;
  [[nodiscard]] std::uint32_t in_use() const noexcept { return capacity() - available(); }
  /// For devices, which fill their receive rings from it.
  [[nodiscard]] rte_mempool* get() const noexcept { return pool_.get(); }

 private:
  struct Free {
    void operator()(rte_mempool* pool) const noexcept;
  };
  explicit PacketPool(rte_mempool* pool) noexcept : pool_{pool} {}

  std::unique_ptr<rte_mempool, Free> pool_;
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
  [[nodiscard]] std::uint32_t in_use() const noexcept {
    return data.in_use() + headers.in_use() + references.in_use();
  }
  [[nodiscard]] std::uint32_t capacity() const noexcept {
    return data.capacity() + headers.capacity() + references.capacity();
  }
};

}  // namespace millrace::packet
