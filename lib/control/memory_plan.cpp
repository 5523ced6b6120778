// Data buffers are what the configuration counts. Of headers and references only as many are needed
// as frames can be on their way to a device, which grows slowly with the number of buffers.
#include "control/memory_plan.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <fmt/format.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

namespace millrace::control {

namespace {

// A transmit ring and a burst behind it must fit, or a small configuration would stop for lack of
// headers.
constexpr std::uint32_t kHeadersMin = 4'096;
constexpr std::uint32_t kReferencesMin = 4'096;
// The mempool's own header, and padding so that elements start on different memory channels.
constexpr std::uint64_t kElementOverhead = 128;
// Descriptor rings of devices, and what drivers allocate for themselves.
constexpr std::uint64_t kDriverBytes = 64ULL << 20U;
constexpr std::uint64_t kPageBytes = 4'096;
constexpr std::uint64_t kHugepageBytes = 2ULL << 20U;

constexpr std::uint64_t element_bytes(std::uint64_t data_room) noexcept {
  constexpr std::uint64_t kNoteBytes = 64;
  return sizeof(rte_mbuf) + kNoteBytes + packet::PacketPool::kHeadroomBytes + data_room +
         kElementOverhead;
}

/// What DPDK takes for a pool: it wants each element in one piece for devices, so none crosses the
/// end of a page unless it is larger than one, and then it has whole pages of its own.
std::uint64_t pool_bytes(std::uint64_t count, std::uint64_t element, std::uint64_t page) noexcept {
  const std::uint64_t per_page = page / element;
  if (per_page == 0) {
    return count * ((element + page - 1) / page) * page;
  }
  return (count + per_page - 1) / per_page * page;
}

std::uint64_t core_bytes(const packet::PoolSizes& pools, std::uint64_t page) noexcept {
  return pool_bytes(pools.data, element_bytes(packet::CorePools::kDataRoomBytes), page) +
         pool_bytes(pools.headers, element_bytes(packet::CorePools::kHeaderRoomBytes), page) +
         pool_bytes(pools.references, element_bytes(0), page);
}

std::uint64_t bytes_of_pool(const rte_mempool& pool) noexcept {
  return std::uint64_t{pool.size} *
         (std::uint64_t{pool.header_size} + pool.elt_size + pool.trailer_size);
}

}  // namespace

MemoryPlan plan_memory(const Config& config) noexcept {
  return plan_memory(config, std::max<std::size_t>(config.cores.size(), 1));
}

MemoryPlan plan_memory(const Config& config, std::size_t core_count) noexcept {
  MemoryPlan plan;
  plan.pools.data = config.packets;
  plan.pools.headers = std::max(config.packets / 4, kHeadersMin);
  plan.pools.references = std::max(config.packets / 2, kReferencesMin);
  const std::uint64_t cores = core_count;
  const auto for_all = [&](std::uint64_t page) {
    const std::uint64_t per_core = core_bytes(plan.pools, page);
    return cores * (per_core + per_core / 8) + kDriverBytes;
  };
  plan.bytes_in_hugepages = for_all(kHugepageBytes);
  plan.bytes_in_pages = for_all(kPageBytes);
  return plan;
}

Result<void, std::string> check_memory(const MemoryPlan& plan, std::uint64_t available_bytes,
                                       std::uint64_t hugepage_bytes) {
  constexpr std::uint64_t kMebibyte = 1ULL << 20U;
  if (plan.bytes_in_hugepages <= hugepage_bytes || plan.bytes_in_pages <= available_bytes) {
    return {};
  }
  return fail(fmt::format(
      "--packets: {} packet buffers take {} MiB in all, but {} MiB are free; give fewer",
      plan.pools.data, plan.bytes_in_pages / kMebibyte, available_bytes / kMebibyte));
}

std::uint64_t available_bytes_of(std::string_view meminfo) noexcept {
  constexpr std::string_view kField = "MemAvailable:";
  constexpr std::uint64_t kUnknown = UINT64_MAX;
  const std::size_t field = meminfo.find(kField);
  if (field == std::string_view::npos) {
    return kUnknown;
  }
  const std::string_view rest = meminfo.substr(field + kField.size());
  const std::size_t first_digit = std::min(rest.find_first_not_of(' '), rest.size());
  std::uint64_t kibibytes = 0;
  const auto [end, error] =
      std::from_chars(rest.data() + first_digit, rest.data() + rest.size(), kibibytes);
  return error == std::errc{} ? kibibytes * 1'024 : kUnknown;
}

std::uint64_t bytes_of(const packet::CorePools& pools) noexcept {
  return bytes_of_pool(*pools.data.get()) + bytes_of_pool(*pools.headers.get()) +
         bytes_of_pool(*pools.references.get());
}

}  // namespace millrace::control
