#include "socket/core_worker.hpp"

#include <algorithm>
#include <utility>

#include "base/deadline.hpp"
#include "packet/packet.hpp"

namespace millrace::socket {

CoreWorker::CoreWorker(stack::Stack& stack, runtime::BackgroundPool& background, unsigned index,
                       InlineFunction stop, std::vector<Endpoint> name_servers)
    : stack_{stack},
      background_{background},
      index_{index},
      stop_{std::move(stop)},
      name_servers_{std::move(name_servers)} {
  for (const net::Interface& interface : stack.interfaces()) {
    for (const IpPrefix& prefix : interface.addresses) {
      addresses_.push_back({.prefix = prefix, .device = interface.index});
    }
  }
}

Result<TcpListener> CoreWorker::listen(const ListenOptions& options, TcpHandler& handler) {
  if (!stack_.is_on_core()) {
    return fail(Error::WrongCore);
  }
  const auto listener = stack_.tcp().listen(options, handler);
  if (!listener) {
    return fail(listener.error());
  }
  return TcpListener{&stack_, listener->index, listener->generation};
}

Result<TcpSocket> CoreWorker::connect(const Endpoint& destination, TcpHandler& handler,
                                      const ConnectOptions& options) {
  if (!stack_.is_on_core()) {
    return fail(Error::WrongCore);
  }
  const auto connection = stack_.tcp().connect(stack_.now(), destination, handler, options);
  if (!connection) {
    return fail(connection.error());
  }
  return TcpSocket{&stack_, connection->index, connection->generation};
}

Result<UdpSocket> CoreWorker::open_udp(const UdpOptions& options, UdpHandler& handler) {
  if (!stack_.is_on_core()) {
    return fail(Error::WrongCore);
  }
  const auto socket = stack_.udp().open(options, handler);
  if (!socket) {
    return fail(socket.error());
  }
  return UdpSocket{&stack_, socket->index, socket->generation};
}

Result<Timer> CoreWorker::after(Duration delay, InlineFunction function) {
  if (!stack_.is_on_core()) {
    return fail(Error::WrongCore);
  }
  const auto timer = stack_.timers().arm(
      base::later(stack_.now(), std::max(delay, Duration::zero())), std::move(function));
  if (!timer) {
    return fail(timer.error());
  }
  return Timer{&stack_, timer->index, timer->generation};
}

Result<void> CoreWorker::background(InlineFunction work, InlineFunction done) {
  if (!stack_.is_on_core()) {
    return fail(Error::WrongCore);
  }
  return background_.submit(std::move(work), std::move(done));
}

Result<Buffer> CoreWorker::allocate_buffer() {
  if (!stack_.is_on_core()) {
    return fail(Error::WrongCore);
  }
  packet::Packet packet = stack_.pools().data.allocate();
  if (!packet) {
    return fail(Error::OutOfPackets);
  }
  return Buffer{packet.release()};
}

void CoreWorker::stop(int exit_status) noexcept {
  if (!exit_status_) {
    exit_status_ = exit_status;
  }
  stop_();
}

}  // namespace millrace::socket
