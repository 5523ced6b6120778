#include "stack/plain_frames.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "packet/packet_chain.hpp"
#include "packet/packet_queue.hpp"
#include "stack/frame_builder.hpp"
#include "wire/word_sum.hpp"

namespace millrace::stack {

using packet::CorePools;
using packet::Packet;
using Segment = tcp::PlainRun::Segment;
using Piece = tcp::SendBuffer::Piece;

namespace {

static_assert(wire::TcpFrame::kBytesBefore + wire::kIpv4HeaderSize <=
              packet::PacketPool::kHeadroomBytes);

std::span<const std::byte> bytes_of(const Piece& piece, std::uint32_t count) {
  return packet::PacketQueue::view(
      piece.packet, [&](const Packet& held) { return held.data().subspan(piece.offset, count); });
}

/// A message sixteen octets at a time, of which the last may have been copied before: a call of the
/// C library's would cost more.
void copy_payload(std::byte* to, std::span<const std::byte> from) {
  constexpr std::size_t kStep = 16;
  const std::size_t size = from.size();
  if (size < kStep || size > FrameBuilder::kCopyMax) {
    std::memcpy(to, from.data(), size);
    return;
  }
  for (std::size_t at = 0; at + kStep < size; at += kStep) {
    std::memcpy(to + at, from.data() + at, kStep);
  }
  std::memcpy(to + size - kStep, from.data() + size - kStep, kStep);
}

}  // namespace

void PlainFrames::set_hop(const net::Interface& interface, const MacAddress& next_hop) noexcept {
  const net::Offloads& offloads = interface.offloads;
  layout_.set_link({.source = interface.mac,
                    .destination = next_hop,
                    .vlan = interface.vlan,
                    .has_ipv4_checksum = !offloads.tx_ipv4_checksum,
                    .has_tcp_checksum = !offloads.tx_tcp_checksum});
  request_ = Packet::checksum_request(layout_.link_bytes(), wire::kIpv4HeaderSize,
                                      offloads.tx_ipv4_checksum, offloads.tx_tcp_checksum);
  mtu_ = interface.mtu;
  takes_chains_ = offloads.multi_segment;
  tso_pieces_ = offloads.multi_segment && offloads.tx_tcp_checksum ? offloads.tso_pieces : 0;
  fills_ipv4_checksum_ = offloads.tx_ipv4_checksum;
  sums_payload_ = !offloads.tx_tcp_checksum;
}

void PlainFrames::begin(const wire::TcpFrameSetting& setting) noexcept {
  layout_.begin(setting);
  payload_max_ = static_cast<std::uint16_t>(mtu_ - wire::kIpv4HeaderSize - layout_.tcp_bytes());
}

Packet PlainFrames::build(const Segment& segment, tcp::SendBuffer* payload) noexcept {
  if (segment.payload_bytes == 0) {
    return build_without_payload(segment);
  }
  const Piece piece = payload->piece_at(segment.seq);
  if (segment.payload_bytes > payload_max_) {
    return {};
  }
  if (piece.bytes < segment.payload_bytes) [[unlikely]] {
    return build_with_references(segment, *payload);
  }
  return segment.payload_bytes > FrameBuilder::kCopyMax && takes_chains_
             ? build_with_reference(segment, piece)
             : build_with_copy(segment, piece);
}

std::uint32_t PlainFrames::joined_max(std::uint16_t mss) const noexcept {
  constexpr std::uint32_t kDatagramMax = 0xffff;
  // One piece is for the headers, and segments may lie across packets: one more.
  constexpr std::uint32_t kSpare = 2;
  // Some devices refuse to cut shorter ones (i40e), and then lose all of the frame.
  constexpr std::uint16_t kMssMin = 256;
  if (tso_pieces_ <= kSpare || mss < kMssMin || mss > payload_max_) {
    return 0;
  }
  const std::uint32_t room =
      kDatagramMax - std::uint32_t{wire::kIpv4HeaderSize} - layout_.tcp_bytes();
  return std::min(room / mss, tso_pieces_ - kSpare);
}

Packet PlainFrames::join(SeqNum seq, std::uint16_t mss, std::uint32_t segments,
                         tcp::SendBuffer& payload) noexcept {
  PieceSum none;
  return refer(seq, segments * mss, {.most = tso_pieces_ - 1U, .segment_bytes = mss}, payload,
               none);
}

void PlainFrames::seal(Packet& joined, const Segment& all, std::uint16_t mss) noexcept {
  // What `open` has made room for begins with Ethernet.
  std::byte* const ipv4 = joined.data().data() + layout_.link_bytes();
  write_headers(ipv4, all, 0);
  joined.request_segmentation(
      {.l2 = layout_.link_bytes(), .l3 = wire::kIpv4HeaderSize, .l4 = layout_.tcp_bytes()}, mss,
      fills_ipv4_checksum_);
}

Packet PlainFrames::build_with_references(const Segment& segment,
                                          tcp::SendBuffer& payload) noexcept {
  if (!takes_chains_ || segment.payload_bytes <= FrameBuilder::kCopyMax) {
    return {};
  }
  PieceSum sum{.is_wanted = sums_payload_};
  const PieceLimit limit{.most = FrameBuilder::kPiecesMax, .segment_bytes = segment.payload_bytes};
  Packet packet = refer(segment.seq, segment.payload_bytes, limit, payload, sum);
  if (packet && sum.adds_up) {
    write_headers(packet.data().data() + layout_.link_bytes(), segment, sum.words);
    return packet;
  }
  return {};
}

bool PlainFrames::PieceLimit::take(std::uint32_t length) noexcept {
  ++pieces;
  ++pieces_of_segment;
  const bool is_within = pieces <= most && pieces_of_segment <= FrameBuilder::kPiecesMax;
  for (filled += length; filled >= segment_bytes; filled -= segment_bytes) {
    pieces_of_segment = 0;
  }
  if (pieces_of_segment == 0 && filled > 0) {
    pieces_of_segment = 1;  // It reaches into the next.
  }
  return is_within;
}

Packet PlainFrames::refer(SeqNum seq, std::uint32_t bytes, PieceLimit limit,
                          tcp::SendBuffer& payload, PieceSum& sum) noexcept {
  Packet front = pools_.headers.allocate();
  if (!front) {
    return front;
  }
  static_cast<void>(open(front, 0));
  packet::PacketChain chain{std::move(front)};
  bool is_complete = true;
  payload.for_each_piece(seq, bytes, [&](auto piece, std::uint32_t offset, std::uint32_t length) {
    Packet reference = is_complete && limit.take(length)
                           ? pools_.references.reference(piece, offset, length)
                           : Packet{};
    is_complete = static_cast<bool>(reference);
    if (is_complete) {
      sum.add(piece, offset, length);
      chain.add(std::move(reference));
    }
  });
  return is_complete ? chain.take() : Packet{};
}

void PlainFrames::PieceSum::add(packet::PacketQueue::Position piece, std::uint32_t offset,
                                std::uint32_t length) noexcept {
  if (!is_wanted) {
    return;
  }
  adds_up = adds_up && bytes % 2 == 0;
  bytes += length;
  words += tcp::SendBuffer::sum_words({.packet = piece, .offset = offset}, length);
}

Packet PlainFrames::build_without_payload(const Segment& segment) noexcept {
  Packet packet = pools_.headers.allocate();
  if (packet) {
    write_headers(open(packet, 0), segment, 0);
  }
  return packet;
}

Packet PlainFrames::build_with_copy(const Segment& segment, const Piece& piece) noexcept {
  const std::uint32_t tcp_bytes = std::uint32_t{layout_.tcp_bytes()} + segment.payload_bytes;
  if (tcp_bytes > CorePools::kDataRoomBytes) {
    return {};
  }
  Packet packet = allocate_for(tcp_bytes);
  if (!packet) {
    return packet;
  }
  std::byte* const at = open(packet, segment.payload_bytes);
  std::byte* const to = at + wire::kIpv4HeaderSize + layout_.tcp_bytes();
  const auto from = bytes_of(piece, segment.payload_bytes);
  std::uint64_t sum = 0;
  if (sums_payload_) {
    sum = wire::copy_and_sum_words(to, from);
  } else {
    copy_payload(to, from);
  }
  write_headers(at, segment, sum);
  return packet;
}

Packet PlainFrames::build_with_reference(const Segment& segment, const Piece& piece) noexcept {
  Packet packet = pools_.headers.allocate();
  if (!packet) {
    return packet;
  }
  write_headers(open(packet, 0), segment,
                sums_payload_ ? tcp::SendBuffer::sum_words(piece, segment.payload_bytes) : 0);
  // A packet that others follow does not change any more, so that it can stand in a chain itself.
  const bool is_whole = piece.offset == 0 && piece.bytes == segment.payload_bytes;
  if (is_whole && !piece.is_last) {
    packet.share(piece.packet);
    return packet;
  }
  Packet reference = pools_.references.reference(piece.packet, piece.offset, segment.payload_bytes);
  return reference && packet.chain(reference) ? std::move(packet) : Packet{};
}

Packet PlainFrames::allocate_for(std::uint32_t bytes) noexcept {
  return bytes <= CorePools::kHeaderRoomBytes ? pools_.headers.allocate() : pools_.data.allocate();
}

std::byte* PlainFrames::open(Packet& packet, std::uint32_t copied) noexcept {
  const std::uint16_t link_bytes = layout_.link_bytes();
  std::byte* const tcp = packet.open(static_cast<std::uint16_t>(link_bytes + wire::kIpv4HeaderSize),
                                     static_cast<std::uint16_t>(layout_.tcp_bytes() + copied));
  if (request_.flags != 0) {
    packet.request_checksums(request_);
  }
  return tcp - wire::kIpv4HeaderSize;
}

}  // namespace millrace::stack
