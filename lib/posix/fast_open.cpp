// TCP Fast Open for clients (RFC 7413): TCP_FASTOPEN_CONNECT, whose connect(2) waits for the first
// write where the server's cookie is known, and MSG_FASTOPEN, which opens by writing.
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "posix/errors.hpp"
#include "posix/socket_address.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

using Link = TcpFile::Link;

namespace {

// More than a SYN on any Ethernet carries, jumbo frames included.
constexpr std::size_t kSynDataMax = 9'216;
using SynData = std::array<std::byte, kSynDataMax>;

/// Takes out of the parts what the SYN has room for.
std::size_t gather_for_syn(PartCursor& parts, std::span<std::byte> into) noexcept {
  std::size_t taken = 0;
  while (!parts.at_end() && taken < into.size()) {
    const auto piece = parts.front().first(std::min(parts.front().size(), into.size() - taken));
    std::memcpy(into.data() + taken, piece.data(), piece.size());
    parts.advance(piece.size());
    taken += piece.size();
  }
  return taken;
}

bool has_null(const iovec* parts, std::size_t count) noexcept {
  return std::any_of(parts, parts + count, [](const iovec& part) {
    return part.iov_base == nullptr && part.iov_len > 0;
  });
}

}  // namespace

bool Sockets::may_defer(const TcpFile& file, const Endpoint& destination) {
  return file.options.fast_open_connect &&
         stack_.tcp().fast_open_room(destination.address, waiting_.now()) > 0;
}

/// In the order in which Linux's __inet_stream_connect looks; an errno where it is nowhere.
Result<Endpoint, int> Sockets::where_to_open(TcpFile& file, const Destination& wanted) const {
  if (config_.tcp.fast_open_destinations == 0) {
    return fail(EOPNOTSUPP);
  }
  if (file.is_deferred()) {
    return file.remote;
  }
  if (wanted.address != nullptr && wanted.length < sizeof(sa_family_t)) {
    return fail(EINVAL);
  }
  if (wanted.address != nullptr && family_of(wanted.address) == AF_UNSPEC) {
    return fail(EOPNOTSUPP);
  }
  switch (file.link) {
    case Link::Connected: return fail(EISCONN);
    case Link::Connecting: return fail(EALREADY);
    case Link::Disconnecting: return fail(EINVAL);
    case Link::Unconnected: break;
  }
  if (file.state() != TcpState::Closed) {
    return fail(EISCONN);
  }
  if (wanted.address == nullptr || wanted.length < sizeof(sockaddr_in)) {
    return fail(EINVAL);
  }
  if (family_of(wanted.address) != AF_INET) {
    return fail(EAFNOSUPPORT);
  }
  const Endpoint destination = endpoint_of(wanted.address);
  // Nobody can listen there; the native interface does not even ask.
  return destination.port.is_unspecified() ? Result<Endpoint, int>{fail(ECONNREFUSED)}
                                           : destination;
}

/// For what is not in memory yet: the SYN carries the cookie alone.
int Sockets::open_deferred(TcpFile& file) {
  if (!file.is_deferred()) {
    return 0;
  }
  const int opened = open_to(file, file.remote, {.data = {}, .is_fast = true});
  if (opened < 0) {
    dissolve(file);
  }
  return opened;
}

ssize_t Sockets::send_opening(int fd, const iovec* parts, std::size_t count, int flags,
                              const Destination& destination) {
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error;
  }
  if (count > IOV_MAX) {
    return -EINVAL;
  }
  if ((parts == nullptr && count > 0) || has_null(parts, count)) {
    return -EFAULT;
  }
  if (is_beyond_result(parts, count)) {
    return -EINVAL;
  }
  if (file->link == Link::Connecting && !file->is_deferred() && !file->is_opening()) {
    // It has been opened meanwhile, as Linux finds out here, too.
    const int failed = finish_connect(*file);
    return failed < 0 ? failed : send(fd, parts, count, flags & ~MSG_FASTOPEN);
  }
  const auto where = where_to_open(*file, destination);
  if (!where) {
    return -where.error();
  }
  if (wants_zero_copy(*file, flags) && !file->notices.has_room()) {
    return -ENOBUFS;
  }
  const Pin pin{*this, *file};
  PartCursor cursor{parts, count};
  SynData data;
  const std::size_t room = std::min<std::size_t>(
      stack_.tcp().fast_open_room(where->address, waiting_.now()), data.size());
  const std::size_t first = gather_for_syn(cursor, std::span{data}.first(room));
  // Without a cookie the SYN asks for one.
  const OpeningData in_syn{.data = std::span{data}.first(first), .is_fast = true};
  if (const int opened = open_to(*file, *where, in_syn); opened < 0) {
    if (file->is_deferred()) {
      dissolve(*file);
    }
    return opened;
  }
  file->link = Link::Connecting;
  if (first > 0) {
    note_write(*file, flags);
  }
  return send_behind_syn(*file, cursor, flags);
}

/// Waits for the handshake, as far as that may be, and sends what the SYN had no room for.
ssize_t Sockets::send_behind_syn(TcpFile& file, PartCursor& parts, int flags) {
  const std::size_t first = parts.done();
  const bool may_wait = !file.is_nonblocking && (flags & MSG_DONTWAIT) == 0;
  const auto is_open = [&file]() -> ssize_t { return file.is_opening() ? -EAGAIN : 0; };
  const ssize_t waited = persist(
      file, {.may_wait = may_wait, .timeout = file.options.send_timeout, .too_late = -EINPROGRESS},
      is_open);
  if (waited < 0) {
    return first > 0 && waited == -EINPROGRESS ? static_cast<ssize_t>(first) : waited;
  }
  if (const int failed = finish_connect(file); failed < 0) {
    return failed;
  }
  const ssize_t rest = persist(
      file, {.may_wait = may_wait, .timeout = file.options.send_timeout, .too_late = -EAGAIN},
      [&] { return give(file, parts, flags); });
  if (parts.done() > first) {
    note_write(file, first > 0 ? flags & ~MSG_ZEROCOPY : flags);
  }
  if (may_wait) {
    waiting_.turn();
  }
  return parts.done() > 0 ? static_cast<ssize_t>(parts.done()) : rest;
}

}  // namespace millrace::posix
