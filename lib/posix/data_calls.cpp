// Reading and writing, in Linux's order of what is looked at first: data, the end, the error, the
// state.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "posix/control_message.hpp"
#include "posix/errors.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

constexpr std::size_t kPartsMax = IOV_MAX;

int check(const iovec* parts, std::size_t count) noexcept {
  if (count > kPartsMax) {
    return -EINVAL;
  }
  if (parts == nullptr && count > 0) {
    return -EFAULT;
  }
  return 0;
}

bool has_null(const iovec* parts, std::size_t count) noexcept {
  return std::any_of(parts, parts + count, [](const iovec& part) {
    return part.iov_base == nullptr && part.iov_len > 0;
  });
}

}  // namespace

ssize_t Sockets::receive(int fd, const iovec* parts, std::size_t count, int flags) {
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error == -ENOTSOCK ? -EINVAL : error;
  }
  if (const int flaw = check(parts, count); flaw < 0) {
    return flaw;
  }
  if ((flags & MSG_TRUNC) == 0 && has_null(parts, count)) {
    return -EFAULT;
  }
  PartCursor cursor{parts, count};
  if ((flags & MSG_ERRQUEUE) != 0) {
    return -EAGAIN;
  }
  if (file->is_listening()) {
    return -ENOTCONN;
  }
  if ((flags & MSG_OOB) != 0) {
    return take_urgent(*file, cursor, flags);
  }
  const std::size_t wanted = cursor.left();
  const auto low_water = static_cast<std::size_t>(file->options.receive_low_water);
  const std::size_t target =
      std::max<std::size_t>((flags & MSG_WAITALL) != 0 ? wanted : std::min(low_water, wanted), 1);
  const bool may_wait = !file->is_nonblocking && (flags & MSG_DONTWAIT) == 0;
  const ssize_t result = persist(
      *file, {.may_wait = may_wait, .timeout = file->options.receive_timeout, .too_late = -EAGAIN},
      [&] { return take(*file, cursor, target, flags); });
  // What was got before the time was up, or a signal came, is got.
  return result < 0 && cursor.done() > 0 ? static_cast<ssize_t>(cursor.done()) : result;
}

ssize_t Sockets::socket_receive(int fd, const iovec* parts, std::size_t count, int flags) {
  int error = 0;
  return find_tcp(fd, error) == nullptr ? error : receive(fd, parts, count, flags);
}

ssize_t Sockets::socket_send(int fd, const iovec* parts, std::size_t count, int flags) {
  int error = 0;
  return find_tcp(fd, error) == nullptr ? error : send(fd, parts, count, flags);
}

ssize_t Sockets::nothing(int fd) const noexcept {
  int error = 0;
  const bool is_socket = find_tcp(fd, error) != nullptr;
  return is_socket ? 0 : error == -ENOTSOCK ? -EINVAL : error;
}

ssize_t Sockets::take(TcpFile& file, PartCursor& parts, std::size_t target, int flags) {
  const bool is_peek = (flags & MSG_PEEK) != 0;
  const bool is_discard = (flags & MSG_TRUNC) != 0;
  while (!parts.at_end()) {
    const std::span<std::byte> room = parts.front();
    const std::size_t got = is_peek      ? file.peek(parts.done(), room)
                            : is_discard ? file.discard(room.size())
                                         : file.receive(room);
    parts.advance(got);
    if (got == 0) {
      break;
    }
  }
  const std::size_t done = parts.done();
  if (done >= target || (parts.at_end() && (done > 0 || file.readable() > 0))) {
    return static_cast<ssize_t>(done);
  }
  const int reason = why_nothing(file);
  if (done > 0 && reason != -EAGAIN) {
    // An error stays for the next call.
    return static_cast<ssize_t>(done);
  }
  return reason == -EAGAIN || reason == 0 || reason == -ENOTCONN ? reason : -file.take_error();
}

/// Zero: the end.
int Sockets::why_nothing(TcpFile& file) {
  const std::uint8_t shut = file.shut();
  if (file.is_done()) {
    return 0;
  }
  if (file.error() != 0) {
    return -file.error();
  }
  if ((shut & TcpFile::kReceiveShut) != 0) {
    return 0;
  }
  return file.state() == TcpState::Closed ? -ENOTCONN : -EAGAIN;
}

