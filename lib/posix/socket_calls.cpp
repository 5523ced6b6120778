// The beginning of sockets: making, binding, listening, accepting, and what they are called.
#include <netinet/in.h>

#include <algorithm>
#include <bitset>
#include <cerrno>

#include "posix/errors.hpp"
#include "posix/socket_address.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

constexpr int kTypeMask = 0xf;
constexpr int kTypeFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr std::size_t kDatagramMax = 65'535;
constexpr std::uint32_t kBacklogMax = 4'096;  // Linux's net.core.somaxconn.

base::Random make_random(const Config& config) {
  return config.seed ? base::Random::from_seed(*config.seed) : base::Random::from_system();
}

/// Connections outlive the sockets that made them, and their handler has to outlive the
/// connections.
TcpHandler& nobody() noexcept {
  struct Nobody final : TcpHandler {};
  static Nobody only;
  return only;
}

bool overlap(const IpAddress& one, const IpAddress& other) {
  return one.is_unspecified() || other.is_unspecified() || one == other;
}

/// As Linux's inet_csk_bind_conflict: a port is shared by those who all ask for it and do not
/// listen, or all ask for SO_REUSEPORT.
bool share_port(const TcpFile& file, const TcpFile& other) noexcept {
  const bool shares =
      file.options.reuse_address && other.options.reuse_address && !other.is_listening();
  return shares || (file.options.reuse_port && other.options.reuse_port);
}

/// By number.
using PortSet = std::bitset<1U << 16U>;

/// Those that TcpCore::is_port_in_use says so of at that address, in one walk.
PortSet ports_in_use(stack::TcpCore& tcp, Instant now, const IpAddress& address) {
  using Table = stack::SocketCursor::Table;
  PortSet ports;
  for (stack::SocketCursor cursor{Table::Connections, 0}; cursor.table() < Table::Udp;) {
    const stack::SocketPage page = tcp.list(now, cursor, {});
    for (const stack::SocketRecord& record : page.records) {
      if (overlap(record.tuple.local.address, address)) {
        ports.set(record.tuple.local.port.number());
      }
    }
    cursor = page.next;
  }
  return ports;
}

}  // namespace

Sockets::Sockets(const Parts& parts) : Sockets{parts, Limits{}} {}

Sockets::Sockets(const Parts& parts, const Limits& limits)
    : worker_{parts.worker},
      stack_{parts.stack},
      waiting_{parts.waiting},
      config_{parts.config},
      random_{make_random(parts.config)},
      names_{parts.worker, parts.waiting},
      error_records_{limits.error_records},
      send_notices_{limits.send_notices},
      tcp_files_{limits.sockets},
      udp_files_{limits.udp_sockets},
      epoll_sets_{limits.epoll_sets},
      watches_{limits.watches},
      nobody_{nobody()},
      gathered_(kDatagramMax) {
  stack_.tcp().set_progress_listener(this);
}

Sockets::~Sockets() {
  stack_.tcp().set_progress_listener(nullptr);
  udp_files_.for_each([](const UdpFile& file) { static_cast<void>(file.native.close()); });
  tcp_files_.for_each([this](const TcpFile& file) {
    if (file.has_connection()) {
      static_cast<void>(file.native.set_handler(nobody_));
      static_cast<void>(file.native.abort());
    } else if (find_listener(file) != nullptr) {
      stack_.tcp().close_listener(file.listener);
    }
  });
}

TcpFile* Sockets::find_tcp(int fd, int& error) const noexcept {
  File* const file = table_.find(fd);
  error = file == nullptr ? -EBADF : -ENOTSOCK;
  return file == nullptr || file->kind() != FileKind::Tcp ? nullptr : static_cast<TcpFile*>(file);
}

EpollSet* Sockets::find_set(int fd, int& error) const noexcept {
  File* const file = table_.find(fd);
  error = file == nullptr ? -EBADF : -EINVAL;
  return file == nullptr || file->kind() != FileKind::Epoll ? nullptr
                                                            : static_cast<EpollSet*>(file);
}

void Sockets::let_leave(const File& file) {
  if (!file.is_nonblocking) {
    waiting_.turn();
  }
}

