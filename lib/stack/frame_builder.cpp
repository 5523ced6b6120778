#include "stack/frame_builder.hpp"

#include <cstring>
#include <utility>

#include "packet/packet_queue.hpp"
#include "wire/checksum.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::stack {

using packet::Packet;
using packet::PacketQueue;

namespace {

void write_header(std::span<std::byte> out, const tcp::SegmentPlan& plan, const FourTuple& tuple) {
  wire::emit_tcp(out, {.source_port = tuple.local.port.number(),
                       .destination_port = tuple.remote.port.number(),
                       .seq = plan.seq,
                       .ack = plan.ack,
                       .flags = plan.flags,
                       .window = plan.window,
                       .urgent_pointer = plan.urgent_pointer,
                       .header_length = static_cast<std::uint16_t>(out.size())});
  wire::emit_tcp_options(out.subspan(wire::kTcpHeaderSize), plan.options, plan.flags.syn());
}

/// The sum over pseudo header, header and payload; the payload in the pieces that `packet` chains.
void fill_checksum(Packet& packet, const FourTuple& tuple, bool device_completes) {
  wire::Checksum sum;
  sum.add_pseudo_header(tuple.local.address, tuple.remote.address, wire::IpProtocol::Tcp,
                        packet.size());
  if (device_completes) {
    wire::set_tcp_checksum(packet.data(), sum.folded());
    return;
  }
  packet.for_each_segment([&sum](std::span<const std::byte> bytes) { sum.add(bytes); });
  wire::set_tcp_checksum(packet.data(), sum.finish());
}

}  // namespace

Packet FrameBuilder::build(const tcp::SegmentPlan& plan, const FourTuple& tuple,
                           const net::Offloads& offloads, tcp::SendBuffer* payload) noexcept {
  const std::size_t header_bytes =
      wire::kTcpHeaderSize + wire::tcp_options_size(plan.options, plan.flags.syn());
  Packet packet;
  if (plan.payload_bytes == 0) {
    packet = pools_.headers.allocate();
    if (packet) {
      static_cast<void>(packet.append(static_cast<std::uint16_t>(header_bytes)));
    }
  } else if (plan.payload_bytes > kCopyMax && offloads.multi_segment) {
    packet = reference(plan, header_bytes, *payload);
  }
  if (!packet && plan.payload_bytes > 0) {
    packet = copy(plan, header_bytes, *payload);
  }
  if (!packet) {
    return packet;
  }
  write_header(packet.data().first(header_bytes), plan, tuple);
  fill_checksum(packet, tuple, offloads.tx_tcp_checksum);
  return packet;
}

Packet FrameBuilder::allocate_for(std::size_t bytes) noexcept {
  return bytes <= packet::CorePools::kHeaderRoomBytes ? pools_.headers.allocate()
                                                      : pools_.data.allocate();
}

Packet FrameBuilder::copy(const tcp::SegmentPlan& plan, std::size_t header_bytes,
                          tcp::SendBuffer& payload) noexcept {
  Packet packet = allocate_for(header_bytes + plan.payload_bytes);
  if (!packet) {
    return packet;
  }
  static_cast<void>(packet.append(static_cast<std::uint16_t>(header_bytes)));
  payload.for_each_piece(
      plan.payload_seq(), plan.payload_bytes,
      [&](auto piece, std::uint32_t offset, std::uint32_t bytes) {
        const auto from = PacketQueue::view(
            piece, [&](const Packet& held) { return held.data().subspan(offset, bytes); });
        std::memcpy(packet.append(static_cast<std::uint16_t>(bytes)).data(), from.data(), bytes);
      });
  return packet;
}

Packet FrameBuilder::reference(const tcp::SegmentPlan& plan, std::size_t header_bytes,
                               tcp::SendBuffer& payload) noexcept {
  Packet packet = pools_.headers.allocate();
  if (!packet) {
    return packet;
  }
  static_cast<void>(packet.append(static_cast<std::uint16_t>(header_bytes)));
  unsigned pieces = 0;
  bool is_complete = true;
  payload.for_each_piece(plan.payload_seq(), plan.payload_bytes,
                         [&](auto piece, std::uint32_t offset, std::uint32_t bytes) {
                           if (!is_complete || ++pieces > kPiecesMax) {
                             is_complete = false;
                             return;
                           }
                           Packet reference = pools_.references.reference(piece, offset, bytes);
                           is_complete = reference && packet.chain(reference);
                         });
  return is_complete ? std::move(packet) : Packet{};
}

}  // namespace millrace::stack
