// sendfile(2) and splice(2): between our sockets and the kernel's files and pipes, by way of packet
// buffers, so that what is sent is read in place.
#include <fcntl.h>
#include <linux/limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <millrace/buffer.hpp>

#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

bool is_pipe(int fd) noexcept {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

bool is_nonblocking(int fd) noexcept { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

std::size_t bytes_in(int pipe) noexcept {
  int bytes = 0;
  return ::ioctl(pipe, FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

/// Whether the events hold, POLLHUP and POLLERR included.
bool holds(int fd, short events) noexcept {
  pollfd descriptor{.fd = fd, .events = events, .revents = 0};
  return ::poll(&descriptor, 1, 0) > 0;
}

bool has_hung_up(int pipe) noexcept {
  pollfd descriptor{.fd = pipe, .events = POLLIN, .revents = 0};
  return ::poll(&descriptor, 1, 0) > 0 && (descriptor.revents & POLLIN) == 0;
}

}  // namespace

/// Reads a packet's worth from the kernel and queues it. The bytes, 0 at the end, -EAGAIN where
/// there is no room.
ssize_t Sockets::send_from(TcpFile& file, int source, off_t* offset, std::size_t count) {
  if (const int reason = why_not_sendable(file); reason < 0) {
    const int error = reason == -EPIPE ? file.take_error() : 0;
    return error == 0 ? reason : -error;
  }
  const std::size_t room = file.native.writable();
  auto buffer = room == 0 ? fail(Error::WouldBlock) : worker_.allocate_buffer();
  if (!buffer) {
    await_room(file);
    return -EAGAIN;
  }
  const std::size_t bytes = std::min({count, room, buffer->spare().size()});
  const ssize_t got = offset == nullptr ? ::read(source, buffer->spare().data(), bytes)
                                        : ::pread(source, buffer->spare().data(), bytes, *offset);
  if (got <= 0) {
    return got < 0 ? -errno : 0;
  }
  buffer->extend(static_cast<std::size_t>(got));
  if (!file.native.send(*std::move(buffer))) {
    // It had room and does not take it: what was read from a file by its offset is not lost.
    return offset == nullptr ? -ENOBUFS : -EAGAIN;
  }
  if (offset != nullptr) {
    *offset += got;
  }
  return got;
}

/// EPOLLOUT is off until the connection tells of room, or of packets.
void Sockets::await_room(TcpFile& file) {
  file.note_send_blocked();
  if (stack::ConnectionSlot* const slot = find_slot(file)) {
    slot->connection.want_writable(stack_.tcp().resources(), stack_.now());
    stack_.tcp().settle(*slot);
  }
}

ssize_t Sockets::sendfile(int out, int in, off_t* offset, std::size_t count) {
  int error = 0;
  TcpFile* const file = find_tcp(out, error);
  if (file == nullptr) {
    return error == -ENOTSOCK ? -EINVAL : error;
  }
  if (owns(in)) {
    return -EINVAL;
  }
  if (::fcntl(in, F_GETFD) < 0) {
    return -EBADF;
  }
  const Pin pin{*this, *file};
  if (const int opened = open_deferred(*file); opened < 0) {
    return opened;
  }
  hold_back(*file, false);
  std::size_t sent = 0;
  const auto try_once = [&]() -> ssize_t {
    while (sent < count) {
      const ssize_t got = send_from(*file, in, offset, count - sent);
      if (got <= 0) {
        return got == 0 || (sent > 0 && got != -EAGAIN) ? static_cast<ssize_t>(sent) : got;
      }
      sent += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(sent);
  };
  const ssize_t result = persist(*file,
                                 {.may_wait = !file->is_nonblocking,
                                  .timeout = file->options.send_timeout,
                                  .too_late = -EAGAIN,
                                  .pace = kKernelPace},
                                 try_once);
  let_leave(*file);
  return result < 0 && sent > 0 ? static_cast<ssize_t>(sent) : result;
}

ssize_t Sockets::splice(int in, off_t* in_offset, int out, off_t* out_offset, std::size_t count,
                        unsigned flags) {
  int error = 0;
  TcpFile* const source = find_tcp(in, error);
  TcpFile* const sink = find_tcp(out, error);
  TcpFile* const file = source != nullptr ? source : sink;
  const int pipe = source != nullptr ? out : in;
  if (file == nullptr || (source != nullptr && sink != nullptr) || owns(pipe) || !is_pipe(pipe)) {
    return ::fcntl(pipe, F_GETFD) < 0 || (owns(pipe) && table_.find(pipe) == nullptr) ? -EBADF
                                                                                      : -EINVAL;
  }
  if (in_offset != nullptr || out_offset != nullptr) {
    return -ESPIPE;
  }
  if (count == 0) {
    return 0;
  }
  const bool may_wait = (flags & SPLICE_F_NONBLOCK) == 0 && !file->is_nonblocking;
  const Pin pin{*this, *file};
  if (sink != nullptr) {
    if (const int opened = open_deferred(*sink); opened < 0) {
      return opened;
    }
    hold_back(*sink, (flags & SPLICE_F_MORE) != 0);
  }
  return source != nullptr ? splice_out(*source, pipe, count, may_wait)
                           : splice_in(pipe, *sink, count, may_wait);
}

ssize_t Sockets::splice_out(TcpFile& file, int pipe, std::size_t count, bool may_wait) {
  if (file.is_listening()) {
    return -ENOTCONN;
  }
  // As Linux: a pipe that may not block refuses, whether there is data or not.
  const bool waits_for_pipe = !is_nonblocking(pipe);
  bool is_refused = !waits_for_pipe && !holds(pipe, POLLOUT);
  if (is_refused) {
    return -EAGAIN;
  }
  const auto try_once = [&]() -> ssize_t {
    if (file.readable() == 0) {
      const int reason = why_nothing(file);
      return reason == -EAGAIN || reason == 0 || reason == -ENOTCONN ? reason : -file.take_error();
    }
    std::size_t moved = 0;
    // What a pipe says it can take it takes at once when that is no more than PIPE_BUF.
    while (moved < count && file.readable() > 0 && holds(pipe, POLLOUT)) {
      const auto bytes = file.front();
      const ssize_t written = ::write(
          pipe, bytes.data(), std::min({bytes.size(), count - moved, std::size_t{PIPE_BUF}}));
      if (written <= 0) {
        return moved > 0 ? static_cast<ssize_t>(moved) : -errno;
      }
      moved += file.discard(static_cast<std::size_t>(written));
    }
    is_refused = moved == 0 && !waits_for_pipe;
    return moved > 0 || is_refused ? static_cast<ssize_t>(moved) : -EAGAIN;
  };
  const ssize_t moved = persist(file,
                                {.may_wait = may_wait,
                                 .timeout = file.options.receive_timeout,
                                 .too_late = -EAGAIN,
                                 .pace = kKernelPace},
                                try_once);
  return is_refused ? -EAGAIN : moved;
}

ssize_t Sockets::splice_in(int pipe, TcpFile& file, std::size_t count, bool may_wait) {
  std::size_t moved = 0;
  const auto try_once = [&]() -> ssize_t {
    while (moved < count) {
      const std::size_t there = bytes_in(pipe);
      if (there == 0) {
        return moved > 0 || has_hung_up(pipe) ? static_cast<ssize_t>(moved) : -EAGAIN;
      }
      const ssize_t got = send_from(file, pipe, nullptr, std::min(there, count - moved));
      if (got <= 0) {
        return moved > 0 && got != -EAGAIN ? static_cast<ssize_t>(moved) : got;
      }
      moved += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(moved);
  };
  const ssize_t result = persist(file,
                                 {.may_wait = may_wait && !is_nonblocking(pipe),
                                  .timeout = file.options.send_timeout,
                                  .too_late = -EAGAIN,
                                  .pace = kKernelPace},
                                 try_once);
  let_leave(file);
  return result < 0 && moved > 0 ? static_cast<ssize_t>(moved) : result;
}

}  // namespace millrace::posix
