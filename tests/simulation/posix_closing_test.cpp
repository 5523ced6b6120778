// Closing a descriptor while a call on it lets a turn run or waits, as handlers on the same core
// and other threads do: the call ends with EBADF, and what was closed goes with it and not before.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "simulation/posix_pair.hpp"

namespace millrace::test {
namespace {

struct PosixClosing : testing::Test {
  static constexpr std::uint32_t kSockets = 6;

  void SetUp() override {
    listener = net.server.listener(80);
    ends = net.connect(listener, 80);
  }
  /// In the client's next turn, or its next wait, `fd` is closed.
  void close_in_turn(int fd) {
    net.client.when_turning([this, fd] { close(fd); });
  }
  void close_in_wait(int fd) {
    net.client.when_waiting([this, fd](Instant) { close(fd); });
  }
  void close(int fd) {
    if (!is_closed) {
      is_closed = true;
      EXPECT_EQ(net.client.sockets().close(fd), 0);
    }
  }
  /// Calls that may not wait until one has let a turn run.
  std::string receive_until_closed(int fd) {
    std::string told;
    for (int i = 0; i < 100 && !is_closed; ++i) {
      told = net.client.receive(fd, 64, MSG_DONTWAIT);
    }
    return told;
  }
  /// How many sockets the client still has room for.
  std::uint32_t room() {
    std::uint32_t made = 0;
    while (net.client.socket() >= 0) {
      ++made;
    }
    return made;
  }

  PosixPair net{{}, {.sockets = kSockets, .udp_sockets = 2, .epoll_sets = 1, .watches = 16}};
  int listener = -1;
  PosixPair::Ends ends;
  bool is_closed = false;
};

std::string bad() { return "errno " + std::to_string(EBADF); }

TEST_F(PosixClosing, InTheTurnOfACallThatMayNotWait) {
  close_in_turn(ends.client);
  EXPECT_EQ(receive_until_closed(ends.client), bad());
  EXPECT_EQ(room(), kSockets);
}

TEST_F(PosixClosing, InAWaitAlsoWhereThereIsSomethingToAnswer) {
  EXPECT_EQ(net.server.send(ends.server, "late"), 4);
  close_in_wait(ends.client);
  EXPECT_EQ(net.client.receive(ends.client), bad());
  EXPECT_EQ(room(), kSockets);
}

TEST_F(PosixClosing, WhileConnecting) {
  const int waiting = net.client.socket();
  close_in_wait(waiting);
  EXPECT_EQ(net.client.connect(waiting, 2, 80), -EBADF);
  is_closed = false;
  const int fd = net.client.socket(SOCK_NONBLOCK);
  net.client.when_waiting(nullptr);
  close_in_turn(fd);
  int told = 0;
  for (int i = 0; i < 100 && !is_closed; ++i) {
    told = net.client.connect(fd, 2, 80);
  }
  EXPECT_EQ(told, -EBADF);
  EXPECT_EQ(room(), kSockets - 1);
}

TEST_F(PosixClosing, WhileADatagramIsAwaitedOrLeaves) {
  const int fd = net.client.sockets().socket(AF_INET, SOCK_DGRAM, 0);
  EXPECT_EQ(net.client.connect(fd, 2, 9'000), 0);
  close_in_turn(fd);
  EXPECT_EQ(net.client.send(fd, "x"), 1);
  EXPECT_TRUE(is_closed);
  is_closed = false;
  const int other = net.client.sockets().socket(AF_INET, SOCK_DGRAM, 0);
  close_in_turn(other);
  EXPECT_EQ(receive_until_closed(other), bad());
  EXPECT_GE(net.client.sockets().socket(AF_INET, SOCK_DGRAM, 0), 0);
  EXPECT_GE(net.client.sockets().socket(AF_INET, SOCK_DGRAM, 0), 0);
}

TEST_F(PosixClosing, WhileSplicing) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(::write(pipe[1], "piped", 5), 5);
  close_in_turn(ends.client);
  EXPECT_EQ(net.client.sockets().splice(pipe[0], nullptr, ends.client, nullptr, 5, 0), 5);
  EXPECT_TRUE(is_closed);
  EXPECT_EQ(net.server.receive(ends.server), "piped");
  EXPECT_EQ(room(), kSockets);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(PosixClosing, WhileAnOptionLetsDataLeave) {
  EXPECT_EQ(net.client.set(ends.client, IPPROTO_TCP, TCP_CORK, 1), 0);
  EXPECT_EQ(net.client.send(ends.client, "held"), 4);
  close_in_turn(ends.client);
  EXPECT_EQ(net.client.set(ends.client, IPPROTO_TCP, TCP_NODELAY, 1), 0);
  EXPECT_TRUE(is_closed);
  EXPECT_EQ(net.server.receive(ends.server), "held");
  EXPECT_EQ(room(), kSockets);
}

TEST_F(PosixClosing, AnEpollSetInItsTurnOrWait) {
  epoll_event event{.events = EPOLLIN, .data = {}};
  const int in_turn = net.client.sockets().epoll_create(0);
  EXPECT_EQ(net.client.sockets().epoll_control(in_turn, EPOLL_CTL_ADD, ends.client, &event), 0);
  close_in_turn(in_turn);
  EXPECT_EQ(net.client.sockets().epoll_wait(in_turn, &event, 1, 0), -EBADF);
  is_closed = false;
  net.client.when_turning(nullptr);
  const int in_wait = net.client.sockets().epoll_create(0);
  ASSERT_GE(in_wait, 0);
  EXPECT_EQ(net.client.sockets().epoll_control(in_wait, EPOLL_CTL_ADD, ends.client, &event), 0);
  close_in_wait(in_wait);
  EXPECT_EQ(net.client.sockets().epoll_wait(in_wait, &event, 1, 1'000), -EBADF);
  EXPECT_GE(net.client.sockets().epoll_create(0), 0);
}

}  // namespace
}  // namespace millrace::test
