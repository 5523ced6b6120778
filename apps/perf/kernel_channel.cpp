// Which system calls a channel's work takes: one to receive a message, one to send it, and none to
// change what epoll watches.
#include "perf/kernel_channel.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "perf/kernel_transport.hpp"

namespace perf {
namespace {

// What one channel may read before others have their turn.
constexpr std::size_t kReadBudget = std::size_t{1} << 20U;
constexpr int kAcceptsAtOnce = 64;
constexpr int kProbes = 3;
constexpr int kProbeIntervalSeconds = 1;

template <class Value>
void set_option(int descriptor, int level, int name, const Value& value) {
  // None of them can fail on a TCP socket.
  static_cast<void>(::setsockopt(descriptor, level, name, &value, sizeof(value)));
}

}  // namespace

millrace::Error error_from(int system_error) noexcept {
  using millrace::Error;
  struct Known {
    int system_error;
    Error error;
  };
  static constexpr std::array<Known, 14> kKnown{{
      {ECONNREFUSED, Error::ConnectionRefused},
      {ECONNRESET, Error::ConnectionReset},
      {EPIPE, Error::ConnectionReset},
      {ECONNABORTED, Error::ConnectionAborted},
      {ETIMEDOUT, Error::TimedOut},
      {ENETUNREACH, Error::NetworkUnreachable},
      {EHOSTUNREACH, Error::HostUnreachable},
      {EADDRINUSE, Error::AddressInUse},
      {EADDRNOTAVAIL, Error::AddressNotAvailable},
      {EMFILE, Error::OutOfSockets},
      {ENFILE, Error::OutOfSockets},
      {ENOBUFS, Error::OutOfPackets},
      {ENOMEM, Error::OutOfPackets},
      {EACCES, Error::NotPermitted},
  }};
  const auto* const found = std::ranges::find(kKnown, system_error, &Known::system_error);
  return found == kKnown.end() ? Error::InvalidArgument : found->error;
}

KernelChannel::~KernelChannel() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

std::size_t KernelChannel::send(std::span<const std::byte> bytes) {
  if (is_over_) {
    return 0;
  }
  const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  const std::size_t taken = sent > 0 ? static_cast<std::size_t>(sent) : 0;
  wants_room_ = taken < bytes.size();  // An error is told by epoll.
  return taken;
}

std::span<const std::byte> KernelChannel::receive() {
  if (!is_readable_ || is_over_ || budget_ == 0) {
    return {};
  }
  const auto into = transport_.receive_buffer();
  const auto room = into.first(std::min(into.size(), budget_));
  const ssize_t got = ::recv(descriptor_, room.data(), room.size(), 0);
  if (got <= 0) {
    is_readable_ = false;
    has_seen_end_ = got == 0;
    read_error_ = got < 0 && errno != EAGAIN ? errno : 0;
    return {};
  }
  const auto count = static_cast<std::size_t>(got);
  // Less than asked for: that was all, and what comes next is told of, unless the end already was.
  is_readable_ = count == room.size() || end_is_announced_;
  budget_ -= count;
  return room.first(count);
}

void KernelChannel::shutdown() {
  if (!is_over_) {
    static_cast<void>(::shutdown(descriptor_, SHUT_WR));
  }
}

void KernelChannel::close() { end({}); }

void KernelChannel::abort() {
  if (!is_over_) {
    set_option(descriptor_, SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
  }
  end(millrace::fail(millrace::Error::ConnectionAborted));
}

void KernelChannel::watch_peer(millrace::Duration silence) {
  using std::chrono::duration_cast;
  const auto idle = static_cast<int>(duration_cast<std::chrono::seconds>(silence).count());
  const auto limit = std::chrono::milliseconds{std::chrono::seconds{idle + kProbes}};
  set_option(descriptor_, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(descriptor_, IPPROTO_TCP, TCP_KEEPIDLE, idle);
  set_option(descriptor_, IPPROTO_TCP, TCP_KEEPINTVL, kProbeIntervalSeconds);
  set_option(descriptor_, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set_option(descriptor_, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<unsigned>(limit.count()));
}

std::string KernelChannel::peer() const {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  auto* const generic = static_cast<sockaddr*>(static_cast<void*>(&address));
  if (is_over_ || ::getpeername(descriptor_, generic, &size) != 0) {
    return "a peer that is gone";
  }
  return endpoint_from(address).to_string();
}

void KernelChannel::on_events(std::uint32_t events) {
  if (is_over_) {
    return;
  }
  if ((events & EPOLLERR) != 0) {
    end(millrace::fail(error_from(pending_error())));
    return;
  }
  if (is_connecting_) {
    if ((events & EPOLLOUT) == 0) {
      return;
    }
    is_connecting_ = false;
    user().on_open(*this);
  }
  end_is_announced_ = end_is_announced_ || (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0) {
    is_readable_ = true;
    read_on();
  }
  if ((events & EPOLLOUT) != 0 && wants_room_ && !is_over_) {
    wants_room_ = false;
    user().on_writable(*this);
  }
}

void KernelChannel::read_on() {
  if (is_over_ || !is_readable_) {
    return;
  }
  budget_ = kReadBudget;
  user().on_readable(*this);
  if (is_over_) {
    return;
  }
  if (read_error_ != 0) {
    end(millrace::fail(error_from(read_error_)));
  } else if (has_seen_end_) {
    tell_finish();
  } else if (is_readable_) {
    transport_.read_again(*this);
  }
}

void KernelChannel::tell_finish() {
  if (!std::exchange(has_told_end_, true)) {
    user().on_finished(*this);
  }
}

void KernelChannel::tell_end() { user().on_closed(*this, outcome_); }

int KernelChannel::pending_error() const noexcept {
  int error = 0;
  socklen_t size = sizeof(error);
  static_cast<void>(::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size));
  return error;
}

// The kernel finishes what is left to do.
void KernelChannel::end(millrace::Result<void> outcome) {
  if (std::exchange(is_over_, true)) {
    return;
  }
  ::close(std::exchange(descriptor_, -1));
  outcome_ = outcome;
  transport_.end_later(*this);
}

KernelAcceptor::~KernelAcceptor() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void KernelAcceptor::close() {
  if (descriptor_ >= 0) {
    ::close(std::exchange(descriptor_, -1));
    transport_.end_later(*this);
  }
}

void KernelAcceptor::on_events(std::uint32_t /*events*/) {
  for (int i = 0; i < kAcceptsAtOnce && descriptor_ >= 0; ++i) {
    // The listener's options are the connection's: Nagle's algorithm is off.
    const int accepted = ::accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) {
      transport_.accept(accepted, user_);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      transport_.rest(*this);
      return;
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

}  // namespace perf
