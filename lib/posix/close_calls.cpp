// The end of sockets: shutting down, closing, lingering, and what becomes of the connection.
#include <cerrno>

#include "posix/sockets.hpp"

namespace millrace::posix {

void Sockets::close_all() {
  tcp_files_.for_each([this](TcpFile& file) {
    if (file.number >= 0) {
      file.options.lingering.l_onoff =
          file.options.lingering.l_linger == 0 ? file.options.lingering.l_onoff : 0;
      static_cast<void>(close(file.number));
    }
  });
  epoll_sets_.for_each([this](EpollSet& set) { static_cast<void>(close(set.number)); });
}

int Sockets::shutdown(int fd, int how) {
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error;
  }
  if (how < SHUT_RD || how > SHUT_RDWR) {
    return -EINVAL;
  }
  const auto directions = static_cast<std::uint8_t>(how + 1);
  switch (file->state()) {
    case TcpState::Closed: return -ENOTCONN;
    case TcpState::Listen:
      if ((directions & TcpFile::kReceiveShut) != 0) {
        stop_listening(*file);
        file->note();
      }
      return 0;
    case TcpState::SynSent:
      dissolve(*file);
      file->note();
      return 0;
    case TcpState::SynReceived:
    case TcpState::Established:
    case TcpState::FinWait1:
    case TcpState::FinWait2:
    case TcpState::CloseWait:
    case TcpState::Closing:
    case TcpState::LastAck:
    case TcpState::TimeWait: break;
  }
  if (file->link == TcpFile::Link::Connecting) {
    file->link = TcpFile::Link::Connected;
  }
  file->add_shut(directions);
  if ((directions & TcpFile::kSendShut) != 0) {
    static_cast<void>(file->native.shutdown());
  }
  file->note();
  let_leave(*file);
  return 0;
}

int Sockets::close(int fd) {
  File* const file = table_.find(fd);
  if (file == nullptr) {
    return -EBADF;
  }
  const bool is_tcp = file->kind() == FileKind::Tcp;
  const bool is_blocking = !file->is_nonblocking;
  drop_watches(*file);
  table_.remove(fd);
  file->number = -1;
  if (is_tcp) {
    linger(static_cast<TcpFile&>(*file));
  }
  if (file->pins > 0) {
    // It goes when the calls that wait on it are over.
    file->is_closing = true;
  } else {
    release(*file);
  }
  if (is_tcp && is_blocking) {
    waiting_.turn();
  }
  return 0;
}

void Sockets::release(File& file) {
  if (file.kind() == FileKind::Tcp) {
    free_tcp(static_cast<TcpFile&>(file));
  } else {
    epoll_sets_.erase(epoll_sets_.index_of(static_cast<EpollSet&>(file)));
  }
}

/// SO_LINGER with a time: closing waits until the peer has all, however blocking the descriptor is.
void Sockets::linger(TcpFile& file) {
  const ::linger& wish = file.options.lingering;
  if (wish.l_onoff == 0 || wish.l_linger == 0 || file.state() == TcpState::Closed ||
      !file.has_connection() || file.readable() > 0 || file.pins > 0) {
    return;
  }
  if (!file.native.shutdown()) {
    return;
  }
  const TcpSocket socket = file.native;
  const auto is_delivered = [&]() -> ssize_t {
    const TcpState state = socket.state();
    const bool is_on_its_way =
        state == TcpState::FinWait1 || state == TcpState::Closing || state == TcpState::LastAck;
    return is_on_its_way ? -EAGAIN : 0;
  };
  static_cast<void>(persist(
      file, {.may_wait = true, .timeout = std::chrono::seconds{wish.l_linger}, .too_late = 0},
      is_delivered));
}

void Sockets::end_connection(TcpFile& file) {
  if (!file.has_connection()) {
    return;
  }
  const TcpSocket socket = file.native;
  static_cast<void>(socket.set_handler(nobody_));
  const bool is_cut = file.options.lingering.l_onoff != 0 && file.options.lingering.l_linger == 0;
  // What was looked at and not read is unread, too (RFC 9293 §3.6.1).
  if ((is_cut || file.has_held()) && !file.is_opening()) {
    static_cast<void>(socket.abort());
  } else {
    static_cast<void>(socket.close());
  }
}

void Sockets::stop_listening(TcpFile& file) {
  while (TcpFile* const waiting = file.waiting.pop_front()) {
    if (waiting->has_connection()) {
      static_cast<void>(waiting->native.set_handler(nobody_));
      static_cast<void>(waiting->native.abort());
    }
    waiting->forget();
    free_tcp(*waiting);
  }
  if (find_listener(file) != nullptr) {
    stack_.tcp().close_listener(file.listener);
  }
  file.forget();
  if (!file.has_bound_port) {
    file.local.port = Port{};
  }
}

void Sockets::free_tcp(TcpFile& file) {
  if (file.is_listening()) {
    stop_listening(file);
  }
  end_connection(file);
  file.forget();
  tcp_files_.erase(tcp_files_.index_of(file));
}

}  // namespace millrace::posix
