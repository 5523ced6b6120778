#include "apps/sim/talker.hpp"

#include <algorithm>
#include <utility>

#include "apps/sim/stream.hpp"

namespace swarm {

using millrace::Error;
using millrace::Result;
using millrace::TcpSocket;

Talker::Talker(millrace::Worker& worker, const EndPlan& plan, OnOpen on_open)
    : worker_{worker},
      plan_{plan},
      on_open_{std::move(on_open)},
      random_{millrace::base::Random::from_seed(plan.seed)},
      scratch_(plan.piece_max) {}

void Talker::begin(TcpSocket socket) {
  if (std::exchange(has_begun_, true)) {
    complain("begun twice");
  }
  socket_ = socket;
  on_open_(socket);
  apply_options();
  write();
}

void Talker::apply_options() {
  const bool is_fine = socket_.set_no_delay(plan_.no_delay).has_value() &&
                       socket_.set_keepalive(plan_.keepalive).has_value() &&
                       (plan_.congestion_control.empty() ||
                        socket_.set_congestion_control(plan_.congestion_control).has_value());
  if (!is_fine) {
    complain("an option was refused");
  }
}

void Talker::on_writable(TcpSocket) {
  if (!is_write_paused_) {
    write();
  }
}

void Talker::write() {
  while (sent_ < plan_.send_bytes && socket_.is_open()) {
    const std::size_t bytes = static_cast<std::size_t>(
        std::min<std::uint64_t>(1 + random_.below(plan_.piece_max), plan_.send_bytes - sent_));
    const std::size_t taken = write_piece(bytes);
    if (taken == 0) {
      return;
    }
    sent_ += taken;
    if (plan_.write_pause > Duration{} && sent_ < plan_.send_bytes) {
      is_write_paused_ = true;
      after(plan_.write_pause, write_timer_, &Talker::on_write_timer);
      return;
    }
  }
  finish_if_done();
}

void Talker::on_write_timer() {
  is_write_paused_ = false;
  write();
}

std::size_t Talker::write_piece(std::size_t bytes) {
  if (plan_.cork && random_.one_in(8)) {
    static_cast<void>(socket_.set_cork(random_.one_in(2)));
  }
  const bool is_urgent = plan_.urgent_percent > 0 && random_.below(100) < plan_.urgent_percent;
  return !is_urgent && plan_.uses_buffers && random_.one_in(2) ? write_buffer(bytes)
                                                               : write_copy(bytes, is_urgent);
}

std::size_t Talker::write_copy(std::size_t bytes, bool is_urgent) {
  const auto piece = std::span{scratch_}.first(bytes);
  write_stream(plan_.send_seed, sent_, piece);
  const auto taken = is_urgent ? socket_.send_urgent(piece) : socket_.send(piece);
  if (!taken && is_trouble(taken.error())) {
    complain("send: " + std::string{to_string(taken.error())});
  }
  return taken.value_or(0);
}

std::size_t Talker::write_buffer(std::size_t bytes) {
  auto buffer = worker_.allocate_buffer();
  if (!buffer) {
    // Nothing follows an empty pool; a copy says so and waits.
    return write_copy(bytes, false);
  }
  const std::size_t count = std::min(bytes, buffer->spare().size());
  write_stream(plan_.send_seed, sent_, buffer->spare().first(count));
  buffer->extend(count);
  const auto taken = socket_.send(std::move(*buffer));
  if (!taken && is_trouble(taken.error())) {
    complain("send of a buffer: " + std::string{to_string(taken.error())});
  }
  return taken ? count : 0;
}

bool Talker::is_trouble(const Error& error) const noexcept {
  if (error == Error::InvalidState) {
    // It may have ended a moment ago, and be told of that later in this turn.
    return socket_.state() != millrace::TcpState::Closed;
  }
  return error != Error::WouldBlock && error != Error::OutOfPackets;
}

void Talker::on_readable(TcpSocket) {
  if (peer_has_finished_) {
    complain("readable after the peer had finished");
  }
  read_soon();
}

void Talker::read_soon() {
  if (is_read_paused_) {
    return;
  }
  if (stalls()) {
    is_read_paused_ = true;
    is_stalling_ = true;
    after(plan_.stall, read_timer_, &Talker::on_read_timer);
  } else if (plan_.read_pause > Duration{}) {
    is_read_paused_ = true;
    after(plan_.read_pause, read_timer_, &Talker::on_read_timer);
  } else {
    read();
  }
}

bool Talker::stalls() {
  return plan_.stall > Duration{} && received_ >= plan_.stall_at &&
         !std::exchange(has_stall_begun_, true);
}

void Talker::on_read_timer() {
  is_read_paused_ = false;
  is_stalling_ = false;
  read();
}

void Talker::read() {
  while (read_piece() > 0) {
    const bool pauses =
        plan_.read_pause > Duration{} ||
        (plan_.stall > Duration{} && received_ >= plan_.stall_at && !has_stall_begun_);
    if (pauses && socket_.readable() > 0) {
      read_soon();
      return;
    }
  }
  finish_if_done();
}

std::size_t Talker::read_piece() {
  if (!socket_.is_open()) {
    return 0;
  }
  switch (random_.below(3)) {
    case 0: {
      const auto buffer = socket_.receive_buffer();
      if (buffer) {
        check(buffer->data());
        return buffer->size();
      }
      [[fallthrough]];  // A packet that is shared cannot be taken where none is left.
    }
    case 1: {
      const std::size_t bytes =
          std::min<std::size_t>(socket_.peek().size(), 1 + random_.below(plan_.piece_max));
      check(socket_.peek().first(bytes));
      if (!socket_.consume(bytes)) {
        complain("consume failed");
      }
      return bytes;
    }
    default: {
      const auto into = std::span{scratch_}.first(1 + random_.below(plan_.piece_max));
      const auto bytes = socket_.receive(into);
      check(into.first(bytes.value_or(0)));
      return bytes.value_or(0);
    }
  }
}

void Talker::check(std::span<const std::byte> bytes) {
  const std::size_t sound = first_wrong(plan_.receive_seed, received_, bytes);
  if (sound < bytes.size()) {
    complain("byte " + std::to_string(received_ + sound) + " is wrong");
  }
  received_ += bytes.size();
  if (received_ > plan_.receive_bytes) {
    complain("more was received than was sent");
  }
}

void Talker::on_peer_finished(TcpSocket) {
  if (std::exchange(peer_has_finished_, true)) {
    complain("the peer finished twice");
  }
  if (socket_.readable() > 0) {
    complain("the peer finished before all was read");
  }
  finish_if_done();
}

void Talker::finish_if_done() {
  if (!socket_.is_open()) {
    return;
  }
  const bool is_sent = sent_ == plan_.send_bytes;
  switch (plan_.ending) {
    case Ending::Shutdown:
      if (is_sent && !std::exchange(has_shut_down_, true) && !socket_.shutdown()) {
        complain("shutdown failed");
      }
      break;
    case Ending::CloseWhenDone:
      if (is_sent && peer_has_finished_) {
        static_cast<void>(socket_.close());
      } else if (is_sent && has_all() && !std::exchange(has_shut_down_, true)) {
        static_cast<void>(socket_.shutdown());
      }
      break;
    case Ending::CloseAfterSend:
      if (is_sent && has_all()) {
        static_cast<void>(socket_.close());
      }
      break;
    case Ending::CloseAfterPeer:
      if (is_sent && peer_has_finished_) {
        static_cast<void>(socket_.close());
      }
      break;
    case Ending::Abort:
      if (received_ >= plan_.abort_after) {
        static_cast<void>(socket_.abort());
      }
      break;
  }
}

void Talker::on_closed(TcpSocket socket, Result<void> outcome) {
  socket_ = socket;
  while (outcome && read_piece() > 0) {
    // What has arrived can still be read in here.
  }
  if (outcome_) {
    complain("closed twice");
  }
  outcome_ = outcome;
  static_cast<void>(write_timer_.cancel());
  static_cast<void>(read_timer_.cancel());
  if (on_end_) {
    on_end_();
  }
}

std::string Talker::verdict(bool may_abort) const {
  if (!problem_.empty()) {
    return problem_;
  }
  const std::string counts = " (sent " + std::to_string(sent_) + " of " +
                             std::to_string(plan_.send_bytes) + ", received " +
                             std::to_string(received_) + " of " +
                             std::to_string(plan_.receive_bytes) + ")";
  if (!outcome_) {
    return "not closed" + counts;
  }
  if (may_abort) {
    return {};
  }
  if (!*outcome_) {
    return "ended with " + std::string{to_string(outcome_->error())} + counts;
  }
  return received_ == plan_.receive_bytes && sent_ == plan_.send_bytes ? "" : "incomplete" + counts;
}

void Talker::complain(const std::string& what) {
  if (problem_.empty()) {
    problem_ = what;
  }
}

void Talker::after(Duration delay, millrace::Timer& timer, void (Talker::*what)()) {
  auto armed = worker_.after(delay, [this, what] { (this->*what)(); });
  if (armed) {
    timer = *armed;
  } else {
    complain("no timer: " + std::string{to_string(armed.error())});
  }
}

}  // namespace swarm
