// Small messages are not to wait for company: Nagle's algorithm is off on both stacks.
#include "perf/millrace_transport.hpp"

#include <algorithm>
#include <chrono>

namespace perf {
namespace {

constexpr std::uint32_t kProbes = 3;
constexpr millrace::Duration kProbeInterval = std::chrono::seconds{1};
constexpr std::uint32_t kBacklog = 4'096;

}  // namespace

std::size_t MillraceChannel::send(std::span<const std::byte> bytes) {
  return socket_.send(bytes).value_or(0);
}

std::span<const std::byte> MillraceChannel::receive() {
  consume_lent();
  const auto bytes = socket_.peek();
  lent_ = bytes.size();
  return bytes;
}

void MillraceChannel::consume_lent() {
  if (lent_ != 0) {
    static_cast<void>(socket_.consume(lent_));
    lent_ = 0;
  }
}

void MillraceChannel::shutdown() { static_cast<void>(socket_.shutdown()); }

void MillraceChannel::close() {
  consume_lent();
  static_cast<void>(socket_.close());
}

void MillraceChannel::abort() { static_cast<void>(socket_.abort()); }

void MillraceChannel::watch_peer(millrace::Duration silence) {
  static_cast<void>(socket_.set_keepalive(
      millrace::KeepaliveOptions{.idle = silence, .interval = kProbeInterval, .count = kProbes}));
  static_cast<void>(socket_.set_user_timeout(silence + kProbes * kProbeInterval));
}

std::string MillraceChannel::peer() const {
  const auto ends = socket_.endpoints();
  return ends ? ends->remote.to_string() : "a peer that is gone";
}

void MillraceChannel::begin(millrace::TcpSocket socket) {
  socket_ = socket;
  static_cast<void>(socket_.set_no_delay(true));
  user().on_open(*this);
}

void MillraceChannel::on_connected(millrace::TcpSocket socket) { begin(socket); }

void MillraceChannel::on_readable(millrace::TcpSocket /*socket*/) {
  user().on_readable(*this);
  consume_lent();
}

void MillraceChannel::on_writable(millrace::TcpSocket /*socket*/) { user().on_writable(*this); }

void MillraceChannel::on_peer_finished(millrace::TcpSocket /*socket*/) {
  user().on_finished(*this);
}

void MillraceChannel::on_closed(millrace::TcpSocket /*socket*/, millrace::Result<void> outcome) {
  user().on_closed(*this, outcome);
  transport_.remove(*this);
}

void MillraceAcceptor::close() {
  static_cast<void>(listener_.close());
  transport_.remove(*this);
}

void MillraceAcceptor::on_accepted(millrace::TcpSocket socket) {
  MillraceChannel& channel = transport_.make_channel(user_);
  static_cast<void>(socket.set_handler(channel));
  channel.begin(socket);
}

millrace::Result<Acceptor*, std::string> MillraceTransport::listen(millrace::Port port,
                                                                   ChannelUser& user) {
  MillraceAcceptor& acceptor = acceptors_.make(*this, user);
  const auto listener = worker_.listen({.port = port, .backlog = kBacklog}, acceptor);
  if (!listener) {
    acceptors_.remove(acceptor);
    return millrace::fail("port " + std::to_string(port.number()), listener.error());
  }
  acceptor.set_listener(*listener);
  return &acceptor;
}

millrace::Result<Channel*> MillraceTransport::connect(
    const millrace::Endpoint& peer, const std::optional<millrace::IpAddress>& local,
    ChannelUser& user, std::uint32_t tag) {
  MillraceChannel& channel = make_channel(user);
  channel.set_tag(tag);
  const auto socket = worker_.connect(peer, channel, {.local_address = local});
  if (!socket) {
    channels_.remove(channel);
    return millrace::fail(socket.error());
  }
  return &channel;
}

bool MillraceTransport::after(millrace::Duration delay, millrace::InlineFunction function) {
  return worker_.after(delay, std::move(function)).has_value();
}

void MillraceTransport::stop(int status) { worker_.stop(status); }

}  // namespace perf
