// Walks the segments that a range touches.
#include "packet/slice.hpp"

#include <algorithm>
#include <cstring>

namespace millrace::packet {

namespace {

/// Calls `visit(segment, offset, bytes)` for what the slice has of each segment until it says no.
/// Whether it never did.
template <class F>
bool visit_pieces(const Packet& source, Slice slice, F&& visit) noexcept {
  base::expects(slice.offset + slice.bytes <= source.size());
  for (rte_mbuf* segment = source.get(); slice.bytes > 0; segment = segment->next) {
    const std::uint32_t length = segment->data_len;
    if (slice.offset >= length) {
      slice.offset -= length;
      continue;
    }
    const std::uint32_t bytes = std::min(slice.bytes, length - slice.offset);
    if (!visit(segment, slice.offset, bytes)) {
      return false;
    }
    slice.bytes -= bytes;
    slice.offset = 0;
  }
  return true;
}

}  // namespace

Packet copy_slice(const Packet& source, Slice slice, PacketPool& pool) noexcept {
  Packet copy = pool.allocate();
  if (!copy) {
    return copy;
  }
  static_cast<void>(visit_pieces(
      source, slice, [&](rte_mbuf* segment, std::uint32_t offset, std::uint32_t bytes) {
        std::memcpy(copy.append(static_cast<std::uint16_t>(bytes)).data(),
                    rte_pktmbuf_mtod_offset(segment, const std::byte*, offset), bytes);
        return true;
      }));
  return copy;
}

bool reference_slice(const Packet& source, Slice slice, PacketPool& references, unsigned pieces_max,
                     Packet& front) noexcept {
  unsigned pieces = 0;
  return visit_pieces(source, slice,
                      [&](rte_mbuf* segment, std::uint32_t offset, std::uint32_t bytes) {
                        if (++pieces > pieces_max) {
                          return false;
                        }
                        Packet piece = references.reference(segment, offset, bytes);
                        return piece && front.chain(piece);
                      });
}

}  // namespace millrace::packet
