// FrameBuilder: from a plan to a packet that starts at its TCP header. Payload is referenced in
// place, or copied where that is cheaper or the device takes no chains (decision 6). IP and
// Ethernet are added by `net`.
#pragma once

#include <cstdint>

#include <millrace/endpoint.hpp>

#include "net/interface.hpp"
#include "packet/packet_pool.hpp"
#include "tcp/segment.hpp"
#include "tcp/send_buffer.hpp"

namespace millrace::stack {

class FrameBuilder {
 public:
  /// Up to here a copy of the payload costs less than a reference's own buffer and second
  /// descriptor.
  static constexpr std::uint32_t kCopyMax = 256;
  /// Of payload, in a segment. Longer chains are refused by some devices (i40e takes eight pieces
  /// with the headers); such a segment is copied.
  static constexpr unsigned kPiecesMax = 6;

  explicit FrameBuilder(packet::CorePools& pools) noexcept : pools_{pools} {}

  /// `payload` holds the plan's range and may be null where there is none. Empty when a pool is
  /// exhausted.
  [[nodiscard]] packet::Packet build(const tcp::SegmentPlan& plan, const FourTuple& tuple,
                                     const net::Offloads& offloads,
                                     tcp::SendBuffer* payload) noexcept;

 private:
  [[nodiscard]] packet::Packet reference(const tcp::SegmentPlan& plan, std::size_t header_bytes,
                                         tcp::SendBuffer& payload) noexcept;
  /// A segment that one packet does not hold, in as many as it takes.
  [[nodiscard]] packet::Packet copy_into_chain(const tcp::SegmentPlan& plan,
                                               std::size_t header_bytes,
                                               tcp::SendBuffer& payload) noexcept;
  [[nodiscard]] packet::Packet allocate_for(std::size_t bytes) noexcept;

  packet::CorePools& pools_;
};

}  // namespace millrace::stack
