// The application's calls, events and deadlines; what a connection holds while it is active.
#include "tcp/connection.hpp"
#include "tcp/steering.hpp"

#include <algorithm>

#include "base/contract.hpp"

namespace millrace::tcp {

using packet::Packet;

namespace {

constexpr std::uint32_t kSendBufferAlways = 16 * 1024;
constexpr std::uint32_t kDeliveredUnit = 64 * 1024;
// Up to here a payload is copied behind the one before it rather than kept in a buffer of its own.
constexpr std::uint32_t kTailCopyMax = 256;

}  // namespace

Connection::~Connection() { base::expects(active_ == nullptr); }

std::uint32_t Connection::packet_bytes_max() const noexcept {
  constexpr std::uint32_t kRoom = packet::CorePools::kDataRoomBytes;
  return mss_ >= kRoom ? kRoom : kRoom / mss_ * mss_;
}

std::optional<Instant> Connection::next_deadline() const noexcept {
  const Instant loss_at = active_ == nullptr ? kNever : active_->recovery.timer_at;
  const bool is_held = active_ != nullptr && active_->is_held_by_pacer;
  const Instant departure_at = is_held ? active_->pacer.next_at() : kNever;
  const Instant deadline = std::min({retransmit_at_, loss_at, ack_at_, override_at_,
                                     state_deadline(), keepalive_.deadline(), departure_at});
  return deadline == kNever ? std::nullopt : std::optional{deadline};
}

bool Connection::is_paced_deadline() const noexcept {
  return active_ != nullptr && active_->is_held_by_pacer &&
         next_deadline() == active_->pacer.next_at();
}

Result<void> Connection::check_sendable(const Resources& resources, Instant now) noexcept {
  // RFC 9293 §3.10.2: sending before ESTABLISHED is not queued here; the application hears
  // `connected` first.
  if (!can_send() || fin_queued_) {
    return fail(Error::InvalidState);
  }
  if (writable(resources) == 0) {
    want_writable(resources, now);
    return fail(is_short_of_packets(resources) ? Error::OutOfPackets : Error::WouldBlock);
  }
  return {};
}

std::size_t Connection::append_to_tail(std::span<const std::byte> bytes) noexcept {
  return active_ == nullptr ? 0 : active_->send_buffer.append_to_tail(bytes, packet_bytes_max());
}

Result<void> Connection::append(const Resources& resources, Instant now, Packet& packet) noexcept {
  if (attach(resources)) {
    SendBuffer& buffer = active_->send_buffer;
    if (buffer.empty() && active_->sent.empty()) {
      buffer.start(send_.snd_nxt);
    }
    const bool is_full = send_room(resources) == 0;
    const std::uint32_t tail = buffer.tail_room(packet_bytes_max());
    if (packet.size() <= tail && (is_full || packet.size() <= kTailCopyMax)) {
      // Decision 5: a small payload costs a copy, not a buffer.
      static_cast<void>(buffer.append_to_tail(packet.data(), packet_bytes_max()));
      packet.reset();
      return {};
    }
    if (is_full) {
      want_writable(resources, now);
      const bool is_short = is_short_of_packets(resources);
      detach_if_idle(resources);
      return fail(is_short ? Error::OutOfPackets : Error::WouldBlock);
    }
    if (buffer.append(packet, resources.budget)) {
      return {};
    }
  }
  retry_writable_later(resources, now);
  detach_if_idle(resources);
  return fail(Error::OutOfPackets);
}

void Connection::retry_writable_later(const Resources& resources, Instant now) noexcept {
  // What is missing is the core's, not this connection's: no ACK of ours may ever bring it back.
  wants_writable_ = true;
  override_at_ = std::min(override_at_, now + resources.config.override_timeout / 20);
}

void Connection::want_writable(const Resources& resources, Instant now) noexcept {
  wants_writable_ = true;
  const std::uint32_t charge = active_ == nullptr ? 0 : active_->send_buffer.charge();
  if (charge < send_charge_limit(resources) && !has_enough_unsent()) {
    // There was room in the buffer, so packets were what was missing.
    retry_writable_later(resources, now);
  }
}

std::uint32_t Connection::send_buffer_limit(const Resources& resources) const noexcept {
  if (tuning_->send_buffer_bytes != 0) {
    return std::min(tuning_->send_buffer_bytes, resources.config.send_buffer_bytes);
  }
  const SendAutosize autosize = active_ == nullptr ? SendAutosize{} : active_->send_autosize;
  return autosize.limit(resources.config.send_buffer_initial_bytes,
                        resources.config.send_buffer_bytes);
}

std::uint32_t Connection::send_charge_limit(const Resources& resources) const noexcept {
  // No connection takes more than a quarter of what the core has left, so that a few cannot starve
  // the others.
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(
      send_buffer_limit(resources),
      std::max<std::uint64_t>(kSendBufferAlways,
                              resources.budget.left(packet::BudgetUse::Bulk) / 4)));
}

std::uint32_t Connection::send_room(const Resources& resources) const noexcept {
  const std::uint32_t charge = active_ == nullptr ? 0 : active_->send_buffer.charge();
  const std::uint32_t limit = send_charge_limit(resources);
  const packet::BudgetUse use =
      active_ == nullptr ? packet::BudgetUse::FirstToSend : active_->send_buffer.budget_use();
  const std::uint64_t left = resources.budget.left(use);
  if (charge >= limit || left < packet::PacketBudget::kPacketCharge || has_enough_unsent()) {
    return 0;
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(limit - charge, left));
}

