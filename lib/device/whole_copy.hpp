// Copies a frame as it would look on the wire: packets that share nothing with their source, one if
// the frame fits it.
#pragma once

#include "packet/packet_pool.hpp"

namespace millrace::device {

/// All bytes of the chain `source` in packets of `pool`, each but the last one full, with its
/// requests to devices and what a device said of it. Empty when the pool is exhausted.
[[nodiscard]] packet::Packet whole_copy(const rte_mbuf* source, packet::PacketPool& pool) noexcept;

}  // namespace millrace::device
