// Datagrams by send(2), recv(2) and their kin, in Linux's order of what is looked at first: where
// to, how long, the error that waits, what is shut, and only then the caller's memory.
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <span>

#include "posix/errors.hpp"
#include "posix/message_control.hpp"
#include "posix/socket_address.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

constexpr std::size_t kPartsMax = IOV_MAX;
constexpr std::size_t kMessageMax = 0xffff;  // Beyond it Linux does not even ask where to.

sockaddr* generic(void* address) noexcept { return static_cast<sockaddr*>(address); }

/// Copies to the parts what fits. Zero, or -EFAULT.
int copy_out(std::span<const std::byte> bytes, PartCursor& parts) noexcept {
  while (!bytes.empty() && !parts.at_end()) {
    const std::span<std::byte> room = parts.front();
    if (room.data() == nullptr) {
      return -EFAULT;
    }
    const std::size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    parts.advance(count);
    bytes = bytes.subspan(count);
  }
  return 0;
}

/// What lies behind the headers of what the native socket has queued.
int copy_payload(const packet::Packet& datagram, std::size_t headers, PartCursor& parts) noexcept {
  int flaw = 0;
  datagram.for_each_segment([&](std::span<const std::byte> bytes) {
    const std::size_t skipped = std::min(headers, bytes.size());
    headers -= skipped;
    if (flaw == 0) {
      flaw = copy_out(bytes.subspan(skipped), parts);
    }
  });
  return flaw;
}

/// An address that a message is for. Zero or a negative errno.
int read_destination(const msghdr& message, Endpoint& into) noexcept {
  if (message.msg_namelen < sizeof(sockaddr_in)) {
    return -EINVAL;
  }
  const sa_family_t family = family_of(generic(message.msg_name));
  if (family != AF_INET && family != AF_UNSPEC) {
    return -EAFNOSUPPORT;
  }
  into = endpoint_of(generic(message.msg_name));
  return into.port.is_unspecified() ? -EINVAL : 0;
}

int errno_of_send(Error error) noexcept {
  switch (error) {
    case Error::InvalidArgument: return ENETUNREACH;  // The unspecified address.
    case Error::OutOfPackets: return EAGAIN;
    default: return errno_of(error);
  }
}

}  // namespace

int Sockets::check_message(const msghdr* message) noexcept {
  if (message == nullptr) {
    return -EFAULT;
  }
  if (message->msg_iovlen > kPartsMax) {
    return -EMSGSIZE;
  }
  if (message->msg_iov == nullptr && message->msg_iovlen > 0) {
    return -EFAULT;
  }
  if (is_beyond_result(message->msg_iov, message->msg_iovlen)) {
    return -EINVAL;
  }
  return message->msg_name != nullptr && static_cast<int>(message->msg_namelen) < 0 ? -EINVAL : 0;
}

ssize_t Sockets::receive(UdpFile& file, msghdr& message, int flags) {
  if ((flags & MSG_ERRQUEUE) != 0) {
    return receive_error(file, message);
  }
  const bool may_wait = !file.is_nonblocking && (flags & MSG_DONTWAIT) == 0;
  return persist(
      file, {.may_wait = may_wait, .timeout = file.options.receive_timeout, .too_late = -EAGAIN},
      [&] { return receive_once(file, message, flags, may_wait); });
}

ssize_t Sockets::receive_once(UdpFile& file, msghdr& message, int flags, bool may_wait) {
  // RFC 1122 §4.1.3.3: what ICMP said goes before what has arrived.
  if (file.error() != 0) {
    return -file.take_error();
  }
  stack::UdpSlot* const slot = slot_of(file);
  if (slot != nullptr && !slot->queue.empty()) {
    return take(*slot, message, flags);
  }
  if (!may_wait || !file.is_shut(UdpFile::kReceiveShut)) {
    return -EAGAIN;
  }
  message.msg_namelen = 0;
  message.msg_controllen = 0;
  message.msg_flags = 0;
  return 0;
}

