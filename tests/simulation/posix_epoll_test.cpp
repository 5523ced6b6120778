// epoll and poll: level, edge, one-shot, descriptors of the kernel's beside ours, and what changes
// of state are told.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "simulation/posix_pair.hpp"

namespace millrace::test {
namespace {

struct PosixEpoll : testing::Test {
  void SetUp() override {
    listener = net.server.listener(80);
    ends = net.connect(listener, 80, O_NONBLOCK, SOCK_NONBLOCK);
    set = net.server.sockets().epoll_create(0);
    ASSERT_GE(set, 0);
  }
  int control(int operation, int fd, std::uint32_t events, int data = 7) {
    epoll_event event{};
    event.events = events;
    event.data.fd = data;
    return net.server.sockets().epoll_control(set, operation, fd, &event);
  }
  /// The events of the only one that is ready; 0 when none is.
  std::uint32_t ready(int timeout = 0) {
    std::array<epoll_event, 4> events{};
    const int count = net.server.sockets().epoll_wait(set, events.data(), events.size(), timeout);
    EXPECT_LE(count, 1);
    EXPECT_GE(count, 0);
    EXPECT_TRUE(count == 0 || events[0].data.fd == 7);
    return count == 1 ? std::uint32_t{events[0].events} : 0U;
  }
  void say(std::string_view text) {
    EXPECT_EQ(net.client.send(ends.client, text), static_cast<ssize_t>(text.size()));
    net.run_for(50ms);
  }

  PosixPair net;
  int listener = -1;
  int set = -1;
  PosixPair::Ends ends;
};

TEST_F(PosixEpoll, LevelIsToldAsLongAsItHolds) {
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN), 0);
  EXPECT_EQ(ready(), 0U);
  say("ab");
  EXPECT_EQ(ready(), EPOLLIN);
  EXPECT_EQ(net.server.receive(ends.server, 1), "a");
  EXPECT_EQ(ready(), EPOLLIN);
  EXPECT_EQ(net.server.receive(ends.server, 1), "b");
  EXPECT_EQ(ready(), 0U);
}

TEST_F(PosixEpoll, EdgeIsToldOnceForEachArrival) {
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN | EPOLLET), 0);
  say("a");
  EXPECT_EQ(ready(), EPOLLIN);
  EXPECT_EQ(ready(), 0U);
  say("b");
  EXPECT_EQ(ready(), EPOLLIN);
  EXPECT_EQ(ready(), 0U);
}

TEST_F(PosixEpoll, OneShotFiresOnceUntilItIsArmedAgain) {
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN | EPOLLONESHOT), 0);
  say("a");
  EXPECT_EQ(ready(), EPOLLIN);
  say("b");
  EXPECT_EQ(ready(), 0U);
  ASSERT_EQ(control(EPOLL_CTL_MOD, ends.server, EPOLLIN | EPOLLONESHOT), 0);
  EXPECT_EQ(ready(), EPOLLIN);
}

TEST_F(PosixEpoll, WaitsAsLongAsItIsTold) {
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN), 0);
  const Instant before = net.pair.world.now();
  EXPECT_EQ(ready(30), 0U);
  EXPECT_GE(net.pair.world.now() - before, 30ms);
  EXPECT_LE(net.pair.world.now() - before, 32ms);
  EXPECT_EQ(net.client.send(ends.client, "x"), 1);
  EXPECT_EQ(ready(-1), EPOLLIN);
}

TEST_F(PosixEpoll, TheEndsOfAConnectionAreTold) {
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET), 0);
  EXPECT_EQ(ready(), EPOLLOUT);
  EXPECT_EQ(net.client.sockets().shutdown(ends.client, SHUT_WR), 0);
  net.run_for(50ms);
  EXPECT_EQ(ready(), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
  EXPECT_EQ(net.server.sockets().shutdown(ends.server, SHUT_WR), 0);
  net.run_for(50ms);
  EXPECT_EQ(ready(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
}

TEST_F(PosixEpoll, AnEndBehindUnreadDataIsAnEdgeOfItsOwn) {
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLRDHUP | EPOLLET), 0);
  say("unread");
  EXPECT_EQ(ready(), 0U);
  EXPECT_EQ(net.client.sockets().shutdown(ends.client, SHUT_WR), 0);
  net.run_for(50ms);
  EXPECT_EQ(ready(), EPOLLRDHUP);
}

