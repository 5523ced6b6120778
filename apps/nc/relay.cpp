// The two directions, their ends, and the timeouts. Messages go to standard error, a line each.
#include "nc/relay.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "nc/relay_words.hpp"

namespace nc {

Relay::Relay(millrace::Worker& worker, StandardIo& io, const Options& options, OnEnd on_end)
    : worker_{worker},
      io_{io},
      options_{options},
      on_end_{std::move(on_end)},
      peer_name_{options.peer.to_string()} {}

millrace::Result<void, std::string> Relay::start() {
  const millrace::Endpoint& peer = options_.peer;
  if (options_.listens) {
    const auto listener = worker_.listen({.port = peer.port, .address = peer.address}, *this);
    if (!listener) {
      return millrace::fail("port " + std::to_string(peer.port.number()), listener.error());
    }
    listener_ = *listener;
    if (options_.wait && !worker_.after(*options_.wait, [this] { stop_listening(); })) {
      return millrace::fail("-w cannot be kept: no timer is free");
    }
    say("listening on port " + std::to_string(peer.port.number()));
    return {};
  }
  const auto socket =
      worker_.connect(peer, *this, {.local_port = options_.source_port, .timeout = options_.wait});
  if (!socket) {
    return millrace::fail(peer_name_, socket.error());
  }
  return {};
}

void Relay::stop_listening() {
  if (socket_ != millrace::TcpSocket{}) {
    return;
  }
  fail("port " + std::to_string(options_.peer.port.number()), "nobody connected in time");
  listener_.close();
  end();
}

void Relay::on_accepted(millrace::TcpSocket socket) {
  if (socket_ != millrace::TcpSocket{}) {
    socket.abort();  // One peer is served; this one came in the same turn.
    return;
  }
  listener_.close();
  begin(socket);
}

void Relay::on_connected(millrace::TcpSocket socket) { begin(socket); }

void Relay::begin(millrace::TcpSocket socket) {
  socket_ = socket;
  socket_.set_no_delay(true);
  socket_.set_keepalive(options_.keepalive);
  last_traffic_ = worker_.now();
  if (const auto endpoints = socket_.endpoints()) {
    peer_name_ = endpoints->remote.to_string();
  }
  say((options_.listens ? "connection from " : "connected to ") + peer_name_);
  if (options_.wait) {
    watch_idle();
  }
  read_input();
}

void Relay::on_readable(millrace::TcpSocket socket) {
  if (socket == socket_) {
    write_output();
  }
}

void Relay::on_writable(millrace::TcpSocket socket) {
  if (socket == socket_) {
    send_input();
  }
}

void Relay::on_peer_finished(millrace::TcpSocket socket) {
  if (socket == socket_) {
    peer_finished_ = true;
    write_output();
  }
}

void Relay::on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) {
  const bool was_connected = socket_ != millrace::TcpSocket{};
  if (was_connected && socket != socket_) {
    return;
  }
  if (!outcome && !has_failed_ && !gave_up_) {
    fail(peer_name_, to_string(outcome.error()));
  }
  is_closed_ = true;
  if (was_connected) {
    keep_rest();
  }
  write_output();
}

// Standard input: read on a helper, sent here, read again when all of it is sent.
void Relay::read_input() {
  if (input_.is_busy || input_.is_finished) {
    return;
  }
  const auto taken = worker_.background(
      [this] {
        const auto count = io_.read(input_.chunk);
        input_.begin = 0;
        input_.end = count.value_or(0);
        input_.error = count ? 0 : count.error();
      },
      [this] {
        input_.is_busy = false;
        send_input();
      });
  input_.is_busy = taken.has_value();
  if (!taken && !worker_.after(kRetryDelay, [this] { read_input(); })) {
    fail("standard input", to_string(millrace::Error::OutOfTimers));
    socket_.abort();
  }
}

