#include "simulation/posix_pair.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>

namespace millrace::test {

sockaddr_in socket_address(std::uint8_t last, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = last == 0 ? htonl(INADDR_ANY) : htonl(0xc6120000U + last);
  return address;
}

namespace {

const sockaddr* generic(const sockaddr_in& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

}  // namespace

PosixHost::PosixHost(sim::World& world, sim::Host& host, const posix::Sockets::Limits& limits)
    : world_{world},
      host_{host},
      sockets_{{.worker = host.worker(),
                .stack = host.stack(),
                .waiting = *this,
                .config = host.config()},
               limits} {}

int PosixHost::wait(Instant until, int /*descriptor*/) {
  if (refusal_ != 0 && refusals_left_ > 0) {
    --refusals_left_;
    return -refusal_;
  }
  if (before_wait_) {
    before_wait_(until);
  }
  host_.wake();
  world_.run_for(std::clamp<Duration>(until - world_.now(), 0ns, 1ms));
  return 0;
}

void PosixHost::turn() {
  host_.run_turn();
  if (in_turn_) {
    in_turn_();
  }
  host_.wake();
}

int PosixHost::bind(int fd, std::uint8_t last, std::uint16_t port) {
  const sockaddr_in address = socket_address(last, port);
  return sockets_.bind(fd, generic(address), sizeof(address));
}

int PosixHost::connect(int fd, std::uint8_t last, std::uint16_t port) {
  const sockaddr_in address = socket_address(last, port);
  return sockets_.connect(fd, generic(address), sizeof(address));
}

ssize_t PosixHost::send(int fd, std::string_view text, int flags) {
  std::string copy{text};
  const iovec part{.iov_base = copy.data(), .iov_len = copy.size()};
  const ssize_t taken = sockets_.send(fd, &part, 1, flags);
  host_.wake();  // What was queued leaves in its turn, though nobody else may look at this host.
  return taken;
}

std::string PosixHost::receive(int fd, std::size_t most, int flags) {
  std::string text(most, '\0');
  const iovec part{.iov_base = text.data(), .iov_len = text.size()};
  const ssize_t got = sockets_.receive(fd, &part, 1, flags);
  if (got < 0) {
    return "errno " + std::to_string(-got);
  }
  text.resize(static_cast<std::size_t>(got));
  return text;
}

int PosixHost::get(int fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof(value);
  const int result = sockets_.getsockopt(fd, level, option, &value, &length);
  return result < 0 ? result : value;
}

unsigned PosixHost::events(int fd) {
  pollfd entry{.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP, .revents = 0};
  static_cast<void>(sockets_.poll(&entry, 1, 0));
  return static_cast<unsigned>(entry.revents);
}

int PosixHost::listener(std::uint16_t port, int backlog, int flags) {
  const int fd = socket(flags);
  EXPECT_EQ(bind(fd, 0, port), 0);
  EXPECT_EQ(sockets_.listen(fd, backlog), 0);
  return fd;
}

PosixPair::PosixPair(const PairSetup& setup, const posix::Sockets::Limits& limits)
    : pair{setup},
      client{pair.world, pair.client, limits},
      server{pair.world, pair.server, limits} {}

void PosixPair::run_for(Duration time) {
  pair.client.wake();
  pair.server.wake();
  pair.world.run_for(time);
}

PosixPair::Ends PosixPair::connect(int listener, std::uint16_t port, int client_flags,
                                   int server_flags) {
  Ends ends;
  ends.client = client.socket();
  EXPECT_EQ(client.connect(ends.client, 2, port), 0);
  ends.server = server.accept(listener, server_flags);
  EXPECT_GE(ends.server, 0);
  static_cast<void>(client.sockets().fcntl(ends.client, F_SETFL, client_flags));
  return ends;
}

}  // namespace millrace::test
