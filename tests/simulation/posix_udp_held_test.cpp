// What MSG_MORE and UDP_CORK hold back while there is no room for more to leave: it waits, and goes
// as one datagram.
#include <netinet/udp.h>

#include <cstddef>
#include <cstdint>

#include "simulation/posix_udp.hpp"

namespace millrace::test {
namespace {

/// Others have filled what waits to be sent.
struct PosixUdpHeld : PosixUdp {
  void SetUp() override {
    theirs = bound(net.server, kPort, SOCK_NONBLOCK);
    others = bound(net.server, kPort + 1, SOCK_NONBLOCK);
    EXPECT_EQ(send(socket(net.client), "neighbors"), 9);
    EXPECT_EQ(net.server.receive(theirs), "neighbors");
  }
  void fill() {
    const int other = connected(kPort + 1, SOCK_NONBLOCK);
    while (net.client.send(other, "other") == 5) {
    }
  }

  /// What of it has arrived goes, for others need the room.
  void drop_what_others_sent() {
    while (net.server.receive(others) == "other") {
    }
  }

  int theirs = -1;
  int others = -1;
};

TEST_F(PosixUdpHeld, WhatIsHeldBackWaitsWithTheCallThatEndsIt) {
  const int fd = connected();
  EXPECT_EQ(net.client.send(fd, "aaa", MSG_MORE), 3);
  fill();
  EXPECT_EQ(net.client.send(fd, "bbb"), 3);
  net.run_for(50ms);
  EXPECT_EQ(net.server.receive(theirs), "aaabbb");
  EXPECT_EQ(net.server.receive(theirs), errno_text(EAGAIN));
}

TEST_F(PosixUdpHeld, AnEndThatIsRefusedLeavesWhatIsHeldBack) {
  const std::uint64_t charged = net.client.host().stack().tcp().resources().budget.used();
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{3}, std::size_t{5'000}}) {
    const std::string front(bytes, 'a');
    const std::string rest(4'000, 'b');
    const int fd = connected(kPort, SOCK_NONBLOCK);
    EXPECT_EQ(net.client.send(fd, front, MSG_MORE), static_cast<ssize_t>(bytes));
    fill();
    EXPECT_EQ(net.client.send(fd, rest), -EAGAIN);
    EXPECT_EQ(net.client.send(fd, rest), -EAGAIN);
    EXPECT_EQ(net.client.events(fd) & POLLOUT, 0U);
    net.run_for(50ms);
    EXPECT_EQ(net.client.events(fd) & POLLOUT, unsigned{POLLOUT});
    drop_what_others_sent();
    EXPECT_EQ(net.client.send(fd, rest), 4'000);
    net.run_for(50ms);
    EXPECT_TRUE(net.server.receive(theirs, 65'000) == front + rest) << bytes;
  }
  EXPECT_EQ(net.client.host().stack().tcp().resources().budget.used(), charged);
}

TEST_F(PosixUdpHeld, ACorkThatCannotBePulledStays) {
  const int fd = connected(kPort, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 1), 0);
  EXPECT_EQ(net.client.send(fd, "aaa"), 3);
  fill();
  EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 0), -EAGAIN);
  EXPECT_EQ(net.client.get(fd, IPPROTO_UDP, UDP_CORK), 1);
  net.run_for(50ms);
  EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 0), 0);
  EXPECT_EQ(net.client.get(fd, IPPROTO_UDP, UDP_CORK), 0);
  net.run_for(50ms);
  EXPECT_EQ(net.server.receive(theirs), "aaa");
}

TEST_F(PosixUdpHeld, ACorkIsPulledThoughWhatItHeldIsLost) {
  const int fd = connected();
  EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 1), 0);
  EXPECT_EQ(net.client.send(fd, std::string(5'000, 'a')), 5'000);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO), 0);
  EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 0), 0) << "it is too long now";
  EXPECT_EQ(net.client.get(fd, IPPROTO_UDP, UDP_CORK), 0);
  EXPECT_EQ(send(fd, "next"), 4);
  EXPECT_EQ(net.server.receive(theirs, 65'000), "next");
}

TEST_F(PosixUdpHeld, ACorkIsPulledWithPatienceWhereCallsMayWait) {
  const int fd = connected();
  EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 1), 0);
  EXPECT_EQ(net.client.send(fd, "aaa"), 3);
  fill();
  EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 0), 0);
  net.run_for(50ms);
  EXPECT_EQ(net.server.receive(theirs), "aaa");
}

}  // namespace
}  // namespace millrace::test
