// The life of a descriptor: numbers, binding, listening, accepting, names, closing. Expectations
// are Linux's.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <cerrno>
#include <set>

#include "simulation/posix_pair.hpp"

namespace millrace::test {
namespace {

TEST(PosixLife, SocketsAreRefusedByDomainTypeAndProtocol) {
  PosixPair net;
  auto& sockets = net.client.sockets();
  EXPECT_EQ(sockets.socket(AF_UNIX, SOCK_STREAM, 0), -EAFNOSUPPORT);
  EXPECT_EQ(sockets.socket(AF_INET, SOCK_SEQPACKET, 0), -ESOCKTNOSUPPORT);
  EXPECT_EQ(sockets.socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT);
  EXPECT_EQ(sockets.socket(AF_INET, SOCK_STREAM | 0x100000, 0), -EINVAL);
}

TEST(PosixLife, NumbersAreReusedAndTheFreedOnesAreBad) {
  PosixPair net;
  const int first = net.client.socket();
  const int second = net.client.socket();
  EXPECT_NE(first, second);
  EXPECT_EQ(net.client.sockets().close(first), 0);
  EXPECT_EQ(net.client.sockets().close(first), -EBADF);
  EXPECT_TRUE(net.client.sockets().owns(first));
  EXPECT_EQ(net.client.receive(first), "errno " + std::to_string(EBADF));
  EXPECT_EQ(net.client.socket(), first);
}

TEST(PosixLife, SocketsRunOutWithEnobufsAndComeBack) {
  PosixPair net{{}, {.sockets = 2, .epoll_sets = 1, .watches = 1}};
  const int first = net.client.socket();
  EXPECT_GE(net.client.socket(), 0);
  EXPECT_EQ(net.client.socket(), -ENOBUFS);
  EXPECT_EQ(net.client.sockets().close(first), 0);
  EXPECT_GE(net.client.socket(), 0);
}

TEST(PosixLife, NumbersOfTheProcessRunOutWithEmfile) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  PosixPair net{{}, {.sockets = 300, .epoll_sets = 1, .watches = 1}};
  const rlimit few{.rlim_cur = 128, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  int result = 0;
  for (int i = 0; i < 200 && result >= 0; ++i) {
    result = net.client.socket();
  }
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(result, -EMFILE);
}

TEST(PosixLife, BindRefusesWhatIsTakenForeignOrSaidTwice) {
  PosixPair net;
  PosixHost& host = net.server;
  const int one = host.socket();
  EXPECT_EQ(host.bind(one, 9, 80), -EADDRNOTAVAIL);
  EXPECT_EQ(host.bind(one, 2, 80), 0);
  EXPECT_EQ(host.bind(one, 2, 81), -EINVAL);
  const int other = host.socket();
  EXPECT_EQ(host.bind(other, 2, 80), -EADDRINUSE);
  EXPECT_EQ(host.bind(other, 0, 80), -EADDRINUSE);
  EXPECT_EQ(host.bind(other, 0, 81), 0);
  sockaddr_in address = socket_address(2, 90);
  const auto* const generic = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  const int third = host.socket();
  EXPECT_EQ(host.sockets().bind(third, generic, sizeof(address) - 1), -EINVAL);
  EXPECT_EQ(host.sockets().bind(third, nullptr, sizeof(address)), -EFAULT);
  address.sin_family = AF_INET6;
  EXPECT_EQ(host.sockets().bind(third, generic, sizeof(address)), -EAFNOSUPPORT);
}

TEST(PosixLife, ReuseAddressSharesAPortUntilOneListens) {
  PosixPair net;
  PosixHost& host = net.server;
  const int one = host.socket();
  const int other = host.socket();
  EXPECT_EQ(host.set(one, SOL_SOCKET, SO_REUSEADDR, 1), 0);
  EXPECT_EQ(host.bind(one, 0, 80), 0);
  EXPECT_EQ(host.bind(other, 0, 80), -EADDRINUSE);
  EXPECT_EQ(host.set(other, SOL_SOCKET, SO_REUSEADDR, 1), 0);
  EXPECT_EQ(host.bind(other, 0, 80), 0);
  EXPECT_EQ(host.sockets().listen(one, 1), 0);
  EXPECT_EQ(host.sockets().listen(other, 1), -EADDRINUSE);
  const int third = host.socket();
  EXPECT_EQ(host.set(third, SOL_SOCKET, SO_REUSEADDR, 1), 0);
  EXPECT_EQ(host.bind(third, 0, 80), -EADDRINUSE);
}

TEST(PosixLife, APortInTimeWaitIsTakenWithoutReuseAddress) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const auto ends = net.connect(listener, 80);
  // The server closes first, so TIME-WAIT is on its side.
  EXPECT_EQ(net.server.sockets().close(ends.server), 0);
  EXPECT_EQ(net.server.sockets().close(listener), 0);
  net.run_for(100ms);
  EXPECT_EQ(net.client.sockets().close(ends.client), 0);
  net.run_for(1s);
  const int again = net.server.socket();
  EXPECT_EQ(net.server.bind(again, 0, 80), -EADDRINUSE);
  EXPECT_EQ(net.server.set(again, SOL_SOCKET, SO_REUSEADDR, 1), 0);
  EXPECT_EQ(net.server.bind(again, 0, 80), 0);
}

TEST(PosixLife, PortZeroIsChosenFromTheRangeAndNamed) {
  PosixPair net;
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 20; ++i) {
    const int fd = net.client.socket();
    EXPECT_EQ(net.client.bind(fd, 0, 0), 0);
    sockaddr_in name{};
    socklen_t length = sizeof(name);
    EXPECT_EQ(net.client.sockets().getsockname(
                  fd, static_cast<sockaddr*>(static_cast<void*>(&name)), &length),
              0);
    EXPECT_EQ(length, sizeof(name));
    EXPECT_EQ(name.sin_addr.s_addr, htonl(INADDR_ANY));
    EXPECT_GE(ntohs(name.sin_port), 32'768);
    ports.insert(name.sin_port);
  }
  EXPECT_EQ(ports.size(), 20U);
}

TEST(PosixLife, EveryPortOfTheRangeIsGivenThatIsFree) {
  PairSetup setup;
  setup.client.tcp.local_port_first = 40'000;
  setup.client.tcp.local_port_last = 40'039;
  PosixPair net{setup, {.sockets = 64, .epoll_sets = 1, .watches = 1}};
  const auto bind = [&](bool shares) {
    const int fd = net.client.socket();
    EXPECT_EQ(net.client.set(fd, SOL_SOCKET, SO_REUSEADDR, shares ? 1 : 0), 0);
    return net.client.bind(fd, 0, 0);
  };
  const int listener = net.server.listener(80);
  const auto ends = net.connect(listener, 80);
  // The client closes first, so TIME-WAIT is on its side, and no descriptor names that port.
  EXPECT_EQ(net.client.sockets().close(ends.client), 0);
  net.run_for(100ms);
  EXPECT_EQ(net.server.sockets().close(ends.server), 0);
  net.run_for(100ms);
  const int one = net.client.socket();
  EXPECT_EQ(net.client.bind(one, 1, 40'007), 0);
  for (int i = 0; i < 38; ++i) {
    EXPECT_EQ(bind(false), 0) << i;
  }
  EXPECT_EQ(bind(false), -EADDRINUSE);
  EXPECT_EQ(bind(true), 0) << "the one in TIME-WAIT";
  EXPECT_EQ(bind(true), 0) << "the same, which both share";
  EXPECT_EQ(net.client.sockets().close(one), 0);
  EXPECT_EQ(bind(false), 0);
  EXPECT_EQ(bind(false), -EADDRINUSE);
}

TEST(PosixLife, AcceptNamesThePeerAndBothEndsAgree) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const int client = net.client.socket();
  EXPECT_EQ(net.client.connect(client, 2, 80), 0);
  sockaddr_in peer{};
  socklen_t length = sizeof(peer);
  auto* const generic = static_cast<sockaddr*>(static_cast<void*>(&peer));
  const int server = net.server.sockets().accept(listener, generic, &length, SOCK_NONBLOCK);
  ASSERT_GE(server, 0);
  sockaddr_in own{};
  EXPECT_EQ(net.client.sockets().getsockname(
                client, static_cast<sockaddr*>(static_cast<void*>(&own)), &length),
            0);
  EXPECT_EQ(own.sin_port, peer.sin_port);
  EXPECT_EQ(peer.sin_addr.s_addr, socket_address(1, 0).sin_addr.s_addr);
  EXPECT_EQ(net.server.sockets().getpeername(listener, generic, &length), -ENOTCONN);
  EXPECT_EQ(net.server.sockets().getpeername(server, generic, &length), 0);
  EXPECT_EQ(net.server.receive(server), "errno " + std::to_string(EAGAIN));
}

TEST(PosixLife, AcceptSaysWhyNot) {
  PosixPair net;
  const int fresh = net.server.socket();
  EXPECT_EQ(net.server.accept(fresh), -EINVAL);
  const int listener = net.server.listener(80, 4, SOCK_NONBLOCK);
  EXPECT_EQ(net.server.accept(listener), -EAGAIN);
  EXPECT_EQ(net.server.accept(listener, 0x40), -EINVAL);
  const int set = net.server.sockets().epoll_create(0);
  EXPECT_EQ(net.server.accept(set), -ENOTSOCK);
}

TEST(PosixLife, AcceptThatCannotNameThePeerLeavesTheConnection) {
  PosixPair net;
  const int listener = net.server.listener(80, 4, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.connect(net.client.socket(), 2, 80), 0);
  net.run_for(50ms);
  sockaddr_in peer{};
  auto length = static_cast<socklen_t>(-1);
  auto* const generic = static_cast<sockaddr*>(static_cast<void*>(&peer));
  EXPECT_EQ(net.server.sockets().accept(listener, generic, &length, 0), -EINVAL);
  EXPECT_GE(net.server.accept(listener), 0);
}

TEST(PosixLife, ListeningThatFailsLeavesTheSocketAsItWas) {
  PairSetup setup;
  setup.server.max_listeners = 1;
  PosixPair net{setup};
  const int only = net.server.listener(80);
  const int fd = net.server.socket();
  EXPECT_EQ(net.server.sockets().listen(fd, 4), -ENOBUFS);
  sockaddr_in name{};
  socklen_t length = sizeof(name);
  auto* const generic = static_cast<sockaddr*>(static_cast<void*>(&name));
  EXPECT_EQ(net.server.sockets().getsockname(fd, generic, &length), 0);
  EXPECT_EQ(name.sin_port, 0);
  EXPECT_EQ(net.server.sockets().close(only), 0);
  EXPECT_EQ(net.server.bind(fd, 0, 81), 0);
  EXPECT_EQ(net.server.sockets().listen(fd, 4), 0);
}

TEST(PosixLife, TheBacklogHoldsOneMoreThanItSays) {
  PosixPair net;
  const int listener = net.server.listener(80, 2, SOCK_NONBLOCK);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(net.client.connect(net.client.socket(SOCK_NONBLOCK), 2, 80), -EINPROGRESS);
  }
  net.run_for(500ms);
  int accepted = 0;
  while (net.server.accept(listener) >= 0) {
    ++accepted;
  }
  EXPECT_EQ(accepted, 3);
  // Room is given back: the others are let in by what they send again.
  net.run_for(10s);
  while (net.server.accept(listener) >= 0) {
    ++accepted;
  }
  EXPECT_EQ(accepted, 6);
}

TEST(PosixLife, WhatWasResetInTheQueueIsAcceptedWithItsError) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const int client = net.client.socket();
  EXPECT_EQ(net.client.connect(client, 2, 80), 0);
  EXPECT_EQ(net.client.send(client, "last words"), 10);
  net.run_for(50ms);
  const linger cut{.l_onoff = 1, .l_linger = 0};
  EXPECT_EQ(net.client.sockets().setsockopt(client, SOL_SOCKET, SO_LINGER, &cut, sizeof(cut)), 0);
  EXPECT_EQ(net.client.sockets().close(client), 0);
  net.run_for(50ms);
  const int server = net.server.accept(listener);
  ASSERT_GE(server, 0);
  EXPECT_EQ(net.server.receive(server), "last words");
  EXPECT_EQ(net.server.receive(server), "errno " + std::to_string(ECONNRESET));
  EXPECT_EQ(net.server.receive(server), "");
}

