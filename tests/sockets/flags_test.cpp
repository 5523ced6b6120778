// Flags of send and receive on streams.
#include <gtest/gtest.h>
#include <array>
#include <cerrno>
#include <csignal>

#include "bed.hpp"

namespace millrace::test {
namespace {

std::string receive(int fd, std::size_t room, int flags) {
  std::string text(room, '\0');
  const ssize_t got = api::recv(fd, text.data(), room, flags);
  if (got < 0) {
    return name_of_error(errno);
  }
  text.resize(static_cast<std::size_t>(got));
  return got == 0 ? "end" : text;
}

class SocketFlags : public testing::Test {
 protected:
  ~SocketFlags() override { Peer::the().ask("clear"); }
};

TEST_F(SocketFlags, PeekLeavesWhatItShows) {
  const Connection made = connect_to_peer();
  made.tell("write", "abcd");
  insist_on_readable(made.own, 4);
  EXPECT_EQ(receive(made.own, 2, MSG_PEEK), "ab");
  EXPECT_EQ(receive(made.own, 10, MSG_PEEK), "abcd");
  EXPECT_EQ(bytes_readable(made.own), 4);
  EXPECT_EQ(receive(made.own, 10, 0), "abcd");
}

TEST_F(SocketFlags, PeekWaitsForTheFirstByte) {
  const Connection made = connect_to_peer();
  Peer::the().later(30, "write " + std::to_string(made.peer) + " x");
  EXPECT_EQ(receive(made.own, 4, MSG_PEEK), "x");
}

TEST_F(SocketFlags, PeekSeesTheEnd) {
  const Connection made = connect_to_peer();
  made.tell("shutdown", "1");
  EXPECT_EQ(receive(made.own, 4, MSG_PEEK), "end");
  EXPECT_EQ(receive(made.own, 4, MSG_PEEK), "end");
}

TEST_F(SocketFlags, DontwaitDoesNotWaitOnABlockingSocket) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(receive(made.own, 4, MSG_DONTWAIT), "EAGAIN");
  EXPECT_EQ(api::fcntl(made.own, F_GETFL, 0) & O_NONBLOCK, 0);
}

TEST_F(SocketFlags, DontwaitTakesWhatIsThere) {
  const Connection made = connect_to_peer();
  made.tell("write", "ab");
  insist_on_readable(made.own, 2);
  EXPECT_EQ(receive(made.own, 4, MSG_DONTWAIT), "ab");
}

TEST_F(SocketFlags, WaitallWaitsForAllOfIt) {
  const Connection made = connect_to_peer();
  made.tell("write", "ab");
  Peer::the().later(30, "write " + std::to_string(made.peer) + " cd");
  EXPECT_EQ(receive(made.own, 4, MSG_WAITALL), "abcd");
}

TEST_F(SocketFlags, WaitallIsContentWithLessAtTheEnd) {
  const Connection made = connect_to_peer();
  made.tell("write", "ab");
  Peer::the().later(30, "shutdown " + std::to_string(made.peer) + " 1");
  EXPECT_EQ(receive(made.own, 4, MSG_WAITALL), "ab");
  EXPECT_EQ(receive(made.own, 4, MSG_WAITALL), "end");
}

TEST_F(SocketFlags, WaitallIsContentWithLessAtAReset) {
  const Connection made = connect_to_peer();
  made.tell("write", "ab");
  insist_on_readable(made.own, 2);
  Peer::the().later(30, "abort " + std::to_string(made.peer));
  EXPECT_EQ(receive(made.own, 4, MSG_WAITALL), "ab");
  EXPECT_EQ(receive(made.own, 4, MSG_WAITALL), "ECONNRESET");
}

TEST_F(SocketFlags, WaitallDoesNotWaitWhereTheSocketMayNot) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  made.tell("write", "ab");
  insist_on_readable(made.own, 2);
  EXPECT_EQ(receive(made.own, 4, MSG_WAITALL), "ab");
}

TEST_F(SocketFlags, TruncThrowsAwayWithoutCopying) {
  const Connection made = connect_to_peer();
  made.tell("write", "abcdef");
  insist_on_readable(made.own, 6);
  std::array<char, 5> block{"****"};
  EXPECT_EQ(api::recv(made.own, block.data(), 4, MSG_TRUNC), 4);
  EXPECT_STREQ(block.data(), "****");
  EXPECT_EQ(receive(made.own, 10, 0), "ef");
}

TEST_F(SocketFlags, MoreHoldsBackWhatDoesNotFillASegment) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::send(made.own, "ab", 2, MSG_MORE), 2);
  pass_time(50);
  EXPECT_EQ(Peer::the().numbers("info " + std::to_string(made.peer))[2], 0);
  ASSERT_EQ(api::send(made.own, "cd", 2, 0), 2);
  EXPECT_EQ(made.tell("read", "4"), "abcd");
  EXPECT_EQ(Peer::the().numbers("info " + std::to_string(made.peer))[2], 1);
}

TEST_F(SocketFlags, MoreWaitsForAFifthOfASecondOnly) {
  const Connection made = connect_to_peer();
  const std::int64_t begun = now_milliseconds();
  ASSERT_EQ(api::send(made.own, "ab", 2, MSG_MORE), 2);
  EXPECT_EQ(made.tell("read", "2"), "ab");
  EXPECT_GE(now_milliseconds() - begun, 150);
}

TEST_F(SocketFlags, AFinTakesWhatMoreHeldBack) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::send(made.own, "ab", 2, MSG_MORE), 2);
  ASSERT_EQ(api::shutdown(made.own, SHUT_WR), 0);
  EXPECT_EQ(made.tell("read", "3"), "ab");
}

TEST_F(SocketFlags, NosignalSparesTheSignal) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::shutdown(made.own, SHUT_WR), 0);
  EXPECT_EQ(api::send(made.own, "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
}

volatile std::sig_atomic_t pipe_signals = 0;

TEST_F(SocketFlags, ASignalComesOtherwise) {
  const auto before = std::signal(SIGPIPE, [](int) { pipe_signals = pipe_signals + 1; });
  pipe_signals = 0;
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::shutdown(made.own, SHUT_WR), 0);
  EXPECT_EQ(api::write(made.own, "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  EXPECT_EQ(pipe_signals, 1);
  EXPECT_EQ(api::send(made.own, "x", 1, 0), -1);
  EXPECT_EQ(pipe_signals, 2);
  std::signal(SIGPIPE, before);
}

TEST_F(SocketFlags, TheQueueOfErrorsIsEmpty) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(receive(made.own, 4, MSG_ERRQUEUE), "EAGAIN");
}

}  // namespace
}  // namespace millrace::test
