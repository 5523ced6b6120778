#include "simulation/transfer.hpp"

#include <algorithm>
#include <utility>

namespace millrace::test {

std::byte stream_byte(std::uint64_t seed, std::uint64_t offset) {
  // One multiplication-based mix for eight bytes at a time.
  std::uint64_t word = seed * 0x9e37'79b9'7f4a'7c15 + offset / 8;
  word = (word ^ (word >> 30)) * 0xbf58'476d'1ce4'e5b9;
  word ^= word >> 27;
  return static_cast<std::byte>(word >> (offset % 8 * 8));
}

Transfer::Transfer(Worker& worker, const TransferPlan& plan)
    : worker_{worker},
      plan_{plan},
      random_{base::Random::from_seed(plan.seed)},
      scratch_(plan.piece_max) {}

void Transfer::begin(TcpSocket socket) {
  if (std::exchange(has_begun_, true)) {
    complain("begun twice");
  }
  if (!socket.set_no_delay(plan_.no_delay)) {
    complain("set_no_delay failed");
  }
  write(socket);
}

void Transfer::write(TcpSocket socket) {
  while (sent_ < plan_.send_bytes && socket.is_open()) {
    const std::size_t bytes = static_cast<std::size_t>(
        std::min<std::uint64_t>(1 + random_.below(plan_.piece_max), plan_.send_bytes - sent_));
    const std::size_t taken = plan_.uses_buffers && random_.one_in(2) ? write_buffer(socket, bytes)
                                                                      : write_copy(socket, bytes);
    if (taken == 0) {
      return;
    }
    sent_ += taken;
  }
  finish_if_done(socket);
}

std::size_t Transfer::write_copy(TcpSocket socket, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) {
    scratch_[i] = stream_byte(plan_.send_seed, sent_ + i);
  }
  const auto taken = socket.send(std::span{scratch_}.first(bytes));
  if (!taken && taken.error() != Error::WouldBlock && taken.error() != Error::OutOfPackets) {
    complain("send: " + std::string{to_string(taken.error())});
  }
  return taken.value_or(0);
}

std::size_t Transfer::write_buffer(TcpSocket socket, std::size_t bytes) {
  auto buffer = worker_.allocate_buffer();
  if (!buffer) {
    // Nothing follows an empty pool; a copy says so and waits.
    return write_copy(socket, bytes);
  }
  const std::size_t count = std::min(bytes, buffer->spare().size());
  for (std::size_t i = 0; i < count; ++i) {
    buffer->spare()[i] = stream_byte(plan_.send_seed, sent_ + i);
  }
  buffer->extend(count);
  const auto taken = socket.send(std::move(*buffer));
  if (!taken && taken.error() != Error::WouldBlock && taken.error() != Error::OutOfPackets) {
    complain("send of a buffer: " + std::string{to_string(taken.error())});
  }
  return taken ? count : 0;
}

void Transfer::on_readable(TcpSocket socket) {
  if (peer_has_finished_) {
    complain("readable after the peer had finished");
  }
  read(socket);
  finish_if_done(socket);
}

void Transfer::read(TcpSocket socket) {
  while (read_piece(socket) > 0) {
  }
}

std::size_t Transfer::read_piece(TcpSocket socket) {
  switch (random_.below(3)) {
    case 0: {
      const auto buffer = socket.receive_buffer();
      if (buffer) {
        check(buffer->data());
      }
      return buffer ? buffer->size() : 0;
    }
    case 1: {
      const std::size_t bytes =
          std::min<std::size_t>(socket.peek().size(), 1 + random_.below(plan_.piece_max));
      check(socket.peek().first(bytes));
      if (!socket.consume(bytes)) {
        complain("consume failed");
      }
      return bytes;
    }
    default: {
      const auto into = std::span{scratch_}.first(1 + random_.below(plan_.piece_max));
      const auto bytes = socket.receive(into);
      check(into.first(bytes.value_or(0)));
      return bytes.value_or(0);
    }
  }
}

void Transfer::check(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    if (byte != stream_byte(plan_.receive_seed, received_)) {
      complain("byte " + std::to_string(received_) + " is wrong");
    }
    ++received_;
  }
}

void Transfer::on_peer_finished(TcpSocket socket) {
  if (std::exchange(peer_has_finished_, true)) {
    complain("the peer finished twice");
  }
  if (socket.readable() > 0) {
    complain("the peer finished before all was read");
  }
  finish_if_done(socket);
}

void Transfer::finish_if_done(TcpSocket socket) {
  if (plan_.ending == Ending::AbortMidway) {
    if (received_ >= plan_.receive_bytes / 2) {
      static_cast<void>(socket.abort());
    }
    return;
  }
  if (sent_ < plan_.send_bytes) {
    return;
  }
  const bool has_all = received_ >= plan_.receive_bytes;
  const bool waits_for_peer =
      plan_.ending == Ending::CloseWhenDone || plan_.ending == Ending::CloseAfterPeer;
  const bool closes =
      (waits_for_peer && peer_has_finished_) || (plan_.ending == Ending::CloseAfterSend && has_all);
  const bool half_closes =
      plan_.ending == Ending::Shutdown || plan_.ending == Ending::CloseWhenDone;
  if (closes) {
    static_cast<void>(socket.close());
  } else if (half_closes && !std::exchange(has_shut_down_, true)) {
    if (!socket.shutdown()) {
      complain("shutdown failed");
    }
  }
}

void Transfer::on_closed(TcpSocket socket, Result<void> outcome) {
  if (outcome_) {
    complain("closed twice");
  }
  if (!outcome) {
    read(socket);
  }
  outcome_ = outcome;
}

void Transfer::complain(const std::string& what) {
  if (problem_.empty()) {
    problem_ = what;
  }
}

std::string Transfer::verdict() const {
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
  if (!*outcome_) {
    return "ended with " + std::string{to_string(outcome_->error())} + counts;
  }
  return received_ == plan_.receive_bytes && sent_ == plan_.send_bytes ? "" : "incomplete" + counts;
}

void TransferServer::on_accepted(TcpSocket socket) {
  transfers_.push_back(std::make_unique<Transfer>(worker_, plan_));
  static_cast<void>(socket.set_handler(*transfers_.back()));
  transfers_.back()->on_accepted(socket);
}

}  // namespace millrace::test