int Sockets::socket(int domain, int type, int protocol) {
  const int kind = type & kTypeMask;
  if ((type & ~(kTypeMask | kTypeFlags)) != 0) {
    return -EINVAL;
  }
  if (domain != AF_INET) {
    return -EAFNOSUPPORT;
  }
  // Linux asks the kind first, but for those it knows, too.
  constexpr int kProtocols = IPPROTO_MPTCP + 1;
  const bool is_protocol = protocol >= 0 && protocol < kProtocols;
  if (!is_protocol && (kind == SOCK_DGRAM || kind == SOCK_STREAM)) {
    return -EINVAL;
  }
  if (kind == SOCK_DGRAM) {
    return protocol == 0 || protocol == IPPROTO_UDP ? make_udp(type) : -EPROTONOSUPPORT;
  }
  if (kind != SOCK_STREAM) {
    constexpr int kKindMax = SOCK_PACKET;  // Linux's last.
    return kind > kKindMax ? -EINVAL : -ESOCKTNOSUPPORT;
  }
  if (protocol != 0 && protocol != IPPROTO_TCP) {
    return -EPROTONOSUPPORT;
  }
  TcpFile* const file = tcp_files_.emplace(*this);
  if (file == nullptr) {
    return -ENOBUFS;
  }
  const int number = table_.add(*file);
  if (number < 0) {
    tcp_files_.erase(tcp_files_.index_of(*file));
    return number;
  }
  file->number = number;
  file->is_nonblocking = (type & SOCK_NONBLOCK) != 0;
  file->closes_on_exec = (type & SOCK_CLOEXEC) != 0;
  return number;
}

bool Sockets::is_own(const IpAddress& address) const noexcept {
  const auto own = worker_.addresses();
  return std::ranges::any_of(
      own, [&](const InterfaceAddress& ours) { return ours.address() == address; });
}

bool Sockets::conflicts(const TcpFile& file, const Endpoint& wanted) {
  bool found = false;
  bool is_named = false;
  tcp_files_.for_each([&](TcpFile& other) {
    const bool is_met = &other != &file && other.has_port() && other.local.port == wanted.port &&
                        overlap(other.local.address, wanted.address);
    if (!is_met) {
      return;
    }
    is_named = true;
    found = found || !share_port(file, other);
  });
  // Connections that no descriptor names any more, those in TIME-WAIT included.
  return found || (!is_named && !file.options.reuse_address && stack_.tcp().is_port_in_use(wanted));
}

/// What `conflicts` says of each, for all of them in one walk: a core with thousands of sockets has
/// no time for a walk per port.
std::optional<Port> Sockets::choose_port(const TcpFile& file, const IpAddress& address) {
  PortSet taken;
  PortSet named;
  tcp_files_.for_each([&](TcpFile& other) {
    if (&other != &file && other.has_port() && overlap(other.local.address, address)) {
      const std::uint16_t port = other.local.port.number();
      named.set(port);
      taken[port] = taken[port] || !share_port(file, other);
    }
  });
  if (!file.options.reuse_address) {
    taken |= ports_in_use(stack_.tcp(), stack_.now(), address) & ~named;
  }
  const std::uint32_t first = config_.tcp.local_port_first;
  const std::uint32_t count = config_.tcp.local_port_last - first + 1;
  const std::uint32_t start = random_.below(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Port port{static_cast<std::uint16_t>(first + (start + i) % count)};
    if (!taken[port.number()]) {
      return port;
    }
  }
  return std::nullopt;
}

int Sockets::bind_to(TcpFile& file, Endpoint wanted) {
  if (wanted.port.is_unspecified()) {
    const auto port = choose_port(file, wanted.address);
    if (!port) {
      return -EADDRINUSE;
    }
    wanted.port = *port;
  } else if (conflicts(file, wanted)) {
    return -EADDRINUSE;
  }
  file.local = wanted;
  file.set_has_port(true);
  return 0;
}

int Sockets::bind(int fd, const sockaddr* address, socklen_t length) {
  if (UdpFile* const udp = find_udp(fd)) {
    return bind(*udp, address, length);
  }
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error;
  }
  const auto wanted = endpoint_to_bind(address, length);
  if (!wanted) {
    return -wanted.error();
  }
  if (!wanted->address.is_unspecified() && !is_own(wanted->address) && !file->options.may_be_away) {
    return -EADDRNOTAVAIL;
  }
  if (file->state() != TcpState::Closed || file->has_port()) {
    return -EINVAL;
  }
  if (const int bound = bind_to(*file, *wanted); bound < 0) {
    return bound;
  }
  file->has_bound_port = !wanted->port.is_unspecified();
  file->has_bound_address = !wanted->address.is_unspecified();
  return 0;
}

