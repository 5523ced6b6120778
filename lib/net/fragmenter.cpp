#include "net/fragmenter.hpp"

#include <algorithm>
#include <utility>

#include "base/contract.hpp"

namespace millrace::net {

using packet::Packet;
using packet::PacketQueue;

Result<PacketQueue, DropReason> Fragmenter::cut(const Packet& payload, const Cuts& cuts) noexcept {
  base::expects(cuts.piece_bytes > 0);
  const std::uint32_t size = payload.size();
  base::expects(cuts.piece_bytes % 8 == 0 || cuts.piece_bytes >= size);
  PacketQueue pieces;
  for (std::uint32_t offset = 0; offset < size; offset += cuts.piece_bytes) {
    const std::uint32_t bytes = std::min<std::uint32_t>(cuts.piece_bytes, size - offset);
    Packet made = piece(payload, {.offset = offset, .bytes = bytes}, cuts.may_chain);
    if (!made) {
      return fail(DropReason::OutOfPackets);
    }
    pieces.push_back(std::move(made));
  }
  if (pieces.size() > 1) {
    stats_.ipv4_fragments_out += pieces.size();
  }
  return pieces;
}

Packet Fragmenter::piece(const Packet& payload, packet::Slice slice, bool may_chain) noexcept {
  if (may_chain && slice.bytes > kCopyMax) {
    // The transport's header, in the first one, stays beside that of IP: errors are told by both.
    const packet::Slice start{.offset = slice.offset, .bytes = kCopiedFront};
    const packet::Slice rest{.offset = slice.offset + start.bytes,
                             .bytes = slice.bytes - start.bytes};
    Packet front = packet::copy_slice(payload, start, pools_.headers);
    if (front &&
        packet::reference_slice(payload, rest, pools_.references, kSegmentsMax - 1, front)) {
      return front;
    }
  }
  return copy(payload, slice, may_chain);
}

Packet Fragmenter::copy(const Packet& payload, packet::Slice slice, bool may_chain) noexcept {
  base::expects(may_chain || slice.bytes <= kCopiedPieceMax);
  if (slice.bytes <= packet::CorePools::kHeaderRoomBytes) {
    return packet::copy_slice(payload, slice, pools_.headers);
  }
  Packet whole;
  while (slice.bytes > 0) {
    const std::uint32_t bytes = std::min<std::uint32_t>(slice.bytes, kCopiedPieceMax);
    Packet next =
        packet::copy_slice(payload, {.offset = slice.offset, .bytes = bytes}, pools_.data);
    if (!next) {
      return {};
    }
    slice = {.offset = slice.offset + bytes, .bytes = slice.bytes - bytes};
    if (!whole) {
      whole = std::move(next);
    } else if (!whole.chain(next)) {
      return {};
    }
  }
  return whole;
}

}  // namespace millrace::net
