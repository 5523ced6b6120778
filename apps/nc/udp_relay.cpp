// Chunks to datagrams and back. Messages go to standard error, a line each.
#include "nc/udp_relay.hpp"

#include <span>
#include <utility>

#include "nc/relay_words.hpp"

namespace nc {

UdpRelay::UdpRelay(millrace::Worker& worker, StandardIo& io, const Options& options, OnEnd on_end)
    : worker_{worker},
      io_{io},
      options_{options},
      on_end_{std::move(on_end)},
      peer_name_{options.peer.to_string()} {}

millrace::Result<void, std::string> UdpRelay::start() {
  millrace::UdpOptions how{.broadcast = true};
  if (options_.listens) {
    how.port = options_.peer.port;
    how.address = options_.peer.address;
  } else {
    how.port = options_.source_port;
    how.peer = options_.peer;
  }
  const auto socket = worker_.open_udp(how, *this);
  if (!socket) {
    return millrace::fail(
        options_.listens ? "port " + std::to_string(how.port.number()) : peer_name_,
        socket.error());
  }
  socket_ = *socket;
  last_traffic_ = worker_.now();
  if (options_.wait) {
    watch_idle();
  }
  if (options_.listens) {
    say("listening on port " + std::to_string(how.port.number()));
  } else {
    begin();
  }
  return {};
}

void UdpRelay::begin() {
  has_peer_ = true;
  say("sending to " + peer_name_);
  read_input();
}

void UdpRelay::on_readable(millrace::UdpSocket /*socket*/) { write_output(); }

void UdpRelay::on_writable(millrace::UdpSocket /*socket*/) { send_input(); }

void UdpRelay::on_error(millrace::UdpSocket /*socket*/, const millrace::UdpError& error) {
  if (error.is_lasting || error.error != millrace::Error::MessageTooLong) {
    fail(peer_name_, to_string(error.error));
  }
}

// Standard input: read on a helper, sent here, read again when it is sent.
void UdpRelay::read_input() {
  const auto taken = worker_.background(
      [this] {
        const auto count = io_.read(input_.chunk);
        input_.size = count.value_or(0);
        input_.error = count ? 0 : count.error();
      },
      [this] {
        input_.is_busy = false;
        send_input();
      });
  input_.is_busy = taken.has_value();
  if (!taken && !worker_.after(kRetryDelay, [this] { read_input(); })) {
    fail("standard input", to_string(millrace::Error::OutOfTimers));
  }
}

void UdpRelay::send_input() {
  if (input_.is_busy || !socket_.is_open()) {
    return;
  }
  if (input_.size == 0) {
    finish_input();
    return;
  }
  const auto sent = socket_.send(std::span{input_.chunk}.first(input_.size));
  if (!sent && (sent.error() == millrace::Error::WouldBlock ||
                sent.error() == millrace::Error::OutOfPackets)) {
    return;  // on_writable follows.
  }
  if (!sent) {
    fail(peer_name_, to_string(sent.error()));
    return;
  }
  last_traffic_ = worker_.now();
  read_input();
}

void UdpRelay::finish_input() {
  if (input_.error != 0) {
    fail("standard input", system_message(input_.error));
  } else if (options_.quit && !worker_.after(*options_.quit, [this] { end(0); })) {
    fail("-q", to_string(millrace::Error::OutOfTimers));
  }
}

// The peer: one datagram into the chunk here, written on a helper. What comes meanwhile waits in
// the socket, and is lost beyond its limit, as with UDP anywhere.
void UdpRelay::write_output() {
  if (output_.is_busy) {
    return;
  }
  auto datagram = socket_.receive();
  if (!datagram) {
    return;
  }
  take_datagram(*std::move(datagram));
  const auto taken = worker_.background(
      [this] {
        const auto outcome = io_.write(std::span{output_.chunk}.first(output_.size));
        output_.error = outcome ? 0 : outcome.error();
      },
      [this] {
        output_.is_busy = false;
        if (output_.error != 0) {
          fail("standard output", system_message(output_.error));
          return;
        }
        write_output();
      });
  output_.is_busy = taken.has_value();
  if (!taken) {
    fail("standard output", to_string(taken.error()));
  }
}

void UdpRelay::take_datagram(millrace::Datagram datagram) {
  last_traffic_ = worker_.now();
  output_.size = datagram.payload.copy_to(output_.chunk);
  if (has_peer_) {
    return;
  }
  // The first one to speak is the one to speak with.
  peer_name_ = datagram.source.to_string();
  if (const auto connected = socket_.connect(datagram.source); !connected) {
    fail(peer_name_, to_string(connected.error()));
    return;
  }
  begin();
}

// One timer at a time, set to when the silence would have lasted long enough.
void UdpRelay::watch_idle() {
  const millrace::Instant limit = last_traffic_ + *options_.wait;
  if (limit <= worker_.now()) {
    if (has_peer_) {
      say("no traffic for as long as -w allows");
      end(0);
    } else {
      fail("port " + std::to_string(options_.peer.port.number()), "nobody sent anything in time");
    }
    return;
  }
  if (!worker_.after(limit - worker_.now(), [this] { watch_idle(); })) {
    say("-w is not kept: no timer is free");
  }
}

void UdpRelay::fail(std::string_view what, std::string_view why) {
  if (on_end_) {
    complain(what, why);
  }
  end(1);
}

void UdpRelay::say(std::string_view what) const {
  if (options_.is_verbose) {
    say_line(what);
  }
}

void UdpRelay::end(int status) {
  io_.interrupt();
  socket_.close();
  if (on_end_) {
    std::exchange(on_end_, nullptr)(status);
  }
}

}  // namespace nc
