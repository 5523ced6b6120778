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
  return is_beyond_result(parts, count) ? -EINVAL : 0;
}

msghdr message_of(const iovec* parts, std::size_t count) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = count;
  return message;
}

}  // namespace

ssize_t Sockets::receive(int fd, const iovec* parts, std::size_t count, int flags) {
  if (UdpFile* const udp = find_udp(fd)) {
    const int flaw = check(parts, count);
    msghdr message = message_of(parts, count);
    return flaw < 0 ? flaw : receive(*udp, message, flags);
  }
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error == -ENOTSOCK ? -EINVAL : error;
  }
  if (const int flaw = check(parts, count); flaw < 0) {
    return flaw;
  }
  PartCursor cursor{parts, count};
  if ((flags & MSG_ERRQUEUE) != 0) {
    msghdr message = message_of(parts, count);
    return receive_notice(*file, message);
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
  if (!is_datagram(fd) && find_tcp(fd, error) == nullptr) {
    return error;
  }
  return count > kPartsMax ? -EMSGSIZE : receive(fd, parts, count, flags);
}

ssize_t Sockets::socket_send(int fd, const iovec* parts, std::size_t count, int flags) {
  int error = 0;
  if (!is_datagram(fd) && find_tcp(fd, error) == nullptr) {
    return error;
  }
  return count > kPartsMax ? -EMSGSIZE : send(fd, parts, count, flags);
}

ssize_t Sockets::nothing(int fd) const noexcept {
  int error = 0;
  const bool is_socket = is_datagram(fd) || find_tcp(fd, error) != nullptr;
  return is_socket ? 0 : error == -ENOTSOCK ? -EINVAL : error;
}

