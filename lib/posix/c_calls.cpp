// The functions of millrace/socket.h: whose descriptor is it, then our call or the kernel's.
#include <millrace/socket.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdint>

#include "posix/process.hpp"
#include "posix/sockets.hpp"

using millrace::posix::dispatch;
using millrace::posix::make_descriptor;
using millrace::posix::Route;
using millrace::posix::Sockets;

namespace {

/// As Linux: who writes to a connection that takes no more gets a signal as well.
ssize_t with_signal(ssize_t result, int flags) {
  if (result == -EPIPE && (flags & MSG_NOSIGNAL) == 0) {
    static_cast<void>(std::raise(SIGPIPE));
  }
  return result;
}

/// The same for any socket: one that sends datagrams raises no signal.
ssize_t with_signal(const Sockets& sockets, int fd, ssize_t result, int flags) {
  return sockets.is_datagram(fd) ? result : with_signal(result, flags);
}

iovec part_of(const void* buffer, size_t count) noexcept {
  return {.iov_base = const_cast<void*>(buffer), .iov_len = count};
}

size_t size_of_parts(int count) noexcept {
  return count < 0 ? SIZE_MAX : static_cast<size_t>(count);
}

/// Of a call on two descriptors: the one that decides whose it is.
int deciding(int source, int sink) noexcept {
  return millrace::posix::route(source) == Route::Kernels ? sink : source;
}

/// Linux answers a read or a writev of nothing before it asks the socket, but for descriptors that
/// name none.
bool is_nothing(const iovec* parts, int count) noexcept {
  if (count < 0 || count > IOV_MAX || (parts == nullptr && count > 0)) {
    return false;
  }
  return std::all_of(parts, parts + count, [](const iovec& part) { return part.iov_len == 0; });
}

}  // namespace

int millrace_socket(int domain, int type, int protocol) {
  return make_descriptor([=](Sockets& sockets) { return sockets.socket(domain, type, protocol); });
}

int millrace_bind(int fd, const sockaddr* address, socklen_t length) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.bind(fd, address, length); },
      [=] { return ::bind(fd, address, length); });
}

int millrace_listen(int fd, int backlog) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.listen(fd, backlog); },
      [=] { return ::listen(fd, backlog); });
}

int millrace_accept(int fd, sockaddr* address, socklen_t* length) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.accept(fd, address, length, 0); },
      [=] { return ::accept(fd, address, length); });
}

int millrace_accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.accept(fd, address, length, flags); },
      [=] { return ::accept4(fd, address, length, flags); });
}

int millrace_connect(int fd, const sockaddr* address, socklen_t length) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.connect(fd, address, length); },
      [=] { return ::connect(fd, address, length); });
}

int millrace_shutdown(int fd, int how) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.shutdown(fd, how); },
      [=] { return ::shutdown(fd, how); });
}

int millrace_close(int fd) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.close(fd); }, [=] { return ::close(fd); });
}

int millrace_getsockname(int fd, sockaddr* address, socklen_t* length) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.getsockname(fd, address, length); },
      [=] { return ::getsockname(fd, address, length); });
}

int millrace_getpeername(int fd, sockaddr* address, socklen_t* length) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.getpeername(fd, address, length); },
      [=] { return ::getpeername(fd, address, length); });
}

ssize_t millrace_read(int fd, void* buffer, size_t count) {
  return dispatch(
      fd,
      [=](Sockets& sockets) {
        const iovec part = part_of(buffer, count);
        return count == 0 ? sockets.nothing(fd) : sockets.receive(fd, &part, 1, 0);
      },
      [=] { return ::read(fd, buffer, count); });
}

ssize_t millrace_readv(int fd, const iovec* parts, int count) {
  return dispatch(
      fd,
      [=](Sockets& sockets) {
        return is_nothing(parts, count) ? sockets.nothing(fd)
                                        : sockets.receive(fd, parts, size_of_parts(count), 0);
      },
      [=] { return ::readv(fd, parts, count); });
}

ssize_t millrace_recv(int fd, void* buffer, size_t count, int flags) {
  return dispatch(
      fd,
      [=](Sockets& sockets) {
        const iovec part = part_of(buffer, count);
        return sockets.socket_receive(fd, &part, 1, flags);
      },
      [=] { return ::recv(fd, buffer, count, flags); });
}

ssize_t millrace_recvfrom(int fd, void* buffer, size_t count, int flags, sockaddr* address,
                          socklen_t* length) {
  return dispatch(
      fd,
      [=](Sockets& sockets) {
        const iovec part = part_of(buffer, count);
        return sockets.receive_from(fd, part, flags, address, length);
      },
      [=] { return ::recvfrom(fd, buffer, count, flags, address, length); });
}

