// Edge-triggered, because a player that pauses leaves bytes unread on purpose.
#include "pressure/kernel_end.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

namespace pressure {

using millrace::Instant;

namespace {

// The casts that the sockets API asks for, in one place.
const sockaddr* as_sockaddr(const sockaddr_in& address) {
  const void* const pointer = &address;
  return static_cast<const sockaddr*>(pointer);
}

millrace::Result<void, std::string> failure(const std::string& what) {
  return millrace::fail(what + ": " + std::strerror(errno));
}

}  // namespace

KernelConversation::~KernelConversation() { ::close(descriptor_); }

bool KernelConversation::pump(Instant now) {
  if (is_connecting_ && !check_connected()) {
    if (error_ != 0) {
      player_.on_closed(std::strerror(error_), now);
    }
    return error_ == 0;
  }
  player_.pump(*this, now);
  if (is_at_end_ && !is_end_told_ && !is_closed_) {
    is_end_told_ = true;
    player_.on_peer_finished(*this, now);
  }
  if (is_closed_ || error_ != 0) {
    player_.on_closed(error_ == 0 ? "" : std::strerror(error_), now);
    return false;
  }
  return true;
}

bool KernelConversation::check_connected() {
  socklen_t size = sizeof error_;
  sockaddr_in peer{};
  socklen_t peer_size = sizeof peer;
  void* const pointer = &peer;
  ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error_, &size);
  is_connecting_ =
      error_ != 0 || ::getpeername(descriptor_, static_cast<sockaddr*>(pointer), &peer_size) != 0;
  return !is_connecting_;
}

std::size_t KernelConversation::transferred(ssize_t result) noexcept {
  if (result < 0 && errno != EAGAIN && errno != EINTR) {
    error_ = errno;
  }
  return result > 0 ? static_cast<std::size_t>(result) : 0;
}

std::size_t KernelConversation::send(std::span<const std::byte> bytes) {
  return transferred(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

std::size_t KernelConversation::receive(std::span<std::byte> into) {
  const ssize_t result = ::recv(descriptor_, into.data(), into.size(), 0);
  is_at_end_ = is_at_end_ || result == 0;
  return transferred(result);
}

void KernelConversation::finish_sending() { ::shutdown(descriptor_, SHUT_WR); }

void KernelConversation::close() { is_closed_ = true; }

void KernelConversation::abort() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  is_closed_ = true;
}

KernelEnd::~KernelEnd() {
  conversations_.clear();
  ::close(epoll_);
  ::close(listener_);
}

millrace::Result<void, std::string> KernelEnd::start() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_port = htons(options_.port);
  if (::bind(listener_, as_sockaddr(local), sizeof local) != 0 || ::listen(listener_, 511) != 0) {
    return failure("port " + std::to_string(options_.port));
  }
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener_}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) {
    return failure("epoll");
  }
  return {};
}

int KernelEnd::run() {
  // The other end may take a while to start, and to finish.
  constexpr auto kQuiet = std::chrono::seconds{8};
  std::array<epoll_event, 256> events{};
  began_at_ = now();
  Instant busy_at = began_at_;
  while (now() - busy_at < kQuiet) {
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), 5);
    for (int i = 0; i < count; ++i) {
      const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
      descriptor == listener_ ? accept_all() : pump(descriptor);
    }
    pump_due();
    if (ledger_.accepted > 0) {
      open_lanes();  // The other end is there.
    } else if (now() - began_at_ < std::chrono::seconds{60}) {
      busy_at = now();
    }
    busy_at = conversations_.empty() ? busy_at : now();
  }
  return ledger_.finish();
}

Instant KernelEnd::now() { return Instant{std::chrono::steady_clock::now().time_since_epoch()}; }

void KernelEnd::accept_all() {
  for (int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
       descriptor >= 0;
       descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) {
    add(descriptor, false, std::nullopt, Player{ledger_, options_.seed, now()});
  }
}

void KernelEnd::open_lanes() {
  for (std::uint64_t lane = 0; lane < options_.lanes && now() - began_at_ < options_.duration;
       ++lane) {
    if (!is_lane_busy_[lane]) {
      open(lane);
    }
  }
}

void KernelEnd::open(std::uint64_t lane) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(options_.peer_port);
  ::inet_pton(AF_INET, options_.peer_address.c_str(), &peer.sin_addr);
  if (descriptor < 0 ||
      (::connect(descriptor, as_sockaddr(peer), sizeof peer) != 0 && errno != EINPROGRESS)) {
    ledger_.violate(0, std::string{"cannot open: "} + std::strerror(errno));
    ::close(descriptor);
    return;
  }
  is_lane_busy_[lane] = true;
  // Ours are the odd numbers.
  add(descriptor, true, lane, Player{ledger_, options_.seed, 2 * rounds_++ + 1, now()});
}

void KernelEnd::add(int descriptor, bool is_connecting, std::optional<std::uint64_t> lane,
                    const Player& player) {
  conversations_.emplace(
      descriptor, std::make_unique<KernelConversation>(descriptor, is_connecting, lane, player));
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                    .data = {.fd = descriptor}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
}

void KernelEnd::pump(int descriptor) {
  const auto found = conversations_.find(descriptor);
  if (found == conversations_.end() || found->second->pump(now())) {
    return;
  }
  if (found->second->lane) {
    is_lane_busy_[*found->second->lane] = false;
  }
  conversations_.erase(found);
}

void KernelEnd::pump_due() {
  const Instant moment = now();
  std::vector<int> due;
  for (const auto& [descriptor, conversation] : conversations_) {
    if (conversation->next_wake() <= moment) {
      due.push_back(descriptor);
    }
  }
  for (const int descriptor : due) {
    pump(descriptor);
  }
}

}  // namespace pressure
