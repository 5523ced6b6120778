// From what connections want to send to frames on the interfaces' queues.
#include <algorithm>
#include <utility>

#include "net/transmit_queue.hpp"
#include "stack/plain_frames.hpp"
#include "stack/tcp_core.hpp"

namespace millrace::stack {

using packet::Packet;

namespace {

/// What a run has sent in plain frames.
struct PlainTotal {
  std::uint32_t segments = 0;
  std::uint32_t bytes = 0;
  tcp::SeqNum end{0};  // Of the last.

  /// One frame's, in which `joined` segments are one.
  void add(const tcp::PlainRun::Segment& segment, std::uint32_t joined) noexcept {
    segments += joined;
    bytes += segment.payload_bytes;
    end = segment.seq + segment.payload_bytes;
  }
};

tcp::SendBuffer* payload_of(ConnectionSlot& slot, const tcp::PlainRun::Segment& segment) noexcept {
  return segment.payload_bytes > 0 ? &slot.connection.send_buffer() : nullptr;
}

}  // namespace

void TcpCore::transmit(Instant now) noexcept {
  now_ = now;
  last_hop_ = {};
  limit_orphans();
  // Everything marked until now gets one visit; what is marked meanwhile waits for the next turn.
  TransmitList visiting;
  visiting.splice_back(transmit_);
  TransmitList
      unserved;  // First in line the next time, or those in front could take turns for ever.
  while (ConnectionSlot* const slot = visiting.front()) {
    Visit outcome = visit(now, *slot);
    slot->tally.on_limit(slot->connection.send_limit(), now);
    if (!slot->connection.is_consistent()) [[unlikely]] {
      // Whoever sends and has no timer would not come by here again.
      settle_fully(*slot);
      outcome = Visit::HasMore;  // Its reset.
    } else if (slot->connection.has_events()) {
      // What has left may have made room.
      settle(*slot);
    }
    TransmitList::unlink(*slot);
    if (outcome == Visit::QueueFull) {
      unserved.push_back(*slot);
    } else if (outcome != Visit::Drained) {
      transmit_.push_back(*slot);
    }
    update_timer(*slot);
    if (outcome == Visit::OutOfPackets || (outcome == Visit::QueueFull && are_queues_full())) {
      // Nobody else would fare better.
      break;
    }
  }
  unserved.splice_back(visiting);
  unserved.splice_back(transmit_);
  transmit_.splice_back(unserved);
}

bool TcpCore::are_queues_full() const noexcept {
  return std::ranges::all_of(interfaces_, [](const net::Interface& interface) {
    return interface.tx.size() >= kQueuedFramesTarget;
  });
}

TcpCore::Visit TcpCore::visit(Instant now, ConnectionSlot& slot) noexcept {
  if (slot.path_mtu_generation != path_mtus_.generation(now)) [[unlikely]] {
    refresh_path_mss(now, slot);
  }
  unsigned sent = 0;
  if (const auto outcome = send_plain_run(now, slot, sent)) [[likely]] {
    return *outcome;
  }
  for (; sent < kSegmentsPerVisit; ++sent) {
    if (slot.path.interface->tx.size() >= kQueuedFramesTarget) {
      return sent == 0 ? Visit::QueueFull : Visit::HasMore;
    }
    auto plan = slot.connection.next_segment(resources_, now);
    if (!plan) {
      return Visit::Drained;
    }
    if (slot.grants_fast_open && plan->flags.syn()) {
      plan->options.fast_open =
          fast_open_cookies_.make(slot.connection.tuple(), now, fast_open_key_of(slot));
    }
    if (plan->options.fast_open && slot.is_fast_open_experimental) [[unlikely]] {
      shape_as_experiment(plan->options);
    }
    if (!send(now, slot, *plan)) {
      return Visit::OutOfPackets;
    }
  }
  return Visit::HasMore;
}

// All that it calls becomes one piece with it where the linker sees it, so that what is known of a
// run stays in registers.
[[gnu::flatten]] std::optional<TcpCore::Visit> TcpCore::send_plain_run(Instant now,
                                                                       ConnectionSlot& slot,
                                                                       unsigned& sent) noexcept {
  using Next = tcp::PlainRun::Next;
  tcp::PlainRun run{slot.connection, resources_, now};
  if (!run.is_plain()) {
    return std::nullopt;
  }
  net::Interface& interface = *slot.path.interface;
  Visit outcome = Visit::HasMore;
  Next next = Next::Nothing;
  PlainTotal total;
  bool has_frames = false;
  bool is_left = false;
  std::uint32_t joined = 0;
  bool may_join = interface.offloads.tso_pieces != 0;
  for (; sent < kSegmentsPerVisit; sent += joined) {
    if (interface.tx.size() >= kQueuedFramesTarget) {
      outcome = sent == 0 ? Visit::QueueFull : Visit::HasMore;
      break;
    }
    next = run.next();
    if (next != Next::Segment) {
      outcome = Visit::Drained;
      break;
    }
    if (sent == 0) {
      has_frames = begin_plain_frames(now, slot, run);
    }
    Packet frame = has_frames ? build_plain(slot, run, joined, may_join) : Packet{};
    is_left = !frame;
    if (is_left) {
      break;
    }
    total.add(run.segment(), joined);
    // There is room: fewer than the target stand there.
    static_assert(kQueuedFramesTarget <= net::kMaxQueuedFrames);
    interface.tx.push_back(std::move(frame));
  }
  run.settle();
  stats_.tcp_segments_out += total.segments;
  slot.tally.on_run_sent(total.segments, total.bytes, total.end, now);
  if (is_left) {
    ++sent;
    return send(now, slot, run.plan()) ? std::nullopt : std::optional{Visit::OutOfPackets};
  }
  return next == Next::Unusual ? std::nullopt : std::optional{outcome};
}

Packet TcpCore::build_plain(ConnectionSlot& slot, tcp::PlainRun& run, std::uint32_t& joined,
                            bool& may_join) noexcept {
  joined = 1;
  if (may_join && run.sure_segments() > 0) [[unlikely]] {
    const std::uint16_t mss = run.segment().payload_bytes;
    const std::uint32_t count = std::min(run.sure_segments() + 1, plain_frames_.joined_max(mss));
    Packet frame =
        count > 1 ? plain_frames_.join(run.segment().seq, mss, count, slot.connection.send_buffer())
                  : Packet{};
    if (frame) {
      run.join(count - 1);
      plain_frames_.seal(frame, run.segment(), mss);
      joined = count;
      return frame;
    }
    may_join = false;  // What follows is most likely no different.
  }
  return plain_frames_.build(run.segment(), payload_of(slot, run.segment()));
}

bool TcpCore::begin_plain_frames(Instant now, const ConnectionSlot& slot,
                                 const tcp::PlainRun& run) noexcept {
  // What may be cut on its way has an identification of its own.
  if (!slot.dont_fragment || !set_plain_hop(now, slot.path)) {
    return false;
  }
  const tcp::PlainRun::Setting& setting = run.setting();
  const auto ecn = run.segment().payload_bytes > 0 ? setting.ecn : wire::Ecn::NotCapable;
  plain_frames_.begin(
      {.tuple = slot.connection.tuple(),
       .ttl = slot.hop_limit,
       .traffic_class = static_cast<std::uint8_t>(slot.dscp << 2U | std::to_underlying(ecn)),
       .ack = setting.ack,
       .window = setting.window,
       .timestamps = setting.timestamps});
  return true;
}

bool TcpCore::set_plain_hop(Instant now, const net::Path& path) noexcept {
  if (last_hop_.interface != path.interface || last_hop_.address != path.next_hop) [[unlikely]] {
    const auto mac = output_.known_mac(now, path);
    if (mac) {
      plain_frames_.set_hop(*path.interface, *mac);
    }
    last_hop_ = {
        .interface = path.interface, .address = path.next_hop, .is_known = mac.has_value()};
  }
  return last_hop_.is_known;
}

bool TcpCore::send(Instant now, ConnectionSlot& slot, const tcp::SegmentPlan& plan) noexcept {
  const FourTuple& tuple = slot.connection.tuple();
  const net::Offloads& offloads = slot.path.interface->offloads;
  Packet packet = frames_.build(plan, tuple, offloads,
                                plan.payload_bytes > 0 ? &slot.connection.send_buffer() : nullptr);
  if (!packet) {
    stats_.count(DropReason::OutOfPackets);
    slot.connection.on_segment_not_sent(plan);
    return false;
  }
  slot.tally.on_sent(plan, now);
  ++stats_.tcp_segments_out;
  stats_.tcp_resets_out += plan.flags.rst() ? 1 : 0;
  const auto sent = output_.send(
      now, std::move(packet),
      {.source = tuple.local.address,
       .destination = tuple.remote.address,
       .protocol = wire::IpProtocol::Tcp,
       .ttl = slot.hop_limit,
       .traffic_class = static_cast<std::uint8_t>(slot.dscp << 2U | std::to_underlying(plan.ecn)),
       .dont_fragment = slot.dont_fragment,
       .device_fills_tcp_checksum = offloads.tx_tcp_checksum},
      slot.path);
  if (!sent) {
    // Lost on the way, as the network may lose it: the retransmission timer knows what to do.
    stats_.count(sent.error());
  }
  return true;
}

void TcpCore::update_timer(ConnectionSlot& slot) noexcept {
  const auto deadline = slot.connection.next_deadline();
  const bool is_paced = deadline && slot.connection.is_paced_deadline();
  if (!deadline || (slot.timer.kind == kPacing) != is_paced) {
    cancel_timer(slot);
  }
  if (is_paced) {
    slot.timer.kind = kPacing;
    pacing_.arm(slot.timer, *deadline);
  } else if (deadline) {
    slot.timer.kind = kTimeout;
    timers_.arm_lazily(slot.timer, *deadline);
  }
}

void TcpCore::cancel_timer(ConnectionSlot& slot) noexcept {
  if (slot.timer.kind == kPacing) {
    pacing_.cancel(slot.timer);
  } else {
    timers_.cancel(slot.timer);
  }
}

}  // namespace millrace::stack
