#include "device/ring.hpp"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "base/contract.hpp"
#include "device/whole_copy.hpp"

namespace millrace::device {

namespace {

constexpr std::uint32_t kEthernetHeaderBytes = sizeof(rte_ether_hdr);

/// Does what `Packet::request_checksums` asked for, as hardware would on the way out. A request
/// that does not fit the frame is left undone.
void fill_checksums(const packet::Packet& frame, const Capabilities& sender) noexcept {
  const rte_mbuf& mbuf = *frame.get();
  const std::span<std::byte> bytes = frame.data();
  const std::size_t ip_start = mbuf.l2_len;
  const std::size_t tcp_start = ip_start + mbuf.l3_len;
  if (mbuf.l3_len < sizeof(rte_ipv4_hdr) || bytes.size() < tcp_start) {
    return;
  }
  auto* const ip_header = reinterpret_cast<rte_ipv4_hdr*>(bytes.data() + ip_start);
  if (sender.tx_ipv4_checksum && (mbuf.ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0) {
    ip_header->hdr_checksum = 0;
    ip_header->hdr_checksum = rte_ipv4_cksum(ip_header);
  }
  const std::size_t ip_bytes = rte_be_to_cpu_16(ip_header->total_length);
  const std::uint64_t asked = mbuf.ol_flags & RTE_MBUF_F_TX_L4_MASK;
  if (bytes.size() < ip_start + ip_bytes) {
    return;
  }
  if (sender.tx_tcp_checksum && asked == RTE_MBUF_F_TX_TCP_CKSUM &&
      ip_bytes >= mbuf.l3_len + sizeof(rte_tcp_hdr)) {
    auto* const tcp_header = reinterpret_cast<rte_tcp_hdr*>(bytes.data() + tcp_start);
    tcp_header->cksum = 0;
    tcp_header->cksum = rte_ipv4_udptcp_cksum(ip_header, tcp_header);
  }
  if (sender.tx_udp_checksum && asked == RTE_MBUF_F_TX_UDP_CKSUM &&
      ip_bytes >= mbuf.l3_len + sizeof(rte_udp_hdr)) {
    auto* const udp_header = reinterpret_cast<rte_udp_hdr*>(bytes.data() + tcp_start);
    udp_header->dgram_cksum = 0;
    udp_header->dgram_cksum = rte_ipv4_udptcp_cksum(ip_header, udp_header);
  }
}

}  // namespace

RingDevice::RingDevice(std::size_t capacity, const RingEnd& end)
    : capabilities_{end.capabilities},
      receive_pool_{end.receive_pool},
      capacity_{capacity},
      incoming_{capacity} {
  capabilities_.rx_checksum = false;
}

RingDevice::~RingDevice() {
  if (peer_ != nullptr) {
    peer_->peer_ = nullptr;
  }
  rte_mbuf* mbuf = nullptr;
  while (incoming_.pop(mbuf)) {
    rte_pktmbuf_free(mbuf);
  }
}

void RingDevice::rx_burst(packet::Burst& burst) noexcept {
  rte_mbuf* mbuf = nullptr;
  while (!burst.full() && incoming_.pop(mbuf)) {
    packet::Packet arrived = deliver(packet::Packet{mbuf});
    if (arrived) {
      burst.push_back(std::move(arrived));
    }
  }
}

void RingDevice::tx_burst(packet::Burst& burst) noexcept {
  if (peer_ == nullptr) {
    burst.clear();
    return;
  }
  const std::size_t taken = peer_->incoming_.push(burst.begin(), burst.size());
  burst.drop_front(static_cast<std::uint16_t>(taken));
}

std::uint32_t RingDevice::held_packets() const noexcept {
  // Only the producer may ask how much room there is.
  return peer_ == nullptr
             ? 0
             : static_cast<std::uint32_t>(peer_->capacity_ - peer_->incoming_.write_available());
}

void RingDevice::connect(RingDevice& a, RingDevice& b) noexcept {
  base::expects(a.peer_ == nullptr);
  base::expects(b.peer_ == nullptr);
  a.peer_ = &b;
  b.peer_ = &a;
}

packet::Packet RingDevice::deliver(packet::Packet packet) noexcept {
  if (packet.size() > capabilities_.mtu + kEthernetHeaderBytes) {
    ++too_long_;
    return {};
  }
  if (!packet.is_exclusive()) {
    packet = whole_copy(packet.get(), receive_pool_);
    without_buffer_ += packet ? 0 : 1;
  }
  if (packet) {
    // What one end offers to fill in was asked of it by its owner; the plug works in the sender's
    // name.
    const Capabilities& sender = peer_ == nullptr ? capabilities_ : peer_->capabilities_;
    fill_checksums(packet, sender);
    packet.clear_offload();
  }
  return packet;
}

std::pair<std::unique_ptr<RingDevice>, std::unique_ptr<RingDevice>> make_ring_pair(
    std::size_t capacity, const RingEnd& a, const RingEnd& b) {
  auto first = std::make_unique<RingDevice>(capacity, a);
  auto second = std::make_unique<RingDevice>(capacity, b);
  RingDevice::connect(*first, *second);
  return {std::move(first), std::move(second)};
}

std::unique_ptr<RingDevice> make_loopback_plug(std::size_t capacity, const RingEnd& end) {
  RingEnd plug_end = end;
  plug_end.capabilities.reflects = true;
  auto plug = std::make_unique<RingDevice>(capacity, plug_end);
  RingDevice::connect(*plug, *plug);
  return plug;
}

}  // namespace millrace::device
