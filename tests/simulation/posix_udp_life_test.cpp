// The life of datagram sockets: making, naming, connecting, shutting down, closing, and which error
// each wrong call gets. Expectations are Linux's.
#include <sys/ioctl.h>

#include "simulation/posix_udp.hpp"

namespace millrace::test {
namespace {

using PosixUdpLife = PosixUdp;

TEST_F(PosixUdpLife, IsMadeWithItsProtocolOrNone) {
  auto& sockets = net.client.sockets();
  const int fd = sockets.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(sockets.fcntl(fd, F_GETFL, 0), O_RDWR | O_NONBLOCK);
  EXPECT_EQ(sockets.fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
  EXPECT_EQ(sockets.socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), -EPROTONOSUPPORT);
  EXPECT_EQ(sockets.socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT);
  EXPECT_EQ(sockets.socket(AF_INET, SOCK_DGRAM | 0x100, 0), -EINVAL);
}

TEST_F(PosixUdpLife, ThereAreAsManyAsThereIsRoomFor) {
  int last = 0;
  int made = 0;
  while ((last = socket(net.client)) >= 0) {
    ++made;
  }
  EXPECT_EQ(made, 16);
  EXPECT_EQ(last, -ENOBUFS);
}

TEST_F(PosixUdpLife, BindsToAnAddressAndPort) {
  const int fd = socket(net.client);
  EXPECT_EQ(local_name(net.client, fd), "0.0.0.0:0");
  EXPECT_EQ(net.client.bind(fd, 1, kPort), 0);
  EXPECT_EQ(local_name(net.client, fd), "198.18.0.1:9000");
  EXPECT_EQ(net.client.bind(fd, 1, kPort), -EINVAL);
}

TEST_F(PosixUdpLife, BindingWronglyIsRefused) {
  const int fd = socket(net.client);
  sockaddr_in address = socket_address(1, kPort);
  auto& sockets = net.client.sockets();
  EXPECT_EQ(sockets.bind(fd, nullptr, sizeof address), -EFAULT);
  EXPECT_EQ(sockets.bind(fd, generic(address), 8), -EINVAL);
  EXPECT_EQ(net.client.bind(fd, 2, kPort), -EADDRNOTAVAIL);
  address.sin_family = AF_INET6;
  EXPECT_EQ(sockets.bind(fd, generic(address), sizeof address), -EAFNOSUPPORT);
  address = socket_address(0, 0);
  address.sin_family = AF_UNSPEC;
  EXPECT_EQ(sockets.bind(fd, generic(address), sizeof address), 0);
  EXPECT_NE(port_of(net.client, fd), 0);
}

TEST_F(PosixUdpLife, APortIsOnesOwnUnlessBothShareIt) {
  const int first = bound(net.server, kPort);
  const int second = socket(net.server);
  EXPECT_EQ(net.server.bind(second, 0, kPort), -EADDRINUSE);
  EXPECT_EQ(net.server.bind(second, 2, kPort), -EADDRINUSE);
  EXPECT_EQ(net.server.set(second, SOL_SOCKET, SO_REUSEADDR, 1), 0);
  EXPECT_EQ(net.server.bind(second, 0, kPort), -EADDRINUSE);
  EXPECT_EQ(net.server.set(first, SOL_SOCKET, SO_REUSEPORT, 1), 0);
  EXPECT_EQ(net.server.bind(second, 0, kPort), -EADDRINUSE) << "of two kinds of sharing";
  EXPECT_EQ(net.server.set(first, SOL_SOCKET, SO_REUSEADDR, 1), 0);
  EXPECT_EQ(net.server.bind(second, 0, kPort), 0);
}

TEST_F(PosixUdpLife, OfTwoWithOnePortTheLaterHears) {
  const int first = socket(net.server, SOCK_NONBLOCK);
  const int second = socket(net.server, SOCK_NONBLOCK);
  for (const int fd : {first, second}) {
    EXPECT_EQ(net.server.set(fd, SOL_SOCKET, SO_REUSEADDR, 1), 0);
    EXPECT_EQ(net.server.bind(fd, 0, kPort), 0);
  }
  const int own = socket(net.client);
  EXPECT_EQ(send(own, "later"), 5);
  EXPECT_EQ(net.server.receive(first), errno_text(EAGAIN));
  EXPECT_EQ(net.server.receive(second), "later");
  EXPECT_EQ(net.server.sockets().close(second), 0);
  EXPECT_EQ(send(own, "then the earlier"), 16);
  EXPECT_EQ(net.server.receive(first), "then the earlier");
}

TEST_F(PosixUdpLife, AClosedPortIsFreeAtOnce) {
  const int first = bound(net.server, kPort);
  EXPECT_EQ(net.server.sockets().close(first), 0);
  EXPECT_EQ(net.server.sockets().close(first), -EBADF);
  static_cast<void>(bound(net.server, kPort));
}

TEST_F(PosixUdpLife, SendingBindsAlsoWhenItFails) {
  const int fd = socket(net.client);
  EXPECT_EQ(net.client.send(fd, "x"), -EDESTADDRREQ);
  EXPECT_NE(port_of(net.client, fd), 0);
  EXPECT_EQ(local_name(net.client, fd).substr(0, 8), "0.0.0.0:");
  EXPECT_EQ(net.client.bind(fd, 0, kPort), -EINVAL);
}

TEST_F(PosixUdpLife, ConnectingNamesBothEnds) {
  const int fd = socket(net.client);
  EXPECT_EQ(peer_name(net.client, fd), errno_text(ENOTCONN));
  EXPECT_EQ(net.client.connect(fd, 2, kPort), 0);
  EXPECT_EQ(peer_name(net.client, fd), "198.18.0.2:9000");
  EXPECT_EQ(local_name(net.client, fd).substr(0, 11), "198.18.0.1:");
  EXPECT_EQ(net.client.connect(fd, 2, 77), 0);
  EXPECT_EQ(peer_name(net.client, fd), "198.18.0.2:77");
}

TEST_F(PosixUdpLife, ConnectingWronglyIsRefusedAndBinds) {
  const int fd = socket(net.client);
  sockaddr_in address = socket_address(2, kPort);
  auto& sockets = net.client.sockets();
  EXPECT_EQ(sockets.connect(fd, nullptr, sizeof address), -EFAULT);
  EXPECT_EQ(sockets.connect(fd, generic(address), 1), -EINVAL);
  EXPECT_EQ(local_name(net.client, fd), "0.0.0.0:0");
  EXPECT_EQ(sockets.connect(fd, generic(address), 8), -EINVAL);
  EXPECT_NE(port_of(net.client, fd), 0);
  EXPECT_EQ(net.client.connect(fd, kBroadcast, kPort), -EACCES);
  address.sin_addr.s_addr = htonl(0x08080808U);
  EXPECT_EQ(sockets.connect(fd, generic(address), sizeof address), -ENETUNREACH);
  address.sin_family = AF_INET6;
  EXPECT_EQ(sockets.connect(fd, generic(address), sizeof address), -EAFNOSUPPORT);
  EXPECT_EQ(peer_name(net.client, fd), errno_text(ENOTCONN));
}

TEST_F(PosixUdpLife, PortZeroAsksWhichAddressWouldBeUsed) {
  const int fd = socket(net.client);
  EXPECT_EQ(net.client.connect(fd, 2, 0), 0);
  EXPECT_EQ(local_name(net.client, fd).substr(0, 11), "198.18.0.1:");
  EXPECT_EQ(peer_name(net.client, fd), errno_text(ENOTCONN));
}

TEST_F(PosixUdpLife, UnspecGivesBackWhatWasNotAskedFor) {
  sockaddr_in none{};
  none.sin_family = AF_UNSPEC;
  const int drawn = connected();
  EXPECT_EQ(net.client.sockets().connect(drawn, generic(none), sizeof none), 0);
  EXPECT_EQ(local_name(net.client, drawn), "0.0.0.0:0");
  EXPECT_EQ(peer_name(net.client, drawn), errno_text(ENOTCONN));
  EXPECT_EQ(net.client.send(drawn, "x"), -EDESTADDRREQ);
  const int chosen = bound(net.client, kPort);
  EXPECT_EQ(net.client.connect(chosen, 2, 77), 0);
  EXPECT_EQ(local_name(net.client, chosen), "198.18.0.1:9000");
  EXPECT_EQ(net.client.sockets().connect(chosen, generic(none), sizeof none), 0);
  EXPECT_EQ(local_name(net.client, chosen), "0.0.0.0:9000");
}

TEST_F(PosixUdpLife, UnspecLeavesWhatHasArrived) {
  const int theirs = bound(net.server, kPort);
  const int fd = connected();
  EXPECT_EQ(send_to(net.server, theirs, "early", socket_address(1, port_of(net.client, fd))), 5);
  net.run_for(50ms);
  sockaddr_in none{};
  none.sin_family = AF_UNSPEC;
  EXPECT_EQ(net.client.sockets().connect(fd, generic(none), sizeof none), 0);
  EXPECT_EQ(local_name(net.client, fd), "0.0.0.0:0");
  EXPECT_EQ(net.client.events(fd) & POLLIN, unsigned{POLLIN});
  EXPECT_EQ(net.client.receive(fd), "early");
  EXPECT_EQ(net.client.connect(fd, 2, kPort), 0);
  EXPECT_EQ(net.client.send(fd, "again"), 5);
  EXPECT_EQ(net.server.receive(theirs), "again");
}

TEST_F(PosixUdpLife, BindingAnewLeavesWhatHasArrived) {
  const int theirs = bound(net.server, kPort);
  const int fd = connected();
  const std::uint16_t drawn = port_of(net.client, fd);
  EXPECT_EQ(send_to(net.server, theirs, "early", socket_address(1, drawn)), 5);
  net.run_for(50ms);
  sockaddr_in none{};
  none.sin_family = AF_UNSPEC;
  EXPECT_EQ(net.client.sockets().connect(fd, generic(none), sizeof none), 0);
  const int other = bound(net.client, 77);
  EXPECT_EQ(net.client.bind(fd, 0, 77), -EADDRINUSE);
  EXPECT_EQ(net.client.events(fd) & POLLIN, unsigned{POLLIN}) << "a failure costs nothing";
  EXPECT_EQ(net.client.bind(fd, 1, drawn), 0) << "its own, which it has given back";
  EXPECT_EQ(local_name(net.client, fd), "198.18.0.1:" + std::to_string(drawn));
  EXPECT_EQ(net.client.receive(fd), "early");
  EXPECT_EQ(send_to(net.server, theirs, "late", socket_address(1, drawn)), 4);
  EXPECT_EQ(net.client.receive(fd), "late");
  EXPECT_EQ(net.client.sockets().close(fd), 0);
  EXPECT_EQ(net.client.bind(socket(net.client), 1, drawn), 0);
  EXPECT_EQ(net.client.sockets().close(other), 0);
}

TEST_F(PosixUdpLife, DoesNotListenOrAccept) {
  const int fd = bound(net.server, kPort);
  EXPECT_EQ(net.server.sockets().listen(fd, 5), -EOPNOTSUPP);
  EXPECT_EQ(net.server.accept(fd), -EOPNOTSUPP);
  EXPECT_EQ(net.server.accept(fd, 0x40), -EINVAL);
}

TEST_F(PosixUdpLife, ShutdownCountsAlsoWithoutPeer) {
  const int fd = socket(net.client);
  EXPECT_EQ(net.client.sockets().shutdown(fd, 3), -EINVAL);
  EXPECT_EQ(net.client.sockets().shutdown(fd, -1), -EINVAL);
  EXPECT_EQ(net.client.sockets().shutdown(fd, SHUT_RD), -ENOTCONN);
  EXPECT_EQ(net.client.events(fd), unsigned{POLLIN | POLLOUT | POLLRDHUP});
  EXPECT_EQ(net.client.sockets().shutdown(fd, SHUT_WR), -ENOTCONN);
  EXPECT_EQ(net.client.events(fd), unsigned{POLLIN | POLLOUT | POLLRDHUP | POLLHUP});
  EXPECT_EQ(send(fd, "x"), -EPIPE);
}

TEST_F(PosixUdpLife, ShutOfReadingEndsWaitingAndNotReceiving) {
  const int theirs = bound(net.server, kPort);
  const int fd = connected();
  EXPECT_EQ(net.client.sockets().shutdown(fd, SHUT_RD), 0);
  EXPECT_EQ(net.client.receive(fd), "");
  EXPECT_EQ(net.client.receive(fd, 8, MSG_DONTWAIT), errno_text(EAGAIN));
  EXPECT_EQ(send_to(net.server, theirs, "late", socket_address(1, port_of(net.client, fd))), 4);
  net.run_for(50ms);
  EXPECT_EQ(net.client.receive(fd), "late");
}

TEST_F(PosixUdpLife, ShutOfWritingIsABrokenPipe) {
  const int fd = connected();
  EXPECT_EQ(net.client.sockets().shutdown(fd, SHUT_WR), 0);
  EXPECT_EQ(net.client.send(fd, "x"), -EPIPE);
  EXPECT_EQ(net.client.sockets().shutdown(fd, SHUT_WR), 0);
}

TEST_F(PosixUdpLife, ADatagramForAClosedSocketIsRefused) {
  const int theirs = bound(net.server, kPort);
  const int fd = connected(kPort, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.send(fd, "one"), 3);
  net.run_for(50ms);
  EXPECT_EQ(net.server.sockets().close(theirs), 0);
  EXPECT_EQ(net.client.send(fd, "two"), 3);
  net.run_for(50ms);
  EXPECT_EQ(net.client.receive(fd), errno_text(ECONNREFUSED));
}

TEST_F(PosixUdpLife, CloseAllClosesThem) {
  const int fd = bound(net.server, kPort);
  net.server.sockets().close_all();
  EXPECT_EQ(net.server.sockets().fcntl(fd, F_GETFL, 0), -EBADF);
  static_cast<void>(bound(net.server, kPort));
}

}  // namespace
}  // namespace millrace::test
