#include "stack/frame_builder.hpp"

#include <cstring>
#include <utility>

#include "packet/packet_chain.hpp"
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

wire::Checksum pseudo_header_sum(const FourTuple& tuple, std::size_t segment_bytes) {
  wire::Checksum sum;
  sum.add_pseudo_header(tuple.local.address, tuple.remote.address, wire::IpProtocol::Tcp,
                        static_cast<std::uint32_t>(segment_bytes));
  return sum;
}

/// Puts the plan's payload behind what `packet` holds, and into the sum where there is one.
void copy_payload(Packet& packet, const tcp::SegmentPlan& plan, tcp::SendBuffer& payload,
                  wire::Checksum* sum) {
  payload.for_each_piece(
      plan.payload_seq(), plan.payload_bytes,
      [&](auto piece, std::uint32_t offset, std::uint32_t bytes) {
        const auto from = PacketQueue::view(
            piece, [&](const Packet& held) { return held.data().subspan(offset, bytes); });
        std::byte* const to = packet.append(static_cast<std::uint16_t>(bytes)).data();
        if (sum != nullptr) {
          sum->add_copied(to, from);
        } else {
          std::memcpy(to, from.data(), bytes);
        }
      });
}

}  // namespace

Packet FrameBuilder::build(const tcp::SegmentPlan& plan, const FourTuple& tuple,
                           const net::Offloads& offloads, tcp::SendBuffer* payload) noexcept {
  const std::size_t header_bytes =
      wire::kTcpHeaderSize + wire::tcp_options_size(plan.options, plan.flags.syn());
  Packet packet;
  if (plan.payload_bytes > kCopyMax && offloads.multi_segment) {
    packet = reference(plan, header_bytes, *payload);
  }
  const std::size_t whole_bytes = header_bytes + plan.payload_bytes;
  if (!packet && whole_bytes > packet::CorePools::kDataRoomBytes) {
    packet = copy_into_chain(plan, header_bytes, *payload);
    if (!packet) {
      return packet;
    }
  }
  const bool copies = !packet && plan.payload_bytes > 0;
  if (!packet) {
    packet = allocate_for(whole_bytes);
    if (!packet) {
      return packet;
    }
    static_cast<void>(packet.append(static_cast<std::uint16_t>(header_bytes)));
  }
  const auto header = packet.data().first(header_bytes);
  write_header(header, plan, tuple);
  wire::Checksum sum = pseudo_header_sum(tuple, header_bytes + plan.payload_bytes);
  if (offloads.tx_tcp_checksum) {
    wire::set_tcp_checksum(header, sum.folded());
    if (copies) {
      copy_payload(packet, plan, *payload, nullptr);
    }
    return packet;
  }
  // The pieces of a chain are summed where they lie; what is copied is, on the way.
  packet.for_each_segment([&sum](std::span<const std::byte> bytes) { sum.add(bytes); });
  if (copies) {
    copy_payload(packet, plan, *payload, &sum);
  }
  wire::set_tcp_checksum(header, sum.finish());
  return packet;
}

Packet FrameBuilder::copy_into_chain(const tcp::SegmentPlan& plan, std::size_t header_bytes,
                                     tcp::SendBuffer& payload) noexcept {
  Packet piece = pools_.data.allocate();
  if (!piece) {
    return piece;
  }
  static_cast<void>(piece.append(static_cast<std::uint16_t>(header_bytes)));
  packet::PacketChain chain{std::move(piece)};
  bool is_complete = true;
  payload.for_each_piece(
      plan.payload_seq(), plan.payload_bytes,
      [&](auto position, std::uint32_t offset, std::uint32_t length) {
        auto left = PacketQueue::view(position, [&](const Packet& held) {
          return std::span<const std::byte>{held.data().subspan(offset, length)};
        });
        while (is_complete && !(left = left.subspan(chain.append(left))).empty()) {
          Packet next = pools_.data.allocate();
          is_complete = static_cast<bool>(next);
          if (is_complete) {
            chain.add(std::move(next));
          }
        }
      });
  return is_complete ? chain.take() : Packet{};
}

Packet FrameBuilder::allocate_for(std::size_t bytes) noexcept {
  return bytes <= packet::CorePools::kHeaderRoomBytes ? pools_.headers.allocate()
                                                      : pools_.data.allocate();
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
