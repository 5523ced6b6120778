// Socket options: defaults, what is kept, what reaches the connection, and which error a wrong one
// gets.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <array>
#include <cerrno>
#include <string>

#include "simulation/posix_pair.hpp"

namespace millrace::test {
namespace {

struct Row {
  const char* name;
  int level;
  int option;
  int at_first;
  int value;
  int got;      ///< What getsockopt says after `value` was set.
  int refused;  ///< A value that is EINVAL; INT_MIN: none is.
};

constexpr int kNone = -2'147'483'647 - 1;

constexpr std::array kRows{
    Row{"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 0, 5, 1, kNone},
    Row{"SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, 0, 1, 1, kNone},
    Row{"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 0, 1, 1, kNone},
    Row{"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 0, 1, 1, kNone},
    Row{"SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, 0, 1, 1, kNone},
    Row{"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 1, 0, 1, kNone},
    Row{"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 0, 1, 1, kNone},
    Row{"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 7'200, 10, 10, 32'768},
    Row{"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 75, 1, 1, 0},
    Row{"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 9, 127, 127, 128},
    Row{"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 2'500, 2'500, -1},
    Row{"TCP_FASTOPEN", IPPROTO_TCP, TCP_FASTOPEN, 0, 5, 5, -1},
    Row{"IP_TOS", IPPROTO_IP, IP_TOS, 0, 0xb9, 0xb8, kNone},
    Row{"IP_TTL", IPPROTO_IP, IP_TTL, 64, 9, 9, 256},
};

TEST(PosixOptions, EachHasItsDefaultAndKeepsWhatIsSet) {
  PosixPair net;
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    const int fd = net.client.socket();
    EXPECT_EQ(net.client.get(fd, row.level, row.option), row.at_first);
    EXPECT_EQ(net.client.set(fd, row.level, row.option, row.value), 0);
    EXPECT_EQ(net.client.get(fd, row.level, row.option), row.got);
    if (row.refused != kNone) {
      EXPECT_EQ(net.client.set(fd, row.level, row.option, row.refused), -EINVAL);
      EXPECT_EQ(net.client.get(fd, row.level, row.option), row.got);
    }
    EXPECT_EQ(net.client.sockets().close(fd), 0);
  }
}

TEST(PosixOptions, AcceptedSocketsInherit) {
  PosixPair net;
  const int listener = net.server.socket();
  for (const Row& row : kRows) {
    EXPECT_EQ(net.server.set(listener, row.level, row.option, row.value), 0) << row.name;
  }
  EXPECT_EQ(net.server.bind(listener, 0, 80), 0);
  EXPECT_EQ(net.server.sockets().listen(listener, 4), 0);
  const auto ends = net.connect(listener, 80);
  for (const Row& row : kRows) {
    const bool is_the_listeners = row.option == TCP_FASTOPEN && row.level == IPPROTO_TCP;
    EXPECT_EQ(net.server.get(ends.server, row.level, row.option), is_the_listeners ? 0 : row.got)
        << row.name;
  }
}

TEST(PosixOptions, WhatIsFixedCanBeReadAndNotSet) {
  PosixPair net;
  const int fd = net.client.socket();
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
  for (const int option : {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ERROR, SO_ACCEPTCONN}) {
    EXPECT_EQ(net.client.set(fd, SOL_SOCKET, option, 1), -ENOPROTOOPT) << option;
  }
}

TEST(PosixOptions, TheUnknownIsNeverASilentSuccess) {
  PosixPair net;
  const int fd = net.client.socket();
  for (const int level :
       {SOL_SOCKET, int{IPPROTO_TCP}, int{IPPROTO_IP}, int{IPPROTO_IPV6}, 12'345}) {
    EXPECT_EQ(net.client.set(fd, level, 9'999, 1), -ENOPROTOOPT) << level;
    EXPECT_EQ(net.client.get(fd, level, 9'999), -ENOPROTOOPT) << level;
  }
}

TEST(PosixOptions, LengthsAndPointersAreChecked) {
  PosixPair net;
  const int fd = net.client.socket();
  auto& sockets = net.client.sockets();
  int value = 1;
  EXPECT_EQ(sockets.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 3), -EINVAL);
  EXPECT_EQ(sockets.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, nullptr, sizeof(value)), -EFAULT);
  EXPECT_EQ(sockets.setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value)), -EINVAL);
  socklen_t length = 2;
  value = -1;
  EXPECT_EQ(sockets.getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length), 0);
  EXPECT_EQ(length, 2U);
  EXPECT_EQ(value & 0xffff, SOCK_STREAM);
  EXPECT_EQ(sockets.getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, nullptr), -EFAULT);
  length = static_cast<socklen_t>(-1);
  EXPECT_EQ(sockets.getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length), -EINVAL);
}

TEST(PosixOptions, TimeoutsHaveTheirRange) {
  PosixPair net;
  const int fd = net.client.socket();
  const timeval odd{.tv_sec = 0, .tv_usec = 1'000'000};
  EXPECT_EQ(net.client.sockets().setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &odd, sizeof(odd)), -EDOM);
  const timeval good{.tv_sec = 2, .tv_usec = 500'000};
  EXPECT_EQ(net.client.sockets().setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &good, sizeof(good)), 0);
  timeval got{};
  socklen_t length = sizeof(got);
  EXPECT_EQ(net.client.sockets().getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &length), 0);
  EXPECT_EQ(got.tv_sec, 2);
  EXPECT_EQ(got.tv_usec, 500'000);
}

TEST(PosixOptions, CongestionControlHasItsName) {
  PosixPair net;
  const int fd = net.client.socket();
  std::array<char, 16> name{};
  socklen_t length = name.size();
  EXPECT_EQ(net.client.sockets().getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length),
            0);
  EXPECT_EQ(std::string{name.data()}, "reno");
  EXPECT_EQ(net.client.sockets().setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
  EXPECT_EQ(net.client.sockets().setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "vegas", 5), -ENOENT);
}

TEST(PosixOptions, LowWaterHoldsBackReadsAndEvents) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const auto ends = net.connect(listener, 80);
  EXPECT_EQ(net.server.set(ends.server, SOL_SOCKET, SO_RCVLOWAT, 4), 0);
  EXPECT_EQ(net.client.send(ends.client, "abc"), 3);
  net.run_for(50ms);
  EXPECT_EQ(net.server.events(ends.server) & EPOLLIN, 0U);
  EXPECT_EQ(net.client.send(ends.client, "d"), 1);
  EXPECT_EQ(net.server.receive(ends.server), "abcd");
}

TEST(PosixOptions, KeepaliveOfADescriptorEndsADeadConnection) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const auto ends = net.connect(listener, 80);
  EXPECT_EQ(net.server.set(ends.server, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
  EXPECT_EQ(net.server.set(ends.server, IPPROTO_TCP, TCP_KEEPIDLE, 2), 0);
  EXPECT_EQ(net.server.set(ends.server, IPPROTO_TCP, TCP_KEEPINTVL, 1), 0);
  EXPECT_EQ(net.server.set(ends.server, IPPROTO_TCP, TCP_KEEPCNT, 3), 0);
  sim::LinkParameters cut = delay_of(10ms);
  cut.loss_ppm = 1'000'000;
  net.pair.world.set_parameters({net.pair.client}, cut);
  const Instant before = net.pair.world.now();
  EXPECT_EQ(net.server.receive(ends.server), "errno " + std::to_string(ETIMEDOUT));
  EXPECT_GE(net.pair.world.now() - before, 4s);
  EXPECT_LE(net.pair.world.now() - before, 6s);
}

}  // namespace
}  // namespace millrace::test
