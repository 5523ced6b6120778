// Slices of packets that may be chains: a range of their bytes as a packet of its own, copied or
// referred to. What the ranges mean is left to others.
#pragma once

#include <cstdint>

#include "packet/packet.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::packet {

/// A range of a packet's bytes.
struct Slice {
  std::uint32_t offset = 0;
  std::uint32_t bytes = 0;
};

/// A contiguous packet of `pool` with a copy of that range, which `source` has and a packet of the
/// pool has room for. Empty when the pool is exhausted.
[[nodiscard]] Packet copy_slice(const Packet& source, Slice slice, PacketPool& pool) noexcept;

/// Hangs references to that range behind `front`, without copying. False when the pool is
/// exhausted or more than `pieces_max` references would be needed; `front` is then of no use.
[[nodiscard]] bool reference_slice(const Packet& source, Slice slice, PacketPool& references,
                                   unsigned pieces_max, Packet& front) noexcept;

}  // namespace millrace::packet
