// connect(2) in every state, and what it leaves behind. Expectations are Linux's.
#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>

#include "simulation/posix_pair.hpp"

namespace millrace::test {
namespace {

constexpr unsigned kHungUp = POLLOUT | POLLHUP;

int dissolve(PosixHost& host, int fd) {
  const sockaddr none{.sa_family = AF_UNSPEC, .sa_data = {}};
  return host.sockets().connect(fd, &none, sizeof(none));
}

TEST(PosixConnect, BlockingTakesARoundTrip) {
  PosixPair net;
  static_cast<void>(net.server.listener(80));
  const int fd = net.client.socket();
  const Instant before = net.pair.world.now();
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
  EXPECT_GE(net.pair.world.now() - before, 20ms);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EISCONN);
}

TEST(PosixConnect, NonBlockingIsInProgressThenAlreadyThenDoneThenConnected) {
  PosixPair net;
  static_cast<void>(net.server.listener(80));
  const int fd = net.client.socket(SOCK_NONBLOCK);
  EXPECT_EQ(net.client.events(fd), kHungUp);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EINPROGRESS);
  EXPECT_EQ(net.client.events(fd), 0U);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EALREADY);
  EXPECT_EQ(net.client.send(fd, "early"), -EAGAIN);
  EXPECT_EQ(net.client.receive(fd), "errno " + std::to_string(EAGAIN));
  net.run_for(50ms);
  EXPECT_EQ(net.client.events(fd), unsigned{POLLOUT});
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EISCONN);
}

TEST(PosixConnect, RefusedBlocking) {
  PosixPair net;
  const int fd = net.client.socket();
  EXPECT_EQ(net.client.connect(fd, 2, 80), -ECONNREFUSED);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_ERROR), 0);
  // It may be tried again at once.
  static_cast<void>(net.server.listener(80));
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
}

TEST(PosixConnect, RefusedNonBlockingIsToldOnceByEither) {
  PosixPair net;
  const int fd = net.client.socket(SOCK_NONBLOCK);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EINPROGRESS);
  net.run_for(50ms);
  EXPECT_EQ(net.client.events(fd), unsigned{POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP});
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  EXPECT_EQ(net.client.get(fd, SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -ECONNABORTED);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EINPROGRESS);
  net.run_for(50ms);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -ECONNREFUSED);
}

TEST(PosixConnect, WrongAddressesChangeNothing) {
  PosixPair net;
  const int fd = net.client.socket();
  sockaddr_in address = socket_address(2, 80);
  const auto* const generic = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  EXPECT_EQ(net.client.sockets().connect(fd, nullptr, sizeof(address)), -EFAULT);
  EXPECT_EQ(net.client.sockets().connect(fd, generic, 1), -EINVAL);
  EXPECT_EQ(net.client.sockets().connect(fd, generic, sizeof(address) - 1), -EINVAL);
  address.sin_family = AF_INET6;
  EXPECT_EQ(net.client.sockets().connect(fd, generic, sizeof(address)), -EAFNOSUPPORT);
  address = socket_address(2, 80);
  address.sin_addr.s_addr = htonl(0xe0000001U);
  EXPECT_EQ(net.client.sockets().connect(fd, generic, sizeof(address)), -ENETUNREACH);
  static_cast<void>(net.server.listener(80));
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
}

TEST(PosixConnect, TimesOutAfterSendTimeoutAndGoesOn) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const int fd = net.client.socket();
  const timeval soon{.tv_sec = 0, .tv_usec = 5'000};
  EXPECT_EQ(net.client.sockets().setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)), 0);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EINPROGRESS);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EALREADY);
  EXPECT_GE(net.server.accept(listener), 0);
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
}

TEST(PosixConnect, InterruptedGoesOnToo) {
  PosixPair net;
  static_cast<void>(net.server.listener(80));
  const int fd = net.client.socket();
  net.client.refuse_to_wait(EINTR);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EINTR);
  net.client.refuse_to_wait(0);
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
}