ssize_t Sockets::take_urgent(TcpFile& file, PartCursor& parts, int flags) {
  if (file.options.urgent_inline || !file.has_connection() || parts.at_end()) {
    return file.state() == TcpState::Closed && !file.is_done() ? -ENOTCONN : -EINVAL;
  }
  if ((flags & MSG_PEEK) != 0) {
    return -EOPNOTSUPP;
  }
  const auto byte = file.native.receive_urgent();
  if (!byte) {
    return file.has_urgent && byte.error() == Error::WouldBlock ? -EAGAIN : -EINVAL;
  }
  file.has_urgent = false;
  parts.front()[0] = *byte;
  return 1;
}

ssize_t Sockets::receive_message(int fd, msghdr* message, int flags) {
  if (message == nullptr) {
    return -EFAULT;
  }
  const ssize_t result = socket_receive(fd, message->msg_iov, message->msg_iovlen, flags);
  if (result >= 0) {
    message->msg_namelen = 0;
    message->msg_flags = (flags & MSG_OOB) != 0 ? MSG_OOB : 0;
    int error = 0;
    TcpFile* const file = find_tcp(fd, error);
    if (file == nullptr || !file->options.tells_unread) {
      message->msg_controllen = 0;
      return result;
    }
    // As Linux: the peer's end counts as one more, so that it is looked for.
    const bool has_end = (file->shut() & TcpFile::kReceiveShut) != 0 && file->is_done();
    const int unread = static_cast<int>(file->readable()) + (has_end ? 1 : 0);
    put_control(*message, IPPROTO_TCP, TCP_CM_INQ, unread);
  }
  return result;
}

ssize_t Sockets::send(int fd, const iovec* parts, std::size_t count, int flags) {
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error == -ENOTSOCK ? -EINVAL : error;
  }
  if (const int flaw = check(parts, count); flaw < 0) {
    return flaw;
  }
  if (has_null(parts, count)) {
    return -EFAULT;
  }
  if ((flags & MSG_FASTOPEN) != 0 || file->is_deferred()) [[unlikely]] {
    return send_opening(fd, parts, count, flags, {});
  }
  hold_back(*file, (flags & MSG_MORE) != 0);
  PartCursor cursor{parts, count};
  const bool may_wait = !file->is_nonblocking && (flags & MSG_DONTWAIT) == 0;
  const ssize_t result = persist(
      *file, {.may_wait = may_wait, .timeout = file->options.send_timeout, .too_late = -EAGAIN},
      [&] { return give(*file, cursor, flags); });
  if (cursor.done() == 0) {
    return result;
  }
  if (may_wait) {
    waiting_.turn();
  }
  return static_cast<ssize_t>(cursor.done());
}

ssize_t Sockets::give(TcpFile& file, PartCursor& parts, int flags) {
  if (const int reason = why_not_sendable(file); reason < 0) {
    const bool is_first = parts.done() == 0;
    if (reason == -EPIPE && is_first) {
      const int error = file.take_error();
      return error == 0 ? -EPIPE : -error;
    }
    return is_first || reason == -EAGAIN ? reason : static_cast<ssize_t>(parts.done());
  }
  while (!parts.at_end()) {
    const std::span<const std::byte> piece = parts.front();
    const bool is_urgent = (flags & MSG_OOB) != 0 && parts.left() == piece.size();
    const auto taken = is_urgent ? file.native.send_urgent(piece) : file.native.send(piece);
    parts.advance(taken.value_or(0));
    if (!taken || *taken < piece.size()) {
      file.note_send_blocked();
      return -EAGAIN;
    }
  }
  return static_cast<ssize_t>(parts.done());
}

/// Zero: data may be queued. -EPIPE also where an error waits, which goes first.
int Sockets::why_not_sendable(TcpFile& file) {
  if (file.error() != 0 || (file.shut() & TcpFile::kSendShut) != 0) {
    return -EPIPE;
  }
  switch (file.state()) {
    case TcpState::Established:
    case TcpState::CloseWait: return 0;
    case TcpState::SynSent: return -EAGAIN;
    case TcpState::SynReceived: return 0;  // Let in early, by Fast Open.
    case TcpState::Closed:
    case TcpState::Listen:
    case TcpState::FinWait1:
    case TcpState::FinWait2:
    case TcpState::Closing:
    case TcpState::LastAck:
    case TcpState::TimeWait: break;
  }
  return -EPIPE;
}

}  // namespace millrace::posix
