// select: which descriptors stay in which set, waiting, and what is left of the time.
#include <gtest/gtest.h>
#include <sys/select.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>

#include "bed.hpp"

namespace millrace::test {
namespace {

/// The three sets of one call, with what they asked for.
class Sets {
 public:
  Sets() {
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_ZERO(&exceptional);
  }
  Sets& read(int fd) { return add(fd, readable); }
  Sets& write(int fd) { return add(fd, writable); }
  Sets& except(int fd) { return add(fd, exceptional); }

  int wait(timeval* limit) {
    return api::select(count_, &readable, &writable, &exceptional, limit);
  }
  int wait(int milliseconds) {
    timeval limit{.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
    return wait(&limit);
  }
  [[nodiscard]] bool has_read(int fd) const { return FD_ISSET(fd, &readable); }
  [[nodiscard]] bool has_write(int fd) const { return FD_ISSET(fd, &writable); }
  [[nodiscard]] bool has_except(int fd) const { return FD_ISSET(fd, &exceptional); }

 private:
  Sets& add(int fd, fd_set& set) {
    FD_SET(fd, &set);
    count_ = std::max(count_, fd + 1);
    return *this;
  }

  fd_set readable{};
  fd_set writable{};
  fd_set exceptional{};
  int count_ = 0;
};

class SocketSelect : public testing::Test {
 protected:
  ~SocketSelect() override { Peer::the().ask("clear"); }
};

TEST_F(SocketSelect, LeavesInTheSetsWhatIsReady) {
  const Connection with_data = connect_to_peer();
  const Connection without = connect_to_peer();
  with_data.tell("write", "x");
  insist_on_readable(with_data.own, 1);
  Sets sets;
  sets.read(with_data.own).read(without.own).write(without.own);
  EXPECT_EQ(sets.wait(kLimitMilliseconds), 2);
  EXPECT_TRUE(sets.has_read(with_data.own));
  EXPECT_FALSE(sets.has_read(without.own));
  EXPECT_TRUE(sets.has_write(without.own));
}

TEST_F(SocketSelect, CountsADescriptorOnceForEachSet) {
  const Connection made = connect_to_peer();
  made.tell("write", "x");
  insist_on_readable(made.own, 1);
  Sets sets;
  EXPECT_EQ(sets.read(made.own).write(made.own).except(made.own).wait(kLimitMilliseconds), 2);
  EXPECT_FALSE(sets.has_except(made.own));
}

TEST_F(SocketSelect, EmptiesTheSetsWhenTimeIsUp) {
  const Connection made = connect_to_peer();
  Sets sets;
  timeval limit{.tv_sec = 0, .tv_usec = 50'000};
  const std::int64_t start = now_milliseconds();
  EXPECT_EQ(sets.read(made.own).wait(&limit), 0);
  EXPECT_GE(now_milliseconds() - start, 50);
  EXPECT_FALSE(sets.has_read(made.own));
  EXPECT_EQ(limit.tv_sec, 0);
  EXPECT_EQ(limit.tv_usec, 0);
}

TEST_F(SocketSelect, SaysHowMuchTimeIsLeft) {
  const Connection made = connect_to_peer();
  Peer::the().later(100, "write " + std::to_string(made.peer) + " late");
  Sets sets;
  timeval limit{.tv_sec = 100, .tv_usec = 0};
  EXPECT_EQ(sets.read(made.own).wait(&limit), 1);
  EXPECT_LT(limit.tv_sec, 100);
  EXPECT_GT(limit.tv_sec, 80);
}

TEST_F(SocketSelect, WaitsForEverWithoutALimit) {
  const Connection made = connect_to_peer();
  Peer::the().later(100, "write " + std::to_string(made.peer) + " late");
  Sets sets;
  EXPECT_EQ(sets.read(made.own).wait(nullptr), 1);
  EXPECT_TRUE(sets.has_read(made.own));
}

TEST_F(SocketSelect, TheEndIsReadable) {
  const Connection made = connect_to_peer();
  made.tell("shutdown", "1");
  Sets sets;
  EXPECT_EQ(sets.read(made.own).wait(kLimitMilliseconds), 1);
  EXPECT_EQ(read_once(made.own), "end");
}

TEST_F(SocketSelect, AResetIsReadableAndWritable) {
  const Connection made = connect_to_peer();
  made.tell("abort");
  insist([&] { return (events_now(made.own, 0) & POLLERR) != 0; }, "an error");
  Sets sets;
  EXPECT_EQ(sets.read(made.own).write(made.own).except(made.own).wait(kLimitMilliseconds), 2);
  EXPECT_FALSE(sets.has_except(made.own));
}

TEST_F(SocketSelect, UrgentDataIsExceptional) {
  const Connection made = connect_to_peer();
  made.tell("write", "! oob");
  Sets sets;
  EXPECT_EQ(sets.except(made.own).wait(kLimitMilliseconds), 1);
  EXPECT_TRUE(sets.has_except(made.own));
}

TEST_F(SocketSelect, AListenerIsReadableWhenSomebodyWaits) {
  const Descriptor listener = listening_socket();
  EXPECT_EQ(Sets{}.read(listener).wait(0), 0);
  const std::string client = std::to_string(Peer::the().numbers("bind 0")[0]);
  Peer::the().ask("connect " + client + ' ' + own_address() + ' ' +
                  std::to_string(port_of(listener)));
  EXPECT_EQ(Sets{}.read(listener).wait(kLimitMilliseconds), 1);
}

TEST_F(SocketSelect, WhatHoldsAndWasNotAskedForEndsNothing) {
  const Descriptor hung_up = stream_socket();
  const Connection made = connect_to_peer();
  const std::int64_t start = now_milliseconds();
  Sets alone;
  EXPECT_EQ(alone.except(hung_up).wait(50), 0);
  EXPECT_GE(now_milliseconds() - start, 50);
  Peer::the().later(100, "write " + std::to_string(made.peer) + " late");
  Sets sets;
  EXPECT_EQ(sets.except(hung_up).read(made.own).wait(kLimitMilliseconds), 1);
  EXPECT_TRUE(sets.has_read(made.own));
}

TEST_F(SocketSelect, TheKernelsDescriptorsMayStandAmongOthers) {
  const Connection made = connect_to_peer();
  std::array<int, 2> ends{};
  ASSERT_EQ(api::pipe(ends.data()), 0);
  const Descriptor from{ends[0]};
  const Descriptor into{ends[1]};
  Sets none;
  EXPECT_EQ(none.read(made.own).read(from).wait(20), 0);
  ASSERT_EQ(::write(into, "x", 1), 1);
  Sets sets;
  EXPECT_EQ(sets.read(made.own).read(from).write(into).wait(kLimitMilliseconds), 2);
  EXPECT_TRUE(sets.has_read(from));
  EXPECT_TRUE(sets.has_write(into));
}

TEST_F(SocketSelect, ADescriptorThatIsNoneIsEbadf) {
  const Connection made = connect_to_peer();
  Descriptor closed = stream_socket();
  const int number = closed.get();
  closed.close();
  Sets sets;
  EXPECT_EQ(sets.write(made.own).read(number).wait(0), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_TRUE(sets.has_write(made.own)) << "the sets stay as they were";
}

TEST_F(SocketSelect, RefusesNumbersBelowZero) {
  const Descriptor own = stream_socket();
  EXPECT_EQ(api::select(-1, nullptr, nullptr, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
  for (timeval limit : {timeval{.tv_sec = -1, .tv_usec = 0}, timeval{.tv_sec = 0, .tv_usec = -1}}) {
    EXPECT_EQ(api::select(0, nullptr, nullptr, nullptr, &limit), -1);
    EXPECT_EQ(errno, EINVAL);
  }
}

TEST_F(SocketSelect, SleepsWithNothingToWaitFor) {
  const Descriptor own = stream_socket();
  const std::int64_t start = now_milliseconds();
  timeval limit{.tv_sec = 0, .tv_usec = 30'000};
  EXPECT_EQ(api::select(0, nullptr, nullptr, nullptr, &limit), 0);
  EXPECT_GE(now_milliseconds() - start, 30);
}

}  // namespace
}  // namespace millrace::test