ssize_t Sockets::take(TcpFile& file, PartCursor& parts, std::size_t target, int flags) {
  const bool is_peek = (flags & MSG_PEEK) != 0;
  const bool is_discard = (flags & MSG_TRUNC) != 0;
  if (!is_peek && !parts.at_end() && parts.done() == 0) {
    file.pass_mark();
  }
  // Not across the mark of urgent data.
  while (!parts.at_end() && !(parts.done() > 0 && file.is_at_mark())) {
    const std::span<std::byte> whole = parts.front();
    const std::span<std::byte> room = whole.first(std::min(whole.size(), file.room_to_mark()));
    if (room.data() == nullptr && !is_discard && file.readable() > (is_peek ? parts.done() : 0)) {
      return parts.done() > 0 ? static_cast<ssize_t>(parts.done()) : -EFAULT;
    }
    const std::size_t got = is_peek      ? file.peek(parts.done(), room)
                            : is_discard ? file.discard(room.size())
                                         : file.receive(room);
    parts.advance(got);
    if (got == 0) {
      break;
    }
  }
  const std::size_t done = parts.done();
  if (done >= target || (done > 0 && file.is_at_mark()) ||
      (parts.at_end() && (done > 0 || file.readable() > 0))) {
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
  if (file.options.urgent_inline || !file.has_urgent) {
    return -EINVAL;
  }
  if (!file.has_urgent_byte()) {
    const bool is_over = (file.shut() & TcpFile::kReceiveShut) != 0;
    return is_over || !file.has_connection() ? 0 : -EAGAIN;
  }
  const std::byte byte = file.urgent_byte((flags & MSG_PEEK) != 0);
  if (parts.at_end()) {
    return 0;
  }
  if ((flags & MSG_TRUNC) == 0) {
    if (parts.front().data() == nullptr) {
      return -EFAULT;
    }
    parts.front()[0] = byte;
  }
  return 1;
}

ssize_t Sockets::receive_message(int fd, msghdr* message, int flags) {
  if (UdpFile* const udp = find_udp(fd)) {
    const int flaw = check_message(message);
    return flaw < 0 ? flaw : receive(*udp, *message, flags);
  }
  if (message == nullptr) {
    return -EFAULT;
  }
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error;
  }
  if ((flags & MSG_ERRQUEUE) != 0) {
    return receive_notice(*file, *message);
  }
  const Pin pin{*this, *file};
  const ssize_t result = socket_receive(fd, message->msg_iov, message->msg_iovlen, flags);
  if (result >= 0) {
    message->msg_namelen = 0;
    message->msg_flags = (flags & MSG_OOB) != 0 ? MSG_OOB : 0;
    if (!file->options.tells_unread) {
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

ssize_t Sockets::receive_from(int fd, const iovec& part, int flags, sockaddr* address,
                              socklen_t* length) {
  UdpFile* const udp = find_udp(fd);
  if (udp == nullptr) {
    const ssize_t result = socket_receive(fd, &part, 1, flags);
    if (result >= 0 && address != nullptr && length != nullptr) {
      *length = 0;  // A stream has no sender to name.
    }
    return result;
  }
  msghdr message = message_of(&part, 1);
  message.msg_name = length == nullptr ? nullptr : address;
  message.msg_namelen = length == nullptr ? 0 : *length;
  const ssize_t result = receive(*udp, message, flags);
  if (result < 0 || address == nullptr) {
    return result;
  }
  if (length == nullptr) {
    return -EFAULT;
  }
  *length = message.msg_namelen;
  return result;
}

ssize_t Sockets::send_message(int fd, const msghdr* message, int flags) {
  UdpFile* const udp = find_udp(fd);
  if (udp == nullptr) {
    if (message == nullptr) {
      return -EFAULT;
    }
    if ((flags & MSG_FASTOPEN) != 0) {
      return send_opening(fd, message->msg_iov, message->msg_iovlen, flags,
                          {static_cast<const sockaddr*>(message->msg_name), message->msg_namelen});
    }
    return socket_send(fd, message->msg_iov, message->msg_iovlen, flags);
  }
  if (const int flaw = check_message(message); flaw < 0) {
    return flaw;
  }
  msghdr named = *message;
  named.msg_name = named.msg_namelen == 0 ? nullptr : named.msg_name;
  return send(*udp, named, flags);
}

ssize_t Sockets::send_to(int fd, const iovec& part, int flags, const sockaddr* address,
                         socklen_t length) {
  UdpFile* const udp = find_udp(fd);
  if (udp == nullptr) {
    return (flags & MSG_FASTOPEN) != 0 ? send_opening(fd, &part, 1, flags, {address, length})
                                       : socket_send(fd, &part, 1, flags);
  }
  if (address != nullptr && length > sizeof(sockaddr_storage)) {
    return -EINVAL;
  }
  msghdr message = message_of(&part, 1);
  message.msg_name = const_cast<sockaddr*>(address);
  message.msg_namelen = length;
  return send(*udp, message, flags);
}

ssize_t Sockets::send(int fd, const iovec* parts, std::size_t count, int flags) {
  if (UdpFile* const udp = find_udp(fd)) {
    const int flaw = check(parts, count);
    return flaw < 0 ? flaw : send(*udp, message_of(parts, count), flags);
  }
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error == -ENOTSOCK ? -EINVAL : error;
  }
  if (const int flaw = check(parts, count); flaw < 0) {
    return flaw;
  }
  if ((flags & MSG_FASTOPEN) != 0 || file->is_deferred()) [[unlikely]] {
    return send_opening(fd, parts, count, flags, {});
  }
  if (wants_zero_copy(*file, flags) && !file->notices.has_room()) {
    return -ENOBUFS;
  }
  PartCursor cursor{parts, count};
  const bool may_wait = !file->is_nonblocking && (flags & MSG_DONTWAIT) == 0;
  const ssize_t result = persist(
      *file, {.may_wait = may_wait, .timeout = file->options.send_timeout, .too_late = -EAGAIN},
      [&] { return give(*file, cursor, flags); });
  if (cursor.done() == 0) {
    return result;
  }
  note_more(*file, (flags & MSG_MORE) != 0);
  note_write(*file, flags);
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
    if (piece.data() == nullptr) {
      return parts.done() > 0 ? static_cast<ssize_t>(parts.done()) : -EFAULT;
    }
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
    case TcpState::SynReceived:
      // Let in early, by Fast Open; or both ends have called at once.
      return file.is_opening() ? -EAGAIN : 0;
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
