#include "apps/sim/wire_observer.hpp"

#include <algorithm>
#include <span>

#include "sim/byte_hash.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"

namespace swarm {

using millrace::sim::Frame;
using millrace::sim::Host;
using millrace::sim::SegmentView;
using millrace::wire::SeqNum;
namespace wire = millrace::wire;

namespace {

/// The number's offset from `start`, near `close_to`. Negative: from before the connection.
std::int64_t offset_of(SeqNum number, SeqNum start, std::uint64_t close_to) noexcept {
  const std::uint32_t there = start.value() + static_cast<std::uint32_t>(close_to);
  return static_cast<std::int64_t>(close_to) + static_cast<std::int32_t>(number.value() - there);
}

std::uint64_t length_of(const SegmentView& segment) noexcept {
  return segment.payload_bytes + (segment.tcp.flags.syn() ? 1 : 0) +
         (segment.tcp.flags.fin() ? 1 : 0);
}

wire::TcpOptions options_of(const SegmentView& segment, std::span<const std::byte> frame) {
  const auto options = wire::TcpOptions::parse(frame.subspan(
      segment.tcp_offset + wire::kTcpHeaderSize, segment.tcp.header_length - wire::kTcpHeaderSize));
  return options.value_or(wire::TcpOptions{});
}

bool is_sound(const SegmentView& segment, std::span<const std::byte> frame) noexcept {
  const std::size_t ip_at = segment.tcp_offset - segment.ip.header_length;
  return wire::has_valid_ipv4_checksum(frame.subspan(ip_at, segment.ip.header_length)) &&
         wire::has_valid_transport_checksum(
             segment.ip.source, segment.ip.destination, wire::IpProtocol::Tcp,
             frame.subspan(segment.tcp_offset, segment.ip.payload_length()));
}

/// Whether a host has had to let frames go that it meant to send, so that not all of them were
/// seen.
bool has_lost_frames(const millrace::CoreStats& stats) noexcept {
  using millrace::DropReason;
  constexpr DropReason kReasons[] = {
      DropReason::OutOfPackets,      DropReason::NeighborQueueFull, DropReason::NeighborUnresolved,
      DropReason::NeighborTableFull, DropReason::NoRoute,           DropReason::TransmitQueueFull};
  return std::ranges::any_of(kReasons,
                             [&](DropReason reason) { return stats.dropped(reason) > 0; });
}

/// Both must have offered it (RFC 7323 §2.2).
std::uint64_t scaled(std::uint16_t window, const std::optional<std::uint8_t>& scale,
                     const std::optional<std::uint8_t>& other) noexcept {
  return std::uint64_t{window} << (scale && other ? *scale : 0U);
}

}  // namespace

WireObserver::WireObserver(millrace::sim::World& world) : world_{world} {
  world.on_frame([this](const Host& host, const Frame& frame) { on_sent(host, frame); });
  world.on_arrival([this](const Host& host, const Frame& frame) { on_arrival(host, frame); });
}

void WireObserver::watch(std::size_t host, millrace::TcpSocket socket) {
  if (const auto tuple = socket.endpoints()) {
    side_of(host, *tuple).socket = socket;
  }
}

WireObserver::Side& WireObserver::side_of(std::size_t host, const millrace::FourTuple& tuple) {
  millrace::sim::ByteHash key{host + 1};
  for (const millrace::Endpoint* const end : {&tuple.local, &tuple.remote}) {
    key.add(std::as_bytes(std::span{end->address.bytes()}));
    key.add(std::uint64_t{end->port.number()});
  }
  return sides_[key.value()];
}

// What leaves.

void WireObserver::on_sent(const Host& host, const Frame& frame) {
  const auto segment = millrace::sim::view_segment(frame);
  if (!segment || segment->tcp.flags.rst()) {
    return;
  }
  ++segments_;
  const Seen seen{.host = host.index(),
                  .segment = *segment,
                  .options = options_of(*segment, frame),
                  .may_have_lost = has_lost_frames(host.stats())};
  Side& side = side_of(seen.host, segment->tuple());
  if (segment->tcp.flags.syn()) {
    on_syn_sent(side, seen);
    return;
  }
  if (!side.iss || !side.irs || host.config().tcp.syn_cookies == millrace::SynCookies::Always) {
    // A server that remembers nothing of a SYN answers each with other numbers, and which of them
    // its connection has is known to it alone.
    return;
  }
  check_data(side, seen);
  if (segment->tcp.flags.ack()) {
    check_acknowledgment(side, seen);
    check_selective_acks(side, seen);
  }
}

void WireObserver::on_syn_sent(Side& side, const Seen& seen) {
  const wire::TcpHeader& tcp = seen.segment.tcp;
  if (side.iss != tcp.seq) {
    // Another connection between the same ends.
    const std::optional<PeerSyn> peer_syn = side.peer_syn;
    side = Side{};
    side.peer_syn = peer_syn;
    side.iss = tcp.seq;
  }
  side.own_scale = seen.options.window_scale;
  side.sent_end = std::max(side.sent_end, length_of(seen.segment));
  if (tcp.flags.ack() && !side.irs && side.peer_syn) {
    side.irs = side.peer_syn->seq;
    side.arrived.add(0, side.peer_syn->length);
    side.peer_scale = side.peer_syn->scale;
    side.permitted_end = 1 + side.peer_syn->window;
  }
}

void WireObserver::check_data(Side& side, const Seen& seen) {
  const std::int64_t begin = offset_of(seen.segment.tcp.seq, *side.iss, side.sent_end);
  if (begin < 0) {
    complain(seen, "sent what lies before its SYN");
    return;
  }
  const std::uint64_t start = static_cast<std::uint64_t>(begin);
  const std::uint64_t end = start + length_of(seen.segment);
  const std::size_t payload = seen.segment.payload_bytes;
  if (start > side.sent_end && !seen.may_have_lost) {
    complain(seen, "left out what was to be sent before");
  }
  if (end <= side.sent_end) {
    if (payload > 0 && !side.repeats.on_repeat(start, world_.now())) {
      complain(seen, "sent a segment again and again at the same pace");
    }
    return;
  }
  side.sent_end = end;
  // A probe of a closed window may be one octet beyond it (RFC 9293 §3.8.6.1); a FIN takes no room.
  if (payload > 1 && start + payload > side.permitted_end) {
    complain(seen, "sent " + std::to_string(start + payload - side.permitted_end) +
                       " bytes beyond the peer's window");
  }
  if (payload > 0) {
    check_congestion_window(side, seen);
  }
}

void WireObserver::check_congestion_window(Side& side, const Seen& seen) {
  // Frames of one turn leave together: what the connection says of itself includes them all.
  if (side.looked_at == world_.now()) {
    return;
  }
  side.looked_at = world_.now();
  const auto info = side.socket.info();
  if (!info) {
    return;
  }
  // RFC 3042 lets two segments pass, and one may be the last that did fit in part.
  constexpr std::uint32_t kSlackSegments = 3;
  // At the least: what the peer has, or the network has lost, may have been full segments.
  side.mss_max = std::max<std::uint32_t>(side.mss_max, info->send_mss);
  const std::uint32_t flight = info->unacked_bytes - info->unsent_bytes;
  const std::uint32_t gone = (info->sacked + info->lost) * side.mss_max;
  const std::uint32_t in_flight = flight - std::min(gone, flight);
  const std::uint32_t allowed =
      std::max(info->cwnd, side.cwnd_before) + kSlackSegments * side.mss_max;
  if (in_flight > allowed && in_flight > side.in_flight_before) {
    complain(seen, "has " + std::to_string(in_flight) + " bytes in flight with a window of " +
                       std::to_string(info->cwnd) + ": " + std::to_string(info->unacked) +
                       " segments of " + std::to_string(info->send_mss) + ", " +
                       std::to_string(info->sacked) + " reported, " + std::to_string(info->lost) +
                       " lost");
  }
  side.cwnd_before = info->cwnd;
  side.in_flight_before = in_flight;
}

void WireObserver::check_acknowledgment(Side& side, const Seen& seen) {
  const wire::TcpHeader& tcp = seen.segment.tcp;
  const std::int64_t ack = offset_of(tcp.ack, *side.irs, side.arrived.prefix());
  if (ack < 0 || static_cast<std::uint64_t>(ack) > side.arrived.prefix()) {
    complain(seen, "acknowledged what has not arrived");
    return;
  }
  const std::uint64_t acked = static_cast<std::uint64_t>(ack);
  if (acked < side.acked_end) {
    complain(seen, "took an acknowledgment back");
  }
  side.acked_end = std::max(side.acked_end, acked);
  if (side.has_fin_arrived) {
    return;  // Nothing more can come: the window means nothing.
  }
  const std::uint64_t edge = acked + scaled(tcp.window, side.own_scale, side.peer_scale);
  const std::uint64_t unit = scaled(1, side.own_scale, side.peer_scale);
  if (edge + unit <= side.offered_end) {
    // RFC 9293 §3.8.6.2.2: a receiver should not shrink its window. Less than a unit is rounding.
    complain(seen, "moved its window's edge left by " + std::to_string(side.offered_end - edge));
  }
  side.offered_end = std::max(side.offered_end, edge);
}

void WireObserver::check_selective_acks(const Side& side, const Seen& seen) {
  bool may_be_duplicate = true;  // RFC 2883 §4: the first block alone may tell of a duplicate.
  for (const wire::SackBlock& block : seen.options.sack) {
    const std::int64_t left = offset_of(block.left, *side.irs, side.arrived.end());
    const std::int64_t right = offset_of(block.right, *side.irs, side.arrived.end());
    if (left < 0 || right <= left ||
        !side.arrived.contains(static_cast<std::uint64_t>(left),
                               static_cast<std::uint64_t>(right))) {
      complain(seen, "reported a block that has not arrived");
    } else if (!may_be_duplicate && static_cast<std::uint64_t>(left) <= side.acked_end) {
      complain(seen, "reported as out of order what it acknowledges");
    }
    may_be_duplicate = false;
  }
}

// What arrives.

void WireObserver::on_arrival(const Host& host, const Frame& frame) {
  const auto ethernet = wire::parse_ethernet(frame);
  const auto segment = millrace::sim::view_segment(frame);
  if (!segment || ethernet->destination != host.mac() || segment->tcp.flags.rst() ||
      !is_sound(*segment, frame)) {
    return;
  }
  const Seen seen{
      .host = host.index(), .segment = *segment, .options = options_of(*segment, frame)};
  const millrace::FourTuple sent = segment->tuple();
  Side& side = side_of(seen.host, {.local = sent.remote, .remote = sent.local});
  if (segment->tcp.flags.syn()) {
    on_syn_arrived(side, seen);
  } else if (side.iss && side.irs) {
    note_arrival(side, seen);
    if (segment->tcp.flags.ack()) {
      note_permission(side, seen, scaled(segment->tcp.window, side.peer_scale, side.own_scale));
    }
  }
}

void WireObserver::on_syn_arrived(Side& side, const Seen& seen) {
  const wire::TcpHeader& tcp = seen.segment.tcp;
  if (!tcp.flags.ack()) {
    const bool is_repeated = side.peer_syn && side.peer_syn->seq == tcp.seq;
    side.peer_syn =
        PeerSyn{.seq = tcp.seq,
                .length = is_repeated ? std::max(side.peer_syn->length, length_of(seen.segment))
                                      : length_of(seen.segment),
                .scale = seen.options.window_scale,
                .window = tcp.window};
  } else if (side.iss && !side.irs) {
    side.irs = tcp.seq;
    side.peer_scale = seen.options.window_scale;
    side.arrived.add(0, length_of(seen.segment));
  }
  if (tcp.flags.ack() && side.irs == tcp.seq) {
    note_permission(side, seen, tcp.window);
  }
}

void WireObserver::note_arrival(Side& side, const Seen& seen) {
  side.repeats.on_arrival();
  const std::int64_t begin = offset_of(seen.segment.tcp.seq, *side.irs, side.arrived.end());
  if (begin < 0) {
    return;
  }
  const std::uint64_t start = static_cast<std::uint64_t>(begin);
  side.arrived.add(start, start + length_of(seen.segment));
  side.has_fin_arrived = side.has_fin_arrived || seen.segment.tcp.flags.fin();
}

void WireObserver::note_permission(Side& side, const Seen& seen, std::uint64_t window) {
  const std::int64_t ack = offset_of(seen.segment.tcp.ack, *side.iss, side.sent_end);
  // What was never sent cannot be acknowledged: a forgery, which permits nothing.
  if (ack >= 0 && static_cast<std::uint64_t>(ack) <= side.sent_end) {
    side.permitted_end = std::max(side.permitted_end, static_cast<std::uint64_t>(ack) + window);
  }
}

void WireObserver::complain(const Seen& seen, const std::string& what) {
  if (!problem_.empty()) {
    return;
  }
  const auto since_start = world_.now() - Instant{std::chrono::hours{1}};
  const millrace::FourTuple tuple = seen.segment.tuple();
  problem_ = "at " + std::to_string(std::chrono::duration<double>(since_start).count()) + " s " +
             tuple.local.to_string() + " to " + tuple.remote.to_string() + " " + what + " (seq " +
             std::to_string(seen.segment.tcp.seq.value()) + ", ack " +
             std::to_string(seen.segment.tcp.ack.value()) + ")";
}

}  // namespace swarm
