// The 33 entries: each a call on the scripted host, in virtual time. A script's descriptors of the
// kernel's, pipes, go to the kernel.
#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "device/dpdk/eal.hpp"
#include "packetdrill/interface.hpp"
#include "packetdrill/scripted_host.hpp"
#include "packetdrill/sysctls.hpp"

namespace millrace::packetdrill {

namespace {

using posix::Sockets;

[[noreturn]] void give_up(const std::string& reason) {
  std::fprintf(stderr, "millrace: %s\n", reason.c_str());
  std::exit(EXIT_FAILURE);
}

/// A run. The shell commands that a script begins with come between the table's being handed out
/// and its first use: the stack is made only then, so that it has what they have set.
struct Script {
  ScriptFlags flags;
  Sysctls sysctls;  // Before those commands.
  std::once_flag is_made;
  std::unique_ptr<ScriptedHost> host;
};

void make_host(Script& script) {
  Sysctls::read(script.flags.sysctls).apply_changes(script.sysctls, script.flags.config);
  auto host = ScriptedHost::make(std::move(script.flags));
  if (!host) {
    give_up(host.error());
  }
  script.host = *std::move(host);
}

ScriptedHost& host_of(void* userdata) {
  Script& script = *static_cast<Script*>(userdata);
  std::call_once(script.is_made, make_host, script);
  return *script.host;
}

template <class Number>
Number answer(Number result) {
  if (result < 0) {
    errno = static_cast<int>(-result);
    return -1;
  }
  return result;
}

/// Calls `ours` with the sockets if they know `fd`, else `kernels`.
template <class Ours, class Kernels>
auto dispatch(void* userdata, int fd, Ours ours, Kernels kernels) -> decltype(kernels()) {
  using Number = decltype(kernels());
  const std::optional<Number> result =
      host_of(userdata).passive().call([&](Sockets& sockets) -> std::optional<Number> {
        return sockets.owns(fd) ? std::optional{static_cast<Number>(ours(sockets))} : std::nullopt;
      });
  return result ? answer(*result) : kernels();
}

template <class Ours>
int call(void* userdata, Ours ours) {
  return answer(host_of(userdata).passive().call(ours));
}

iovec part_of(const void* buffer, size_t count) {
  return {.iov_base = const_cast<void*>(buffer), .iov_len = count};
}

size_t count_of(int count) { return count < 0 ? SIZE_MAX : static_cast<size_t>(count); }

void complain_of_ipv6() {
  std::fputs("millrace: the script asks for IPv6; run it with --ip_version=ipv4\n", stderr);
}

// Life.
int shim_socket(void* ud, int domain, int type, int protocol) {
  if (domain == AF_INET6) {
    complain_of_ipv6();
  }
  return call(ud, [=](Sockets& s) { return s.socket(domain, type, protocol); });
}
int shim_bind(void* ud, int fd, const sockaddr* address, socklen_t length) {
  return call(ud, [=](Sockets& s) { return s.bind(fd, address, length); });
}
int shim_listen(void* ud, int fd, int backlog) {
  return call(ud, [=](Sockets& s) { return s.listen(fd, backlog); });
}
int shim_accept(void* ud, int fd, sockaddr* address, socklen_t* length) {
  return call(ud, [=](Sockets& s) { return s.accept(fd, address, length, 0); });
}
int shim_connect(void* ud, int fd, const sockaddr* address, socklen_t length) {
  return call(ud, [=](Sockets& s) { return s.connect(fd, address, length); });
}
int shim_close(void* ud, int fd) {
  return dispatch(
      ud, fd, [=](Sockets& s) { return s.close(fd); }, [=] { return ::close(fd); });
}
int shim_shutdown(void* ud, int fd, int how) {
  return call(ud, [=](Sockets& s) { return s.shutdown(fd, how); });
}

// Data.
ssize_t shim_readv(void* ud, int fd, const iovec* parts, int count) {
  return dispatch(
      ud, fd, [=](Sockets& s) { return s.receive(fd, parts, count_of(count), 0); },
      [=] { return ::readv(fd, parts, count); });
}
ssize_t shim_read(void* ud, int fd, void* buffer, size_t count) {
  const iovec part = part_of(buffer, count);
  return dispatch(
      ud, fd, [&](Sockets& s) { return count == 0 ? s.nothing(fd) : s.receive(fd, &part, 1, 0); },
      [&] { return ::read(fd, buffer, count); });
}
ssize_t shim_recv(void* ud, int fd, void* buffer, size_t count, int flags) {
  const iovec part = part_of(buffer, count);
  return dispatch(
      ud, fd, [&](Sockets& s) { return s.socket_receive(fd, &part, 1, flags); },
      [&] { return ::recv(fd, buffer, count, flags); });
}
ssize_t shim_recvfrom(void* ud, int fd, void* buffer, size_t count, int flags, sockaddr* address,
                      socklen_t* length) {
  const iovec part = part_of(buffer, count);
  return dispatch(
      ud, fd, [&](Sockets& s) { return s.receive_from(fd, part, flags, address, length); },
      [&] { return ::recvfrom(fd, buffer, count, flags, address, length); });
}
ssize_t shim_recvmsg(void* ud, int fd, msghdr* message, int flags) {
  return dispatch(
      ud, fd, [=](Sockets& s) { return s.receive_message(fd, message, flags); },
      [=] { return ::recvmsg(fd, message, flags); });
}
ssize_t shim_writev(void* ud, int fd, const iovec* parts, int count) {
  return dispatch(
      ud, fd, [=](Sockets& s) { return s.send(fd, parts, count_of(count), 0); },
      [=] { return ::writev(fd, parts, count); });
}
ssize_t shim_write(void* ud, int fd, const void* buffer, size_t count) {
  const iovec part = part_of(buffer, count);
  return dispatch(
      ud, fd, [&](Sockets& s) { return s.send(fd, &part, 1, 0); },
      [&] { return ::write(fd, buffer, count); });
}
ssize_t shim_send(void* ud, int fd, const void* buffer, size_t count, int flags) {
  const iovec part = part_of(buffer, count);
  return dispatch(
      ud, fd, [&](Sockets& s) { return s.socket_send(fd, &part, 1, flags); },
      [&] { return ::send(fd, buffer, count, flags); });
}
ssize_t shim_sendto(void* ud, int fd, const void* buffer, size_t count, int flags,
                    const sockaddr* address, socklen_t length) {
  const iovec part = part_of(buffer, count);
  return dispatch(
      ud, fd, [&](Sockets& s) { return s.send_to(fd, part, flags, address, length); },
      [&] { return ::sendto(fd, buffer, count, flags, address, length); });
}
ssize_t shim_sendmsg(void* ud, int fd, const msghdr* message, int flags) {
  return dispatch(
      ud, fd, [=](Sockets& s) { return s.send_message(fd, message, flags); },
      [=] { return ::sendmsg(fd, message, flags); });
}
int shim_pipe(void* /*ud*/, int* fds) { return ::pipe(fds); }
ssize_t shim_splice_bytes(void* ud, int in, off_t* in_offset, int out, off_t* out_offset,
                          size_t count, unsigned flags) {
  // A script has no null: zero stands for it.
  off_t* const from = in_offset != nullptr && *in_offset != 0 ? in_offset : nullptr;
  off_t* const to = out_offset != nullptr && *out_offset != 0 ? out_offset : nullptr;
  const bool reads_ours = host_of(ud).passive().call([=](Sockets& s) { return s.owns(in); });
  return dispatch(
      ud, reads_ours ? in : out,
      [=](Sockets& s) { return s.splice(in, from, out, to, count, flags); },
      [=] { return ::splice(in, from, out, to, count, flags); });
}
int shim_splice(void* ud, int in, loff_t* in_offset, int out, loff_t* out_offset, size_t count,
                unsigned flags) {
  return static_cast<int>(shim_splice_bytes(ud, in, in_offset, out, out_offset, count, flags));
}

// Settings.
int shim_fcntl(void* ud, int fd, int command, ...) {
  std::va_list arguments;
  va_start(arguments, command);
  const int argument = va_arg(arguments, int);
  va_end(arguments);
  return dispatch(
      ud, fd, [=](Sockets& s) { return s.fcntl(fd, command, argument); },
      [=] { return ::fcntl(fd, command, argument); });
}
int shim_ioctl(void* ud, int fd, unsigned long request, ...) {
  std::va_list arguments;
  va_start(arguments, request);
  int* const argument = va_arg(arguments, int*);
  va_end(arguments);
  return dispatch(
      ud, fd, [=](Sockets& s) { return s.ioctl(fd, request, argument); },
      [=] { return ::ioctl(fd, request, argument); });
}
int shim_getsockopt(void* ud, int fd, int level, int option, void* value, socklen_t* length) {
  return call(ud, [=](Sockets& s) { return s.getsockopt(fd, level, option, value, length); });
}
int shim_setsockopt(void* ud, int fd, int level, int option, const void* value, socklen_t length) {
  return call(ud, [=](Sockets& s) { return s.setsockopt(fd, level, option, value, length); });
}

// Waiting.
int shim_poll(void* ud, pollfd* fds, nfds_t count, int timeout) {
  return call(ud, [=](Sockets& s) { return s.poll(fds, count, timeout); });
}
int shim_epoll_create(void* ud, int size) {
  return call(ud, [=](Sockets& s) { return size <= 0 ? -EINVAL : s.epoll_create(0); });
}
int shim_epoll_ctl(void* ud, int epoll, int operation, int fd, epoll_event* event) {
  return call(ud, [=](Sockets& s) { return s.epoll_control(epoll, operation, fd, event); });
}
int shim_epoll_wait(void* ud, int epoll, epoll_event* events, int most, int timeout) {
  return call(ud, [=](Sockets& s) { return s.epoll_wait(epoll, events, most, timeout); });
}

// The link and the time.
int shim_netdev_send(void* ud, const void* buffer, size_t count) {
  ScriptedHost& host = host_of(ud);
  const std::span packet{static_cast<const std::byte*>(buffer), count};
  if (!packet.empty() && std::to_integer<unsigned>(packet.front()) >> 4U == 6) {
    complain_of_ipv6();
    return -1;
  }
  const bool is_taken = host.passive().with_lock([&] { return host.wire().arrive(packet); });
  if (!is_taken) {
    std::fprintf(stderr, "millrace: a packet of %zu bytes was not taken; at most %u are\n", count,
                 unsigned{WireDevice::kLargest});
  }
  return is_taken ? 0 : -1;
}
int shim_netdev_receive(void* ud, void* buffer, size_t* count, long long* time) {
  ScriptedHost& host = host_of(ud);
  const bool is_there = host.passive().let_pass_until([&] { return !host.wire().sent().empty(); },
                                                      host.receive_limit());
  if (!is_there) {
    // Nothing is to come any more: an empty packet fails the script, -1 would ask for ever.
    *count = 0;
    return 0;
  }
  return host.passive().with_lock([&] {
    const WireDevice::Sent& packet = host.wire().sent().front();
    *count = std::min(*count, packet.bytes.size());
    std::memcpy(buffer, packet.bytes.data(), *count);
    *time = host.microseconds(packet.time);
    host.wire().sent().pop_front();
    return 0;
  });
}
int shim_usleep(void* ud, useconds_t time) {
  host_of(ud).passive().let_pass(std::chrono::microseconds{time});
  return 0;
}
int shim_gettimeofday(void* ud, timeval* now, struct timezone* /*zone*/) {
  ScriptedHost& host = host_of(ud);
  const long long microseconds =
      host.microseconds(host.passive().ask_time(std::chrono::microseconds{1}));
  now->tv_sec = microseconds / 1'000'000;
  now->tv_usec = microseconds % 1'000'000;
  return 0;
}
void shim_free(void* ud) { const std::unique_ptr<Script> script{static_cast<Script*>(ud)}; }

/// DPDK starts once in a process; the scripts of one command line come one after the other.
void start_dpdk() {
  static std::optional<device::Eal> eal;
  if (eal) {
    return;
  }
  device::EalOptions options;
  options.use_hugepages = false;
  auto started = device::Eal::start(options);
  if (!started) {
    give_up(started.error());
  }
  eal.emplace(*std::move(started));
}

constexpr packetdrill_interface kEntries{
    .userdata = nullptr,
    .free = shim_free,
    .socket = shim_socket,
    .bind = shim_bind,
    .listen = shim_listen,
    .accept = shim_accept,
    .connect = shim_connect,
    .read = shim_read,
    .readv = shim_readv,
    .recv = shim_recv,
    .recvfrom = shim_recvfrom,
    .recvmsg = shim_recvmsg,
    .write = shim_write,
    .writev = shim_writev,
    .send = shim_send,
    .sendto = shim_sendto,
    .sendmsg = shim_sendmsg,
    .fcntl = shim_fcntl,
    .ioctl = shim_ioctl,
    .close = shim_close,
    .shutdown = shim_shutdown,
    .getsockopt = shim_getsockopt,
    .setsockopt = shim_setsockopt,
    .poll = shim_poll,
    .netdev_send = shim_netdev_send,
    .netdev_receive = shim_netdev_receive,
    .usleep = shim_usleep,
    .gettimeofday = shim_gettimeofday,
    .epoll_create = shim_epoll_create,
    .epoll_ctl = shim_epoll_ctl,
    .epoll_wait = shim_epoll_wait,
    .pipe = shim_pipe,
    .splice = shim_splice,
};

void init(const char* flags, packetdrill_interface& interface) {
  auto parsed = parse_script_flags(flags == nullptr ? "" : flags);
  if (!parsed) {
    give_up(parsed.error());
  }
  start_dpdk();
  auto script = std::make_unique<Script>();
  script->sysctls = Sysctls::read(parsed->sysctls);
  script->flags = *std::move(parsed);
  interface = kEntries;
  interface.userdata = script.release();
}

}  // namespace

}  // namespace millrace::packetdrill

void packetdrill_interface_init(const char* flags, packetdrill_interface* interface) {
  millrace::packetdrill::init(flags, *interface);
}
