// sendfile(2) and splice(2): between our streams and the kernel's files and pipes, by way of packet
// buffers, so that what is sent is read in place. Datagrams: udp_moving.cpp.
#include <fcntl.h>
#include <linux/limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <millrace/buffer.hpp>

#include "posix/pipe_end.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

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
  UdpFile* const datagrams = find_udp(out);
  if (file == nullptr && datagrams == nullptr) {
    return error == -ENOTSOCK ? -EINVAL : error;
  }
  const int flaw = owns(in) ? -EINVAL : why_no_file(in, offset != nullptr);
  if (flaw < 0) {
    return flaw;
  }
  if (datagrams != nullptr) {
    return sendfile(*datagrams, in, offset, count);
  }
  const Pin pin{*this, *file};
  if (const int opened = open_deferred(*file); opened < 0) {
    return opened;
  }
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
  note_more(*file, false);
  let_leave(*file);
  return result < 0 && sent > 0 ? static_cast<ssize_t>(sent) : result;
}

ssize_t Sockets::splice(int in, off_t* in_offset, int out, off_t* out_offset, std::size_t count,
                        unsigned flags) {
  File* const source = owns(in) ? table_.find(in) : nullptr;
  File* const sink = owns(out) ? table_.find(out) : nullptr;
  File* const file = source != nullptr ? source : sink;
  const int pipe = source != nullptr ? out : in;
  if (file == nullptr || file->kind() == FileKind::Epoll || owns(pipe) || !is_pipe(pipe)) {
    return ::fcntl(pipe, F_GETFD) < 0 || (owns(pipe) && table_.find(pipe) == nullptr) ? -EBADF
                                                                                      : -EINVAL;
  }
  if (count == 0) {
    return 0;
  }
  if (is_only_for(pipe, source != nullptr ? O_RDONLY : O_WRONLY)) {
    return -EBADF;
  }
  if (in_offset != nullptr || out_offset != nullptr) {
    return -ESPIPE;
  }
  if (source != nullptr && has_no_reader(pipe)) {
    static_cast<void>(std::raise(SIGPIPE));  // As Linux, before it looks for data.
    return -EPIPE;
  }
  const Splice how{.may_wait = (flags & SPLICE_F_NONBLOCK) == 0 && !file->is_nonblocking,
                   .has_more = (flags & SPLICE_F_MORE) != 0};
  const Pin pin{*this, *file};
  if (file->kind() == FileKind::Udp) {
    auto& datagrams = static_cast<UdpFile&>(*file);
    return source != nullptr ? splice_out(datagrams, pipe, count, how.may_wait)
                             : splice_in(pipe, datagrams, count, how);
  }
  auto& stream = static_cast<TcpFile&>(*file);
  if (source != nullptr) {
    return splice_out(stream, pipe, count, how.may_wait);
  }
  if (const int opened = open_deferred(stream); opened < 0) {
    return opened;
  }
  return splice_in(pipe, stream, count, flags);
}

ssize_t Sockets::splice_out(TcpFile& file, int pipe, std::size_t count, bool may_wait) {
  if (file.is_listening()) {
    return -ENOTCONN;
  }
  // As Linux: a pipe that may not block refuses, whether there is data or not.
  const bool waits_for_pipe = !is_nonblocking(pipe);
  bool is_refused = !waits_for_pipe && room_in(pipe) == 0;
  if (is_refused) {
    return -EAGAIN;
  }
  const PipeWriter writer{pipe};
  const auto try_once = [&]() -> ssize_t {
    if (file.is_at_mark()) {
      return 0;  // As Linux: the urgent byte is not for pipes.
    }
    if (file.readable() == 0) {
      const int reason = why_nothing(file);
      return reason == -EAGAIN || reason == 0 || reason == -ENOTCONN ? reason : -file.take_error();
    }
    std::size_t moved = 0;
    while (moved < count && file.readable() > 0) {
      const auto bytes = file.front();
      const std::size_t most = std::min({bytes.size(), count - moved, writer.most()});
      const ssize_t written = most == 0 ? 0 : writer.write(bytes.first(most));
      if (written == 0 || (written < 0 && errno == EAGAIN)) {
        break;
      }
      if (written < 0) {
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

ssize_t Sockets::splice_in(int pipe, TcpFile& file, std::size_t count, unsigned flags) {
  const bool may_wait =
      (flags & SPLICE_F_NONBLOCK) == 0 && !file.is_nonblocking && !is_nonblocking(pipe);
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
                                 {.may_wait = may_wait,
                                  .timeout = file.options.send_timeout,
                                  .too_late = -EAGAIN,
                                  .pace = kKernelPace},
                                 try_once);
  note_more(file, (flags & SPLICE_F_MORE) != 0);
  let_leave(file);
  return result < 0 && moved > 0 ? static_cast<ssize_t>(moved) : result;
}

}  // namespace millrace::posix