TEST_F(PosixEpoll, RoomToWriteIsToldOfWhenTheCoreHasPacketsAgain) {
  packet::PacketBudget& budget = net.server.host().stack().tcp().resources().budget;
  const auto others = static_cast<std::uint32_t>(budget.left(packet::BudgetUse::InOrder));
  ASSERT_TRUE(budget.try_charge(others, packet::BudgetUse::InOrder));
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLOUT), 0);
  EXPECT_EQ(ready(20), 0U) << "nothing could be queued";
  budget.release(others);
  EXPECT_EQ(ready(100), EPOLLOUT);
}

TEST_F(PosixEpoll, AListenerIsReadableWhileSomebodyWaits) {
  ASSERT_EQ(control(EPOLL_CTL_ADD, listener, EPOLLIN), 0);
  EXPECT_EQ(ready(), 0U);
  EXPECT_EQ(net.client.connect(net.client.socket(), 2, 80), 0);
  EXPECT_EQ(ready(10), EPOLLIN);
  EXPECT_GE(net.server.accept(listener), 0);
  EXPECT_EQ(ready(), 0U);
}

TEST_F(PosixEpoll, MistakesAreNamed) {
  EXPECT_EQ(control(EPOLL_CTL_MOD, ends.server, EPOLLIN), -ENOENT);
  EXPECT_EQ(control(EPOLL_CTL_DEL, ends.server, 0), -ENOENT);
  EXPECT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN), 0);
  EXPECT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN), -EEXIST);
  EXPECT_EQ(control(99, ends.server, EPOLLIN), -EINVAL);
  EXPECT_EQ(control(EPOLL_CTL_ADD, set, EPOLLIN), -EINVAL);
  auto& sockets = net.server.sockets();
  epoll_event event{};
  EXPECT_EQ(sockets.epoll_control(ends.server, EPOLL_CTL_ADD, ends.server, &event), -EINVAL);
  EXPECT_EQ(sockets.epoll_control(set, EPOLL_CTL_ADD, listener, nullptr), -EFAULT);
  EXPECT_EQ(sockets.epoll_wait(set, &event, 0, 0), -EINVAL);
  EXPECT_EQ(sockets.epoll_wait(set, nullptr, 1, 0), -EFAULT);
  EXPECT_EQ(sockets.epoll_wait(listener, &event, 1, 0), -EINVAL);
  EXPECT_EQ(sockets.epoll_create(1), -EINVAL);
}

TEST_F(PosixEpoll, AClosedDescriptorLeavesItsSets) {
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN | EPOLLOUT), 0);
  EXPECT_EQ(ready(), EPOLLOUT);
  EXPECT_EQ(net.server.sockets().close(ends.server), 0);
  EXPECT_EQ(ready(), 0U);
  const int fd = net.server.socket();
  EXPECT_EQ(fd, ends.server);
  EXPECT_EQ(control(EPOLL_CTL_ADD, fd, EPOLLIN), 0);
  EXPECT_EQ(net.server.sockets().close(set), 0);
}

TEST_F(PosixEpoll, KernelDescriptorsStandBeside) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(control(EPOLL_CTL_ADD, pipe[0], EPOLLIN), 0);
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN, 8), 0);
  EXPECT_EQ(ready(), 0U);
  ASSERT_EQ(::write(pipe[1], "x", 1), 1);
  EXPECT_EQ(ready(), EPOLLIN);
  std::array<pollfd, 3> entries{{{.fd = pipe[0], .events = POLLIN, .revents = 0},
                                 {.fd = ends.server, .events = POLLOUT, .revents = 0},
                                 {.fd = -1, .events = POLLIN, .revents = 77}}};
  EXPECT_EQ(net.server.sockets().poll(entries.data(), entries.size(), 0), 2);
  EXPECT_EQ(entries[0].revents, POLLIN);
  EXPECT_EQ(entries[1].revents, POLLOUT);
  EXPECT_EQ(entries[2].revents, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

/// A pipe of the kernel's that is readable, and goes with it.
struct ReadablePipe {
  ReadablePipe() {
    EXPECT_EQ(::pipe(ends.data()), 0);
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
  }
  ReadablePipe(const ReadablePipe&) = delete;
  ReadablePipe& operator=(const ReadablePipe&) = delete;
  ~ReadablePipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }

  std::array<int, 2> ends{};
};

