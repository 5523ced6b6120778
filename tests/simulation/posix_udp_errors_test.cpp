// What ICMP tells datagram sockets, the queue of IP_RECVERR, and the events of poll and epoll.
// Expectations are Linux's.
#include <array>
#include <cstring>

#include "simulation/posix_udp.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

struct PosixUdpErrors : PosixUdp {
  /// What MSG_ERRQUEUE has to say.
  struct Told {
    ssize_t result = 0;
    std::string payload;
    std::string destination;
    std::string offender;
    sock_extended_err what{};
    int flags = 0;
    std::size_t control_bytes = 0;
  };
  Told queued_error(int fd, std::size_t room = 64,
                    std::size_t control_room = CMSG_SPACE(sizeof(sock_extended_err) +
                                                          sizeof(sockaddr_in))) {
    Told told;
    std::string text(room, '\0');
    iovec part{.iov_base = text.data(), .iov_len = room};
    alignas(cmsghdr) std::array<std::byte, 128> control{};
    sockaddr_in to{};
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = sizeof to;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control_room;
    told.result = net.client.sockets().receive_message(fd, &message, MSG_ERRQUEUE);
    if (told.result < 0) {
      return told;
    }
    told.payload = text.substr(0, static_cast<std::size_t>(told.result));
    told.destination = text_of(to);
    told.flags = message.msg_flags;
    told.control_bytes = message.msg_controllen;
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_len >= CMSG_LEN(sizeof(told.what))) {
      EXPECT_EQ(header->cmsg_level, IPPROTO_IP);
      EXPECT_EQ(header->cmsg_type, IP_RECVERR);
      std::memcpy(&told.what, CMSG_DATA(header), sizeof told.what);
      sockaddr_in offender{};
      std::memcpy(&offender, CMSG_DATA(header) + sizeof told.what, sizeof offender);
      told.offender = offender.sin_family == AF_INET ? text_of(offender) : "nobody";
    }
    return told;
  }
};

TEST_F(PosixUdpErrors, AConnectedSocketHearsOnceThatNobodyListens) {
  covers({"RFC 1122 §4.1.3.3"});
  const int fd = refused();
  EXPECT_EQ(net.client.events(fd), unsigned{POLLOUT | POLLERR});
  EXPECT_EQ(net.client.receive(fd), errno_text(ECONNREFUSED));
  EXPECT_EQ(net.client.receive(fd), errno_text(EAGAIN));
  EXPECT_EQ(net.client.events(fd), unsigned{POLLOUT});
}

TEST_F(PosixUdpErrors, SoErrorTakesIt) {
  const int fd = refused();
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_ERROR), 0);
}

TEST_F(PosixUdpErrors, TheNextSendTakesItAndSendsNothing) {
  const int fd = refused();
  const auto before = net.pair.client.stack().stats().udp_datagrams_out;
  EXPECT_EQ(net.client.send(fd, "y"), -ECONNREFUSED);
  EXPECT_EQ(net.pair.client.stack().stats().udp_datagrams_out, before);
  EXPECT_EQ(net.client.send(fd, "y"), 1);
}