TEST(PosixConnect, ASignalThatLetsCallsGoOnEndsThoseWithALimitOfTimeAlone) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const int fd = net.client.socket();
  net.client.refuse_to_wait(ERESTART, 3);
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
  net.client.refuse_to_wait(ERESTART);
  const timeval soon{.tv_sec = 5, .tv_usec = 0};
  ASSERT_EQ(net.client.sockets().setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
  EXPECT_EQ(net.client.receive(fd), "errno " + std::to_string(EINTR));
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  EXPECT_EQ(net.client.sockets().poll(&entry, 1, -1), -EINTR);
  const int set = net.client.sockets().epoll_create(0);
  epoll_event event{};
  EXPECT_EQ(net.client.sockets().epoll_wait(set, &event, 1, -1), -EINTR);
  EXPECT_GE(net.server.accept(listener), 0);
}

TEST(PosixConnect, AListenerIsConnectedAlready) {
  PosixPair net;
  const int listener = net.server.listener(80);
  EXPECT_EQ(net.server.connect(listener, 1, 80), -EISCONN);
}

TEST(PosixConnect, UnspecDissolvesTheConnectionWithAReset) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const auto ends = net.connect(listener, 80);
  EXPECT_EQ(dissolve(net.client, ends.client), 0);
  EXPECT_EQ(net.server.receive(ends.server), "errno " + std::to_string(ECONNRESET));
  EXPECT_EQ(net.client.get(ends.client, SOL_SOCKET, SO_ERROR), ECONNRESET);
  EXPECT_EQ(net.client.events(ends.client), kHungUp);
  EXPECT_EQ(net.client.connect(ends.client, 2, 80), 0);
}

TEST(PosixConnect, UnspecEndsAListener) {
  PosixPair net;
  const int listener = net.server.listener(80);
  EXPECT_EQ(dissolve(net.server, listener), 0);
  EXPECT_EQ(net.server.get(listener, SOL_SOCKET, SO_ACCEPTCONN), 0);
  const int fd = net.client.socket();
  EXPECT_EQ(net.client.connect(fd, 2, 80), -ECONNREFUSED);
}

TEST(PosixConnect, ShutdownWhileOpeningDissolves) {
  PosixPair net;
  static_cast<void>(net.server.listener(80));
  const int fd = net.client.socket(SOCK_NONBLOCK);
  EXPECT_EQ(net.client.sockets().shutdown(fd, SHUT_RDWR), -ENOTCONN);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EINPROGRESS);
  EXPECT_EQ(net.client.sockets().shutdown(fd, SHUT_WR), 0);
  EXPECT_EQ(net.client.sockets().shutdown(fd, SHUT_WR), -ENOTCONN);
}

TEST(PosixConnect, FromTheAddressAndPortThatItIsBoundTo) {
  PosixPair net;
  const int listener = net.server.listener(80);
  const int fd = net.client.socket();
  EXPECT_EQ(net.client.bind(fd, 1, 5'555), 0);
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
  sockaddr_in peer{};
  socklen_t length = sizeof(peer);
  EXPECT_GE(net.server.sockets().accept(listener, static_cast<sockaddr*>(static_cast<void*>(&peer)),
                                        &length, 0),
            0);
  EXPECT_EQ(ntohs(peer.sin_port), 5'555);
}

TEST(PosixConnect, ACallThatMayNotWaitSaysSo) {
  PosixPair net;
  const int listener = net.server.listener(80);
  net.server.refuse_to_wait(EDEADLK);
  EXPECT_EQ(net.server.accept(listener), -EDEADLK);
  pollfd entry{.fd = listener, .events = POLLIN, .revents = 0};
  EXPECT_EQ(net.server.sockets().poll(&entry, 1, -1), -EDEADLK);
  EXPECT_EQ(net.server.sockets().poll(&entry, 1, 0), 0);
}

}  // namespace
}  // namespace millrace::test
