// SegmentCutter: what a NIC does with a frame whose TCP checksum, or whose cutting into segments
// (TSO), was left to it.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/frame.hpp"

namespace millrace::sim {

/// Each segment of `frame`, which carries TCP over IPv4, as a frame of its own, with right lengths,
/// numbers and checksums: at most `segment_bytes` of payload each, or all in one if that is zero.
[[nodiscard]] std::vector<Frame> cut_segments(const Frame& frame, std::uint16_t segment_bytes,
                                              FrameStore& store);

}  // namespace millrace::sim
