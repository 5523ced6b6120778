// Reading and writing: what is got, when a call waits, and which error comes first. Expectations
// are Linux's.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

#include "simulation/posix_pair.hpp"

namespace millrace::test {
namespace {

std::string errno_text(int error) { return "errno " + std::to_string(error); }

struct PosixData : testing::Test {
  void SetUp() override {
    listener = net.server.listener(80);
    ends = net.connect(listener, 80, O_NONBLOCK, 0);
  }
  /// The client's connection ends with a reset.
  void cut() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    EXPECT_EQ(
        net.client.sockets().setsockopt(ends.client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    EXPECT_EQ(net.client.sockets().close(ends.client), 0);
    net.run_for(50ms);
  }
  /// What the server's queues hold up in all.
  packet::PacketBudget& budget() { return net.server.host().stack().tcp().resources().budget; }
  int queued(PosixHost& host, int fd, unsigned long what) {
    int bytes = -1;
    EXPECT_EQ(host.sockets().ioctl(fd, what, &bytes), 0);
    return bytes;
  }

  PosixPair net;
  int listener = -1;
  PosixPair::Ends ends;
};

TEST_F(PosixData, FlowsBothWaysAndEndsWithZero) {
  EXPECT_EQ(net.client.send(ends.client, "ping"), 4);
  EXPECT_EQ(net.server.receive(ends.server), "ping");
  EXPECT_EQ(net.server.send(ends.server, "pong"), 4);
  net.run_for(50ms);
  EXPECT_EQ(net.client.receive(ends.client), "pong");
  EXPECT_EQ(net.client.receive(ends.client), errno_text(EAGAIN));
  EXPECT_EQ(net.server.sockets().shutdown(ends.server, SHUT_WR), 0);
  net.run_for(50ms);
  EXPECT_EQ(net.client.receive(ends.client), "");
  EXPECT_EQ(net.client.send(ends.client, "still"), 5);
  EXPECT_EQ(net.server.receive(ends.server), "still");
}

TEST_F(PosixData, PeekLeavesWhatItShowsAcrossPackets) {
  EXPECT_EQ(net.client.send(ends.client, std::string(1'460, 'a')), 1'460);
  net.run_for(50ms);
  EXPECT_EQ(net.client.send(ends.client, std::string(1'000, 'b')), 1'000);
  net.run_for(50ms);
  EXPECT_EQ(net.server.receive(ends.server, 3, MSG_PEEK), "aaa");
  const std::string all = std::string(1'460, 'a') + std::string(1'000, 'b');
  EXPECT_EQ(net.server.receive(ends.server, 4'096, MSG_PEEK), all);
  EXPECT_EQ(queued(net.server, ends.server, FIONREAD), 2'460);
  EXPECT_EQ(net.server.receive(ends.server, 1'461), all.substr(0, 1'461));
  EXPECT_EQ(net.server.receive(ends.server, 4'096, MSG_PEEK), all.substr(1'461));
  EXPECT_EQ(net.client.send(ends.client, "c"), 1);
  net.run_for(50ms);
  EXPECT_EQ(net.server.receive(ends.server), all.substr(1'461) + "c");
}

TEST_F(PosixData, WaitAllWaitsAndTheEndCutsItShort) {
  EXPECT_EQ(net.client.send(ends.client, "half"), 4);
  EXPECT_EQ(net.client.sockets().shutdown(ends.client, SHUT_WR), 0);
  EXPECT_EQ(net.server.receive(ends.server, 8, MSG_WAITALL), "half");
  EXPECT_EQ(net.server.receive(ends.server, 8, MSG_WAITALL), "");
}

TEST_F(PosixData, TruncDiscards) {
  EXPECT_EQ(net.client.send(ends.client, "0123456789"), 10);
  net.run_for(50ms);
  const iovec nowhere{.iov_base = nullptr, .iov_len = 4};
  EXPECT_EQ(net.server.sockets().receive(ends.server, &nowhere, 1, MSG_TRUNC), 4);
  EXPECT_EQ(net.server.sockets().receive(ends.server, &nowhere, 1, 0), -EFAULT);
  EXPECT_EQ(net.server.receive(ends.server), "456789");
}

TEST_F(PosixData, ReceiveTimesOutWithWhatItHas) {
  const timeval soon{.tv_sec = 0, .tv_usec = 100'000};
  EXPECT_EQ(
      net.server.sockets().setsockopt(ends.server, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)),
      0);
  const Instant before = net.pair.world.now();
  EXPECT_EQ(net.server.receive(ends.server), errno_text(EAGAIN));
  EXPECT_GE(net.pair.world.now() - before, 100ms);
  EXPECT_LE(net.pair.world.now() - before, 102ms);
  EXPECT_EQ(net.client.send(ends.client, "some"), 4);
  EXPECT_EQ(net.server.receive(ends.server, 8, MSG_WAITALL), "some");
}

TEST_F(PosixData, DontWaitIsForOneCall) {
  EXPECT_EQ(net.server.receive(ends.server, 8, MSG_DONTWAIT), errno_text(EAGAIN));
  EXPECT_EQ(net.client.send(ends.client, "x"), 1);
  EXPECT_EQ(net.server.receive(ends.server), "x");
}

TEST_F(PosixData, AfterAResetTheErrorComesOnceThenTheEndThenBrokenPipe) {
  cut();
  EXPECT_EQ(net.server.events(ends.server),
            unsigned{POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP});
  EXPECT_EQ(net.server.receive(ends.server), errno_text(ECONNRESET));
  EXPECT_EQ(net.server.receive(ends.server), "");
  EXPECT_EQ(net.server.send(ends.server, "x"), -EPIPE);
  EXPECT_EQ(net.server.sockets().shutdown(ends.server, SHUT_RDWR), -ENOTCONN);
}

TEST_F(PosixData, AfterAResetWritingTakesTheError) {
  cut();
  EXPECT_EQ(net.server.send(ends.server, "x"), -ECONNRESET);
  EXPECT_EQ(net.server.send(ends.server, "x"), -EPIPE);
  EXPECT_EQ(net.server.get(ends.server, SOL_SOCKET, SO_ERROR), 0);
}

TEST_F(PosixData, AResetAfterTheEndIsABrokenPipe) {
  EXPECT_EQ(net.client.sockets().shutdown(ends.client, SHUT_WR), 0);
  net.run_for(50ms);
  cut();
  EXPECT_EQ(net.server.get(ends.server, SOL_SOCKET, SO_ERROR), EPIPE);
  EXPECT_EQ(net.server.receive(ends.server), "");
}

TEST_F(PosixData, WhatArrivedBeforeAResetIsStillRead) {
  EXPECT_EQ(net.client.send(ends.client, std::string(5'000, 'z')), 5'000);
  net.run_for(50ms);
  cut();
  EXPECT_EQ(net.server.receive(ends.server, 3'000), std::string(3'000, 'z'));
  EXPECT_EQ(net.server.receive(ends.server, 3'000), std::string(2'000, 'z'));
  EXPECT_EQ(net.server.receive(ends.server), errno_text(ECONNRESET));
}

TEST_F(PosixData, WhatAResetLeavesUnreadStaysCharged) {
  EXPECT_EQ(net.client.send(ends.client, std::string(20'000, 'z')), 20'000);
  net.run_for(50ms);
  const std::uint64_t unread = budget().used();
  EXPECT_GE(unread, 20'000U);
  cut();
  EXPECT_EQ(budget().used(), unread);
  EXPECT_EQ(net.server.receive(ends.server, 15'000), std::string(15'000, 'z'));
  EXPECT_LT(budget().used(), unread / 2);
  EXPECT_GT(budget().used(), 0U);
  EXPECT_EQ(net.server.receive(ends.server, 15'000), std::string(5'000, 'z'));
  EXPECT_EQ(budget().used(), 0U);
}

TEST_F(PosixData, WhatAResetLeavesIsGivenBackByClosing) {
  EXPECT_EQ(net.client.send(ends.client, std::string(20'000, 'z')), 20'000);
  net.run_for(50ms);
  cut();
  EXPECT_GE(budget().used(), 20'000U);
  EXPECT_EQ(net.server.sockets().close(ends.server), 0);
  EXPECT_EQ(budget().used(), 0U);
}

TEST_F(PosixData, WhatIsPeekedAtStaysCharged) {
  EXPECT_EQ(net.client.send(ends.client, std::string(5'000, 'z')), 5'000);
  net.run_for(50ms);
  const std::uint64_t unread = budget().used();
  // Nothing else is to be had, and every byte is shown none the less.
  const std::uint64_t rest = budget().left(packet::BudgetUse::InOrder);
  ASSERT_TRUE(budget().try_charge(static_cast<std::uint32_t>(rest), packet::BudgetUse::InOrder));
  EXPECT_EQ(net.server.receive(ends.server, 5'000, MSG_PEEK), std::string(5'000, 'z'));
  budget().release(static_cast<std::uint32_t>(rest));
  EXPECT_EQ(budget().used(), unread);
  EXPECT_EQ(net.server.receive(ends.server, 5'000), std::string(5'000, 'z'));
  EXPECT_EQ(budget().used(), 0U);
}

TEST_F(PosixData, ShutdownOfEitherDirection) {
  EXPECT_EQ(net.server.sockets().shutdown(ends.server, 3), -EINVAL);
  EXPECT_EQ(net.server.sockets().shutdown(ends.server, SHUT_RD), 0);
  EXPECT_EQ(net.server.receive(ends.server), "");
  EXPECT_EQ(net.client.send(ends.client, "anyway"), 6);
  net.run_for(50ms);
  EXPECT_EQ(net.server.receive(ends.server), "anyway");
  EXPECT_EQ(net.server.sockets().shutdown(ends.server, SHUT_WR), 0);
  EXPECT_EQ(net.server.send(ends.server, "x"), -EPIPE);
  EXPECT_EQ(net.server.sockets().shutdown(ends.server, SHUT_WR), 0);
}

TEST_F(PosixData, AFreshSocketIsNotConnected) {
  const int fd = net.client.socket();
  EXPECT_EQ(net.client.receive(fd), errno_text(ENOTCONN));
  EXPECT_EQ(net.client.send(fd, "x"), -EPIPE);
  EXPECT_EQ(net.server.receive(listener), errno_text(ENOTCONN));
  EXPECT_EQ(net.server.send(listener, "x"), -EPIPE);
}

TEST_F(PosixData, QueuesAreCounted) {
  EXPECT_EQ(net.client.send(ends.client, "12345"), 5);
  EXPECT_EQ(queued(net.client, ends.client, SIOCOUTQ), 5);
  EXPECT_EQ(queued(net.client, ends.client, SIOCOUTQNSD), 5);
  net.client.turn();
  EXPECT_EQ(queued(net.client, ends.client, SIOCOUTQNSD), 0);
  EXPECT_EQ(queued(net.client, ends.client, SIOCOUTQ), 5);
  net.run_for(200ms);
  EXPECT_EQ(queued(net.client, ends.client, SIOCOUTQ), 0);
  EXPECT_EQ(queued(net.server, ends.server, FIONREAD), 5);
  int bytes = 0;
  EXPECT_EQ(net.server.sockets().ioctl(listener, FIONREAD, &bytes), -EINVAL);
  EXPECT_EQ(net.server.sockets().ioctl(ends.server, 0x1234, &bytes), -ENOTTY);
}

TEST_F(PosixData, AFullBufferTakesPartThenNothingAndRoomIsToldOf) {
  std::size_t sent = 0;
  ssize_t last = 0;
  const std::string piece(100'000, 'q');
  while ((last = net.client.send(ends.client, piece)) > 0) {
    sent += static_cast<std::size_t>(last);
    ASSERT_LT(sent, 100'000'000U);
  }
  EXPECT_EQ(last, -EAGAIN);
  EXPECT_EQ(net.client.events(ends.client) & POLLOUT, 0U);
  std::size_t received = 0;
  while (received < sent) {
    received += net.server.receive(ends.server, 65'536).size();
  }
  EXPECT_EQ(received, sent);
  net.run_for(100ms);
  EXPECT_EQ(net.client.events(ends.client) & POLLOUT, unsigned{POLLOUT});
}

TEST_F(PosixData, ABlockingWriteReturnsWhenAllIsQueued) {
  EXPECT_EQ(net.client.sockets().fcntl(ends.client, F_SETFL, 0), 0);
  std::size_t received = 0;
  const std::string all(3'000'000, 'w');
  // Who reads meanwhile is the other host's handler: time passes only inside the call.
  const timeval soon{.tv_sec = 1, .tv_usec = 0};
  EXPECT_EQ(
      net.client.sockets().setsockopt(ends.client, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)),
      0);
  const ssize_t first = net.client.send(ends.client, all);
  ASSERT_GT(first, 0);
  EXPECT_LT(first, 3'000'000);
  while (received < static_cast<std::size_t>(first)) {
    received += net.server.receive(ends.server, 65'536).size();
  }
  EXPECT_EQ(received, static_cast<std::size_t>(first));
}

TEST_F(PosixData, UrgentDataIsReadAside) {
  EXPECT_EQ(net.client.send(ends.client, "ab!", MSG_OOB), 3);
  net.run_for(50ms);
  EXPECT_EQ(net.server.events(ends.server) & POLLPRI, unsigned{POLLPRI});
  EXPECT_EQ(net.server.receive(ends.server, 8, MSG_OOB), "!");
  EXPECT_EQ(net.server.receive(ends.server, 8, MSG_OOB), errno_text(EINVAL));
  EXPECT_EQ(net.server.receive(ends.server), "ab");
}

TEST_F(PosixData, SendfileSendsAFileFromItsOffset) {
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  const std::string text(10'000, 'f');
  std::fputs(("head" + text).c_str(), file);
  std::fflush(file);
  off_t offset = 4;
  EXPECT_EQ(net.client.sockets().sendfile(ends.client, ::fileno(file), &offset, 20'000), 10'000);
  EXPECT_EQ(offset, 10'004);
  EXPECT_EQ(net.client.sockets().sendfile(ends.client, ::fileno(file), &offset, 1), 0);
  EXPECT_EQ(net.server.receive(ends.server, 10'000, MSG_WAITALL), text);
  EXPECT_EQ(net.client.sockets().sendfile(ends.client, 999, &offset, 1), -EBADF);
  std::fclose(file);
}

TEST_F(PosixData, SpliceGoesThroughAPipeAndBack) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  EXPECT_EQ(net.client.send(ends.client, "through a pipe"), 14);
  EXPECT_EQ(net.server.sockets().splice(ends.server, nullptr, pipe[1], nullptr, 100, 0), 14);
  EXPECT_EQ(net.server.sockets().splice(pipe[0], nullptr, ends.server, nullptr, 100, 0), 14);
  net.run_for(50ms);
  EXPECT_EQ(net.client.receive(ends.client), "through a pipe");
  EXPECT_EQ(
      net.server.sockets().splice(ends.server, nullptr, pipe[1], nullptr, 100, SPLICE_F_NONBLOCK),
      -EAGAIN);
  EXPECT_EQ(
      net.server.sockets().splice(pipe[0], nullptr, ends.server, nullptr, 100, SPLICE_F_NONBLOCK),
      -EAGAIN);
  off_t offset = 0;
  EXPECT_EQ(net.server.sockets().splice(ends.server, &offset, pipe[1], nullptr, 1, 0), -ESPIPE);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(PosixData, SendfileReadsWhatHasPlacesAndNeverWaitsForASource) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  auto& sockets = net.server.sockets();
  off_t offset = 0;
  EXPECT_EQ(sockets.sendfile(ends.server, pipe[0], nullptr, 4), -EINVAL)
      << "it is empty, and blocks";
  EXPECT_EQ(sockets.sendfile(ends.server, pipe[0], &offset, 4), -ESPIPE);
  ASSERT_EQ(::write(pipe[1], "full", 4), 4);
  EXPECT_EQ(sockets.sendfile(ends.server, pipe[0], nullptr, 4), -EINVAL);
  const int folder = ::open("/", O_RDONLY);
  EXPECT_EQ(sockets.sendfile(ends.server, folder, nullptr, 4), -EINVAL);
  for (const int fd : {pipe[0], pipe[1], folder}) {
    ::close(fd);
  }
}

/// No word of the network's ends these waits.
TEST_F(PosixData, WaitingForTheKernelsEndLooksAtItEveryMillisecond) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_NONBLOCK), 0);
  std::array<char, 4'096> block{};
  Duration longest{};
  std::function<void()> act;
  const auto waits = [&](std::function<void()> then) {
    act = std::move(then);
    net.server.when_waiting([&](Instant until) {
      longest = std::max(longest, until - net.server.now());
      act();
    });
  };
  auto& sockets = net.server.sockets();
  while (::write(pipe[1], block.data(), block.size()) > 0) {
  }
  ASSERT_EQ(::fcntl(pipe[1], F_SETFL, 0), 0);
  EXPECT_EQ(net.client.send(ends.client, "x"), 1);
  net.run_for(50ms);
  waits([&] {
    while (::read(pipe[0], block.data(), block.size()) > 0) {
    }
  });
  EXPECT_EQ(sockets.splice(ends.server, nullptr, pipe[1], nullptr, 1, 0), 1);
  EXPECT_EQ(::read(pipe[0], block.data(), block.size()), 1);
  ASSERT_EQ(::fcntl(pipe[0], F_SETFL, 0), 0);
  waits([&] { EXPECT_EQ(::write(pipe[1], "later", 5), 5); });
  EXPECT_EQ(sockets.splice(pipe[0], nullptr, ends.server, nullptr, 5, 0), 5);
  EXPECT_GT(longest, 0ms);
  EXPECT_LE(longest, 1ms);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(PosixData, SpliceDoesNotWaitForAPipeThatMayNotBlock) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_NONBLOCK), 0);
  std::array<char, 4'096> block{};
  std::size_t filled = 0;
  for (ssize_t written = 0; (written = ::write(pipe[1], block.data(), block.size())) > 0;) {
    filled += static_cast<std::size_t>(written);
  }
  net.server.when_waiting([](Instant) { ADD_FAILURE() << "it waits"; });
  auto& sockets = net.server.sockets();
  EXPECT_EQ(sockets.splice(ends.server, nullptr, pipe[1], nullptr, 9, 0), -EAGAIN);
  EXPECT_EQ(net.client.send(ends.client, "what came"), 9);
  net.run_for(50ms);
  EXPECT_EQ(sockets.splice(ends.server, nullptr, pipe[1], nullptr, 9, 0), -EAGAIN);
  while (filled > 0) {
    filled -= static_cast<std::size_t>(::read(pipe[0], block.data(), block.size()));
  }
  EXPECT_EQ(sockets.splice(ends.server, nullptr, pipe[1], nullptr, 9, 0), 9);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(PosixData, SendfileIsTakenUpAgainWhenThereArePacketsToReadInto) {
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::fputs("text", file);
  std::fflush(file);
  auto& pool = net.client.host().stack().pools().data;
  std::vector<packet::Packet> others;
  while (packet::Packet one = pool.allocate()) {
    others.push_back(std::move(one));
  }
  off_t offset = 0;
  EXPECT_EQ(net.client.sockets().sendfile(ends.client, ::fileno(file), &offset, 4), -EAGAIN);
  EXPECT_EQ(net.client.events(ends.client) & POLLOUT, 0U);
  others.clear();
  pollfd entry{.fd = ends.client, .events = POLLOUT, .revents = 0};
  EXPECT_EQ(net.client.sockets().poll(&entry, 1, 1'000), 1);
  EXPECT_EQ(net.client.sockets().sendfile(ends.client, ::fileno(file), &offset, 4), 4);
  std::fclose(file);
}

TEST_F(PosixData, PartsOfMoreThanAResultCanTellAreRefused) {
  std::array<char, 30> bytes{};
  const std::array<iovec, 2> parts{{{.iov_base = bytes.data(), .iov_len = 30},
                                    {.iov_base = bytes.data(), .iov_len = SIZE_MAX - 9}}};
  EXPECT_EQ(net.client.sockets().send(ends.client, parts.data(), 2, 0), -EINVAL);
  EXPECT_EQ(net.client.sockets().receive(ends.client, parts.data(), 2, 0), -EINVAL);
  EXPECT_EQ(net.client.sockets().send_opening(ends.client, parts.data(), 2, 0, {}), -EINVAL);
}

TEST_F(PosixData, PartsAreOneStream) {
  std::string one = "one ";
  std::string two = "two";
  const std::array<iovec, 3> out{{{.iov_base = one.data(), .iov_len = one.size()},
                                  {.iov_base = nullptr, .iov_len = 0},
                                  {.iov_base = two.data(), .iov_len = two.size()}}};
  EXPECT_EQ(net.client.sockets().send(ends.client, out.data(), out.size(), 0), 7);
  net.run_for(50ms);
  std::string first(2, '\0');
  std::string rest(10, '\0');
  const std::array<iovec, 2> in{{{.iov_base = first.data(), .iov_len = first.size()},
                                 {.iov_base = rest.data(), .iov_len = rest.size()}}};
  EXPECT_EQ(net.server.sockets().receive(ends.server, in.data(), in.size(), 0), 7);
  EXPECT_EQ(first + rest.substr(0, 5), "one two");
  EXPECT_EQ(net.server.sockets().receive(ends.server, in.data(), 2'000, 0), -EINVAL);
}

}  // namespace
}  // namespace millrace::test
