// sendfile and splice on datagram sockets: each call moves one datagram. Expectations are Linux's.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <array>

#include "simulation/posix_udp.hpp"

namespace millrace::test {
namespace {

struct PosixUdpMoving : PosixUdp {
  PosixUdpMoving() {
    EXPECT_EQ(::pipe2(pipe.data(), O_NONBLOCK), 0);
    char name[] = "/tmp/udp_moving.XXXXXX";
    file = ::mkstemp(name);
    ::unlink(name);
  }
  ~PosixUdpMoving() override {
    for (const int fd : {pipe[0], pipe[1], file}) {
      ::close(fd);
    }
  }
  void fill(const std::string& text) {
    EXPECT_EQ(::pwrite(file, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  ssize_t sendfile(int fd, off_t* offset, std::size_t count) {
    const ssize_t sent = net.client.sockets().sendfile(fd, file, offset, count);
    net.run_for(50ms);
    return sent;
  }
  ssize_t splice_in(int fd, std::size_t count, unsigned flags = 0) {
    const ssize_t moved = net.client.sockets().splice(pipe[0], nullptr, fd, nullptr, count, flags);
    net.run_for(50ms);
    return moved;
  }
  ssize_t splice_out(int fd, std::size_t count, unsigned flags = SPLICE_F_NONBLOCK) {
    return net.server.sockets().splice(fd, nullptr, pipe[1], nullptr, count, flags);
  }
  ssize_t put(const std::string& text) { return ::write(pipe[1], text.data(), text.size()); }
  std::string in_pipe() {
    std::string text(100, ' ');
    const ssize_t got = ::read(pipe[0], text.data(), text.size());
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }

  std::array<int, 2> pipe{};
  int file = -1;
};

TEST_F(PosixUdpMoving, AFileIsADatagram) {
  const int theirs = bound(net.server, kPort, SOCK_NONBLOCK);
  const int fd = connected();
  fill("0123456789");
  off_t offset = 2;
  EXPECT_EQ(sendfile(fd, &offset, 100), 8);
  EXPECT_EQ(offset, 10);
  EXPECT_EQ(sendfile(fd, &offset, 100), 0) << "the end is no datagram";
  EXPECT_EQ(sendfile(fd, nullptr, 4), 4);
  EXPECT_EQ(sendfile(fd, nullptr, 0), 0);
  EXPECT_EQ(::lseek(file, 0, SEEK_CUR), 4);
  EXPECT_EQ(net.server.receive(theirs), "23456789");
  EXPECT_EQ(net.server.receive(theirs), "0123");
  EXPECT_EQ(net.server.receive(theirs), errno_text(EAGAIN));
}

TEST_F(PosixUdpMoving, WhatIsTooLongOrForNobodyLeavesTheFileAlone) {
  fill(std::string(65'508, 'f'));
  EXPECT_EQ(sendfile(connected(), nullptr, 100'000), -EMSGSIZE);
  EXPECT_EQ(sendfile(bound(net.client, kPort), nullptr, 4), -EDESTADDRREQ);
  EXPECT_EQ(::lseek(file, 0, SEEK_CUR), 0);
  EXPECT_EQ(net.client.sockets().sendfile(connected(), pipe[0], nullptr, 4), -EINVAL);
  EXPECT_EQ(net.client.sockets().sendfile(connected(), -1, nullptr, 4), -EBADF);
}

TEST_F(PosixUdpMoving, AFileOfTheLargestDatagram) {
  const int theirs = bound(net.server, kPort, SOCK_NONBLOCK);
  fill(std::string(65'507, 'f'));
  EXPECT_EQ(sendfile(connected(), nullptr, 100'000), 65'507);
  EXPECT_EQ(net.server.receive(theirs, 70'000), std::string(65'507, 'f'));
}

TEST_F(PosixUdpMoving, WhatIsInAPipeIsADatagram) {
  const int theirs = bound(net.server, kPort, SOCK_NONBLOCK);
  const int fd = connected();
  EXPECT_EQ(splice_in(fd, 4, SPLICE_F_NONBLOCK), -EAGAIN);
  put("pip");
  put("e and more");
  EXPECT_EQ(splice_in(fd, 4), 4);
  EXPECT_EQ(splice_in(fd, 100, SPLICE_F_MORE), 9);
  put("!");
  EXPECT_EQ(splice_in(fd, 100), 1);
  EXPECT_EQ(net.server.receive(theirs), "pipe");
  EXPECT_EQ(net.server.receive(theirs), " and more!") << "held back for the next";
}

TEST_F(PosixUdpMoving, WhatCannotLeaveStaysInThePipe) {
  put("stays");
  EXPECT_EQ(splice_in(bound(net.client, kPort), 100), -EDESTADDRREQ);
  const int fd = refused();
  EXPECT_EQ(splice_in(fd, 100), -ECONNREFUSED);
  EXPECT_EQ(in_pipe(), "stays");
}

TEST_F(PosixUdpMoving, ADatagramGoesIntoAPipeAndTheRestOfItIsLost) {
  const int theirs = bound(net.server, kPort);
  const int fd = connected();
  EXPECT_EQ(splice_out(theirs, 4), -EAGAIN);
  EXPECT_EQ(send(fd, "longer"), 6);
  EXPECT_EQ(send(fd, "next"), 4);
  EXPECT_EQ(splice_out(theirs, 4), 4);
  EXPECT_EQ(splice_out(theirs, 100, 0), 4);
  EXPECT_EQ(in_pipe(), "longnext");
}

TEST_F(PosixUdpMoving, APipeThatHoldsSomethingTakesAWholeDatagram) {
  const int theirs = bound(net.server, kPort);
  EXPECT_EQ(put("x"), 1);
  EXPECT_EQ(send(connected(), std::string(8'000, 'd')), 8'000);
  EXPECT_EQ(splice_out(theirs, 65'536), 8'000);
}

TEST_F(PosixUdpMoving, OfADatagramAsMuchAsThePipeHasRoomForIsMovedWithoutWaiting) {
  std::array<int, 2> waiting{};
  ASSERT_EQ(::pipe(waiting.data()), 0);
  const int theirs = bound(net.server, kPort);
  const std::string page(4'096, 'p');
  for (int i = 0; i < 14; ++i) {
    ASSERT_EQ(::write(waiting[1], page.data(), page.size()), 4'096);
  }
  EXPECT_EQ(send(connected(), std::string(12'000, 'd')), 12'000);
  EXPECT_EQ(net.server.sockets().splice(theirs, nullptr, waiting[1], nullptr, 65'536, 0), 8'192);
  EXPECT_EQ(queued(net.server, theirs, FIONREAD), 0) << "the rest is lost";
  ::close(waiting[0]);
  ::close(waiting[1]);
}

TEST_F(PosixUdpMoving, AnEmptyDatagramIsTakenAndMovesNothing) {
  const int theirs = bound(net.server, kPort);
  const int fd = connected();
  EXPECT_EQ(send(fd, ""), 0);
  EXPECT_EQ(send(fd, "next"), 4);
  EXPECT_EQ(splice_out(theirs, 100), 0);
  EXPECT_EQ(splice_out(theirs, 100), 4);
}

TEST_F(PosixUdpMoving, APipeThatMayNotWaitRefusesAtOnce) {
  const int theirs = bound(net.server, kPort);
  EXPECT_EQ(send(connected(), "waits"), 5);
  while (put(std::string(4'096, 'x')) > 0) {
  }
  const Instant before = net.server.now();
  EXPECT_EQ(splice_out(theirs, 100, 0), -EAGAIN);
  EXPECT_EQ(net.server.now(), before);
}

TEST_F(PosixUdpMoving, AFullPipeLosesNoDatagram) {
  const int theirs = bound(net.server, kPort);
  EXPECT_EQ(send(connected(), "waits"), 5);
  while (put(std::string(4'096, 'x')) > 0) {
  }
  EXPECT_EQ(splice_out(theirs, 100), -EAGAIN);
  while (!in_pipe().empty()) {
  }
  EXPECT_EQ(splice_out(theirs, 100), 5);
  EXPECT_EQ(in_pipe(), "waits");
}

}  // namespace
}  // namespace millrace::test
