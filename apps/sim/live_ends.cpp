#include "apps/sim/live_ends.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <millrace/stats.hpp>

namespace swarm {

using millrace::Error;
using millrace::Result;
using millrace::TcpSocket;

namespace {

constexpr std::size_t kPiece = 64UL << 10U;
constexpr millrace::Duration kRetryAfter = std::chrono::milliseconds{100};

bool may_come_right(Error error) noexcept {
  return error == Error::ConnectionRefused || error == Error::HostUnreachable ||
         error == Error::TimedOut;
}

}  // namespace

LiveSender::LiveSender(millrace::Worker& worker, const millrace::Endpoint& destination,
                       std::uint64_t bytes)
    : worker_{worker}, destination_{destination}, bytes_{bytes} {}

void LiveSender::dial() {
  const auto socket = worker_.connect(destination_, *this);
  if (socket) {
    socket_ = *socket;
  } else {
    on_closed({}, millrace::fail(socket.error()));
  }
}

void LiveSender::on_connected(TcpSocket socket) {
  is_connected_ = true;
  on_writable(socket);
}

void LiveSender::on_writable(TcpSocket socket) {
  static constexpr std::array<std::byte, kPiece> kZeros{};
  std::uint64_t& queued = report_.queued_bytes;
  while (bytes_ == 0 || queued < bytes_) {
    const std::uint64_t rest = bytes_ == 0 ? kPiece : std::min(bytes_ - queued, kPiece);
    const auto taken = socket.send(std::span{kZeros}.first(rest));
    if (!taken) {
      return;
    }
    queued += *taken;
  }
  static_cast<void>(socket.shutdown());
}

void LiveSender::on_peer_finished(TcpSocket socket) {
  note(socket);
  // A peer that has nothing to say may still listen: what was ordered goes there first.
  if (has_queued_all()) {
    static_cast<void>(socket.close());
  }
}

void LiveSender::on_closed(TcpSocket, Result<void> outcome) {
  if (outcome || is_done_) {
    report_.is_complete = outcome.has_value() && has_queued_all();
    is_done_ = true;
    return;
  }
  if (!is_connected_ && may_come_right(outcome.error())) {
    if (const auto timer = worker_.after(kRetryAfter, [this] { dial(); })) {
      retry_ = *timer;
      return;
    }
  }
  is_done_ = true;
  report_.problem = (is_connected_ ? "the connection ended: " : "never connected: ") +
                    std::string{to_string(outcome.error())};
}

void LiveSender::note(TcpSocket socket) {
  if (const auto info = socket.info()) {
    report_.info = *info;
  }
  report_.controller = socket.congestion_control().value_or(report_.controller);
  const millrace::CoreStats& stats = worker_.stats();
  report_.timeouts = stats.tcp_retransmission_timeouts;
  report_.timeouts_undone = stats.tcp_timeouts_undone;
  report_.tail_loss_probes = stats.tcp_tail_loss_probes;
}

void LiveSender::abort() {
  static_cast<void>(retry_.cancel());
  if (!is_connected_ && !is_done_) {
    report_.problem = "never connected: nobody answered in time";
  }
  is_done_ = true;
  if (socket_.is_open()) {
    note(socket_);
    static_cast<void>(socket_.abort());
  }
}

double ReceiverReport::goodput() const noexcept {
  if (!first_accepted || !last_received || *last_received <= *first_accepted) {
    return 0;
  }
  constexpr double kBitsPerByte = 8;
  return static_cast<double>(bytes) * kBitsPerByte /
         std::chrono::duration<double>(*last_received - *first_accepted).count();
}

void LiveReceiver::on_accepted(TcpSocket socket) {
  ++report_.connections;
  report_.first_accepted = report_.first_accepted.value_or(worker_.now());
  open_.emplace(socket.key(), socket);
  drain(socket);
}

void LiveReceiver::on_readable(TcpSocket socket) { drain(socket); }

void LiveReceiver::on_peer_finished(TcpSocket socket) {
  drain(socket);
  static_cast<void>(socket.close());
}

void LiveReceiver::on_closed(TcpSocket socket, Result<void>) { open_.erase(socket.key()); }

void LiveReceiver::drain(TcpSocket socket) {
  for (std::size_t there = socket.readable(); there > 0; there = socket.readable()) {
    const std::size_t piece = socket.peek().size();
    if (piece == 0 || !socket.consume(piece)) {
      return;
    }
    report_.bytes += piece;
    report_.last_received = worker_.now();
  }
}

void LiveReceiver::abort() {
  for (const auto& [key, socket] : std::map{open_}) {
    static_cast<void>(socket.abort());
  }
  open_.clear();
}

}  // namespace swarm