TEST(PosixLife, ShuttingAListenerDownEndsItAndItsQueue) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const int client = net.client.socket();
  EXPECT_EQ(net.client.connect(client, 2, 80), 0);
  EXPECT_EQ(net.server.sockets().shutdown(listener, SHUT_WR), 0);
  EXPECT_EQ(net.server.get(listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
  EXPECT_EQ(net.server.sockets().shutdown(listener, SHUT_RD), 0);
  EXPECT_EQ(net.server.get(listener, SOL_SOCKET, SO_ACCEPTCONN), 0);
  EXPECT_EQ(net.server.accept(listener), -EINVAL);
  EXPECT_EQ(net.client.receive(client), "errno " + std::to_string(ECONNRESET));
  EXPECT_EQ(net.server.sockets().listen(listener, 4), 0);
}

TEST(PosixLife, ClosingWithLingerWaitsForThePeer) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const auto ends = net.connect(listener, 80);
  const linger patient{.l_onoff = 1, .l_linger = 5};
  EXPECT_EQ(net.client.sockets().setsockopt(ends.client, SOL_SOCKET, SO_LINGER, &patient,
                                            sizeof(patient)),
            0);
  EXPECT_EQ(net.client.send(ends.client, "all of it"), 9);
  const Instant before = net.pair.world.now();
  EXPECT_EQ(net.client.sockets().close(ends.client), 0);
  EXPECT_GE(net.pair.world.now() - before, 20ms);  // A round trip.
  EXPECT_LT(net.pair.world.now() - before, 1s);
  EXPECT_EQ(net.server.receive(ends.server), "all of it");
}

TEST(PosixLife, ClosingUnreadDataResetsAndNothingIsLeft) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const auto ends = net.connect(listener, 80);
  EXPECT_EQ(net.client.send(ends.client, "unread"), 6);
  net.run_for(50ms);
  EXPECT_EQ(net.server.sockets().close(ends.server), 0);
  EXPECT_EQ(net.client.receive(ends.client), "errno " + std::to_string(ECONNRESET));
  EXPECT_EQ(net.server.sockets().close(listener), 0);
  EXPECT_EQ(net.client.sockets().close(ends.client), 0);
  const auto clean = net.pair.world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

}  // namespace
}  // namespace millrace::test