int Sockets::listen(int fd, int backlog) {
  if (is_datagram(fd)) {
    return -EOPNOTSUPP;
  }
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error;
  }
  const std::uint32_t most = std::min(static_cast<std::uint32_t>(backlog), kBacklogMax);
  if (file->is_listening()) {
    stack_.tcp().find_listener(file->listener)->set_backlog(most);
    return 0;
  }
  if (file->link != TcpFile::Link::Unconnected || file->state() != TcpState::Closed) {
    return -EINVAL;
  }
  const bool had_port = file->has_port();
  const Endpoint before = file->local;
  if (!had_port) {
    const Endpoint any_port{.address = file->local.address, .port = Port{}};
    if (const int bound = bind_to(*file, any_port); bound < 0) {
      return bound;
    }
  }
  const auto listener = stack_.tcp().listen({.port = file->local.port,
                                             .address = file->local.address,
                                             .backlog = most,
                                             .fast_open = file->options.fast_open.value_or(0)},
                                            *file);
  if (!listener) {
    file->local = before;
    file->set_has_port(had_port);
    return -errno_of(listener.error());
  }
  tcp::Listener& made = *stack_.tcp().find_listener(*listener);
  made.count_accepted();
  made.set_fast_open_key(file->options.fast_open_key);
  if (file->options.fast_open) {
    made.allow_fast_open(*file->options.fast_open);  // None, too, if that was said.
  }
  file->forget();
  file->start_listening(*listener);
  apply_tuning(*file);
  return 0;
}

TcpFile* Sockets::make_accepted(TcpFile& listener, TcpSocket socket) {
  TcpFile* const file = tcp_files_.emplace(*this);
  if (file == nullptr) {
    stack_.tcp().find_listener(listener.listener)->on_waiting_gone();
    static_cast<void>(socket.set_handler(nobody_));
    static_cast<void>(socket.abort());
    return nullptr;
  }
  const auto ends = socket.endpoints();
  file->local = ends->local;
  file->remote = ends->remote;
  file->set_has_port(true);
  file->options = listener.options;
  file->options.fast_open.reset();  // A listener's alone.
  file->options.deferred_timeouts = 0;
  file->start_accepted(socket);
  static_cast<void>(socket.set_handler(*file));
  apply_options(*file);
  return file;
}

int Sockets::accept(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (is_datagram(fd)) {
    return (flags & ~kTypeFlags) != 0 ? -EINVAL : -EOPNOTSUPP;
  }
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error;
  }
  if ((flags & ~kTypeFlags) != 0) {
    return -EINVAL;
  }
  if (address != nullptr && length == nullptr) {
    return -EFAULT;
  }
  const auto try_once = [&]() -> ssize_t {
    if (!file->is_listening()) {
      return -EINVAL;
    }
    TcpFile* const next = file->waiting.front();
    if (next == nullptr) {
      return -EAGAIN;
    }
    if (address != nullptr && static_cast<int>(*length) < 0) {
      // Deviates from Linux, which drops the connection: it waits for the next call.
      return -EINVAL;
    }
    const int number = table_.add(*next);
    if (number < 0) {
      return number;
    }
    file->waiting.remove(*next);
    stack_.tcp().find_listener(file->listener)->on_waiting_gone();
    next->number = number;
    next->is_nonblocking = (flags & SOCK_NONBLOCK) != 0;
    next->closes_on_exec = (flags & SOCK_CLOEXEC) != 0;
    const int put = address == nullptr ? 0 : put_endpoint(next->remote, address, length);
    return put < 0 ? put : number;
  };
  return static_cast<int>(persist(*file,
                                  {.may_wait = !file->is_nonblocking,
                                   .timeout = file->options.receive_timeout,
                                   .too_late = -EAGAIN},
                                  try_once));
}

int Sockets::getsockname(int fd, sockaddr* address, socklen_t* length) {
  if (UdpFile* const udp = find_udp(fd)) {
    return getsockname(*udp, address, length);
  }
  int error = 0;
  const TcpFile* const file = find_tcp(fd, error);
  return file == nullptr ? error : put_endpoint(file->local, address, length);
}

int Sockets::getpeername(int fd, sockaddr* address, socklen_t* length) {
  if (UdpFile* const udp = find_udp(fd)) {
    return getpeername(*udp, address, length);
  }
  int error = 0;
  const TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error;
  }
  const TcpState state = file->state();
  if (state == TcpState::Closed || state == TcpState::SynSent || state == TcpState::Listen) {
    return -ENOTCONN;
  }
  return put_endpoint(file->remote, address, length);
}

}  // namespace millrace::posix
