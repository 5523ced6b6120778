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
// The mempool's own header, trailer and padding around an element.
constexpr std::uint64_t kElementOverhead = 128;
// Descriptor rings of devices, and what drivers allocate for themselves.
constexpr std::uint64_t kDriverBytes = 64ULL << 20U;

std::uint64_t pool_bytes(std::uint64_t count, std::uint64_t data_room) noexcept {
  constexpr std::uint64_t kNoteBytes = 64;
  return count * (sizeof(rte_mbuf) + kNoteBytes + packet::PacketPool::kHeadroomBytes + data_room +
                  kElementOverhead);
}

std::uint64_t bytes_of_pool(const rte_mempool& pool) noexcept {
  return std::uint64_t{pool.size} *
         (std::uint64_t{pool.header_size} + pool.elt_size + pool.trailer_size);
}

}  // namespace

MemoryPlan plan_memory(const Config& config) noexcept {
  MemoryPlan plan;
  plan.pools.data = config.packets;
  plan.pools.headers = std::max(config.packets / 4, kHeadersMin);
  plan.pools.references = std::max(config.packets / 2, kReferencesMin);
  const std::uint64_t per_core =
      pool_bytes(plan.pools.data, packet::CorePools::kDataRoomBytes) +
      pool_bytes(plan.pools.headers, packet::CorePools::kHeaderRoomBytes) +
      pool_bytes(plan.pools.references, 0);
  const std::uint64_t cores = std::max<std::uint64_t>(config.cores.size(), 1);
  plan.bytes_for_eal = cores * (per_core + per_core / 8) + kDriverBytes;
  return plan;
}

Result<void, std::string> check_memory(const MemoryPlan& plan, std::uint64_t available_bytes) {
  constexpr std::uint64_t kMebibyte = 1ULL << 20U;
  if (plan.bytes_for_eal <= available_bytes) {
    return {};
  }
  return fail(fmt::format(
      "--packets: {} packet buffers take {} MiB in all, but {} MiB are free; give fewer",
      plan.pools.data, plan.bytes_for_eal / kMebibyte, available_bytes / kMebibyte));
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
