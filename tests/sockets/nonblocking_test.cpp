// Calls that may not wait, and calls that may wait for so long.
#include <gtest/gtest.h>
#include <cerrno>

#include "bed.hpp"

namespace millrace::test {
namespace {

class SocketWaiting : public testing::Test {
 protected:
  ~SocketWaiting() override { Peer::the().ask("clear"); }

  static void limit(int fd, int option, int milliseconds) {
    const timeval time{.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
    ASSERT_EQ(api::setsockopt(fd, SOL_SOCKET, option, &time, sizeof time), 0);
  }
};

TEST_F(SocketWaiting, AReadThatMayNotSaysEagain) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  EXPECT_EQ(read_once(made.own), "EAGAIN");
}

TEST_F(SocketWaiting, AWriteThatMayNotTakesWhatFits) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  const std::string block(20'000'000, 'x');
  const ssize_t sent = api::send(made.own, block.data(), block.size(), 0);
  EXPECT_GT(sent, 0);
  EXPECT_LT(sent, 20'000'000);
}

TEST_F(SocketWaiting, AWriteThatMayNotSaysEagainOnceNothingFits) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  made.tell("mute");
  const std::string block(1'000'000, 'x');
  ssize_t sent = 0;
  for (int i = 0; i < 1000 && sent >= 0; ++i) {
    sent = api::send(made.own, block.data(), block.size(), 0);
  }
  EXPECT_EQ(sent, -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(SocketWaiting, ABlockingWriteTakesAllOfIt) {
  const Connection made = connect_to_peer();
  made.tell("sink");
  const std::string block(5'000'000, 'x');
  EXPECT_EQ(api::send(made.own, block.data(), block.size(), 0), 5'000'000);
}

TEST_F(SocketWaiting, ReadingEndsAtItsLimit) {
  const Connection made = connect_to_peer();
  limit(made.own, SO_RCVTIMEO, 40);
  const std::int64_t begun = now_milliseconds();
  EXPECT_EQ(read_once(made.own), "EAGAIN");
  EXPECT_GE(now_milliseconds() - begun, 39);
}

TEST_F(SocketWaiting, ReadingWithALimitTakesWhatComesBefore) {
  const Connection made = connect_to_peer();
  limit(made.own, SO_RCVTIMEO, 4000);
  Peer::the().later(20, "write " + std::to_string(made.peer) + " x");
  EXPECT_EQ(read_once(made.own), "x");
}

TEST_F(SocketWaiting, WritingEndsAtItsLimitWithWhatFitted) {
  const Connection made = connect_to_peer();
  made.tell("mute");
  limit(made.own, SO_SNDTIMEO, 40);
  const std::string block(20'000'000, 'x');
  const std::int64_t begun = now_milliseconds();
  const ssize_t sent = api::send(made.own, block.data(), block.size(), 0);
  EXPECT_GT(sent, 0);
  EXPECT_LT(sent, 20'000'000);
  EXPECT_GE(now_milliseconds() - begun, 39);
  ssize_t more = 1;
  for (int i = 0; i < 50 && more > 0; ++i) {  // A last bit may still fit.
    more = api::send(made.own, block.data(), block.size(), 0);
  }
  EXPECT_EQ(more, -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(SocketWaiting, LimitsAreKept) {
  const Descriptor own = stream_socket();
  limit(own, SO_RCVTIMEO, 1500);
  timeval got{};
  socklen_t size = sizeof got;
  ASSERT_EQ(api::getsockopt(own, SOL_SOCKET, SO_RCVTIMEO, &got, &size), 0);
  EXPECT_EQ(got.tv_sec, 1);
  EXPECT_EQ(got.tv_usec, 500000);
}

TEST_F(SocketWaiting, LimitsWithTooManyMicrosecondsAreRefused) {
  const Descriptor own = stream_socket();
  const timeval bad{.tv_sec = 0, .tv_usec = 1'000'000};
  EXPECT_EQ(api::setsockopt(own, SOL_SOCKET, SO_RCVTIMEO, &bad, sizeof bad), -1);
  EXPECT_EQ(errno, EDOM);
}

TEST_F(SocketWaiting, ALimitOfZeroIsNone) {
  const Connection made = connect_to_peer();
  limit(made.own, SO_RCVTIMEO, 20);
  limit(made.own, SO_RCVTIMEO, 0);
  Peer::the().later(60, "write " + std::to_string(made.peer) + " x");
  EXPECT_EQ(read_once(made.own), "x");
}

TEST_F(SocketWaiting, WaitallEndsAtItsLimitWithWhatCame) {
  const Connection made = connect_to_peer();
  limit(made.own, SO_RCVTIMEO, 40);
  made.tell("write", "ab");
  insist_on_readable(made.own, 2);
  char block[4];
  EXPECT_EQ(api::recv(made.own, block, 4, MSG_WAITALL), 2);
}

TEST_F(SocketWaiting, FionbioDoesWhatFcntlDoes) {
  const Connection made = connect_to_peer();
  int on = 1;
  ASSERT_EQ(api::ioctl(made.own, FIONBIO, &on), 0);
  EXPECT_EQ(api::fcntl(made.own, F_GETFL, 0) & O_NONBLOCK, O_NONBLOCK);
  EXPECT_EQ(read_once(made.own), "EAGAIN");
}

}  // namespace
}  // namespace millrace::test
