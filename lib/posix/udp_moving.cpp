// sendfile(2) and splice(2) on datagram sockets: what a call moves is one datagram. The bytes go by
// way of the buffer for gathered datagrams, which is filled anew whenever a call goes on.
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "posix/pipe_end.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

/// One datagram of the first bytes of `gathered_`.
ssize_t Sockets::give_gathered(UdpFile& file, std::size_t bytes, int flags) {
  const iovec part{.iov_base = gathered_.data(), .iov_len = bytes};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(&part);
  message.msg_iovlen = 1;
  return give(file, message, file.corked ? file.corked_for : file.remote, flags);
}

/// Why that many bytes cannot leave for the peer, room aside; before they are taken from a pipe.
int Sockets::why_not_movable(UdpFile& file, std::size_t bytes) {
  if (const int without = ensure_port(file); without < 0) {
    return without;
  }
  const Endpoint& destination = file.corked ? file.corked_for : file.remote;
  if (destination.port.is_unspecified()) {
    return -EDESTADDRREQ;
  }
  if (bytes > gathered_.size()) {
    return -EMSGSIZE;
  }
  return why_not_sendable(file, destination, (file.corked ? file.corked.size() : 0) + bytes);
}

ssize_t Sockets::sendfile(UdpFile& file, int in, off_t* offset, std::size_t count) {
  const off_t at = offset != nullptr ? *offset : ::lseek(in, 0, SEEK_CUR);
  const Pin pin{*this, file};
  const auto try_once = [&]() -> ssize_t {
    const std::size_t most = std::min(count, gathered_.size());
    const ssize_t got = ::pread(in, gathered_.data(), most, at);
    if (got <= 0) {
      return got < 0 ? -errno : 0;
    }
    const int reason = why_not_movable(file, static_cast<std::size_t>(got));
    return reason < 0 ? reason : give_gathered(file, static_cast<std::size_t>(got), 0);
  };
  const ssize_t sent = count == 0 ? 0
                                  : persist(file,
                                            {.may_wait = !file.is_nonblocking,
                                             .timeout = file.options.send_timeout,
                                             .too_late = -EAGAIN},
                                            try_once);
  if (sent > 0) {
    let_leave(file);
    if (offset != nullptr) {
      *offset += sent;
    } else {
      static_cast<void>(::lseek(in, at + sent, SEEK_SET));
    }
  }
  return sent;
}

ssize_t Sockets::splice_out(UdpFile& file, int pipe, std::size_t count, bool may_wait) {
  // As Linux: a pipe that may not block refuses, whether there is a datagram or not.
  const bool waits_for_pipe = !is_nonblocking(pipe);
  bool is_refused = !waits_for_pipe && room_in(pipe) == 0;
  if (is_refused) {
    return -EAGAIN;
  }
  const PipeWriter writer{pipe};
  const auto try_once = [&]() -> ssize_t {
    const std::size_t room =
        room_in(pipe) == 0 ? 0 : std::min({writer.most(), count, gathered_.size()});
    is_refused = room == 0 && !waits_for_pipe;
    if (room == 0) {
      return is_refused ? 0 : -EAGAIN;
    }
    const iovec part{.iov_base = gathered_.data(), .iov_len = room};
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(&part);
    message.msg_iovlen = 1;
    const ssize_t got = receive_once(file, message, MSG_PEEK, may_wait);
    if (got < 0) {
      return got;
    }
    const ssize_t written =
        got == 0 ? 0 : writer.write(std::span{gathered_}.first(static_cast<std::size_t>(got)));
    if (written < 0) {
      return -errno;  // EAGAIN: another writer was faster. The datagram is still there.
    }
    // As Linux: what the pipe had no room for is lost.
    if (stack::UdpSlot* const slot = slot_of(file); slot != nullptr && !slot->queue.empty()) {
      static_cast<void>(stack_.udp().receive(*slot));
    }
    return written;
  };
  const ssize_t moved = persist(file,
                                {.may_wait = may_wait,
                                 .timeout = file.options.receive_timeout,
                                 .too_late = -EAGAIN,
                                 .pace = kKernelPace},
                                try_once);
  return is_refused ? -EAGAIN : moved;
}

ssize_t Sockets::splice_in(int pipe, UdpFile& file, std::size_t count, const Splice& how) {
  const auto try_once = [&]() -> ssize_t {
    const std::size_t bytes = std::min(bytes_in(pipe), count);
    if (bytes == 0) {
      return has_hung_up(pipe) ? 0 : -EAGAIN;
    }
    if (const int reason = why_not_movable(file, bytes); reason < 0) {
      return reason;
    }
    const ssize_t got = ::read(pipe, gathered_.data(), bytes);
    if (got <= 0) {
      return got < 0 ? -errno : 0;
    }
    const ssize_t given =
        give_gathered(file, static_cast<std::size_t>(got), how.has_more ? MSG_MORE : 0);
    // It is out of the pipe, and lost on the way where there is no room: as on the kernel, which
    // tells nobody when a queue of its own is full.
    return given == -EAGAIN ? got : given;
  };
  const ssize_t moved = persist(file,
                                {.may_wait = how.may_wait && !is_nonblocking(pipe),
                                 .timeout = file.options.send_timeout,
                                 .too_late = -EAGAIN,
                                 .pace = kKernelPace},
                                try_once);
  if (moved > 0) {
    let_leave(file);
  }
  return moved;
}

}  // namespace millrace::posix
