// Copies a frame as it would look on the wire: one contiguous packet that shares nothing with its
// source.
#pragma once

#include "packet/packet_pool.hpp"

namespace millrace::device {

/// All bytes of the chain `source` in one packet of `pool`, with its requests to devices and what a
/// device said of it. Empty when the pool is exhausted or the frame does not fit a buffer of it.
[[nodiscard]] packet::Packet whole_copy(const rte_mbuf* source, packet::PacketPool& pool) noexcept;

}  // namespace millrace::device
