// From what connections want to send to frames on the interfaces' queues.
#include <algorithm>
#include <utility>

#include "stack/tcp_core.hpp"

namespace millrace::stack {

using packet::Packet;

void TcpCore::transmit(Instant now) noexcept {
  now_ = now;
  limit_orphans();
  // Everything marked until now gets one visit; what is marked meanwhile waits for the next turn.
  TransmitList visiting;
  visiting.splice_back(transmit_);
  TransmitList
      unserved;  // First in line the next time, or those in front could take turns for ever.
  while (ConnectionSlot* const slot = visiting.front()) {
    const Visit outcome = visit(now, *slot);
    slot->tally.on_limit(slot->connection.send_limit(), now);
    if (slot->connection.has_events()) {
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
  refresh_path_mss(now, slot);
  for (unsigned sent = 0; sent < kSegmentsPerVisit; ++sent) {
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
    timers_.arm(slot.timer, *deadline);
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
