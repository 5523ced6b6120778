// Options of datagram sockets: defaults, what is kept, what reaches the wire, and which error a
// wrong one gets. Expectations are Linux's.
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <array>
#include <vector>

#include "simulation/option_row.hpp"
#include "simulation/posix_udp.hpp"

namespace millrace::test {
namespace {

using PosixUdpOptions = PosixUdp;

constexpr std::array kRows{
    OptionRow{"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 1, 0, 1, kNone},
    OptionRow{"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 1, -1, 2'147'483'647, kNone},
    OptionRow{"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, 212'992, 20'000, 40'000, kNone},
    OptionRow{"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, 212'992, 1, 4'608, kNone},
    OptionRow{"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, 212'992, -1, 425'984, kNone},
    OptionRow{"IP_TOS", IPPROTO_IP, IP_TOS, 0, 0xb9, 0xb9, kNone},
    OptionRow{"IP_TTL", IPPROTO_IP, IP_TTL, 64, 9, 9, 256},
    OptionRow{"IP_TTL", IPPROTO_IP, IP_TTL, 64, -1, 64, 0},
    OptionRow{"IP_RECVERR", IPPROTO_IP, IP_RECVERR, 0, -1, 1, kNone},
    OptionRow{"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, IP_PMTUDISC_DO,
              IP_PMTUDISC_DO, -1},
    OptionRow{"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, IP_PMTUDISC_PROBE,
              IP_PMTUDISC_PROBE, IP_PMTUDISC_INTERFACE},
    OptionRow{"UDP_CORK", IPPROTO_UDP, UDP_CORK, 0, 1, 1, kNone},
};

std::vector<OptionRow> all_rows() {
  std::vector<OptionRow> rows{kFlagRows.begin(), kFlagRows.end()};
  rows.insert(rows.end(), kRows.begin(), kRows.end());
  return rows;
}

TEST_F(PosixUdpOptions, EachHasItsDefaultAndKeepsWhatIsSet) {
  for (const OptionRow& row : all_rows()) {
    expect_kept(net.client, socket(net.client), row);
  }
}

TEST_F(PosixUdpOptions, WhatIsFixedCanBeReadAndNotSet) {
  const int fd = socket(net.client);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
  for (const int option : {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ERROR, SO_ACCEPTCONN, SO_MEMINFO}) {
    EXPECT_EQ(net.client.set(fd, SOL_SOCKET, option, 1), -ENOPROTOOPT) << option;
  }
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_MTU, 1'000), -ENOPROTOOPT);
}

TEST_F(PosixUdpOptions, TheUnknownIsNeverASilentSuccess) {
  const int fd = socket(net.client);
  for (const int level : {SOL_SOCKET, int{IPPROTO_IP}, int{IPPROTO_UDP}}) {
    EXPECT_EQ(net.client.set(fd, level, 9'999, 1), -ENOPROTOOPT) << level;
    EXPECT_EQ(net.client.get(fd, level, 9'999), -ENOPROTOOPT) << level;
  }
  for (const int level : {int{IPPROTO_TCP}, int{IPPROTO_IPV6}, 99}) {
    EXPECT_EQ(net.client.set(fd, level, TCP_NODELAY, 1), -ENOPROTOOPT) << level;
    EXPECT_EQ(net.client.get(fd, level, TCP_NODELAY), -EOPNOTSUPP) << level;
  }
}

TEST_F(PosixUdpOptions, LengthsAndPointersAreChecked) {
  const int fd = socket(net.client);
  auto& sockets = net.client.sockets();
  int value = 1;
  EXPECT_EQ(sockets.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &value, 3), -EINVAL);
  EXPECT_EQ(sockets.setsockopt(fd, SOL_SOCKET, 9'999, nullptr, sizeof value), -EFAULT);
  EXPECT_EQ(sockets.setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value), -EINVAL);
  EXPECT_EQ(sockets.setsockopt(fd, IPPROTO_IP, IP_TOS, nullptr, sizeof value), -EFAULT);
  EXPECT_EQ(sockets.setsockopt(fd, IPPROTO_IP, IP_TTL, &value, 0), -EINVAL);
  const unsigned char byte = 9;
  EXPECT_EQ(sockets.setsockopt(fd, IPPROTO_IP, IP_TTL, &byte, 1), 0);
  EXPECT_EQ(net.client.get(fd, IPPROTO_IP, IP_TTL), 9);
  socklen_t length = 2;
  EXPECT_EQ(sockets.getsockopt(fd, IPPROTO_IP, IP_TTL, &value, &length), 0);
  EXPECT_EQ(length, 1U);
  EXPECT_EQ(sockets.getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, nullptr), -EFAULT);
  length = static_cast<socklen_t>(-1);
  EXPECT_EQ(sockets.getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length), -EINVAL);
}

TEST_F(PosixUdpOptions, StructuresAreKeptWhole) {
  const int fd = socket(net.client);
  auto& sockets = net.client.sockets();
  const timeval time{.tv_sec = 1, .tv_usec = 500'000};
  const linger wish{.l_onoff = 1, .l_linger = 7};
  EXPECT_EQ(sockets.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), 0);
  EXPECT_EQ(sockets.setsockopt(fd, SOL_SOCKET, SO_LINGER, &wish, sizeof wish), 0);
  timeval got{};
  socklen_t length = sizeof got;
  EXPECT_EQ(sockets.getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &length), 0);
  EXPECT_EQ(got.tv_sec, 1);
  EXPECT_EQ(got.tv_usec, 500'000);
  linger lingering{};
  length = sizeof lingering;
  EXPECT_EQ(sockets.getsockopt(fd, SOL_SOCKET, SO_LINGER, &lingering, &length), 0);
  EXPECT_EQ(lingering.l_linger, 7);
  const timeval odd{.tv_sec = 0, .tv_usec = 1'000'000};
  EXPECT_EQ(sockets.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &odd, sizeof odd), -EDOM);
}

TEST_F(PosixUdpOptions, TheReceiveBufferIsTwiceWhatWasAskedWithinTheConfigured) {
  const int fd = bound(net.client, kPort);
  const auto configured = static_cast<int>(net.client.host().config().udp.receive_queue_bytes);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_RCVBUF), configured);
  EXPECT_EQ(net.client.set(fd, SOL_SOCKET, SO_RCVBUF, 20'000), 0);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_RCVBUF), 40'000);
  EXPECT_EQ(net.client.set(fd, SOL_SOCKET, SO_RCVBUF, 1), 0);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_RCVBUF), 2'304);
  EXPECT_EQ(net.client.set(fd, SOL_SOCKET, SO_RCVBUF, -1), 0);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_RCVBUF), configured) << "not beyond its limit";
}

TEST_F(PosixUdpOptions, MeminfoCountsWhatWaitsAndWhatWasLost) {
  const int theirs = bound(net.server, kPort);
  EXPECT_EQ(net.server.set(theirs, SOL_SOCKET, SO_RCVBUF, 1), 0);
  const int own = socket(net.client);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(send(own, "x"), 1);
  }
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t length = sizeof memory;
  EXPECT_EQ(net.server.sockets().getsockopt(theirs, SOL_SOCKET, SO_MEMINFO, memory.data(), &length),
            0);
  EXPECT_EQ(length, sizeof memory);
  EXPECT_GT(memory[SK_MEMINFO_RMEM_ALLOC], 0U);
  EXPECT_EQ(memory[SK_MEMINFO_RCVBUF], 2'304U);
  EXPECT_GT(memory[SK_MEMINFO_DROPS], 0U);
  int kept = 0;
  while (net.server.receive(theirs, 8, MSG_DONTWAIT) == "x") {
    ++kept;
  }
  EXPECT_EQ(kept + static_cast<int>(memory[SK_MEMINFO_DROPS]), 3);
}

TEST_F(PosixUdpOptions, MtuIsAConnectedSocketsAlone) {
  const int fd = socket(net.client);
  EXPECT_EQ(net.client.get(fd, IPPROTO_IP, IP_MTU), -ENOTCONN);
  EXPECT_EQ(net.client.connect(fd, 2, kPort), 0);
  EXPECT_EQ(net.client.get(fd, IPPROTO_IP, IP_MTU), 1'500);
}

TEST_F(PosixUdpOptions, WhatIsSetReachesTheSocketBeforeAndAfterItHasAPort) {
  const int fd = socket(net.client);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_TOS, 0xb9), 0);
  EXPECT_EQ(net.client.connect(fd, 2, kPort), 0);
  const auto only = [&]() -> stack::UdpSlot& {
    return *net.pair.client.stack().udp().find({.index = 0, .generation = 1});
  };
  ASSERT_NE(net.pair.client.stack().udp().find({.index = 0, .generation = 1}), nullptr);
  EXPECT_EQ(only().traffic_class, 0xb9);
  EXPECT_EQ(only().hop_limit, 64);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_TTL, 3), 0);
  EXPECT_EQ(only().hop_limit, 3);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT), 0);
  EXPECT_EQ(only().fragmentation, Fragmentation::Allowed);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE), 0);
  EXPECT_EQ(only().fragmentation, Fragmentation::Probe);
}

}  // namespace
}  // namespace millrace::test
