// The life of UDP sockets: making, binding, connecting, shutting down, closing, their names, and
// what waits in them, in Linux's order of what is looked at first.
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "posix/errors.hpp"
#include "posix/socket_address.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

bool overlap(const IpAddress& one, const IpAddress& other) {
  return one.is_unspecified() || other.is_unspecified() || one == other;
}

int errno_of_open(Error error) noexcept {
  return error == Error::InvalidArgument ? ENETUNREACH : errno_of(error);
}

Fragmentation fragmentation_of(int mtu_discover) noexcept {
  switch (mtu_discover) {
    case IP_PMTUDISC_DO: return Fragmentation::Forbidden;
    case IP_PMTUDISC_PROBE: return Fragmentation::Probe;
    case IP_PMTUDISC_DONT:
    case IP_PMTUDISC_OMIT: return Fragmentation::Allowed;
    default: return Fragmentation::Discover;
  }
}

}  // namespace

UdpFile* Sockets::find_udp(int fd) const noexcept {
  File* const file = table_.find(fd);
  return file == nullptr || file->kind() != FileKind::Udp ? nullptr : static_cast<UdpFile*>(file);
}

stack::UdpSlot* Sockets::slot_of(const UdpFile& file) noexcept {
  return stack_.udp().find({.index = file.native.index(), .generation = file.native.generation()});
}

int Sockets::make_udp(int type) {
  UdpFile* const file = udp_files_.emplace(error_records_);
  if (file == nullptr) {
    return -ENOBUFS;
  }
  const int number = table_.add(*file);
  if (number < 0) {
    udp_files_.erase(udp_files_.index_of(*file));
    return number;
  }
  file->number = number;
  file->is_nonblocking = (type & SOCK_NONBLOCK) != 0;
  file->closes_on_exec = (type & SOCK_CLOEXEC) != 0;
  return number;
}

void Sockets::free_udp(UdpFile& file) {
  static_cast<void>(file.native.close());
  udp_files_.erase(udp_files_.index_of(file));
}

/// As Linux's udp_lib_lport_inuse: a port is shared by those who all say SO_REUSEADDR, or all
/// SO_REUSEPORT.
bool Sockets::conflicts(const UdpFile& file, const Endpoint& wanted) {
  bool found = false;
  udp_files_.for_each([&](const UdpFile& other) {
    if (&other == &file || !other.has_port) {
      return;
    }
    const auto place = other.native.local();
    const bool shares = file.options.reuse_address && other.options.reuse_address;
    const bool shares_port = file.options.reuse_port && other.options.reuse_port;
    found = found || (place && place->port == wanted.port &&
                      overlap(place->address, wanted.address) && !shares && !shares_port);
  });
  return found;
}

/// Gives it a port of the stack's choice unless it has one. Zero or -EAGAIN.
int Sockets::ensure_port(UdpFile& file) {
  if (file.has_port) {
    return 0;
  }
  if (slot_of(file) != nullptr) {
    // It was dissolved with datagrams left to read, and has kept its place for them.
    file.has_port = true;
    return 0;
  }
  return open_udp(file, {.address = file.bound_address, .port = Port{}}) < 0 ? -EAGAIN : 0;
}

/// Zero or a negative errno.
int Sockets::open_udp(UdpFile& file, const Endpoint& wanted) {
  file.corked.reset();
  if (stack::UdpSlot* const kept = slot_of(file)) {
    // It was dissolved with datagrams left to read, which stay.
    apply_options(file);
    const auto rebound = stack_.udp().rebind(*kept, wanted);
    file.has_port = file.has_port || rebound.has_value();
    return rebound ? 0 : -errno_of_open(rebound.error());
  }
  file.note_send_free();  // Who was to tell of room is gone.
  UdpOptions options;
  options.port = wanted.port;
  options.address = wanted.address;
  options.share_port = file.options.reuse_address || file.options.reuse_port;
  const auto opened = worker_.open_udp(options, file);
  if (!opened) {
    return -errno_of_open(opened.error());
  }
  file.native = *opened;
  file.has_port = true;
  slot_of(file)->reports = &file;
  apply_options(file);
  return 0;
}

int Sockets::bind(UdpFile& file, const sockaddr* address, socklen_t length) {
  const auto wanted = endpoint_to_bind(address, length);
  if (!wanted) {
    return -wanted.error();
  }
  if (!wanted->address.is_unspecified() && !is_own(wanted->address)) {
    return -EADDRNOTAVAIL;
  }
  if (file.has_port) {
    return -EINVAL;
  }
  if (!wanted->port.is_unspecified() && conflicts(file, *wanted)) {
    return -EADDRINUSE;
  }
  const int opened = open_udp(file, *wanted);
  if (opened == 0) {
    file.has_bound_port = !wanted->port.is_unspecified();
    file.bound_address = wanted->address;
  }
  return opened;
}

