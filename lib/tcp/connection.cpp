// The application's calls, events and deadlines; what a connection holds while it is active.
#include "tcp/connection.hpp"
#include "tcp/steering.hpp"

#include <algorithm>

#include "base/contract.hpp"

namespace millrace::tcp {

using packet::Packet;

namespace {

constexpr std::uint32_t kDeliveredUnit = 64 * 1024;
// Up to here a payload is copied behind the one before it rather than kept in a buffer of its own.
constexpr std::uint32_t kTailCopyMax = 256;

}  // namespace

Connection::~Connection() { base::expects(active_ == nullptr); }

std::uint32_t Connection::packet_bytes_max() const noexcept {
  constexpr std::uint32_t kRoom = packet::CorePools::kDataRoomBytes;
  if (mss_ > kRoom / 2) {
    return std::min<std::uint32_t>(mss_, kRoom);
  }
  return kRoom / mss_ * mss_;
}

std::optional<Instant> Connection::next_deadline() const noexcept {
  Instant deadline = std::min(std::min(retransmit_at_, ack_at_), override_at_);
  deadline = std::min(std::min(deadline, state_deadline()), keepalive_.deadline());
  if (active_ != nullptr) {
    deadline = std::min(deadline, active_->recovery.timer_at);
    if (active_->is_held_by_pacer) {
      deadline = std::min(deadline, active_->pacer.next_at());
    }
  }
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
  if (active_ == nullptr && tuning_->unsent_limit_bytes == 0 &&
      resources.budget.left(packet::BudgetUse::FirstToSend) >=
          packet::PacketBudget::kPacketCharge) {
    // The usual answer to a message: with nothing queued only packets could be missing.
    return {};
  }
  if (writable(resources) == 0) {
    want_writable(resources, now);
    return fail(send_room(resources).is_short_of_packets() ? Error::OutOfPackets
                                                           : Error::WouldBlock);
  }
  return {};
}

std::size_t Connection::append_to_tail(std::span<const std::byte> bytes) noexcept {
  return active_ == nullptr ? 0 : active_->send_buffer.append_to_tail(bytes, packet_bytes_max());
}

Result<void> Connection::append(const Resources& resources, Instant now, Packet& packet,
                                bool has_room, const KnownSum& sum) noexcept {
  if (attach(resources)) {
    SendBuffer& buffer = active_->send_buffer;
    if (buffer.empty() && active_->sent.empty()) {
      buffer.start(send_.snd_nxt);
    }
    const bool is_full = !has_room && send_room(resources).free() == 0;
    const bool is_small = is_full || packet.size() <= kTailCopyMax;
    if (is_small && !buffer.empty() && packet.size() <= buffer.tail_room(packet_bytes_max())) {
      // Decision 5: a small payload costs a copy, not a buffer.
      static_cast<void>(buffer.append_to_tail(packet.data(), packet_bytes_max()));
      packet.reset();
      return {};
    }
    if (is_full) {
      want_writable(resources, now);
      const bool is_short = send_room(resources).is_short_of_packets();
      detach_if_idle(resources);
      return fail(is_short ? Error::OutOfPackets : Error::WouldBlock);
    }
    if (buffer.append(packet, resources.budget, sum)) {
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
  if (send_room(resources).is_within_limits()) {
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

SendRoom Connection::send_room(const Resources& resources) const noexcept {
  SendRoom::Measure measure{.buffer_limit = send_buffer_limit(resources),
                            .has_enough_unsent = has_enough_unsent()};
  if (active_ != nullptr) {
    measure.charge = active_->send_buffer.charge();
    measure.use = active_->send_buffer.budget_use();
  }
  return SendRoom{measure, resources.budget};
}

std::size_t Connection::writable(const Resources& resources) noexcept {
  if (!can_send() || fin_queued_) {
    return 0;
  }
  if (tuning_ == &kUntuned && (active_ == nullptr || active_->send_buffer.empty())) {
    // Nothing is queued, and nothing but the defaults limits it: asked before most answers.
    return SendRoom{{.buffer_limit = send_buffer_limit(resources)}, resources.budget}.free() / 2;
  }
  const SendRoom room = send_room(resources);
  if (room.is_nearly_used_up()) {
    // `report_writable` tells when a third of the buffer is free.
    wants_writable_ = true;
  }
  if (room.free() == 0) {
    return 0;
  }
  // Payload that still fits, were it to come in full packets: the charge of a buffer is at most
  // twice what it carries. Zero exactly when `append` would refuse a packet, whatever is free
  // behind the last one.
  std::size_t bytes = room.free() / 2;
  if (active_ != nullptr && !active_->send_buffer.empty()) {
    bytes += active_->send_buffer.tail_room(packet_bytes_max());
  }
  if (tuning_->unsent_limit_bytes != 0) {
    bytes = std::min<std::size_t>(bytes, tuning_->unsent_limit_bytes - unsent_bytes());
  }
  return bytes;
}

Result<std::size_t> Connection::readable() const noexcept {
  if (active_ != nullptr && !active_->receive_queue.empty()) {
    const std::uint32_t unread = active_->receive_queue.size();
    return urgent_in_.is_pending() ? urgent_in_.limit(unread, read_nxt()) : unread;
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
  on_read(resources);
}

Packet Connection::receive_packet(const Resources& resources) noexcept {
  if (active_ == nullptr) {
    return {};
  }
  Packet packet = active_->receive_queue.pop(resources.budget);
  on_read(resources);
  return packet;
}

void Connection::on_read(const Resources& resources) noexcept {
  settle_urgent(resources);
  ack_now_ = ack_now_ || is_window_update_due(resources);
  detach_if_idle(resources);
  if (state_ != TcpState::Established) {
    // The peer may have finished, and nothing be left to read.
    report_peer_finished();
  }
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
  if (active_ != nullptr) [[likely]] {
    return true;
  }
  active_ = resources.active_blocks.emplace();
  if (active_ == nullptr) {
    return false;
  }
  active_->send_buffer.start(send_.snd_nxt);
  active_->pushed = send_.snd_nxt;
  active_->recovery.highest = send_.snd_una;
  active_->recovery.renege_at = send_.snd_una;
  aftermath_.hand_over(active_->recovery);
  active_->recovery.rate.start(std::uint64_t{delivered_units_} * kDeliveredUnit);
  // What follows an idle time tells how fast the application is.
  active_->recovery.rate.on_application_limited(0);
  return true;
}

void Connection::detach_if_idle(const Resources& resources) noexcept {
  if (active_ == nullptr || active_->is_needed()) [[likely]] {
    return;
  }
  // Rounded up: totals are compared with what they were, and must never go back.
  delivered_units_ = static_cast<std::uint32_t>(
      (active_->recovery.rate.delivered() + kDeliveredUnit - 1) / kDeliveredUnit);
  aftermath_.keep(active_->recovery, send_.snd_una);
  resources.active_blocks.erase(resources.active_blocks.index_of(*active_));
  active_ = nullptr;
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
  const bool timer_runs =
      active_ == nullptr || active_->sent.in_network() == 0 || retransmit_at_ != kNever;
  // Nothing more comes of what is over.
  return (send_ordered && window_open && timer_runs) || state_ == TcpState::Closed;
}

bool Connection::check_invariants() const noexcept {
  return is_consistent() && (active_ == nullptr || (active_->sent.check_invariants() &&
                                                    active_->reassembly.check_invariants()));
}

}  // namespace millrace::tcp
