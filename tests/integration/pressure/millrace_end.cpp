// Events of sockets become calls of the player, and the player's calls those of sockets.
#include "pressure/millrace_end.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace pressure {

using millrace::TcpSocket;

void MillraceConversation::begin(TcpSocket socket, const Player& player) {
  socket_ = socket;
  player_.emplace(player);
  set_timer();
}

void MillraceConversation::on_connected(TcpSocket /*socket*/) { pump(); }
void MillraceConversation::on_readable(TcpSocket /*socket*/) { pump(); }
void MillraceConversation::on_writable(TcpSocket /*socket*/) { pump(); }

void MillraceConversation::on_peer_finished(TcpSocket /*socket*/) {
  player_->on_peer_finished(*this, end_.worker().now());
  set_timer();
}

void MillraceConversation::on_closed(TcpSocket /*socket*/, millrace::Result<void> outcome) {
  static_cast<void>(timer_.cancel());
  player_->on_closed(outcome ? "" : to_string(outcome.error()), end_.worker().now());
  on_over();
}

void MillraceConversation::pump() {
  if (socket_.state() != millrace::TcpState::SynSent) {
    player_->pump(*this, end_.worker().now());
  }
  set_timer();
}

void MillraceConversation::set_timer() {
  static_cast<void>(timer_.cancel());
  const millrace::Instant now = end_.worker().now();
  if (player_->next_wake() == millrace::Instant::max()) {
    return;
  }
  const auto timer = end_.worker().after(
      std::max<millrace::Duration>(player_->next_wake() - now, std::chrono::milliseconds{1}),
      [this] { pump(); });
  timer_ = timer.value_or(millrace::Timer{});
}

std::size_t MillraceConversation::send(std::span<const std::byte> bytes) {
  return socket_.send(bytes).value_or(0);
}

std::size_t MillraceConversation::receive(std::span<std::byte> into) {
  return socket_.receive(into).value_or(0);
}

void MillraceConversation::finish_sending() { static_cast<void>(socket_.shutdown()); }
void MillraceConversation::close() { static_cast<void>(socket_.close()); }
void MillraceConversation::abort() { static_cast<void>(socket_.abort()); }

void Lane::run() {
  if (end_.is_time_over()) {
    end_.on_lane_done();
    return;
  }
  const auto socket = end_.worker().connect(end_.options().peer, *this);
  if (!socket) {
    end_.ledger().violate(0, "cannot open: " + std::string{to_string(socket.error())});
    end_.on_lane_done();
    return;
  }
  // Ours are the even numbers.
  const std::uint64_t conversation = 2 * (number_ + rounds_++ * end_.options().lanes);
  begin(*socket, Player{end_.ledger(), end_.options().seed, conversation, end_.worker().now()});
}

void Lane::on_over() {
  // Not from inside the handler: a peer that refuses must not make a loop of it.
  const auto later = end_.worker().after(std::chrono::milliseconds{5}, [this] { run(); });
  if (!later) {
    end_.on_lane_done();
  }
}

void Guest::receive(MillraceEnd& end, TcpSocket socket) {
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): deletes itself in on_over.
  auto* const guest = new Guest{end};
  guest->begin(socket, Player{end.ledger(), end.options().seed, end.worker().now()});
  static_cast<void>(socket.set_handler(*guest));
}

void Guest::on_over() {
  end_.on_guest_gone();
  delete this;
}

MillraceEnd::MillraceEnd(millrace::Worker& worker, const MillraceOptions& options,
                         std::function<void(int)> on_end)
    : worker_{worker}, options_{options}, on_end_{std::move(on_end)} {}

millrace::Result<void> MillraceEnd::start() {
  if (auto listener = worker_.listen({.port = options_.port}, *this); !listener) {
    return millrace::fail(listener.error());
  }
  began_at_ = busy_at_ = worker_.now();
  lanes_running_ = options_.lanes;
  for (std::uint64_t i = 0; i < options_.lanes; ++i) {
    lanes_.push_back(std::make_unique<Lane>(*this, i));
    lanes_.back()->run();
  }
  end_if_over();
  return {};
}

void MillraceEnd::on_accepted(TcpSocket socket) {
  ++guests_;
  Guest::receive(*this, socket);
}

bool MillraceEnd::is_time_over() const noexcept {
  return worker_.now() - began_at_ >= options_.duration;
}

void MillraceEnd::end_if_over() {
  // The other end may be a little behind with the time.
  constexpr auto kQuiet = std::chrono::seconds{3};
  if (lanes_running_ > 0 || guests_ > 0) {
    busy_at_ = worker_.now();
  } else if (worker_.now() - busy_at_ >= kQuiet) {
    on_end_(ledger_.finish());
    return;
  }
  static_cast<void>(worker_.after(std::chrono::milliseconds{100}, [this] { end_if_over(); }));
}

}  // namespace pressure