bool Connection::is_short_of_packets(const Resources& resources) const noexcept {
  const std::uint32_t charge = active_ == nullptr ? 0 : active_->send_buffer.charge();
  return charge < send_charge_limit(resources) && send_room(resources) == 0 && !has_enough_unsent();
}

std::size_t Connection::writable(const Resources& resources) noexcept {
  if (!can_send() || fin_queued_) {
    return 0;
  }
  const std::uint32_t charge = active_ == nullptr ? 0 : active_->send_buffer.charge();
  const std::size_t tail =
      active_ == nullptr ? 0 : active_->send_buffer.tail_room(packet_bytes_max());
  // Payload that still fits, were it to come in full packets: the charge of a buffer is at most
  // twice what it carries. Zero exactly when `append` would refuse a packet, whatever is free
  // behind the last one.
  const std::uint32_t free = send_room(resources);
  std::size_t room = free > 0 ? free / 2 + tail : 0;
  if (tuning_->unsent_limit_bytes != 0 && room > 0) {
    room = std::min<std::size_t>(room, tuning_->unsent_limit_bytes - unsent_bytes());
  }
  if (charge > send_charge_limit(resources) / 3 * 2 || has_enough_unsent()) {
    // The caller may find this too little; `report_writable` tells when a third of the buffer is
    // free.
    wants_writable_ = true;
  }
  return room;
}

Result<std::size_t> Connection::readable() const noexcept {
  if (active_ != nullptr && !active_->receive_queue.empty()) {
    return urgent_in_.limit(active_->receive_queue.size(), read_nxt());
  }
  if (peer_fin_received_) {
    return fail(Error::EndOfStream);
  }
  if (!outcome_) {
    return fail(outcome_.error());
  }
  return fail(Error::WouldBlock);
}

std::span<const std::byte> Connection::peek() const noexcept {
  if (active_ == nullptr) {
    return {};
  }
  const auto front = active_->receive_queue.front();
  return front.first(urgent_in_.limit(static_cast<std::uint32_t>(front.size()), read_nxt()));
}

void Connection::consume(const Resources& resources, std::uint32_t bytes) noexcept {
  base::expects(active_ != nullptr);
  active_->receive_queue.consume(bytes, resources.budget);
  settle_urgent(resources);
  ack_now_ = ack_now_ || is_window_update_due(resources);
  detach_if_idle(resources);
  report_peer_finished();
}

Packet Connection::receive_packet(const Resources& resources) noexcept {
  if (active_ == nullptr) {
    return {};
  }
  Packet packet = active_->receive_queue.pop(resources.budget);
  settle_urgent(resources);
  ack_now_ = ack_now_ || is_window_update_due(resources);
  detach_if_idle(resources);
  report_peer_finished();
  return packet;
}

void Connection::release(const Resources& resources) noexcept {
  if (active_ != nullptr) {
    active_->send_buffer.clear(resources.budget);
    active_->drop_sent(resources.sent_segments);
    active_->receive_queue.clear(resources.budget);
    active_->drop_out_of_order(resources.budget);
    detach_if_idle(resources);
  }
  retransmit_at_ = ack_at_ = override_at_ = state_at_ = kNever;
  keepalive_.stop();
  set_tuning(resources, {});
  Steering{*this, resources}.release();
}

bool Connection::attach(const Resources& resources) noexcept {
  if (active_ == nullptr) {
    active_ = resources.active_blocks.emplace();
    if (active_ != nullptr) {
      active_->send_buffer.start(send_.snd_nxt);
      active_->pushed = send_.snd_nxt;
      active_->recovery.highest = send_.snd_una;
      active_->recovery.renege_at = send_.snd_una;
      aftermath_.hand_over(active_->recovery);
      active_->recovery.rate.start(std::uint64_t{delivered_units_} * kDeliveredUnit);
      // What follows an idle time tells how fast the application is.
      active_->recovery.rate.on_application_limited(0);
    }
  }
  return active_ != nullptr;
}

void Connection::detach_if_idle(const Resources& resources) noexcept {
  if (active_ != nullptr && !active_->is_needed()) {
    // Rounded up: totals are compared with what they were, and must never go back.
    delivered_units_ = static_cast<std::uint32_t>(
        (active_->recovery.rate.delivered() + kDeliveredUnit - 1) / kDeliveredUnit);
    aftermath_.keep(active_->recovery, send_.snd_una);
    resources.active_blocks.erase(resources.active_blocks.index_of(*active_));
    active_ = nullptr;
  }
}

void Connection::report_peer_finished() noexcept {
  const bool has_unread = active_ != nullptr && !active_->receive_queue.empty();
  if (peer_fin_received_ && !has_unread && !peer_finished_reported_) {
    peer_finished_reported_ = true;
    events_.add(app_closed_ ? 0 : Events::kPeerFinished);
  }
  report_if_over();
}

bool Connection::is_consistent() const noexcept {
  const bool send_ordered = send_.snd_una.is_at_or_before(send_.snd_nxt);
  const bool window_open = receive_.rcv_nxt.is_at_or_before(receive_.rcv_adv);
  const bool timer_runs = state_ == TcpState::Closed || active_ == nullptr ||
                          active_->sent.in_network() == 0 || retransmit_at_ != kNever;
  return send_ordered && window_open && timer_runs;
}

bool Connection::check_invariants() const noexcept {
  return is_consistent() && (active_ == nullptr || (active_->sent.check_invariants() &&
                                                    active_->reassembly.check_invariants()));
}

}  // namespace millrace::tcp
