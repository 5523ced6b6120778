// Socket options: defaults, what is kept, what reaches the connection, and which error a wrong one
// gets.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "simulation/option_row.hpp"
#include "simulation/posix_pair.hpp"

namespace millrace::test {
namespace {

constexpr std::array kRows{
    OptionRow{"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 1, 0, 1, kNone},
    OptionRow{"SO_RCVLOWAT of all", SOL_SOCKET, SO_RCVLOWAT, 1, -1, 3'145'728, kNone},
    OptionRow{"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, 524'288, 40'000, 80'000, kNone},
    OptionRow{"SO_SNDBUF too small", SOL_SOCKET, SO_SNDBUF, 524'288, 0, 4'608, kNone},
    OptionRow{"SO_SNDBUF negative", SOL_SOCKET, SO_SNDBUF, 524'288, -1, 4 << 20, kNone},
    OptionRow{"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, 131'072, 30'000, 60'000, kNone},
    OptionRow{"SO_RCVBUF too small", SOL_SOCKET, SO_RCVBUF, 131'072, 1, 2'304, kNone},
    OptionRow{"SO_RCVBUF too large", SOL_SOCKET, SO_RCVBUF, 131'072, 1 << 30, 6 << 20, kNone},
    OptionRow{"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 0, 1, 1, kNone},
    OptionRow{"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 7'200, 10, 10, 32'768},
    OptionRow{"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 75, 1, 1, 0},
    OptionRow{"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 9, 127, 127, 128},
    OptionRow{"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 2'500, 2'500, -1},
    OptionRow{"TCP_CORK", IPPROTO_TCP, TCP_CORK, 0, 7, 1, kNone},
    OptionRow{"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG, 536, 1'000, 1'000, 87},
    OptionRow{"TCP_MAXSEG least", IPPROTO_TCP, TCP_MAXSEG, 536, 88, 88, 32'768},
    OptionRow{"TCP_MAXSEG none", IPPROTO_TCP, TCP_MAXSEG, 536, 0, 536, -1},
    OptionRow{"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, 7, 3, 3, 0},
    OptionRow{"TCP_SYNCNT most", IPPROTO_TCP, TCP_SYNCNT, 7, 127, 127, 128},
    OptionRow{"TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2, 60, 20, 20, kNone},
    OptionRow{"TCP_LINGER2 default", IPPROTO_TCP, TCP_LINGER2, 60, 0, 60, kNone},
    OptionRow{"TCP_LINGER2 never", IPPROTO_TCP, TCP_LINGER2, 60, -5, -1, kNone},
    OptionRow{"TCP_LINGER2 most", IPPROTO_TCP, TCP_LINGER2, 60, 121, 120, kNone},
    OptionRow{"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, 5, 7, kNone},
    OptionRow{"TCP_DEFER_ACCEPT exact", IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, 3, 3, kNone},
    OptionRow{"TCP_DEFER_ACCEPT negative", IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, -1, 0, kNone},
    OptionRow{"TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP, 0, 9'000, 9'000, kNone},
    OptionRow{"TCP_WINDOW_CLAMP least", IPPROTO_TCP, TCP_WINDOW_CLAMP, 0, -1, 1'152, kNone},
    OptionRow{"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK, 1, 0, 0, kNone},
    OptionRow{"TCP_QUICKACK even", IPPROTO_TCP, TCP_QUICKACK, 1, 2, 0, kNone},
    OptionRow{"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0, 4'000, 4'000, kNone},
    OptionRow{"TCP_NOTSENT_LOWAT none", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0, -1, -1, kNone},
    OptionRow{"TCP_INQ", IPPROTO_TCP, TCP_INQ, 0, 1, 1, 2},
    OptionRow{"TCP_FASTOPEN", IPPROTO_TCP, TCP_FASTOPEN, 0, 5, 5, -1},
    OptionRow{"TCP_FASTOPEN_CONNECT", IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0, 1, 1, 2},
    OptionRow{"IP_TOS", IPPROTO_IP, IP_TOS, 0, 0xb9, 0xb8, kNone},
    OptionRow{"IP_TTL", IPPROTO_IP, IP_TTL, 64, 9, 9, 256},
    OptionRow{"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, IP_PMTUDISC_DONT,
              IP_PMTUDISC_DONT, 6},
    OptionRow{"IP_RECVERR", IPPROTO_IP, IP_RECVERR, 0, 3, 1, kNone},
};

std::vector<OptionRow> all_rows() {
  std::vector<OptionRow> rows{kFlagRows.begin(), kFlagRows.end()};
  rows.insert(rows.end(), kRows.begin(), kRows.end());
  return rows;
}

TEST(PosixOptions, EachHasItsDefaultAndKeepsWhatIsSet) {
  PosixPair net;
  for (const OptionRow& row : all_rows()) {
    expect_kept(net.client, net.client.socket(), row);
  }
}

/// What a listener's connections have of an option; kNone: something of their own.
int inherited(const OptionRow& row) {
  if (row.level != IPPROTO_TCP) {
    return row.got;
  }
  switch (row.option) {
    case TCP_FASTOPEN:
    case TCP_DEFER_ACCEPT: return 0;
    case TCP_MAXSEG: return kNone;  // What their segments have room for.
    default: return row.got;
  }
}

TEST(PosixOptions, AcceptedSocketsInherit) {
  for (const OptionRow& row : all_rows()) {
    SCOPED_TRACE(row.name);
    PosixPair net;
    const int listener = net.server.socket();
    EXPECT_EQ(net.server.set(listener, row.level, row.option, row.value), 0);
    EXPECT_EQ(net.server.bind(listener, 0, 80), 0);
    EXPECT_EQ(net.server.sockets().listen(listener, 4), 0);
    EXPECT_EQ(net.server.get(listener, row.level, row.option), row.got);
    const int client = net.client.socket(SOCK_NONBLOCK);
    EXPECT_EQ(net.client.connect(client, 2, 80), -EINPROGRESS);
    net.run_for(1s);
    EXPECT_EQ(net.client.send(client, "hello"), 5);  // Some wait for it.
    const int accepted = net.server.accept(listener);
    ASSERT_GE(accepted, 0);
    if (inherited(row) != kNone) {
      EXPECT_EQ(net.server.get(accepted, row.level, row.option), inherited(row));
    }
  }
}

TEST(PosixOptions, ConnectedSocketsKeepWhatWasSetBefore) {
  for (const OptionRow& row : all_rows()) {
    SCOPED_TRACE(row.name);
    PosixPair net;
    static_cast<void>(net.server.listener(80));
    const int fd = net.client.socket();
    EXPECT_EQ(net.client.set(fd, row.level, row.option, row.value), 0);
    EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
    const bool has_own = row.level == IPPROTO_TCP && row.option == TCP_MAXSEG;
    if (!has_own && !(row.option == TCP_WINDOW_CLAMP && row.value == 0)) {
      EXPECT_EQ(net.client.get(fd, row.level, row.option), row.got);
    }
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
    // Linux asks nobody else for what is at a level that is not its own.
    const bool is_known = level == SOL_SOCKET || level == IPPROTO_TCP || level == IPPROTO_IP;
    EXPECT_EQ(net.client.get(fd, level, 9'999), is_known ? -ENOPROTOOPT : -EOPNOTSUPP) << level;
  }
}

TEST(PosixOptions, EachChecksItsLengthAndPointer) {
  PosixPair net;
  const int fd = net.client.socket();
  auto& sockets = net.client.sockets();
  for (const OptionRow& row : all_rows()) {
    SCOPED_TRACE(row.name);
    const int value = row.value;
    const bool may_be_short = row.level == IPPROTO_IP;
    const bool may_be_empty = may_be_short && row.option != IP_TTL;
    EXPECT_EQ(sockets.setsockopt(fd, row.level, row.option, &value, 0), may_be_empty ? 0 : -EINVAL);
    EXPECT_EQ(sockets.setsockopt(fd, row.level, row.option, nullptr, sizeof(value)), -EFAULT);
    if (!may_be_short) {
      EXPECT_EQ(sockets.setsockopt(fd, row.level, row.option, &value, 3), -EINVAL);
    }
    std::array<char, 8> room{};
    socklen_t length = room.size();
    EXPECT_EQ(sockets.getsockopt(fd, row.level, row.option, room.data(), &length), 0);
    EXPECT_EQ(length, sizeof(int));
    length = 2;
    EXPECT_EQ(sockets.getsockopt(fd, row.level, row.option, room.data(), &length), 0);
    EXPECT_EQ(length, may_be_short ? 1U : 2U);
    length = 0;
    EXPECT_EQ(sockets.getsockopt(fd, row.level, row.option, nullptr, &length), 0);
    length = 4;
    EXPECT_EQ(sockets.getsockopt(fd, row.level, row.option, nullptr, &length), -EFAULT);
  }
}

TEST(PosixOptions, LingerKeepsItsTimeOnlyWithItsSwitch) {
  PosixPair net;
  const int fd = net.client.socket();
  const auto set = [&](linger wish) {
    return net.client.sockets().setsockopt(fd, SOL_SOCKET, SO_LINGER, &wish, sizeof(wish));
  };
  const auto get = [&] {
    linger got{};
    socklen_t length = sizeof(got);
    EXPECT_EQ(net.client.sockets().getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &length), 0);
    return std::pair{got.l_onoff, got.l_linger};
  };
  EXPECT_EQ(set({.l_onoff = 9, .l_linger = 7}), 0);
  EXPECT_EQ(get(), (std::pair{1, 7}));
  EXPECT_EQ(set({.l_onoff = 0, .l_linger = 3}), 0);
  EXPECT_EQ(get(), (std::pair{0, 7}));
  EXPECT_EQ(set({.l_onoff = 1, .l_linger = -1}), 0);
  EXPECT_EQ(get(), (std::pair{1, 2'147'483'647}));
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

std::string congestion_of(PosixHost& host, int fd) {
  std::array<char, 16> name{};
  socklen_t length = name.size();
  EXPECT_EQ(host.sockets().getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length), 0);
  EXPECT_EQ(length, name.size());
  return name.data();
}

TEST(PosixOptions, CongestionControlIsChosenByName) {
  PosixPair net;
  const int fd = net.client.socket();
  EXPECT_EQ(congestion_of(net.client, fd), "cubic");
  for (const std::string name : {"reno", "dctcp", "bbr", "cubic"}) {
    EXPECT_EQ(net.client.sockets().setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                                              static_cast<socklen_t>(name.size())),
              0);
    EXPECT_EQ(congestion_of(net.client, fd), name);
  }
  EXPECT_EQ(net.client.sockets().setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "vegas", 5), -ENOENT);
  EXPECT_EQ(congestion_of(net.client, fd), "cubic");
}

TEST(PosixOptions, AcceptedConnectionsHaveTheirListenersController) {
  PosixPair net;
  const int listener = net.server.listener(80);
  EXPECT_EQ(net.server.sockets().setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3), 0);
  const auto ends = net.connect(listener, 80);
  EXPECT_EQ(congestion_of(net.server, ends.server), "bbr");
  EXPECT_EQ(congestion_of(net.client, ends.client), "cubic");
  std::array<std::uint32_t, 8> info{};
  socklen_t length = sizeof(info);
  EXPECT_EQ(
      net.server.sockets().getsockopt(ends.server, IPPROTO_TCP, TCP_CC_INFO, info.data(), &length),
      0);
  EXPECT_EQ(length, 20U);
  EXPECT_EQ(info[3], 277U * 256 / 100) << "the gain of its start";
}

TEST(PosixOptions, PacingRatesAreLinuxs) {
  PosixPair net;
  const int fd = net.client.socket();
  const auto rate = [&](auto value) {
    socklen_t length = sizeof(value);
    EXPECT_EQ(net.client.sockets().getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &value, &length),
              0);
    EXPECT_EQ(length, sizeof(value));
    return value;
  };
  EXPECT_EQ(rate(std::uint32_t{}), UINT32_MAX);
  EXPECT_EQ(rate(std::uint64_t{}), UINT64_MAX);
  EXPECT_EQ(net.client.set(fd, SOL_SOCKET, SO_MAX_PACING_RATE, 1'000'000), 0);
  EXPECT_EQ(rate(std::uint32_t{}), 1'000'000U);
  const std::uint64_t fast = 5'000'000'000;
  EXPECT_EQ(
      net.client.sockets().setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &fast, sizeof(fast)), 0);
  EXPECT_EQ(rate(std::uint64_t{}), fast);
  EXPECT_EQ(rate(std::uint32_t{}), UINT32_MAX);
  EXPECT_EQ(net.client.set(fd, SOL_SOCKET, SO_MAX_PACING_RATE, -1), 0);
  EXPECT_EQ(rate(std::uint64_t{}), UINT64_MAX);
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

TEST(PosixOptions, ASocketWithoutRoomForItsLowWaterIsReadable) {
  PosixPair net;
  const int listener = net.server.listener(80);
  for (const bool is_core_full : {false, true}) {
    SCOPED_TRACE(is_core_full ? "of the core's" : "of its own");
    const auto ends = net.connect(listener, 80, O_NONBLOCK);
    EXPECT_EQ(net.server.set(ends.server, SOL_SOCKET, SO_RCVLOWAT, 200'000), 0);
    EXPECT_EQ(net.client.send(ends.client, "a"), 1);
    net.run_for(100ms);
    EXPECT_EQ(net.server.events(ends.server) & POLLIN, 0U);
    packet::PacketBudget& budget = net.server.host().stack().tcp().resources().budget;
    const auto others = static_cast<std::uint32_t>(budget.left(packet::BudgetUse::InOrder));
    if (is_core_full) {
      ASSERT_TRUE(budget.try_charge(others, packet::BudgetUse::InOrder));
    } else {
      const std::string much(400'000, 'l');
      EXPECT_GT(net.client.send(ends.client, much), 200'000);
    }
    pollfd entry{.fd = ends.server, .events = POLLIN, .revents = 0};
    EXPECT_EQ(net.server.sockets().poll(&entry, 1, 10'000), 1);
    EXPECT_EQ(entry.revents, POLLIN);
    if (is_core_full) {
      budget.release(others);
    }
  }
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