TEST_F(PosixUdpErrors, WhereToAndHowLongComeBeforeIt) {
  const int fd = refused();
  EXPECT_EQ(net.client.send(fd, std::string(65'508, 'x')), -EMSGSIZE);
  EXPECT_EQ(send_to(net.client, fd, "x", socket_address(kBroadcast, 9)), -EACCES);
  EXPECT_EQ(send_to(net.client, fd, "x", socket_address(2, 0)), -EINVAL);
  const iovec nothing{.iov_base = nullptr, .iov_len = 4};
  EXPECT_EQ(net.client.sockets().send(fd, &nothing, 1, 0), -ECONNREFUSED);
  EXPECT_EQ(net.client.sockets().send(fd, &nothing, 1, 0), -EFAULT);
}

TEST_F(PosixUdpErrors, ItComesBeforeWhatHasArrived) {
  const int theirs = bound(net.server, kPort);
  const int fd = refused();
  const int port = port_of(net.client, fd);
  EXPECT_EQ(net.client.connect(fd, 2, kPort), 0);
  EXPECT_EQ(
      send_to(net.server, theirs, "data", socket_address(1, static_cast<std::uint16_t>(port))), 4);
  net.run_for(50ms);
  EXPECT_EQ(net.client.receive(fd), errno_text(ECONNREFUSED));
  EXPECT_EQ(net.client.receive(fd), "data");
}

TEST_F(PosixUdpErrors, ItEndsAWait) {
  const int fd = connected(9);
  EXPECT_EQ(net.client.send(fd, "x"), 1);
  EXPECT_EQ(net.client.receive(fd), errno_text(ECONNREFUSED));
}

TEST_F(PosixUdpErrors, AnUnconnectedSocketHearsNothing) {
  const int fd = socket(net.client, SOCK_NONBLOCK);
  EXPECT_EQ(send(fd, "x", 9), 1);
  EXPECT_EQ(net.client.events(fd), unsigned{POLLOUT});
  EXPECT_EQ(net.client.receive(fd), errno_text(EAGAIN));
}

TEST_F(PosixUdpErrors, ASilentNeighborIsNoErrorUnlessAskedFor) {
  const int quiet = socket(net.client, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.connect(quiet, 77, 9), 0);
  EXPECT_EQ(net.client.send(quiet, "x"), 1);
  const int asking = socket(net.client, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.set(asking, IPPROTO_IP, IP_RECVERR, 1), 0);
  EXPECT_EQ(net.client.connect(asking, 78, 9), 0);
  EXPECT_EQ(net.client.send(asking, "lost"), 4);
  net.run_for(10s);
  EXPECT_EQ(net.client.get(quiet, SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(net.client.events(asking) & POLLERR, unsigned{POLLERR});
  EXPECT_EQ(net.client.get(asking, SOL_SOCKET, SO_ERROR), EHOSTUNREACH);
  const Told told = queued_error(asking);
  EXPECT_EQ(told.what.ee_errno, unsigned{EHOSTUNREACH});
  EXPECT_EQ(told.destination, "198.18.0.78:9");
  EXPECT_EQ(told.offender, "198.18.0.1:0");
}

TEST_F(PosixUdpErrors, TheQueueTellsAllOfAnUnconnectedSocketsErrors) {
  covers({"RFC 1122 §4.1.3.3"});
  const int fd = socket(net.client, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
  EXPECT_EQ(queued_error(fd).result, -EAGAIN);
  EXPECT_EQ(send(fd, "first", 9), 5);
  EXPECT_EQ(send(fd, "second", 10), -ECONNREFUSED);
  EXPECT_EQ(send(fd, "second", 10), 6);
  EXPECT_EQ(net.client.events(fd), unsigned{POLLOUT | POLLERR});
  const Told first = queued_error(fd);
  EXPECT_EQ(first.result, 5);
  EXPECT_EQ(first.payload, "first");
  EXPECT_EQ(first.destination, "198.18.0.2:9");
  EXPECT_EQ(first.offender, "198.18.0.2:0");
  EXPECT_EQ(first.flags, MSG_ERRQUEUE);
  EXPECT_EQ(first.what.ee_errno, unsigned{ECONNREFUSED});
  EXPECT_EQ(first.what.ee_origin, SO_EE_ORIGIN_ICMP);
  EXPECT_EQ(first.what.ee_type, 3);
  EXPECT_EQ(first.what.ee_code, 3);
  EXPECT_EQ(first.control_bytes, CMSG_SPACE(32U));
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED) << "the next is waiting";
  EXPECT_EQ(queued_error(fd).destination, "198.18.0.2:10");
  EXPECT_EQ(net.client.events(fd), unsigned{POLLOUT});
}

TEST_F(PosixUdpErrors, TakingTheLastOfTheQueueTakesTheError) {
  const int fd = connected(9, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
  EXPECT_EQ(net.client.send(fd, "x"), 1);
  net.run_for(50ms);
  EXPECT_EQ(queued_error(fd).result, 1);
  EXPECT_EQ(net.client.receive(fd), errno_text(EAGAIN));
}

TEST_F(PosixUdpErrors, WhatHasNoRoomInAQueuedErrorIsCutAndSaidSo) {
  const int fd = connected(9, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
  EXPECT_EQ(net.client.send(fd, "abcdef"), 6);
  net.run_for(50ms);
  const Told cut = queued_error(fd, 2, sizeof(cmsghdr) + 4);
  EXPECT_EQ(cut.payload, "ab");
  EXPECT_EQ(cut.flags, MSG_ERRQUEUE | MSG_TRUNC | MSG_CTRUNC);
  EXPECT_EQ(cut.control_bytes, sizeof(cmsghdr) + 4);
  static_cast<void>(net.client.get(fd, SOL_SOCKET, SO_ERROR));
  EXPECT_EQ(net.client.send(fd, "abcdef"), 6);
  net.run_for(50ms);
  const Told bare = queued_error(fd, 64, 0);
  EXPECT_EQ(bare.flags, MSG_ERRQUEUE | MSG_CTRUNC);
  EXPECT_EQ(bare.control_bytes, 0U);
}

TEST_F(PosixUdpErrors, SwitchingTheQueueOffForgetsIt) {
  const int fd = connected(9, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
  EXPECT_EQ(net.client.send(fd, "x"), 1);
  net.run_for(50ms);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_RECVERR, 0), 0);
  EXPECT_EQ(queued_error(fd).result, -EAGAIN);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED) << "that is another matter";
}

TEST_F(PosixUdpErrors, TheQueueIsBoundedAndGivesBackWhatItHeld) {
  const int fd = connected(9, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned i = 0; i < posix::ErrorQueue::kMost + 5; ++i) {
      static_cast<void>(net.client.get(fd, SOL_SOCKET, SO_ERROR));
      EXPECT_EQ(net.client.send(fd, "x"), 1);
      net.run_for(50ms);
    }
    unsigned told = 0;
    while (queued_error(fd).result >= 0) {
      ++told;
    }
    EXPECT_EQ(told, posix::ErrorQueue::kMost) << "in round " << round;
  }
}

TEST_F(PosixUdpErrors, WhatIsTooLongForTheLinkIsToldWithItsMtu) {
  const int fd = connected();
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO), 0);
  EXPECT_EQ(net.client.send(fd, std::string(1'473, 'x')), -EMSGSIZE);
  EXPECT_EQ(net.client.events(fd) & POLLERR, unsigned{POLLERR});
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_ERROR), 0);
  const Told told = queued_error(fd);
  EXPECT_EQ(told.result, 0);
  EXPECT_EQ(told.what.ee_errno, unsigned{EMSGSIZE});
  EXPECT_EQ(told.what.ee_origin, SO_EE_ORIGIN_LOCAL);
  EXPECT_EQ(told.what.ee_info, 1'500U);
  EXPECT_EQ(told.destination, "198.18.0.2:9000");
  EXPECT_EQ(told.offender, "nobody");
  EXPECT_EQ(net.client.send(fd, std::string(1'472, 'x')), 1'472);
}

struct PosixUdpEpoll : PosixUdp {
  void SetUp() override {
    theirs = bound(net.server, kPort, SOCK_NONBLOCK);
    own = socket(net.client);
    set = net.server.sockets().epoll_create(0);
  }
  int add(std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    return net.server.sockets().epoll_control(set, EPOLL_CTL_ADD, theirs, &event);
  }
  std::uint32_t ready(int timeout = 0) {
    epoll_event event{};
    const int count = net.server.sockets().epoll_wait(set, &event, 1, timeout);
    return count == 1 ? std::uint32_t{event.events} : 0U;
  }

  int theirs = -1;
  int own = -1;
  int set = -1;
};

TEST_F(PosixUdpEpoll, LevelHoldsUntilAllIsRead) {
  ASSERT_EQ(add(EPOLLIN), 0);
  EXPECT_EQ(ready(), 0U);
  EXPECT_EQ(send(own, "a"), 1);
  EXPECT_EQ(send(own, "b"), 1);
  EXPECT_EQ(ready(), EPOLLIN);
  EXPECT_EQ(net.server.receive(theirs), "a");
  EXPECT_EQ(ready(), EPOLLIN);
  EXPECT_EQ(net.server.receive(theirs), "b");
  EXPECT_EQ(ready(), 0U);
}

TEST_F(PosixUdpEpoll, EdgeIsToldOnceForEachArrival) {
  ASSERT_EQ(add(EPOLLIN | EPOLLET), 0);
  EXPECT_EQ(send(own, "a"), 1);
  EXPECT_EQ(ready(), EPOLLIN);
  EXPECT_EQ(ready(), 0U);
  EXPECT_EQ(send(own, "b"), 1);
  EXPECT_EQ(ready(), EPOLLIN);
  EXPECT_EQ(ready(), 0U);
}

TEST_F(PosixUdpEpoll, OneShotFiresOnceUntilItIsArmedAgain) {
  ASSERT_EQ(add(EPOLLIN | EPOLLONESHOT), 0);
  EXPECT_EQ(send(own, "a"), 1);
  EXPECT_EQ(ready(), EPOLLIN);
  EXPECT_EQ(send(own, "b"), 1);
  EXPECT_EQ(ready(), 0U);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLONESHOT;
  EXPECT_EQ(net.server.sockets().epoll_control(set, EPOLL_CTL_MOD, theirs, &event), 0);
  EXPECT_EQ(ready(), EPOLLIN);
}

TEST_F(PosixUdpEpoll, WakesAWait) {
  ASSERT_EQ(add(EPOLLIN), 0);
  ASSERT_EQ(send_to(net.client, own, "x", socket_address(2, kPort)), 1);
  EXPECT_EQ(ready(1'000), EPOLLIN);
  EXPECT_EQ(net.server.sockets().close(theirs), 0);
  EXPECT_EQ(ready(), 0U);
}

TEST_F(PosixUdpEpoll, AFreshSocketIsWritable) {
  EXPECT_EQ(net.client.events(own), unsigned{POLLOUT});
  ASSERT_EQ(add(EPOLLOUT | EPOLLET), 0);
  EXPECT_EQ(ready(), EPOLLOUT);
  EXPECT_EQ(ready(), 0U);
}

}  // namespace
}  // namespace millrace::test
