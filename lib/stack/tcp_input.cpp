// From a datagram to the connection, TIME-WAIT entry or listener that it is for.
#include <algorithm>
#include <span>
#include <utility>

#include "stack/tcp_core.hpp"
#include "tcp/reset.hpp"
#include "wire/checksum.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::stack {

using packet::Packet;
using tcp::Segment;

namespace {

bool has_valid_checksum(const wire::Ipv4Header& header, const Packet& segment) noexcept {
  wire::Checksum sum;
  sum.add_pseudo_header(header.source, header.destination, wire::IpProtocol::Tcp, segment.size());
  segment.for_each_segment([&sum](std::span<const std::byte> bytes) { sum.add(bytes); });
  return sum.is_valid();
}

DropReason why_checksum_is_bad(const wire::Ipv4Header& header, const Packet& segment) noexcept {
  const bool is_partial =
      wire::is_partial_checksum(wire::tcp_checksum_field(segment.data()), header.source,
                                header.destination, wire::IpProtocol::Tcp, segment.size());
  return is_partial ? DropReason::TcpPartialChecksum : DropReason::TcpBadChecksum;
}

/// By the application here, and the peer has not answered yet, or our SYNs have crossed.
bool is_opening(const ConnectionSlot& slot) noexcept {
  const TcpState state = slot.connection.state();
  return state == TcpState::SynSent ||
         (state == TcpState::SynReceived && slot.phase == Phase::Open && !slot.is_early);
}

}  // namespace

std::optional<DropReason> TcpCore::on_datagram(Instant now, const net::Interface& interface,
                                               const wire::Ipv4Header& header,
                                               Packet datagram) noexcept {
  now_ = now;
  ++stats_.tcp_segments_in;
  Arrival arrival{.tuple = {}, .segment = {}, .interface = interface};
  if (const auto flaw = parse(header, datagram, arrival)) {
    stats_.count(*flaw);
    return flaw;
  }
  if (datagram.is_contiguous()) {
    deliver(now, arrival, std::move(datagram));
  } else {
    deliver_pieces(now, arrival, std::move(datagram));
  }
  return std::nullopt;
}

std::optional<DropReason> TcpCore::parse(const wire::Ipv4Header& header, Packet& datagram,
                                         Arrival& arrival) noexcept {
  // RFC 9293 §3.9.2.3, MUST-57: TCP speaks to one host at a time.
  if (!arrival.interface.has_address(header.destination)) {
    return DropReason::TcpNotUnicast;
  }
  datagram.remove_prefix(header.header_length);
  const auto tcp_header = wire::parse_tcp(datagram.data());
  if (!tcp_header) {
    return tcp_header.error();
  }
  // RFC 9293 §3.1, MUST-3.
  const packet::ChecksumVerdict verdict = datagram.l4_checksum_verdict();
  if (verdict == packet::ChecksumVerdict::Bad ||
      (verdict == packet::ChecksumVerdict::Unknown && !has_valid_checksum(header, datagram))) {
    return why_checksum_is_bad(header, datagram);
  }
  const std::size_t options_bytes = tcp_header->header_length - wire::kTcpHeaderSize;
  tcp::Segment& segment = arrival.segment;
  if (!segment.options.read(datagram.data().subspan(wire::kTcpHeaderSize, options_bytes))) {
    return DropReason::TcpBadOptions;
  }
  datagram.remove_prefix(tcp_header->header_length);
  arrival.tuple = {
      .local = {.address = header.destination, .port = Port{tcp_header->destination_port}},
      .remote = {.address = header.source, .port = Port{tcp_header->source_port}}};
  segment.seq = tcp_header->seq;
  segment.ack = tcp_header->ack;
  segment.payload_bytes = datagram.size();
  segment.window = tcp_header->window;
  segment.flags = tcp_header->flags;
  segment.ecn = wire::ecn_of(header.traffic_class);
  segment.urgent_pointer = tcp_header->urgent_pointer;
  return std::nullopt;
}

void TcpCore::deliver(Instant now, Arrival& arrival, Packet payload) noexcept {
  const auto target = find_target(arrival.tuple);
  if (target && target->is_time_wait()) {
    deliver_to_time_wait(now, target->index(), arrival);
  } else if (target) {
    deliver_to_connection(now, slot_of(*target), arrival, std::move(payload));
  } else if (const auto listener = find_listener_for(arrival.tuple.local);
             listener.generation != 0) {
    deliver_to_listener(now, listener, arrival, std::move(payload));
  } else {
    stats_.count(DropReason::TcpNoConnection);
    answer_with_reset(now, arrival.tuple, arrival.segment);
  }
}

void TcpCore::deliver_to_connection(Instant now, ConnectionSlot& slot, const Arrival& arrival,
                                    Packet payload) noexcept {
  if (slot.phase == Phase::HalfOpen && !arrival.segment.flags.rst()) {
    const tcp::Listener* const listener = listeners_.find(slot.listener);
    if (listener != nullptr && listener->is_accept_queue_full()) {
      // As Linux does: leave the handshake open, the client's retransmission asks again.
      stats_.count(DropReason::TcpAcceptQueueFull);
      return;
    }
  }
  if (slot.phase == Phase::HalfOpen && slot.connection.defers(arrival.segment)) {
    stats_.count(DropReason::TcpAcceptDeferred);
    return;
  }
  const Before before = stand_of(slot);
  note_activity(slot);
  const bool was_opening = is_opening(slot);
  const tcp::Disposition disposition =
      slot.connection.on_segment(resources_, now, arrival.segment, std::move(payload));
  tally(now, slot, before, arrival.segment, disposition);
  if (disposition.dropped) {
    stats_.count(*disposition.dropped);
  }
  if (disposition.answer_with_reset) {
    answer_with_reset(now, arrival.tuple, arrival.segment);
  }
  if (was_opening && !is_opening(slot)) {
    learn_fast_open(now, slot, arrival);
  }
  if (slot.phase == Phase::HalfOpen && tcp::is_synchronized(slot.connection.state())) {
    on_handshake_complete(slot);
  }
  vet(slot, arrival.interface);
  settle(slot);
}

