#include "posix/tcp_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "posix/epoll_set.hpp"
#include "posix/errors.hpp"

namespace millrace::posix {

using packet::Packet;

TcpState TcpFile::state() const {
  switch (phase_) {
    case Phase::Idle:
    case Phase::Over: return TcpState::Closed;
    case Phase::Listening: return TcpState::Listen;
    case Phase::Deferred: return TcpState::SynSent;
    case Phase::Opening:
      // Both ends may have called at once.
      return native.state() == TcpState::SynReceived ? TcpState::SynReceived : TcpState::SynSent;
    case Phase::Open: break;
  }
  const TcpState state = native.state();
  return state == TcpState::TimeWait ? TcpState::Closed : state;
}

bool TcpFile::has_port() {
  static_cast<void>(shut());
  return has_port_;
}

/// As Linux's tcp_set_state.
void TcpFile::note_end() noexcept {
  has_port_ = has_port_ && (has_ended_ || has_bound_port);
  has_ended_ = true;
}

std::uint8_t TcpFile::shut() {
  if (phase_ == Phase::Open) {
    switch (native.state()) {
      case TcpState::CloseWait:
      case TcpState::Closing:
      case TcpState::LastAck:
        shut_ |= kReceiveShut;
        is_done_ = true;
        break;
      case TcpState::TimeWait:
      case TcpState::Closed:
        shut_ |= kReceiveShut | kSendShut;
        is_done_ = true;
        note_end();
        break;
      case TcpState::Listen:
      case TcpState::SynSent:
      case TcpState::SynReceived:
      case TcpState::Established:
      case TcpState::FinWait1:
      case TcpState::FinWait2: break;
    }
  }
  return shut_;
}

int TcpFile::take_error() noexcept { return std::exchange(error_, 0); }

std::uint32_t TcpFile::events(std::uint32_t asked) {
  constexpr std::uint32_t kIn = EPOLLIN | EPOLLRDNORM;
  constexpr std::uint32_t kOut = EPOLLOUT | EPOLLWRNORM;
  constexpr std::uint32_t kError = EPOLLERR;
  constexpr std::uint32_t kUrgent = EPOLLPRI;
  if (is_listening()) {
    return waiting.empty() ? 0 : kIn;
  }
  const std::uint8_t closed = shut();
  const bool is_receive_shut = (closed & kReceiveShut) != 0;
  const bool is_send_shut = (closed & kSendShut) != 0;
  std::uint32_t events = error_ != 0 || !errors.empty() || notices.has_untold() ? kError : 0;
  if ((is_receive_shut && is_send_shut) || phase_ == Phase::Idle || phase_ == Phase::Over) {
    events |= EPOLLHUP;
  }
  if (is_receive_shut) {
    events |= kIn | EPOLLRDHUP;
  }
  if (phase_ == Phase::Opening) {
    return events;
  }
  if (phase_ == Phase::Deferred) {
    return events | (asked & kOut);
  }
  if ((asked & kIn) != 0 && has_enough_to_read()) {
    events |= kIn;
  }
  if ((asked & kOut) != 0 &&
      (is_send_shut || !has_connection() || (!is_send_blocked_ && native.writable() > 0))) {
    events |= kOut;
  }
  return events | ((asked & kUrgent) != 0 && is_urgent_here() ? kUrgent : 0);
}

void TcpFile::start_listening(base::SlotHandle handle) noexcept {
  phase_ = Phase::Listening;
  listener = handle;
  shut_ = 0;
}

void TcpFile::start_opening(TcpSocket socket) {
  forget();
  native = socket;
  error_ = 0;
  phase_ = Phase::Opening;
}

void TcpFile::start_deferred(const Endpoint& destination) {
  forget();
  remote = destination;
  error_ = 0;
  phase_ = Phase::Deferred;
}

void TcpFile::start_accepted(TcpSocket socket) {
  native = socket;
  phase_ = Phase::Open;
  link = Link::Connected;
}

void TcpFile::drop_held() noexcept {
  budget_.release(std::exchange(held_charge_, 0));
  held_bytes_ = 0;
  held_.clear();
}

void TcpFile::forget() noexcept {
  drop_held();
  native = {};
  phase_ = Phase::Idle;
  shut_ = 0;
  is_done_ = is_send_blocked_ = has_urgent = has_mark = has_ended_ = is_held_back = false;
  notices.finish();
  urgent_byte_.reset();
  open_error_.reset();
  last_info.reset();
}

std::size_t TcpFile::readable() {
  return held_bytes_ + (phase_ == Phase::Open ? native.readable() : 0);
}

bool TcpFile::has_enough_to_read() {
  const std::size_t there = readable();
  if (there == 0 || there >= static_cast<std::size_t>(options.receive_low_water)) {
    note_sated();
    return there > 0;
  }
  // As Linux's tcp_epollin_ready: nor will there be more where there is no room for it.
  const auto info = native.info();
  const bool is_all =
      info && (info->receive_window <= info->receive_mss ||
               budget_.left(packet::BudgetUse::InOrder) < packet::PacketBudget::kPacketCharge);
  if (is_all) {
    note_sated();
  } else {
    source_.note_unsated(*this);
  }
  return is_all;
}

std::span<const std::byte> TcpFile::front() {
  if (!held_.empty()) {
    return packet::PacketQueue::view(
        held_.front(),
        [](const Packet& packet) -> std::span<const std::byte> { return packet.data(); });
  }
  return native.peek();
}

std::size_t TcpFile::receive(std::span<std::byte> into) {
  std::size_t copied = 0;
  while (!held_.empty() && copied < into.size()) {
    const auto bytes = front().first(std::min(front().size(), into.size() - copied));
    std::memcpy(into.data() + copied, bytes.data(), bytes.size());
    copied += discard(bytes.size());
  }
  if (held_.empty() && copied < into.size() && phase_ == Phase::Open) {
    copied += native.receive(into.subspan(copied)).value_or(0);
  }
  return copied;
}

std::size_t TcpFile::discard(std::size_t bytes) {
  std::size_t gone = 0;
  while (gone < bytes && !(gone > 0 && is_at_mark())) {
    const std::size_t piece = std::min(front().size(), bytes - gone);
    if (piece == 0) {
      break;
    }
    if (held_.empty()) {
      static_cast<void>(native.consume(piece));
    } else {
      Packet packet = held_.pop_front();
      packet.remove_prefix(static_cast<std::uint32_t>(piece));
      held_bytes_ -= piece;
      if (packet.size() > 0) {
        held_.push_front(std::move(packet));
      } else {
        held_charge_ -= packet.charge();
        budget_.release(packet.charge());
      }
    }
    gone += piece;
  }
  return gone;
}

std::size_t TcpFile::peek(std::size_t skip, std::span<std::byte> into) {
  if (skip + into.size() > front().size()) {
    hold_front(skip + into.size());
  }
  if (held_.empty()) {
    const auto bytes = front().subspan(std::min(skip, front().size()));
    // Not memcpy: where nothing waits, or there is no room, the bytes lie nowhere.
    const std::size_t count = std::min(bytes.size(), into.size());
    std::ranges::copy(bytes.first(count), into.begin());
    return count;
  }
  std::size_t copied = 0;
  for (auto position = held_.front(); position != nullptr && copied < into.size();
       position = packet::PacketQueue::next(position)) {
    packet::PacketQueue::view(position, [&](const Packet& packet) {
      const std::span<const std::byte> data = packet.data();
      const auto bytes = data.subspan(std::min(skip, data.size()));
      skip -= data.size() - bytes.size();
      const std::size_t count = std::min(bytes.size(), into.size() - copied);
      std::memcpy(into.data() + copied, bytes.data(), count);
      copied += count;
    });
  }
  return copied;
}

bool TcpFile::has_urgent_byte() {
  if (has_urgent && !urgent_byte_ && phase_ == Phase::Open) {
    if (const auto byte = native.receive_urgent()) {
      urgent_byte_ = *byte;
    }
  }
  return urgent_byte_.has_value();
}

std::byte TcpFile::urgent_byte(bool is_peek) noexcept {
  const std::byte byte = *urgent_byte_;
  if (!is_peek) {
    urgent_byte_.reset();
    has_urgent = false;
  }
  return byte;
}

/// As Linux's urg_seq: the mark is before the last urgent byte, also where that is in line.
std::size_t TcpFile::bytes_to_mark() const {
  const std::size_t left = native.urgent_left();
  return options.urgent_inline && left > 0 ? left - 1 : left;
}

bool TcpFile::is_at_mark() { return has_mark && held_.empty() && bytes_to_mark() == 0; }

std::size_t TcpFile::room_to_mark() {
  const bool is_ahead = has_mark && options.urgent_inline && held_.empty() && bytes_to_mark() > 0;
  return is_ahead ? bytes_to_mark() : SIZE_MAX;
}

bool TcpFile::is_urgent_here() {
  if (!has_mark) {
    return false;
  }
  return options.urgent_inline ? readable() > bytes_to_mark() : has_urgent_byte();
}

void TcpFile::pass_mark() {
  const bool is_taken = !options.urgent_inline && !has_urgent;
  if (is_at_mark() && (is_taken || is_urgent_here())) {
    has_mark = has_urgent = false;
    urgent_byte_.reset();
  }
}

/// What is looked at across packets is taken out of the connection and read from here later. It
/// stays charged, so that peers who send and reset hold no more than those who send.
void TcpFile::hold_front(std::size_t bytes) {
  while (phase_ == Phase::Open && held_bytes_ < bytes && !(has_mark && bytes_to_mark() == 0)) {
    // A packet with the mark inside is copied up to there, and stays in the connection as well.
    const bool may_copy = native.urgent_left() > 0;
    if (may_copy &&
        budget_.left(packet::BudgetUse::InOrder) < packet::PacketBudget::kPacketCharge) {
      return;  // Less is shown, or lost with a reset.
    }
    auto buffer = native.receive_buffer();
    if (!buffer) {
      return;
    }
    Packet packet{buffer->release()};
    // What the connection has just given back for it is there to be had.
    if (!budget_.try_charge(packet.charge(), packet::BudgetUse::InOrder)) {
      return;
    }
    held_charge_ += packet.charge();
    held_bytes_ += packet.size();
    held_.push_back(std::move(packet));
  }
}

void TcpFile::on_accepted(TcpSocket socket) {
  TcpFile* const file = source_.make_accepted(*this, socket);
  if (file != nullptr) {
    waiting.push_back(*file);
    note();
  }
}

void TcpFile::on_connected(TcpSocket /*socket*/) {
  phase_ = Phase::Open;
  note();
}

void TcpFile::on_readable(TcpSocket /*socket*/) { note(); }

void TcpFile::on_writable(TcpSocket /*socket*/) {
  is_send_blocked_ = false;
  note();
}

void TcpFile::on_urgent(TcpSocket /*socket*/) {
  has_urgent = !options.urgent_inline;
  has_mark = true;
  urgent_byte_.reset();
  note();
}

/// As Linux's tcp_v4_err: what a router says ends an attempt to connect at once; later, and with
/// IP_RECVERR, it is not kept until the time is up.
void TcpFile::on_soft_error(TcpSocket socket, Error error) {
  if (error == Error::TimedOut) {
    return;
  }
  if (is_opening() && !open_error_) {
    open_error_ = error;
    static_cast<void>(socket.abort());  // on_closed follows.
  } else if (options.hears_path_errors) {
    error_ = errno_of(error);
    note();
  }
}

void TcpFile::on_peer_finished(TcpSocket /*socket*/) {
  shut_ |= kReceiveShut;
  is_done_ = true;
  note();
}

void TcpFile::on_closed(TcpSocket /*socket*/, Result<void> outcome) {
  const bool was_open = phase_ == Phase::Open;
  if (was_open) {
    // After this the handle is stale, and what has arrived is still to be read.
    has_mark = false;
    hold_front(SIZE_MAX);
  }
  if (const auto told = native.info()) {
    last_info = *told;
  }
  if (!outcome) {
    // As Linux's tcp_reset: who has seen the peer's FIN is told that nobody reads.
    const bool is_reset = outcome.error() == Error::ConnectionReset;
    error_ = is_reset && is_done_ ? EPIPE : errno_of(open_error_.value_or(outcome.error()));
  } else {
    is_done_ = true;
  }
  notices.finish();
  native = {};
  phase_ = Phase::Over;
  note_end();
  shut_ |= kReceiveShut | kSendShut;
  note();
}

}  // namespace millrace::posix
