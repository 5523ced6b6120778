// What listeners do with segments: the SYN queue, cookies when it is full, and the accept queue
// (RFC 9293 §3.10.7.2, RFC 4987 §3).
#include <utility>

#include "base/deadline.hpp"
#include "stack/tcp_core.hpp"

namespace millrace::stack {

using packet::Packet;
using tcp::Segment;

base::SlotHandle TcpCore::find_listener_for(const Endpoint& local) noexcept {
  const std::uint32_t index = listening_.find(
      local.port, [&](std::uint32_t each) { return listeners_.at(each).matches(local); });
  return index == PortIndex::kNone ? base::SlotHandle{}
                                   : listeners_.handle_of(listeners_.at(index));
}

std::optional<DropReason> TcpCore::why_not_now(const tcp::Listener& listener) const noexcept {
  if (listener.is_accept_queue_full()) {
    return DropReason::TcpAcceptQueueFull;
  }
  if (listener.is_syn_queue_full(config_.tcp.syn_backlog)) {
    return DropReason::TcpSynQueueFull;
  }
  if (connections_.size() == connections_.capacity()) {
    return DropReason::TcpOutOfConnections;
  }
  return std::nullopt;
}

void TcpCore::deliver_to_listener(Instant now, base::SlotHandle handle, const Arrival& arrival,
                                  Packet payload) noexcept {
  // RFC 9293 §3.10.7.2, in its order: RST, ACK, SYN, anything else.
  const Segment& segment = arrival.segment;
  if (segment.flags.rst()) {
    stats_.count(DropReason::TcpNoConnection);
    return;
  }
  if (segment.flags.ack()) {
    if (!accept_cookie(now, handle, arrival, payload)) {
      stats_.count(DropReason::TcpNoConnection);
      answer_with_reset(now, arrival.tuple, arrival.segment);
    }
    return;
  }
  // Deviates from RFC 9293 §3.10.7.2: a SYN with FIN is dropped, as Linux does, because no TCP
  // sends one, scanners do, and filters that look for SYN alone let it pass.
  if (!segment.flags.syn() || segment.flags.fin()) {
    stats_.count(DropReason::TcpBadFlags);
    return;
  }
  tcp::Listener& listener = *listeners_.find(handle);
  if (wants_cookie(listener)) {
    answer_with_cookie(now, listener, arrival);
  } else if (const auto reason = why_not_now(listener)) {
    stats_.count(*reason);
  } else {
    answer_syn(now, handle, arrival, std::move(payload), std::nullopt);
  }
}

void TcpCore::answer_syn(Instant now, base::SlotHandle handle, const Arrival& arrival,
                         Packet payload, std::optional<tcp::SeqNum> iss_floor) noexcept {
  ConnectionSlot* const slot = add_half_open(handle, arrival.tuple);
  if (slot == nullptr) {
    return;
  }
  slot->connection.open_passive(resources_, now, choose_iss(now, arrival.tuple, iss_floor),
                                arrival.segment);
  slot->connection.defer_accept(listeners_.find(handle)->deferred_timeouts());
  const Before before = stand_of(*slot);
  // Without Fast Open, data that comes with the SYN is left to be sent again: it is not
  // acknowledged (RFC 9293 §3.4 allows to hold it, and asks that nobody read it before the
  // handshake is over).
  try_fast_open(now, *slot, arrival, std::move(payload));
  tally(now, *slot, before, arrival.segment, {});
  settle(*slot);
}

ConnectionSlot* TcpCore::add_half_open(base::SlotHandle handle, const FourTuple& tuple) noexcept {
  const auto path = output_.route(tuple.remote.address, tuple.local.address);
  if (!path) {
    stats_.count(path.error());
    return nullptr;
  }
  ConnectionSlot* const slot = add_connection(tuple, *path);
  if (slot == nullptr) {
    stats_.count(DropReason::TcpOutOfConnections);
    return nullptr;
  }
  tcp::Listener& listener = *listeners_.find(handle);
  slot->phase = Phase::HalfOpen;
  slot->listener = handle;
  slot->handler = &listener.handler();
  slot->connection.set_tuning(resources_, listener.tuning());
  listener.on_syn();
  return slot;
}

void TcpCore::on_handshake_complete(ConnectionSlot& slot) noexcept {
  tcp::Listener* const listener = listeners_.find(slot.listener);
  listener->on_half_open_gone();
  listener->on_established();
  slot.phase = Phase::Waiting;
}

bool TcpCore::wants_cookie(const tcp::Listener& listener) const noexcept {
  if (listener.is_accept_queue_full()) {
    // There is no room for what a cookie would bring back.
    return false;
  }
  switch (config_.tcp.syn_cookies) {
    case SynCookies::Off: return false;
    case SynCookies::Auto: return listener.is_syn_queue_full(config_.tcp.syn_backlog);
    case SynCookies::Always: return true;
  }
  return false;
}

void TcpCore::answer_with_cookie(Instant now, tcp::Listener& listener,
                                 const Arrival& arrival) noexcept {
  const auto path = output_.route(arrival.tuple.remote.address, arrival.tuple.local.address);
  if (!path) {
    stats_.count(path.error());
    return;
  }
  const tcp::SeqNum cookie = cookies_.make(arrival.tuple, arrival.segment, now);
  // It says what a connection would say to a SYN that offers no more than can be remembered.
  const auto answer_to = [&](const Segment& syn) {
    tcp::Connection forgotten{arrival.tuple, mss_limit_of(*path)};
    forgotten.set_timestamp_offset(timestamp_offsets_.of(arrival.tuple));
    forgotten.set_tuning(resources_, listener.tuning());
    forgotten.open_passive(resources_, now, cookie, syn);
    auto plan = forgotten.next_segment(resources_, now);
    forgotten.release(resources_);
    return plan;
  };
  auto plan = answer_to(tcp::what_survives(arrival.segment, true));
  if (!plan->options.timestamps) {
    plan = answer_to(tcp::what_survives(arrival.segment, false));
  } else {
    plan->options.timestamps->value =
        tcp::hide_in_timestamp(plan->options.timestamps->value, arrival.segment);
  }
  ++stats_.tcp_syn_cookies_out;
  listener.note_cookie(base::later(now, tcp::SynCookies::kLifetime));
  send_stateless(now, arrival.tuple, *plan);
}

bool TcpCore::accept_cookie(Instant now, base::SlotHandle handle, const Arrival& arrival,
                            Packet& payload) noexcept {
  const Segment& segment = arrival.segment;
  const tcp::Listener& listener = *listeners_.find(handle);
  if (segment.flags.syn() || !listener.expects_cookies(now)) {
    return false;
  }
  const auto mss = cookies_.check(arrival.tuple, segment, now);
  if (!mss) {
    ++stats_.tcp_syn_cookies_failed;
    return false;
  }
  if (listener.is_accept_queue_full()) {
    // The peer takes the connection for open; what it sends next asks again.
    stats_.count(DropReason::TcpAcceptQueueFull);
    return true;
  }
  if (ConnectionSlot* const slot = add_half_open(handle, arrival.tuple)) {
    ++stats_.tcp_syn_cookies_accepted;
    slot->connection.open_from_cookie(resources_, now, segment.ack - 1,
                                      tcp::recall_syn(segment, *mss, config_.tcp.timestamps));
    deliver_to_connection(now, *slot, arrival, std::move(payload));
  }
  return true;
}

}  // namespace millrace::stack