void Relay::send_input() {
  if (input_.is_busy || input_.is_finished || !socket_.is_open()) {
    return;
  }
  if (input_.end == 0) {
    finish_input();
    return;
  }
  const auto waiting = std::span{input_.chunk}.subspan(input_.begin, input_.end - input_.begin);
  const auto taken = socket_.send(waiting);
  input_.begin += taken.value_or(0);
  if (taken) {
    last_traffic_ = worker_.now();
  }
  if (input_.begin == input_.end) {
    read_input();
  }
}

void Relay::finish_input() {
  if (input_.error != 0) {
    fail("standard input", system_message(input_.error));
    socket_.abort();
    return;
  }
  input_.is_finished = true;
  socket_.shutdown();
  if (options_.quit) {
    const auto quits = worker_.after(
        *options_.quit, [this] { give_up("the time after the end of input is over"); });
    if (!quits) {
      give_up("-q is not kept: no timer is free");
    }
  }
  end_if_done();
}

// The peer: received into the chunk here, written on a helper. Nothing is received meanwhile, so
// the window closes.
void Relay::write_output() {
  if (output_.is_busy) {
    return;
  }
  if (output_.is_finished) {
    end_if_done();
    return;
  }
  if (output_.begin == output_.end) {
    output_.begin = 0;
    output_.end = next_output();
    if (output_.end == 0) {
      output_.is_finished = peer_finished_ || is_closed_;
      end_if_done();
      return;
    }
    last_traffic_ = worker_.now();
  }
  const auto taken = worker_.background(
      [this] {
        const auto outcome = io_.write(std::span{output_.chunk}.first(output_.end));
        output_.error = outcome ? 0 : outcome.error();
      },
      [this] { on_output_written(); });
  output_.is_busy = taken.has_value();
  if (!taken && !worker_.after(kRetryDelay, [this] { write_output(); })) {
    fail("standard output", to_string(millrace::Error::OutOfTimers));
    socket_.abort();
  }
}

std::size_t Relay::next_output() {
  if (!is_closed_) {
    return socket_.receive(output_.chunk).value_or(0);
  }
  const auto next = std::span{rest_}.subspan(rest_begin_);
  const std::size_t count = std::min(next.size(), output_.chunk.size());
  std::ranges::copy(next.first(count), output_.chunk.begin());
  rest_begin_ += count;
  return count;
}

void Relay::on_output_written() {
  output_.is_busy = false;
  output_.begin = output_.end;
  if (output_.error != 0) {
    fail("standard output", system_message(output_.error));
    output_.is_finished = true;  // What is left has nowhere to go.
    if (is_closed_) {
      end();
    } else {
      socket_.abort();
    }
    return;
  }
  write_output();
}

// The connection may end while output is still being written: what it had received is kept.
void Relay::keep_rest() {
  rest_.resize(socket_.readable());
  std::size_t kept = 0;
  while (kept < rest_.size()) {
    const auto count = socket_.receive(std::span{rest_}.subspan(kept));
    if (!count || *count == 0) {
      break;
    }
    kept += *count;
  }
  rest_.resize(kept);
}

void Relay::end_if_done() {
  if (is_closed_) {
    end();
  } else if (input_.is_finished && output_.is_finished) {
    socket_.close();
  }
}

// One timer at a time, set to when the silence would have lasted long enough.
void Relay::watch_idle() {
  const millrace::Instant limit = last_traffic_ + *options_.wait;
  if (limit <= worker_.now()) {
    give_up("no traffic for as long as -w allows");
    return;
  }
  if (!worker_.after(limit - worker_.now(), [this] { watch_idle(); })) {
    say("-w is not kept: no timer is free");
  }
}

// A close in order may wait for the peer for as long as it likes; the time for that is over.
void Relay::give_up(std::string_view why) {
  say(why);
  gave_up_ = true;
  socket_.abort();
}

void Relay::fail(std::string_view what, std::string_view why) {
  has_failed_ = true;
  complain(what, why);
}

void Relay::say(std::string_view what) const {
  if (options_.is_verbose) {
    say_line(what);
  }
}

void Relay::end() {
  io_.interrupt();
  if (on_end_) {
    std::exchange(on_end_, nullptr)(has_failed_ ? 1 : 0);
  }
}

}  // namespace nc
