// What calls answer in states that a program meets seldom, as the table of calls and states
// (tests/sockets) has them of Linux.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <climits>
#include <vector>

#include "simulation/posix_pair.hpp"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;

class PosixStates : public testing::Test {
 protected:
  static constexpr std::uint16_t kPort = 7'000;

  PosixStates() : listener{net.server.listener(kPort)}, ends{net.connect(listener, kPort)} {}

  std::string urgent(int flags = 0, std::size_t room = 8) {
    return net.server.receive(ends.server, room, MSG_OOB | flags);
  }
  int port_of(int fd) {
    sockaddr_in name{};
    socklen_t size = sizeof(name);
    net.client.sockets().getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
    return ntohs(name.sin_port);
  }
  /// The peer resets the connection of `ends`.
  void reset() {
    const linger cut{.l_onoff = 1, .l_linger = 0};
    net.server.sockets().setsockopt(ends.server, SOL_SOCKET, SO_LINGER, &cut, sizeof(cut));
    net.server.sockets().close(ends.server);
    net.run_for(50ms);
  }
  ssize_t send_nowhere(int fd, std::size_t bytes) {
    const iovec part{.iov_base = nullptr, .iov_len = bytes};
    return net.client.sockets().send(fd, &part, 1, MSG_NOSIGNAL);
  }
  ssize_t receive_nowhere(int fd, int flags = MSG_DONTWAIT) {
    const iovec part{.iov_base = nullptr, .iov_len = 4};
    return net.server.sockets().receive(fd, &part, 1, flags);
  }

  PosixPair net;
  int listener;
  PosixPair::Ends ends;
};

std::string errno_text(int error) { return "errno " + std::to_string(error); }

