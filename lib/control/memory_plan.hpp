// MemoryPlan: how many packet buffers of each kind a core gets, and what memory that takes. Pure
// arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <millrace/config.hpp>
#include <millrace/error.hpp>

#include "packet/packet_pool.hpp"

namespace millrace::control {

struct MemoryPlan {
  packet::PoolSizes pools;  ///< Of each core.
  // What DPDK must be able to hand out in all.
  std::uint64_t bytes_in_hugepages = 0;
  std::uint64_t bytes_in_pages = 0;  ///< Without hugepages: more, since no buffer crosses a page.
};

/// Of the cores that the configuration names, or of so many.
[[nodiscard]] MemoryPlan plan_memory(const Config& config) noexcept;
[[nodiscard]] MemoryPlan plan_memory(const Config& config, std::size_t core_count) noexcept;

/// Pools are touched when they are made: without this, too many packets would end in the kernel's
/// killing somebody. Error: what was wrong; what would be right.
/// `hugepage_bytes` are free beside; with enough of them no others are touched.
[[nodiscard]] Result<void, std::string> check_memory(const MemoryPlan& plan,
                                                     std::uint64_t available_bytes,
                                                     std::uint64_t hugepage_bytes);

/// What the kernel could hand out without swapping, from the text of /proc/meminfo; all there is if
/// it does not say.
[[nodiscard]] std::uint64_t available_bytes_of(std::string_view meminfo) noexcept;

/// What the pools take, as they were made.
[[nodiscard]] std::uint64_t bytes_of(const packet::CorePools& pools) noexcept;

}  // namespace millrace::control
