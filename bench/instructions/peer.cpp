#include "instructions/peer.hpp"

#include <rte_mbuf.h>

#include <chrono>
#include <cstddef>
#include <optional>

#include "base/contract.hpp"
#include "net/link_header.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"

namespace millrace::bench {

using packet::Packet;
using wire::TcpFlags;

namespace {

constexpr std::uint32_t kFullSegment = 1'460;
constexpr std::uint16_t kWindow = 65'535;
constexpr std::uint8_t kWindowScale = 8;

/// What the NIC says of every frame of a peer's.
void mark_verified(Packet& frame) {
  frame.get()->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

/// A clock of milliseconds, as RFC 7323 §5.4 would have it.
std::uint32_t timestamp_of(Instant now) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
}

}  // namespace

Packet Peer::make_arp(const Wire& wire, wire::ArpOperation operation, const IpAddress& peer,
                      const IpAddress& stack) {
  Packet frame = wire.pool.allocate();
  base::expects(static_cast<bool>(frame));
  wire::emit_ethernet(
      frame.append(wire::kEthernetHeaderSize),
      {.destination = wire.stack_mac, .source = wire.peer_mac, .type = wire::EtherType::Arp});
  wire::emit_arp(frame.append(wire::kArpPacketSize), {.operation = operation,
                                                      .sender_mac = wire.peer_mac,
                                                      .sender_ip = peer,
                                                      .target_mac = wire.stack_mac,
                                                      .target_ip = stack});
  return frame;
}

Packet Peer::make_syn(Instant now) { return make(now, {}, 0, TcpFlags::kSyn); }

Packet Peer::make_segment(Instant now, std::uint32_t payload_bytes, std::uint8_t flags) {
  return make(now, rcv_nxt_, payload_bytes, static_cast<std::uint8_t>(flags | TcpFlags::kAck));
}

Packet Peer::make_partial_ack(Instant now, std::uint32_t bytes) {
  base::expects(bytes <= unacknowledged());
  return make(now, last_ack_ + bytes, 0, TcpFlags::kAck);
}

Packet Peer::make(Instant now, wire::SeqNum ack, std::uint32_t payload_bytes, std::uint8_t flags) {
  const bool is_syn = (flags & TcpFlags::kSyn) != 0;
  wire::TcpOptions options;
  options.timestamps = wire::TcpTimestamps{.value = timestamp_of(now), .echo = ts_recent_};
  if (is_syn) {
    options.mss = static_cast<std::uint16_t>(kFullSegment + 12);
    options.window_scale = kWindowScale;
    options.sack_permitted = true;
  }
  const std::size_t tcp_bytes = wire::kTcpHeaderSize + wire::tcp_options_size(options, is_syn);
  Packet frame = wire_.pool.allocate();
  base::expects(static_cast<bool>(frame));
  wire::emit_ethernet(
      frame.append(wire::kEthernetHeaderSize),
      {.destination = wire_.stack_mac, .source = wire_.peer_mac, .type = wire::EtherType::Ipv4});
  wire::emit_ipv4(frame.append(wire::kIpv4HeaderSize),
                  {.source = tuple_.remote.address,
                   .destination = tuple_.local.address,
                   .dont_fragment = true,
                   .total_length = static_cast<std::uint16_t>(wire::kIpv4HeaderSize + tcp_bytes +
                                                              payload_bytes)},
                  false);
  const auto header = frame.append(static_cast<std::uint16_t>(tcp_bytes));
  wire::emit_tcp(header, {.source_port = tuple_.remote.port.number(),
                          .destination_port = tuple_.local.port.number(),
                          .seq = snd_nxt_,
                          .ack = ack,
                          .flags = TcpFlags{flags},
                          .window = kWindow,
                          .header_length = static_cast<std::uint16_t>(tcp_bytes)});
  wire::emit_tcp_options(header.subspan(wire::kTcpHeaderSize), options, is_syn);
  static_cast<void>(frame.append(static_cast<std::uint16_t>(payload_bytes)));
  mark_verified(frame);
  if (!is_syn) {
    last_ack_ = ack;
  } else {
    snd_una_ = snd_nxt_;
  }
  const bool is_fin = (flags & TcpFlags::kFin) != 0;
  snd_nxt_ += payload_bytes + (is_syn || is_fin ? 1 : 0);
  return frame;
}

void Peer::hear(const HeardSegment& segment) {
  const wire::TcpHeader& header = segment.header;
  base::expects(!header.flags.rst() && header.flags.ack() && segment.options.timestamps);
  if (header.flags.syn()) {
    base::expects(!has_heard_syn_);
    has_heard_syn_ = true;
    rcv_nxt_ = header.seq;
    last_ack_ = rcv_nxt_;
  }
  base::expects(has_heard_syn_ && header.seq == rcv_nxt_);
  base::expects(header.ack.is_at_or_after(snd_una_) && header.ack.is_at_or_before(snd_nxt_));
  snd_una_ = header.ack;
  ts_recent_ = segment.options.timestamps->value;
  has_heard_fin_ = has_heard_fin_ || header.flags.fin();
  rcv_nxt_ += segment.payload_bytes + (header.flags.syn() || header.flags.fin() ? 1 : 0);
  bytes_heard_ += segment.payload_bytes;
  full_segments_heard_ += segment.payload_bytes == kFullSegment ? 1 : 0;
}

std::optional<HeardSegment> read_frame(const Packet& frame) {
  const auto link = net::parse_link_header(frame.data());
  base::expects(link.has_value());
  if (link->type == wire::EtherType::Arp) {
    return std::nullopt;
  }
  const auto datagram = frame.data().subspan(link->size);
  // Only the headers lie in the first piece of a chain.
  const auto ip = wire::read_ipv4_fields(datagram);
  base::expects(ip.has_value() && ip->total_length == frame.size() - link->size);
  const auto segment = datagram.subspan(ip->header_length);
  const auto tcp = wire::parse_tcp(segment);
  base::expects(tcp.has_value());
  const auto options = wire::TcpOptions::parse(
      segment.subspan(wire::kTcpHeaderSize, tcp->header_length - wire::kTcpHeaderSize));
  base::expects(options.has_value());
  HeardSegment heard{.header = *tcp, .options = *options};
  heard.payload_bytes = ip->payload_length() - static_cast<std::uint32_t>(tcp->header_length);
  return heard;
}

}  // namespace millrace::bench