void TcpCore::vet(ConnectionSlot& slot, const net::Interface& interface) noexcept {
  // All that was checked before the connection was found depends on the interface and on the two
  // addresses, and those stay what they are (decision 0022).
  if (slot.phase != Phase::HalfOpen && tcp::is_synchronized(slot.connection.state())) {
    const std::uint32_t number = interface.index + 1;
    slot.vetted_by = number <= 0xff ? static_cast<std::uint8_t>(number) : std::uint8_t{0};
  }
}

void TcpCore::tally(Instant now, ConnectionSlot& slot, const Before& before, const Segment& segment,
                    const tcp::Disposition& disposition) noexcept {
  const tcp::Connection& connection = slot.connection;
  tcp::Tally::Progress progress = progress_since(before, slot);
  if (before.state == TcpState::SynSent) {
    // Where the peer's bytes begin was not known; whoever refused says nothing of it.
    const tcp::ReceiveSequence& receive = connection.receive_sequence();
    progress.received = connection.state() == TcpState::SynSent || segment.flags.rst()
                            ? 0
                            : static_cast<std::uint32_t>(receive.rcv_nxt - receive.irs) - 1;
  } else if (before.state == TcpState::SynReceived && connection.is_passive()) {
    // As Linux: the SYN of whoever was asked is not counted.
    progress.acked -= progress.acked > 0 ? 1 : 0;
  }
  slot.tally.on_arrival(segment, disposition, progress, now);
}

void TcpCore::deliver_to_time_wait(Instant now, std::uint32_t index,
                                   const Arrival& arrival) noexcept {
  const tcp::TimeWaitEntry& entry = time_wait_.at(index);
  const tcp::TimeWaitAnswer answer = judge(entry, arrival.segment);
  const auto listener = find_listener_for(arrival.tuple.local);
  const bool may_reopen = listener.generation != 0 && !why_not_now(*listeners_.find(listener));
  if (answer == tcp::TimeWaitAnswer::Reopen && may_reopen) {
    const tcp::SeqNum iss_floor = entry.snd_nxt;
    ++stats_.tcp_time_wait_reused;
    remove_time_wait(index);
    answer_syn(now, listener, arrival, Packet{}, iss_floor);
    return;
  }
  stats_.count(DropReason::TcpTimeWait);
  if (answer == tcp::TimeWaitAnswer::Ignore) {
    if (!arrival.segment.flags.rst() && arrival.segment.options.timestamps) {
      time_wait_.note_timestamp(index, arrival.segment.options.timestamps->value);
    }
    return;
  }
  if (arrival.segment.flags.syn() || arrival.segment.length() == 0) {
    // RFC 5961 §7: its challenge ACK is one of those that all connections share. Likewise that for
    // an empty segment, lest two ends that disagree about their numbers answer each other for ever.
    const bool may_challenge =
        time_wait_.may_answer_oddity(index, now) && challenge_acks_.take(now);
    ++(may_challenge ? stats_.tcp_challenge_acks_out : stats_.tcp_challenge_acks_limited);
    if (!may_challenge) {
      return;
    }
  }
  if (answer == tcp::TimeWaitAnswer::AcknowledgeRestart) {
    time_wait_.restart(index, now);
  }
  tcp::SegmentPlan plan;
  plan.seq = entry.snd_nxt;
  plan.ack = entry.rcv_nxt;
  plan.flags = tcp::TcpFlags{tcp::TcpFlags::kAck};
  if (entry.has_timestamps != 0) {
    // RFC 7323 §3.2: in every segment, and the offset outlives the connection.
    plan.options.timestamps =
        wire::TcpTimestamps{.value = tcp::timestamp_clock(now) + timestamp_offsets_.of(entry.tuple),
                            .echo = entry.ts_recent};
  }
  send_stateless(now, entry.tuple, plan, static_cast<std::uint8_t>(entry.dscp));
}

void TcpCore::answer_with_reset(Instant now, const FourTuple& tuple,
                                const Segment& segment) noexcept {
  if (!segment.flags.rst()) {
    send_stateless(now, tuple, make_reset(segment));
  }
}

void TcpCore::send_stateless(Instant now, const FourTuple& tuple, const tcp::SegmentPlan& plan,
                             std::uint8_t dscp) noexcept {
  const auto path = output_.route(tuple.remote.address, tuple.local.address);
  if (!path) {
    stats_.count(path.error());
    return;
  }
  const net::Offloads& offloads = path->interface->offloads;
  Packet packet = frames_.build(plan, tuple, offloads, nullptr);
  if (!packet) {
    stats_.count(DropReason::OutOfPackets);
    return;
  }
  ++stats_.tcp_segments_out;
  stats_.tcp_resets_out += plan.flags.rst() ? 1 : 0;
  const auto sent = output_.send(now, std::move(packet),
                                 {.source = tuple.local.address,
                                  .destination = tuple.remote.address,
                                  .protocol = wire::IpProtocol::Tcp,
                                  .ttl = config_.tcp.hop_limit,
                                  .traffic_class = static_cast<std::uint8_t>(dscp << 2U),
                                  .device_fills_tcp_checksum = offloads.tx_tcp_checksum},
                                 *path);
  if (!sent) {
    stats_.count(sent.error());
  }
}

}  // namespace millrace::stack
