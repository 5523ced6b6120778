// connect(2), as Linux's inet_stream_connect goes about it: opening, waiting, asking how it went,
// dissolving.
#include <netinet/in.h>

#include <cerrno>

#include "posix/errors.hpp"
#include "posix/socket_address.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

using Link = TcpFile::Link;

namespace {

/// Whether dissolving the connection takes something from it: once both ends have said that they
/// are finished, only what was never sent.
bool is_cut_short(const TcpFile& file) {
  switch (file.state()) {
    case TcpState::Closed: return false;
    case TcpState::Closing:
    case TcpState::LastAck: return file.native.unsent() > 0;
    case TcpState::Listen: return false;
    case TcpState::SynSent:
    case TcpState::SynReceived:
    case TcpState::Established:
    case TcpState::FinWait1:
    case TcpState::FinWait2:
    case TcpState::CloseWait:
    case TcpState::TimeWait: break;
  }
  return true;
}

}  // namespace

int Sockets::connect(int fd, const sockaddr* address, socklen_t length) {
  if (UdpFile* const udp = find_udp(fd)) {
    return connect(*udp, address, length);
  }
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error;
  }
  if (address == nullptr) {
    return -EFAULT;
  }
  if (length < sizeof(sa_family_t)) {
    return -EINVAL;
  }
  if (family_of(address) == AF_UNSPEC) {
    dissolve(*file);
    file->note();
    let_leave(*file);
    return 0;
  }
  const Pin pin{*this, *file};
  int unfinished = -EALREADY;
  switch (file->link) {
    case Link::Connected: return -EISCONN;
    case Link::Disconnecting: return -EINVAL;
    case Link::Connecting:
      if (file->is_deferred()) {
        return -EISCONN;  // As Linux, which has answered 0 already.
      }
      break;
    case Link::Unconnected:
      if (file->state() != TcpState::Closed) {
        return -EISCONN;
      }
      if (const int opened = open(*file, address, length); opened < 0) {
        return opened;
      }
      file->link = Link::Connecting;
      if (file->is_deferred()) {
        return 0;
      }
      unfinished = -EINPROGRESS;
      break;
  }
  const auto try_once = [file]() -> ssize_t { return file->is_opening() ? -EAGAIN : 0; };
  const ssize_t waited = persist(*file,
                                 {.may_wait = !file->is_nonblocking,
                                  .timeout = file->options.send_timeout,
                                  .too_late = unfinished},
                                 try_once);
  return waited < 0 ? static_cast<int>(waited) : finish_connect(*file);
}

int Sockets::finish_connect(TcpFile& file) {
  if (file.state() != TcpState::Closed) {
    file.link = Link::Connected;
    return 0;
  }
  const int error = file.take_error();
  dissolve(file);
  file.set_error(0);
  return error == 0 ? -ECONNABORTED : -error;
}

int Sockets::open(TcpFile& file, const sockaddr* address, socklen_t length) {
  if (length < sizeof(sockaddr_in)) {
    return -EINVAL;
  }
  if (family_of(address) != AF_INET) {
    return -EAFNOSUPPORT;
  }
  const Endpoint destination = endpoint_of(address);
  if (destination.port.is_unspecified()) {
    // Nobody can listen there; the native interface does not even ask.
    return -ECONNREFUSED;
  }
  if (may_defer(file, destination)) {
    file.start_deferred(destination);
    return 0;
  }
  return open_to(file, destination, {.data = {}, .is_fast = file.options.fast_open_connect});
}

int Sockets::open_to(TcpFile& file, const Endpoint& destination, const OpeningData& first) {
  ConnectOptions options;
  options.tuning = file.options.tuning;
  options.data = first.data;
  options.fast_open = first.is_fast;
  options.local_port = file.has_port() ? file.local.port : Port{};
  if (!file.local.address.is_unspecified()) {
    options.local_address = file.local.address;
  }
  const Duration patience = file.options.user_timeout.value_or(config_.tcp.user_timeout);
  if (patience != config_.tcp.user_timeout && patience < config_.tcp.connect_timeout) {
    options.timeout = patience;  // As Linux: it bounds how long the SYN waits, too.
  }
  const auto socket = worker_.connect(destination, file, options);
  if (!socket) {
    switch (socket.error()) {
      case Error::InvalidArgument: return -ENETUNREACH;  // Multicast, broadcast.
      case Error::AddressInUse: return -EADDRNOTAVAIL;   // The four-tuple, or all of them.
      default: return -errno_of(socket.error());
    }
  }
  file.start_opening(*socket);
  file.set_has_port(true);
  const auto ends = socket->endpoints();
  file.local = ends->local;
  file.remote = ends->remote;
  apply_options(file);
  return 0;
}

/// As Linux's tcp_disconnect: the connection is reset, the socket as new but for its options and
/// what it was bound to.
void Sockets::dissolve(TcpFile& file) {
  if (file.is_listening()) {
    stop_listening(file);
  }
  const bool is_cut = is_cut_short(file);
  if (file.has_connection()) {
    static_cast<void>(file.native.set_handler(nobody_));
    static_cast<void>(is_cut ? file.native.abort() : file.native.close());
  }
  file.forget();
  file.link = Link::Unconnected;
  file.remote = {};
  file.set_has_port(file.has_bound_port);  // It is named on, as in Linux.
  if (!file.has_bound_address) {
    file.local.address = IpAddress{};
  }
  if (is_cut) {
    file.set_error(ECONNRESET);
  }
}

}  // namespace millrace::posix
