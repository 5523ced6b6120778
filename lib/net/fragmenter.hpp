// Fragmenter: cuts what is too large for a link into pieces that fit (RFC 791 §3.2). It knows
// packets and devices' abilities; the pieces' IPv4 headers are written by `Ipv4Output`.
#pragma once

#include <cstdint>

#include <millrace/error.hpp>
#include <millrace/stats.hpp>

#include "packet/packet.hpp"
#include "packet/packet_pool.hpp"
#include "packet/packet_queue.hpp"
#include "packet/slice.hpp"

namespace millrace::net {

/// Where a packet is cut.
struct Cuts {
  std::uint16_t piece_bytes = 0;  ///< Of each piece but the last. A multiple of 8, or all of it.
  bool may_chain = false;         ///< The device takes chains: payload is referred to, not copied.
};

class Fragmenter {
 public:
  /// Both must outlive it.
  Fragmenter(packet::CorePools& pools, CoreStats& stats) noexcept : pools_{pools}, stats_{stats} {}

  /// What a piece for a device that takes no chains may have, in bytes.
  static constexpr std::uint16_t kCopiedPieceMax = packet::CorePools::kDataRoomBytes;
  /// Longer chains are refused by some devices.
  static constexpr std::uint16_t kSegmentsMax = 8;

  /// The pieces of `payload` in their order, each with the headroom of a fresh packet and nobody
  /// else's in its first segment. All or none: fails with OutOfPackets.
  [[nodiscard]] Result<packet::PacketQueue, DropReason> cut(const packet::Packet& payload,
                                                            const Cuts& cuts) noexcept;

 private:
  // As for TCP's segments: a short piece is cheaper copied.
  static constexpr std::uint32_t kCopyMax = 256;
  static constexpr std::uint32_t kCopiedFront = 8;

  [[nodiscard]] packet::Packet piece(const packet::Packet& payload, packet::Slice slice,
                                     bool may_chain) noexcept;
  [[nodiscard]] packet::Packet copy(const packet::Packet& payload, packet::Slice slice,
                                    bool may_chain) noexcept;

  packet::CorePools& pools_;
  CoreStats& stats_;
};

}  // namespace millrace::net
