// The DPDK environment of a process that simulates: ordinary memory, no devices, no files.
#pragma once

#include <string>

#include <millrace/error.hpp>

#include "device/dpdk/eal.hpp"

namespace swarm {

/// Error: one line. After the last fork, for what it starts does not survive one.
[[nodiscard]] inline millrace::Result<millrace::device::Eal, std::string> start_environment() {
  constexpr std::uint64_t kMemoryBytes = 256ULL << 20U;
  return millrace::device::Eal::start(
      {.memory_bytes = kMemoryBytes, .hugepage_bytes = kMemoryBytes, .use_hugepages = false});
}

}  // namespace swarm
