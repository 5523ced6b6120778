// UmemPool: the buffers that an AF_XDP socket shares with the kernel. They stay with the driver:
// frames are copied out of them into a core's packets, and into them from a core's packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <millrace/error.hpp>

struct rte_mempool;

namespace millrace::device {

/// A mempool of packet buffers, each of which fills one page of memory.
///
/// The driver takes the first piece of a mempool's memory, element count times element size, for
/// all of it. That holds only where elements follow each other without gaps, which DPDK's usual
/// pools do not promise: without hugepages no element may cross a page.
///
/// Nor does the driver give back the buffers in its rings when it is closed, which is why they are
/// not a core's.
class UmemPool {
 public:
  static constexpr std::size_t kPageBytes = 4'096;
  /// The fill ring, the completion ring, the transmit ring and some on their way.
  static constexpr std::uint32_t kBuffers = 2'048 + 2'048 + 1'024 + 512;
  static constexpr std::size_t kBytes = kBuffers * kPageBytes;

  /// Holds nothing.
  UmemPool() noexcept = default;
  /// `name` must be unique in the process. Error: the reason in words.
  [[nodiscard]] static Result<UmemPool, std::string> create(const std::string& name, int numa_node);

  [[nodiscard]] rte_mempool* get() const noexcept { return pool_.get(); }
  [[nodiscard]] explicit operator bool() const noexcept { return pool_ != nullptr; }

 private:
  struct Free {
    void operator()(rte_mempool* pool) const noexcept;
  };
  explicit UmemPool(rte_mempool* pool) noexcept : pool_{pool} {}

  std::unique_ptr<rte_mempool, Free> pool_;
};

}  // namespace millrace::device
