// The DPDK environment for tests that need packets: started on first use, once per process, without
// hugepages, devices or files, so that tests run side by side and without privileges. Makes packet
// pools under names of their own.
#pragma once

#include <cstdint>

#include "packet/packet_pool.hpp"

namespace millrace::test {

/// Starts the EAL unless it runs already. Aborts the test program with the reason when it cannot.
/// The calling thread keeps the processors that it was allowed before.
void start_eal();

/// A pool of `count` packets; starts the EAL first. Aborts when memory is short.
[[nodiscard]] packet::PacketPool make_pool(
    std::uint32_t count = 511, std::uint16_t data_room_bytes = packet::CorePools::kDataRoomBytes);

/// Pools of one core; starts the EAL first. Aborts when memory is short.
[[nodiscard]] packet::CorePools make_core_pools(
    const packet::PoolSizes& sizes = {.data = 1'023, .headers = 511, .references = 511});

}  // namespace millrace::test