TEST_F(PosixEpoll, KernelDescriptorsHaveTheirTurnThoughOursFillTheRoom) {
  const ReadablePipe pipe;
  ASSERT_EQ(control(EPOLL_CTL_ADD, pipe.ends[0], EPOLLIN, 9), 0);
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLOUT), 0);
  unsigned kernels = 0;
  for (int i = 0; i < 64; ++i) {
    epoll_event event{};
    ASSERT_EQ(net.server.sockets().epoll_wait(set, &event, 1, 0), 1);
    kernels += event.data.fd == 9 ? 1 : 0;
  }
  EXPECT_EQ(kernels, 2U);
}

TEST_F(PosixEpoll, EachSetCountsItsOwnTurns) {
  auto& sockets = net.server.sockets();
  const ReadablePipe pipe;
  const int other = sockets.epoll_create(0);
  epoll_event event{};
  event.events = EPOLLOUT;
  ASSERT_EQ(sockets.epoll_control(other, EPOLL_CTL_ADD, ends.server, &event), 0);
  event.events = EPOLLIN;
  ASSERT_EQ(sockets.epoll_control(other, EPOLL_CTL_ADD, pipe.ends[0], &event), 0);
  ASSERT_EQ(control(EPOLL_CTL_ADD, pipe.ends[0], EPOLLIN, 9), 0);
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLOUT), 0);
  unsigned kernels = 0;
  for (int i = 0; i < 64; ++i) {  // By turns: one of the two always has the even ones.
    std::array<epoll_event, 4> events{};
    EXPECT_GE(sockets.epoll_wait(set, events.data(), events.size(), 0), 1);
    for (const epoll_event& one : events) {
      kernels += one.data.fd == 9 ? 1 : 0;
    }
    EXPECT_GE(sockets.epoll_wait(other, events.data(), events.size(), 0), 1);
  }
  EXPECT_EQ(kernels, 2U);
}

/// Its clock goes on by itself until it has waited once, when the pipe becomes readable.
struct LateWaiting final : posix::Waiting {
  int wait(Instant until, int /*descriptor*/) override {
    EXPECT_EQ(::write(pipe, "x", 1), 1);
    time = until;
    step = 0ns;
    return 0;
  }
  void turn() override {}
  Instant now() noexcept override { return time += step; }