/// The next datagram, of which there is one: whole, or what fits of it.
ssize_t Sockets::take(stack::UdpSlot& slot, msghdr& message, int flags) {
  const bool is_peek = (flags & MSG_PEEK) != 0;
  PartCursor parts{message.msg_iov, message.msg_iovlen};
  const Endpoint source = stack::UdpCore::next_ends(slot).remote;
  const std::size_t bytes = stack::UdpCore::next_size(slot);
  const int flaw = slot.queue.view_front(
      [&](const packet::Packet& next) { return copy_payload(next, next.size() - bytes, parts); });
  if (!is_peek) {
    static_cast<void>(stack_.udp().receive(slot));
  }
  if (flaw < 0) {
    return flaw;
  }
  message.msg_flags = parts.done() < bytes ? MSG_TRUNC : 0;
  message.msg_controllen = 0;
  if (message.msg_name != nullptr) {
    if (const int put = put_endpoint(source, generic(message.msg_name), &message.msg_namelen);
        put < 0) {
      return put;
    }
  }
  return static_cast<ssize_t>((flags & MSG_TRUNC) != 0 ? bytes : parts.done());
}

/// MSG_ERRQUEUE: the oldest error, with its datagram's payload and destination as what was
/// received.
ssize_t Sockets::receive_error(UdpFile& file, msghdr& message) {
  const ErrorRecord* const record = file.errors.front();
  if (record == nullptr) {
    return -EAGAIN;
  }
  PartCursor parts{message.msg_iov, message.msg_iovlen};
  const int flaw = copy_out(record->payload(), parts);
  if (flaw == 0) {
    message.msg_flags = MSG_ERRQUEUE;
    message.msg_flags |= parts.done() < record->payload().size() ? MSG_TRUNC : 0;
    if (message.msg_name != nullptr) {
      static_cast<void>(
          put_endpoint(record->destination, generic(message.msg_name), &message.msg_namelen));
    }
    struct {
      sock_extended_err what;
      sockaddr_in offender;
    } told{.what = record->what, .offender = {}};
    if (!record->reporter.is_unspecified()) {
      socklen_t length = sizeof(told.offender);
      static_cast<void>(put_endpoint({.address = record->reporter, .port = Port{}},
                                     generic(&told.offender), &length));
    }
    put_control(message, {.level = IPPROTO_IP, .type = IP_RECVERR}, &told, sizeof(told));
  }
  file.drop_queued_error();
  return flaw < 0 ? flaw : static_cast<ssize_t>(parts.done());
}

ssize_t Sockets::send(UdpFile& file, const msghdr& message, int flags) {
  if (const int without = ensure_port(file); without < 0) {
    return without;
  }
  const PartCursor parts{message.msg_iov, message.msg_iovlen};
  const std::size_t bytes = parts.left();
  if (bytes > kMessageMax) {
    return -EMSGSIZE;
  }
  if ((flags & MSG_OOB) != 0) {
    return -EOPNOTSUPP;
  }
  Endpoint destination = file.corked ? file.corked_for : file.remote;
  if (!file.corked && message.msg_name != nullptr) {
    if (const int flaw = read_destination(message, destination); flaw < 0) {
      return flaw;
    }
  } else if (destination.port.is_unspecified()) {
    return -EDESTADDRREQ;
  }
  if (!is_control_ignorable(message)) {
    return -EINVAL;
  }
  const Pin pin{*this, file};
  const ssize_t result = persist(file,
                                 {.may_wait = !file.is_nonblocking && (flags & MSG_DONTWAIT) == 0,
                                  .timeout = file.options.send_timeout,
                                  .too_late = -EAGAIN},
                                 [&] { return give(file, message, destination, flags); });
  if (result >= 0) {
    let_leave(file);
  }
  return result;
}