ssize_t millrace_recvmsg(int fd, msghdr* message, int flags) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.receive_message(fd, message, flags); },
      [=] { return ::recvmsg(fd, message, flags); });
}

ssize_t millrace_write(int fd, const void* buffer, size_t count) {
  return dispatch(
      fd,
      [=](Sockets& sockets) {
        const iovec part = part_of(buffer, count);
        return with_signal(sockets, fd, sockets.send(fd, &part, 1, 0), 0);
      },
      [=] { return ::write(fd, buffer, count); });
}

ssize_t millrace_writev(int fd, const iovec* parts, int count) {
  return dispatch(
      fd,
      [=](Sockets& sockets) {
        return is_nothing(parts, count)
                   ? sockets.nothing(fd)
                   : with_signal(sockets, fd, sockets.send(fd, parts, size_of_parts(count), 0), 0);
      },
      [=] { return ::writev(fd, parts, count); });
}

ssize_t millrace_send(int fd, const void* buffer, size_t count, int flags) {
  return dispatch(
      fd,
      [=](Sockets& sockets) {
        const iovec part = part_of(buffer, count);
        return with_signal(sockets, fd, sockets.socket_send(fd, &part, 1, flags), flags);
      },
      [=] { return ::send(fd, buffer, count, flags); });
}

ssize_t millrace_sendto(int fd, const void* buffer, size_t count, int flags,
                        const sockaddr* address, socklen_t length) {
  return dispatch(
      fd,
      [=](Sockets& sockets) {
        const iovec part = part_of(buffer, count);
        return with_signal(sockets, fd, sockets.send_to(fd, part, flags, address, length), flags);
      },
      [=] { return ::sendto(fd, buffer, count, flags, address, length); });
}

ssize_t millrace_sendmsg(int fd, const msghdr* message, int flags) {
  return dispatch(
      fd,
      [=](Sockets& sockets) {
        return with_signal(sockets, fd, sockets.send_message(fd, message, flags), flags);
      },
      [=] { return ::sendmsg(fd, message, flags); });
}

ssize_t millrace_sendfile(int out, int in, off_t* offset, size_t count) {
  return dispatch(
      deciding(in, out),
      [=](Sockets& sockets) {
        return with_signal(sockets, out, sockets.sendfile(out, in, offset, count), 0);
      },
      [=] { return ::sendfile(out, in, offset, count); });
}

ssize_t millrace_splice(int in, off_t* in_offset, int out, off_t* out_offset, size_t count,
                        unsigned flags) {
  return dispatch(
      deciding(in, out),
      [=](Sockets& sockets) {
        const ssize_t moved = sockets.splice(in, in_offset, out, out_offset, count, flags);
        // Of a pipe's the signal has come already.
        return sockets.owns(out) ? with_signal(sockets, out, moved, 0) : moved;
      },
      [=] { return ::splice(in, in_offset, out, out_offset, count, flags); });
}

int millrace_pipe(int* fds) { return ::pipe(fds); }

int millrace_epoll_create(int size) {
  if (size <= 0) {
    return millrace::posix::answer(-EINVAL);
  }
  return millrace_epoll_create1(0);
}

int millrace_epoll_create1(int flags) {
  return make_descriptor([=](Sockets& sockets) { return sockets.epoll_create(flags); });
}

int millrace_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  return dispatch(
      epoll, [=](Sockets& sockets) { return sockets.epoll_control(epoll, operation, fd, event); },
      [=] { return ::epoll_ctl(epoll, operation, fd, event); });
}

int millrace_epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  return dispatch(
      epoll, [=](Sockets& sockets) { return sockets.epoll_wait(epoll, events, most, timeout); },
      [=] { return ::epoll_wait(epoll, events, most, timeout); });
}

int millrace_fcntl(int fd, int command, ...) {
  // As the C library itself: whatever was given fits a pointer.
  std::va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return dispatch(
      fd,
      [=](Sockets& sockets) {
        return sockets.fcntl(fd, command, static_cast<int>(std::bit_cast<std::intptr_t>(argument)));
      },
      [=] { return ::fcntl(fd, command, argument); });
}

int millrace_ioctl(int fd, unsigned long request, ...) {
  std::va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.ioctl(fd, request, static_cast<int*>(argument)); },
      [=] { return ::ioctl(fd, request, argument); });
}

int millrace_setsockopt(int fd, int level, int option, const void* value, socklen_t length) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.setsockopt(fd, level, option, value, length); },
      [=] { return ::setsockopt(fd, level, option, value, length); });
}

int millrace_getsockopt(int fd, int level, int option, void* value, socklen_t* length) {
  return dispatch(
      fd, [=](Sockets& sockets) { return sockets.getsockopt(fd, level, option, value, length); },
      [=] { return ::getsockopt(fd, level, option, value, length); });
}
