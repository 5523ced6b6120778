// fcntl(2) and ioctl(2) on descriptors of ours.
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "posix/sockets.hpp"

namespace millrace::posix {

int Sockets::fcntl(int fd, int command, int argument) {
  File* const file = table_.find(fd);
  if (file == nullptr) {
    return -EBADF;
  }
  switch (command) {
    case F_GETFL: return O_RDWR | (file->is_nonblocking ? O_NONBLOCK : 0);
    case F_SETFL:
      // Whatever else may be set there means nothing to a socket; Linux ignores it, too.
      file->is_nonblocking = (argument & O_NONBLOCK) != 0;
      return 0;
    case F_GETFD: return file->closes_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD: file->closes_on_exec = (argument & FD_CLOEXEC) != 0; return 0;
    default: return -EINVAL;
  }
}

int Sockets::ioctl(int fd, unsigned long request, int* argument) {
  File* const any = table_.find(fd);
  if (any == nullptr) {
    return -EBADF;
  }
  if (request == FIONBIO && argument != nullptr) {
    any->is_nonblocking = *argument != 0;
    return 0;
  }
  if (UdpFile* const udp = find_udp(fd)) {
    return ioctl(*udp, request, argument);
  }
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return -ENOTTY;
  }
  if (request != FIONREAD && request != SIOCOUTQ && request != SIOCOUTQNSD &&
      request != SIOCATMARK) {
    return -ENOTTY;
  }
  if (file->is_listening() && request != SIOCATMARK) {
    return -EINVAL;
  }
  if (argument == nullptr) {
    return -EFAULT;
  }
  const TcpState state = file->state();
  const bool is_connected =
      state != TcpState::SynSent && state != TcpState::Closed && file->has_connection();
  const stack::ConnectionSlot* const slot =
      is_connected ? stack_.tcp().find(
                         {.index = file->native.index(), .generation = file->native.generation()})
                   : nullptr;
  if (request == FIONREAD) {
    *argument = static_cast<int>(file->readable());
  } else if (request == SIOCATMARK) {
    *argument = file->is_at_mark() ? 1 : 0;
  } else if (slot == nullptr) {
    *argument = 0;
  } else {
    const auto& sent = slot->connection.send_sequence();
    // A FIN that is not acknowledged counts, as in Linux.
    const bool has_fin =
        state == TcpState::FinWait1 || state == TcpState::Closing || state == TcpState::LastAck;
    const std::uint32_t queued = slot->connection.unacknowledged() + (has_fin ? 1 : 0);
    const std::uint32_t in_flight = sent.flight();
    *argument =
        static_cast<int>(request == SIOCOUTQ ? queued : queued - std::min(queued, in_flight));
  }
  return 0;
}

}  // namespace millrace::posix