ssize_t Sockets::give(UdpFile& file, const msghdr& message, const Endpoint& destination,
                      int flags) {
  PartCursor parts{message.msg_iov, message.msg_iovlen};
  const std::size_t bytes = parts.left();
  const std::size_t held = file.corked ? file.corked.size() : 0;
  if (const int reason = why_not_sendable(file, destination, held + bytes); reason < 0) {
    file.corked.reset();
    return reason;
  }
  std::span<const std::byte> payload = parts.front();
  if (payload.size() < bytes) {
    payload = gather(parts);
  }
  if (payload.data() == nullptr && bytes > 0) {
    return -EFAULT;
  }
  const bool is_held = (flags & MSG_MORE) != 0 || file.options.is_corked;
  if (is_held || file.corked) {
    return hold(file, payload, destination, is_held);
  }
  if (const auto sent = file.native.send_to(destination, payload); !sent) {
    const int error = errno_of_send(sent.error());
    if (error == EAGAIN) {
      file.note_send_blocked();
    }
    return -error;
  }
  return static_cast<ssize_t>(bytes);
}

/// Zero: that many bytes may leave for there.
int Sockets::why_not_sendable(UdpFile& file, const Endpoint& destination, std::size_t bytes) {
  const stack::UdpSlot* const slot = slot_of(file);
  if (slot == nullptr) {
    return -EDESTADDRREQ;  // Dissolved by another thread while this one waited.
  }
  const auto way = stack_.udp().check(stack_.now(), *slot, destination, bytes);
  if (!way) {
    if (way.error() == Error::MessageTooLong) {
      file.note_local_error(EMSGSIZE, destination, path_mtu_of(file));
    }
    return -errno_of_send(way.error());
  }
  if (file.error() != 0) {
    return -file.take_error();
  }
  return file.is_shut(UdpFile::kSendShut) ? -EPIPE : 0;
}

/// The parts as one; empty where one of them is not there.
std::span<const std::byte> Sockets::gather(PartCursor& parts) noexcept {
  while (!parts.at_end()) {
    const std::span<const std::byte> piece = parts.front();
    if (piece.data() == nullptr) {
      return {};
    }
    std::ranges::copy(piece, gathered_.begin() + static_cast<std::ptrdiff_t>(parts.done()));
    parts.advance(piece.size());
  }
  return std::span{gathered_}.first(parts.done());
}

/// MSG_MORE and UDP_CORK: one datagram of several calls.
ssize_t Sockets::hold(UdpFile& file, std::span<const std::byte> piece, const Endpoint& destination,
                      bool is_held) {
  const bool is_first = !file.corked;
  const std::size_t before = file.corked.size();
  const auto allocate = [this] { return stack_.pools().data.allocate(); };
  switch (file.corked.add(piece, stack_.tcp().resources().budget, allocate)) {
    case HeldDatagram::Added::Whole: break;
    case HeldDatagram::Added::NoPacket:
      stack_.udp().want_packets(*slot_of(file));
      file.note_send_blocked();
      return -EAGAIN;
    case HeldDatagram::Added::NoRoom:
      file.corked.reset();  // As Linux, where memory runs out.
      return -ENOBUFS;
  }
  if (is_first) {
    file.corked_for = destination;
  }
  const int left = is_held ? 0 : uncork(file);
  if (left == -EAGAIN) {
    file.corked.keep_first(before);  // The piece comes once more.
  }
  return left < 0 ? left : static_cast<ssize_t>(piece.size());
}

/// Sends what was held back. -EAGAIN: not now; it stays. Any other error it is lost with.
int Sockets::uncork(UdpFile& file) {
  stack::UdpSlot* const slot = slot_of(file);
  int error = 0;
  if (file.corked && slot != nullptr) {
    const auto sent = stack_.udp().send(stack_.now(), *slot, file.corked_for, file.corked.whole());
    error = sent ? 0 : errno_of_send(sent.error());
  }
  if (error == EAGAIN) {
    file.note_send_blocked();
  } else {
    file.corked.reset();
  }
  return -error;
}

}  // namespace millrace::posix