int Sockets::connect(UdpFile& file, const sockaddr* address, socklen_t length) {
  if (address == nullptr) {
    return -EFAULT;
  }
  if (length < sizeof(sa_family_t)) {
    return -EINVAL;
  }
  if (family_of(address) == AF_UNSPEC) {
    return disconnect(file);
  }
  if (const int without = ensure_port(file); without < 0) {
    return without;
  }
  if (length < sizeof(sockaddr_in)) {
    return -EINVAL;
  }
  if (family_of(address) != AF_INET) {
    return -EAFNOSUPPORT;
  }
  const Endpoint peer = endpoint_of(address);
  if (peer.port.is_unspecified()) {
    return connect_to_host(file, peer.address);
  }
  if (const auto connected = file.native.connect(peer); !connected) {
    return -errno_of_open(connected.error());
  }
  file.remote = peer;
  file.towards_peer = {};
  return 0;
}

/// Port zero: who asks for that wants to know which of our addresses would be used, and has no
/// peer.
// Deviates from Linux: datagrams from other hosts are received, too, and what is sent without an
// address is EDESTADDRREQ, for nobody can be meant by it.
int Sockets::connect_to_host(UdpFile& file, const IpAddress& host) {
  constexpr Port kAnyPort{1};  // The way to a host does not depend on it.
  const auto source =
      stack_.udp().check(stack_.now(), *slot_of(file), {.address = host, .port = kAnyPort}, 0);
  if (!source) {
    return -errno_of_open(source.error());
  }
  if (file.is_connected()) {
    if (const auto disconnected = file.native.disconnect(); !disconnected) {
      return -errno_of(disconnected.error());
    }
    file.remote = {};
  }
  file.towards_peer = *source;
  return 0;
}

/// As Linux's udp_disconnect: also a port that was not asked for is given back.
int Sockets::disconnect(UdpFile& file) {
  const stack::UdpSlot* const slot = slot_of(file);
  const bool gives_port_back = file.has_port && !file.has_bound_port;
  // What has arrived is still to be read.
  const bool stays_open =
      file.has_port && slot != nullptr && !(gives_port_back && slot->queue.empty());
  if (stays_open) {
    if (const auto disconnected = file.native.disconnect(); !disconnected) {
      return -errno_of(disconnected.error());
    }
  } else if (file.has_port) {
    static_cast<void>(file.native.close());
    file.native = {};
    file.note_send_free();  // Who was to tell of room is gone.
  }
  file.has_port = stays_open && !gives_port_back;
  file.remote = {};
  file.towards_peer = {};
  file.corked.reset();
  return 0;
}

int Sockets::getsockname(const UdpFile& file, sockaddr* address, socklen_t* length) {
  Endpoint local{.address = file.bound_address, .port = Port{}};
  if (file.has_port) {
    local = file.native.local().value_or(local);
  }
  if (local.address.is_unspecified()) {
    local.address = file.towards_peer;
  }
  return put_endpoint(local, address, length);
}

int Sockets::getpeername(const UdpFile& file, sockaddr* address, socklen_t* length) {
  return file.is_connected() ? put_endpoint(file.remote, address, length) : -ENOTCONN;
}

/// As Linux's inet_shutdown: it takes effect also where it answers ENOTCONN.
int Sockets::shutdown(UdpFile& file, int how) {
  if (how < SHUT_RD || how > SHUT_RDWR) {
    return -EINVAL;
  }
  file.add_shut(static_cast<std::uint8_t>(how + 1));
  file.note();
  return file.is_connected() ? 0 : -ENOTCONN;
}

int Sockets::ioctl(UdpFile& file, unsigned long request, int* argument) {
  if (request != FIONREAD && request != SIOCOUTQ) {
    const bool is_streams = request == SIOCOUTQNSD || request == SIOCATMARK;
    return is_streams && argument == nullptr ? -EFAULT : -ENOTTY;
  }
  if (argument == nullptr) {
    return -EFAULT;
  }
  // What is sent is the device's at once; nothing of it waits here.
  *argument = request == FIONREAD ? static_cast<int>(file.native.next_size().value_or(0)) : 0;
  return 0;
}

/// What was set before there was a port, or a moment ago, becomes the native socket's.
void Sockets::apply_options(UdpFile& file) {
  stack::UdpSlot* const slot = slot_of(file);
  if (slot == nullptr) {
    return;
  }
  const UdpFileOptions& options = file.options;
  slot->may_broadcast = options.broadcast;
  slot->shares_port = options.reuse_address || options.reuse_port;
  slot->fragmentation = fragmentation_of(options.mtu_discover);
  slot->hop_limit = options.time_to_live == 0 ? config_.udp.hop_limit : options.time_to_live;
  slot->traffic_class = options.type_of_service;
  slot->queue.set_limits({.bytes = options.receive_buffer == 0 ? config_.udp.receive_queue_bytes
                                                               : options.receive_buffer,
                          .datagrams = slot->queue.limits().datagrams});
}

}  // namespace millrace::posix