TEST_F(PosixStates, PortThatWasChosenIsGivenUpWithTheConnectionAndNamedOn) {
  const int port = port_of(ends.client);
  EXPECT_EQ(net.client.bind(ends.client, 0, 0), -EINVAL);
  reset();
  EXPECT_EQ(port_of(ends.client), port);
  EXPECT_EQ(net.client.bind(ends.client, 0, 7'100), 0);
  EXPECT_EQ(port_of(ends.client), 7'100);
  EXPECT_EQ(net.client.bind(ends.client, 0, 7'101), -EINVAL);
  const int other = net.client.socket();
  EXPECT_EQ(net.client.bind(other, 0, 7'100), -EADDRINUSE);
  EXPECT_EQ(net.client.bind(other, 0, static_cast<std::uint16_t>(port)), 0);
}

TEST_F(PosixStates, PortThatWasBoundIsKept) {
  const int fd = net.client.socket();
  EXPECT_EQ(net.client.bind(fd, 0, 7'200), 0);
  EXPECT_EQ(net.client.connect(fd, 2, kPort + 1), -ECONNREFUSED);
  EXPECT_EQ(port_of(fd), 7'200);
  EXPECT_EQ(net.client.bind(fd, 0, 0), -EINVAL);
}

TEST_F(PosixStates, ShutdownOfWhatIsNotConnectedFailsAndIsTold) {
  const int fd = net.client.socket();
  EXPECT_EQ(net.client.sockets().shutdown(fd, SHUT_RD), -ENOTCONN);
  EXPECT_EQ(net.client.events(fd) & (POLLIN | POLLRDHUP | POLLHUP),
            unsigned{POLLIN | POLLRDHUP | POLLHUP});
  EXPECT_EQ(net.client.receive(fd), "");
}

TEST_F(PosixStates, ConnectAfterAResetBehindTheFinIsEpipe) {
  // Nobody has asked yet how connecting went.
  const int late = net.client.socket(SOCK_NONBLOCK);
  EXPECT_EQ(net.client.connect(late, 2, kPort), -EINPROGRESS);
  net.run_for(50ms);
  ends.server = net.server.accept(listener);
  net.server.sockets().shutdown(ends.server, SHUT_WR);
  net.run_for(50ms);
  reset();
  EXPECT_EQ(net.client.connect(late, 2, kPort), -EPIPE);
}

TEST_F(PosixStates, DissolvingWhatBothHaveFinishedIsNoError) {
  net.server.sockets().shutdown(ends.server, SHUT_WR);
  net.run_for(50ms);
  net.client.sockets().fcntl(ends.client, F_SETFL, O_NONBLOCK);  // So that no turn runs.
  net.client.sockets().shutdown(ends.client, SHUT_WR);
  const sockaddr none{.sa_family = AF_UNSPEC, .sa_data = {}};
  EXPECT_EQ(net.client.sockets().connect(ends.client, &none, sizeof(none)), 0);
  EXPECT_EQ(net.client.get(ends.client, SOL_SOCKET, SO_ERROR), 0);
  net.run_for(50ms);
  net.client.sockets().fcntl(ends.client, F_SETFL, 0);
  EXPECT_EQ(net.client.connect(ends.client, 2, kPort), 0);
}

TEST_F(PosixStates, StateAndErrorsGoBeforeMemoryThatIsNotThere) {
  EXPECT_EQ(receive_nowhere(ends.server), -EAGAIN);
  EXPECT_EQ(send_nowhere(net.client.socket(), 4), -EPIPE);
  EXPECT_EQ(send_nowhere(ends.client, 4), -EFAULT);
  EXPECT_EQ(net.client.send(ends.client, "data"), 4);
  net.run_for(50ms);
  EXPECT_EQ(receive_nowhere(ends.server), -EFAULT);
  EXPECT_EQ(receive_nowhere(ends.server, MSG_PEEK), -EFAULT);
  EXPECT_EQ(net.server.receive(ends.server), "data");
}

TEST_F(PosixStates, MemoryThatIsThereTakesWhatComesBeforeTheOther) {
  EXPECT_EQ(net.client.send(ends.client, "data"), 4);
  net.run_for(50ms);
  std::array<char, 2> room{};
  const std::array<iovec, 2> parts{{{room.data(), room.size()}, {nullptr, 2}}};
  EXPECT_EQ(net.server.sockets().receive(ends.server, parts.data(), parts.size(), MSG_PEEK), 2);
  EXPECT_EQ(net.server.sockets().receive(ends.server, parts.data(), parts.size(), 0), 2);
  EXPECT_EQ(net.server.receive(ends.server), "ta");
}

TEST_F(PosixStates, MessagesOfTooManyPartsAreTooLong) {
  const std::vector<iovec> parts(IOV_MAX + 1);
  EXPECT_EQ(net.client.sockets().socket_send(ends.client, parts.data(), parts.size(), 0),
            -EMSGSIZE);
  EXPECT_EQ(net.client.sockets().socket_receive(ends.client, parts.data(), parts.size(), 0),
            -EMSGSIZE);
  EXPECT_EQ(net.client.sockets().send(ends.client, parts.data(), parts.size(), 0), -EINVAL);
}

TEST_F(PosixStates, SendfileFromNoDescriptorIsEbadfInEveryState) {
  EXPECT_EQ(net.client.sockets().sendfile(net.client.socket(), -1, nullptr, 4), -EBADF);
  EXPECT_EQ(net.client.sockets().sendfile(ends.client, -1, nullptr, 4), -EBADF);
}

TEST_F(PosixStates, UrgentByteIsLookedAtAndStays) {
  EXPECT_EQ(net.client.send(ends.client, "ab!", MSG_OOB), 3);
  net.run_for(50ms);
  EXPECT_EQ(urgent(MSG_PEEK), "!");
  EXPECT_EQ(net.server.events(ends.server) & POLLPRI, unsigned{POLLPRI});
  EXPECT_EQ(urgent(), "!");
  EXPECT_EQ(urgent(), errno_text(EINVAL));
}

TEST_F(PosixStates, UrgentByteThatReadingHasPassedIsMissed) {
  EXPECT_EQ(net.client.send(ends.client, "ab!", MSG_OOB), 3);
  net.run_for(50ms);
  // To the mark, however much is wanted; the byte is still there.
  EXPECT_EQ(net.server.receive(ends.server, 8, MSG_WAITALL), "ab");
  EXPECT_EQ(net.server.events(ends.server) & POLLPRI, unsigned{POLLPRI});
  EXPECT_EQ(net.server.receive(ends.server, 8, MSG_DONTWAIT), errno_text(EAGAIN));
  EXPECT_EQ(net.server.events(ends.server) & POLLPRI, 0U);
  EXPECT_EQ(urgent(), errno_text(EINVAL));
}

TEST_F(PosixStates, ReadingStopsAtTheMarkAlsoWhenTheByteWasTaken) {
  EXPECT_EQ(net.client.send(ends.client, "ab!", MSG_OOB), 3);
  EXPECT_EQ(net.client.send(ends.client, "cd"), 2);
  net.run_for(50ms);
  EXPECT_EQ(urgent(), "!");
  int mark = -1;
  EXPECT_EQ(net.server.receive(ends.server, 8, MSG_WAITALL), "ab");
  EXPECT_EQ(net.server.sockets().ioctl(ends.server, SIOCATMARK, &mark), 0);
  EXPECT_EQ(mark, 1);
  EXPECT_EQ(net.server.receive(ends.server), "cd");
  EXPECT_EQ(net.server.sockets().ioctl(ends.server, SIOCATMARK, &mark), 0);
  EXPECT_EQ(mark, 0);
}

TEST_F(PosixStates, UrgentByteInLineIsReadFromTheMarkOn) {
  EXPECT_EQ(net.server.set(ends.server, SOL_SOCKET, SO_OOBINLINE, 1), 0);
  EXPECT_EQ(net.client.send(ends.client, "ab!", MSG_OOB), 3);
  EXPECT_EQ(net.client.send(ends.client, "cd"), 2);
  net.run_for(50ms);
  EXPECT_EQ(net.server.events(ends.server) & POLLPRI, unsigned{POLLPRI});
  EXPECT_EQ(urgent(), errno_text(EINVAL));
  EXPECT_EQ(net.server.receive(ends.server), "ab");
  int mark = -1;
  EXPECT_EQ(net.server.sockets().ioctl(ends.server, SIOCATMARK, &mark), 0);
  EXPECT_EQ(mark, 1);
  EXPECT_EQ(net.server.receive(ends.server), "!cd");
  EXPECT_EQ(net.server.events(ends.server) & POLLPRI, 0U);
}

TEST_F(PosixStates, AnotherUrgentByteTakesThePlaceOfOneThatWasLookedAt) {
  EXPECT_EQ(net.client.send(ends.client, "!", MSG_OOB), 1);
  net.run_for(50ms);
  EXPECT_EQ(urgent(MSG_PEEK), "!");
  EXPECT_EQ(net.client.send(ends.client, "?", MSG_OOB), 1);
  net.run_for(50ms);
  EXPECT_EQ(urgent(), "?");
}

}  // namespace
}  // namespace millrace::test
