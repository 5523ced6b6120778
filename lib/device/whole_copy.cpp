#include "device/whole_copy.hpp"

#include <cstddef>
#include <span>
#include <utility>

#include "packet/packet_chain.hpp"

namespace millrace::device {

packet::Packet whole_copy(const rte_mbuf* source, packet::PacketPool& pool) noexcept {
  packet::Packet piece = pool.allocate();
  if (!piece) {
    return piece;
  }
  packet::PacketChain chain{std::move(piece)};
  for (const rte_mbuf* segment = source; segment != nullptr; segment = segment->next) {
    std::span<const std::byte> left{rte_pktmbuf_mtod(segment, const std::byte*),
                                    rte_pktmbuf_data_len(segment)};
    while (!left.empty()) {
      left = left.subspan(chain.append(left));
      if (!left.empty()) {
        piece = pool.allocate();
        if (!piece) {
          return piece;
        }
        chain.add(std::move(piece));
      }
    }
  }
  packet::Packet copy = chain.take();
  constexpr std::uint64_t kAboutTheBuffer = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  copy.get()->ol_flags |= source->ol_flags & ~kAboutTheBuffer;
  copy.get()->tx_offload = source->tx_offload;
  copy.get()->packet_type = source->packet_type;
  return copy;
}

}  // namespace millrace::device
