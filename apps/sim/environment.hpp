// The DPDK environment of a process that simulates: ordinary memory, no devices, no files.
#pragma once

#include <string>

#include <millrace/error.hpp>

#include "device/dpdk/eal.hpp"

namespace swarm {

/// Error: one line. After the last fork, for what it starts does not survive one.
[[nodiscard]] inline millrace::Result<millrace::device::Eal, std::string> start_environment(
    std::uint64_t memory_bytes = 256ULL << 20U) {
  return millrace::device::Eal::start(
      {.memory_bytes = memory_bytes, .hugepage_bytes = memory_bytes, .use_hugepages = false});
}

}  // namespace swarm