  int pipe = -1;
  Instant time{1'000s};
  Duration step = 1us;
};

TEST_F(PosixEpoll, PollLooksAtTheKernelsOnceMoreWhenTimeIsUp) {
  LateWaiting waiting;
  sim::Host& host = net.server.host();
  posix::Sockets sockets{
      {.worker = host.worker(), .stack = host.stack(), .waiting = waiting, .config = host.config()},
      {.sockets = 1, .epoll_sets = 1, .watches = 1}};
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  waiting.pipe = pipe[1];
  pollfd entry{.fd = pipe[0], .events = POLLIN, .revents = 0};
  EXPECT_EQ(sockets.poll(&entry, 1, 1), 1);
  EXPECT_EQ(entry.revents, POLLIN);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(PosixEpoll, PollNamesDescriptorsThatAreNone) {
  EXPECT_EQ(net.server.sockets().close(ends.server), 0);
  pollfd entry{.fd = ends.server, .events = POLLIN, .revents = 0};
  EXPECT_EQ(net.server.sockets().poll(&entry, 1, -1), 1);
  EXPECT_EQ(entry.revents, POLLNVAL);
  EXPECT_EQ(net.server.sockets().poll(nullptr, 1, 0), -EFAULT);
}

TEST_F(PosixEpoll, PollsBoundIsThatOfTheMoment) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit limit{.rlim_cur = 512, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  PosixPair few;
  std::vector<pollfd> none(513, pollfd{.fd = -1, .events = POLLIN, .revents = 0});
  EXPECT_EQ(few.server.sockets().poll(none.data(), none.size(), 0), -EINVAL);
  limit.rlim_cur = 513;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(few.server.sockets().poll(none.data(), none.size(), 0), 0);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(PosixEpoll, WhoWaitsForMuchIsToldWhenTheCoreHasNoMoreRoom) {
  const auto other = net.connect(listener, 80, O_NONBLOCK, SOCK_NONBLOCK);
  EXPECT_EQ(net.server.set(ends.server, SOL_SOCKET, SO_RCVLOWAT, 20'000), 0);
  const int inner = set;
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN), 0);
  set = net.server.sockets().epoll_create(0);
  ASSERT_EQ(control(EPOLL_CTL_ADD, inner, EPOLLIN), 0);
  say("less");
  EXPECT_EQ(ready(), 0U) << "also of the set around it";
  packet::PacketBudget& budget = net.server.host().stack().tcp().resources().budget;
  const auto others = static_cast<std::uint32_t>(budget.left(packet::BudgetUse::InOrder));
  ASSERT_TRUE(budget.try_charge(others, packet::BudgetUse::InOrder));
  EXPECT_EQ(net.client.send(other.client, "is refused"), 10);
  EXPECT_EQ(ready(100), EPOLLIN);
  EXPECT_EQ(net.server.receive(ends.server), "less");
  budget.release(others);
  EXPECT_EQ(ready(), 0U);
  EXPECT_EQ(net.server.sockets().close(ends.server), 0);
  EXPECT_EQ(ready(), 0U);
}

TEST_F(PosixEpoll, ASetMayWatchASet) {
  auto& sockets = net.server.sockets();
  ASSERT_EQ(control(EPOLL_CTL_ADD, ends.server, EPOLLIN), 0);
  const int inner = set;
  set = sockets.epoll_create(0);
  EXPECT_EQ(control(EPOLL_CTL_ADD, set, EPOLLIN), -EINVAL);
  ASSERT_EQ(control(EPOLL_CTL_ADD, inner, EPOLLIN), 0);
  EXPECT_EQ(ready(), 0U);
  for (const char* const text : {"a", "b"}) {
    say(text);
    EXPECT_EQ(ready(), EPOLLIN);
    EXPECT_EQ(ready(), EPOLLIN);
    // Read without the inner set being asked: what it had to tell holds no more.
    EXPECT_EQ(net.server.receive(ends.server, 1), text);
    EXPECT_EQ(ready(), 0U);
  }
  EXPECT_EQ(sockets.close(inner), 0);
  say("c");
  EXPECT_EQ(ready(), 0U);
}

TEST_F(PosixEpoll, SetsFormNoCirclesAndFewLevels) {
  PosixPair many{{}, {.sockets = 8, .epoll_sets = 8, .watches = 16}};
  auto& sockets = many.server.sockets();
  epoll_event event{};
  const auto add = [&](int outer, int inner) {
    return sockets.epoll_control(outer, EPOLL_CTL_ADD, inner, &event);
  };
  std::array<int, 6> sets{};
  for (int& one : sets) {
    one = sockets.epoll_create(0);
  }
  EXPECT_EQ(add(sets[0], sets[1]), 0);
  EXPECT_EQ(add(sets[1], sets[2]), 0);
  EXPECT_EQ(add(sets[2], sets[0]), -ELOOP);
  EXPECT_EQ(add(sets[3], sets[4]), 0);
  EXPECT_EQ(add(sets[2], sets[3]), 0);  // Five.
  EXPECT_EQ(add(sets[4], sets[5]), -ELOOP);
  EXPECT_EQ(add(sets[5], sets[0]), -ELOOP);
  EXPECT_EQ(add(sets[5], sets[1]), 0);
}

TEST_F(PosixEpoll, ASetWithDescriptorsOfTheKernelsIsNotWatched) {
  auto& sockets = net.server.sockets();
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(control(EPOLL_CTL_ADD, pipe[0], EPOLLIN), 0);
  const int inner = set;
  set = sockets.epoll_create(0);
  EXPECT_EQ(control(EPOLL_CTL_ADD, inner, EPOLLIN), -EINVAL);
  const int other = sockets.epoll_create(0);
  EXPECT_EQ(control(EPOLL_CTL_ADD, other, EPOLLIN), 0);
  set = other;
  EXPECT_EQ(control(EPOLL_CTL_ADD, pipe[0], EPOLLIN), -EINVAL);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(PosixEpoll, WhatDescriptorsOfTheKernelsTellMakesTheirSetReadable) {
  const ReadablePipe pipe;
  std::array<char, 1> byte{};
  ASSERT_EQ(control(EPOLL_CTL_ADD, pipe.ends[0], EPOLLIN), 0);
  EXPECT_EQ(net.server.events(set), unsigned{POLLIN});
  ASSERT_EQ(::read(pipe.ends[0], byte.data(), 1), 1);
  EXPECT_EQ(net.server.events(set), 0U);
  net.server.when_waiting([&](Instant until) {
    EXPECT_LE(until - net.server.now(), 1ms) << "no word of the network's ends the wait";
    static_cast<void>(::write(pipe.ends[1], "x", 1));
  });
  pollfd entry{.fd = set, .events = POLLIN, .revents = 0};
  EXPECT_EQ(net.server.sockets().poll(&entry, 1, 100), 1);
  EXPECT_EQ(entry.revents, POLLIN);
}

TEST_F(PosixEpoll, ASetWithoutDescriptorsOfTheKernelsAnyMoreMayBeWatched) {
  auto& sockets = net.server.sockets();
  const ReadablePipe pipe;
  epoll_event event{};
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(control(EPOLL_CTL_DEL, pipe.ends[0], 0), -ENOENT);
  EXPECT_EQ(control(EPOLL_CTL_MOD, pipe.ends[0], EPOLLIN), -ENOENT);
  EXPECT_EQ(control(EPOLL_CTL_ADD, ::fileno(file), EPOLLIN), -EPERM);
  EXPECT_EQ(control(EPOLL_CTL_ADD, 9'999, EPOLLIN), -EBADF);
  std::fclose(file);
  const int outer = sockets.epoll_create(0);
  EXPECT_EQ(sockets.epoll_control(outer, EPOLL_CTL_ADD, set, &event), 0);
  EXPECT_EQ(sockets.epoll_control(outer, EPOLL_CTL_DEL, set, nullptr), 0);
  EXPECT_EQ(control(EPOLL_CTL_ADD, pipe.ends[0], EPOLLIN), 0);
  EXPECT_EQ(control(EPOLL_CTL_ADD, pipe.ends[1], EPOLLIN), 0);
  EXPECT_EQ(control(EPOLL_CTL_DEL, pipe.ends[0], 0), 0);
  EXPECT_EQ(sockets.epoll_control(outer, EPOLL_CTL_ADD, set, &event), -EINVAL);
  EXPECT_EQ(control(EPOLL_CTL_DEL, pipe.ends[1], 0), 0);
  EXPECT_EQ(sockets.epoll_control(outer, EPOLL_CTL_ADD, set, &event), 0);
}

TEST_F(PosixEpoll, DescriptorsOfTheKernelsThatWereClosedCountNoMore) {
  auto& sockets = net.server.sockets();
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(control(EPOLL_CTL_ADD, pipe[0], EPOLLIN), 0);
  ASSERT_EQ(control(EPOLL_CTL_ADD, pipe[1], EPOLLIN), 0);
  epoll_event event{};
  const int outer = sockets.epoll_create(0);
  ::close(pipe[0]);
  EXPECT_EQ(sockets.epoll_control(outer, EPOLL_CTL_ADD, set, &event), -EINVAL);
  ::close(pipe[1]);
  EXPECT_EQ(sockets.epoll_control(outer, EPOLL_CTL_ADD, set, &event), 0);
}

TEST_F(PosixEpoll, WatchesRunOut) {
  PosixPair few{{}, {.sockets = 8, .epoll_sets = 1, .watches = 1}};
  auto& sockets = few.server.sockets();
  const int small = sockets.epoll_create(0);
  EXPECT_EQ(sockets.epoll_create(0), -ENOBUFS);
  epoll_event event{};
  EXPECT_EQ(sockets.epoll_control(small, EPOLL_CTL_ADD, few.server.socket(), &event), 0);
  EXPECT_EQ(sockets.epoll_control(small, EPOLL_CTL_ADD, few.server.socket(), &event), -ENOSPC);
}

TEST_F(PosixEpoll, WhoAsksAgainAndAgainLetsTheStackGoOn) {
  // No wait at all: calls that answer EAGAIN have to be enough.
  say("x");
  const int fd = net.client.socket(SOCK_NONBLOCK);
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EINPROGRESS);
  const std::uint64_t before = net.client.host().stack().stats().turns;
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(net.client.receive(fd), "errno " + std::to_string(EAGAIN));
  }
  EXPECT_EQ(net.client.host().stack().stats().turns - before, 4U);
}

}  // namespace
}  // namespace millrace::test
