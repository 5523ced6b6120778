#include "device/whole_copy.hpp"

#include <cstring>

namespace millrace::device {

packet::Packet whole_copy(const rte_mbuf* source, packet::PacketPool& pool) noexcept {
  packet::Packet copy = pool.allocate();
  if (!copy || rte_pktmbuf_pkt_len(source) > copy.tailroom()) {
    return {};
  }
  for (const rte_mbuf* segment = source; segment != nullptr; segment = segment->next) {
    const std::uint16_t length = rte_pktmbuf_data_len(segment);
    if (length != 0) {
      std::memcpy(copy.append(length).data(), rte_pktmbuf_mtod(segment, const std::byte*), length);
    }
  }
  constexpr std::uint64_t kAboutTheBuffer = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  copy.get()->ol_flags |= source->ol_flags & ~kAboutTheBuffer;
  copy.get()->tx_offload = source->tx_offload;
  copy.get()->packet_type = source->packet_type;
  return copy;
}

}  // namespace millrace::device
