// sendfile, splice and pipes: bytes that go without passing through the program.
#include <gtest/gtest.h>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "bed.hpp"
#include "pattern.hpp"

namespace millrace::test {
namespace {

class SocketMoving : public testing::Test {
 protected:
  ~SocketMoving() override {
    ::close(file_);
    Peer::the().ask("clear");
  }

  /// A file of the kernel's with that much of the pattern, at its beginning.
  int file_of(std::size_t size) {
    std::string name = "/tmp/millrace-test-XXXXXX";
    file_ = ::mkstemp(name.data());
    ::unlink(name.c_str());
    std::string text(size, '\0');
    write_pattern(0, text);
    EXPECT_EQ(::write(file_, text.data(), size), static_cast<ssize_t>(size));
    ::lseek(file_, 0, SEEK_SET);
    return file_;
  }

 private:
  int file_ = -1;
};

TEST_F(SocketMoving, SendfileSendsAFile) {
  const Connection made = connect_to_peer();
  made.tell("sink");
  const int file = file_of(300000);
  std::size_t sent = 0;
  while (sent < 300000) {
    const ssize_t went = api::sendfile(made.own, file, nullptr, 300000 - sent);
    ASSERT_GT(went, 0);
    sent += static_cast<std::size_t>(went);
  }
  EXPECT_EQ(made.tell("received", "300000"), "300000 good");
}

TEST_F(SocketMoving, SendfileMovesTheFilesPosition) {
  const Connection made = connect_to_peer();
  const int file = file_of(10);
  ASSERT_EQ(api::sendfile(made.own, file, nullptr, 4), 4);
  EXPECT_EQ(::lseek(file, 0, SEEK_CUR), 4);
}

TEST_F(SocketMoving, SendfileWithAnOffsetLeavesTheFilesPosition) {
  const Connection made = connect_to_peer();
  const int file = file_of(10);
  off_t offset = 3;
  ASSERT_EQ(api::sendfile(made.own, file, &offset, 4), 4);
  EXPECT_EQ(offset, 7);
  EXPECT_EQ(::lseek(file, 0, SEEK_CUR), 0);
}

TEST_F(SocketMoving, SendfileStopsAtTheEndOfTheFile) {
  const Connection made = connect_to_peer();
  const int file = file_of(10);
  EXPECT_EQ(api::sendfile(made.own, file, nullptr, 100), 10);
  EXPECT_EQ(api::sendfile(made.own, file, nullptr, 100), 0);
}

TEST_F(SocketMoving, SendfileWantsAFile) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(api::sendfile(made.own, -1, nullptr, 4), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST_F(SocketMoving, SendfileWaitsForNobodyWhereItMayNot) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  set_option(made.own, SOL_SOCKET, SO_SNDBUF, 20000);
  made.tell("mute");
  const int file = file_of(4'000'000);
  ssize_t sent = 0;
  for (int i = 0; i < 1000 && sent >= 0; ++i) {
    sent = api::sendfile(made.own, file, nullptr, 4'000'000);
    ASSERT_NE(sent, 0);
  }
  EXPECT_EQ(errno, EAGAIN);
}

class SocketPipe : public testing::Test {
 protected:
  SocketPipe() { EXPECT_EQ(api::pipe(ends_.data()), 0); }
  ~SocketPipe() override {
    close_end(0);
    close_end(1);
    Peer::the().ask("clear");
  }
  [[nodiscard]] int out() const { return ends_[0]; }
  [[nodiscard]] int in() const { return ends_[1]; }
  void close_end(std::size_t which) {
    if (ends_[which] >= 0) {
      api::close(ends_[which]);
      ends_[which] = -1;
    }
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

TEST_F(SocketPipe, CarriesBytes) {
  ASSERT_EQ(api::write(in(), "abc", 3), 3);
  EXPECT_EQ(read_once(out()), "abc");
}

TEST_F(SocketPipe, EndsWhenItsWriterCloses) {
  ASSERT_EQ(api::write(in(), "abc", 3), 3);
  close_end(1);
  EXPECT_EQ(read_once(out()), "abc");
  EXPECT_EQ(read_once(out()), "end");
}

TEST_F(SocketPipe, IsSplicedIntoASocket) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::write(in(), "through", 7), 7);
  ASSERT_EQ(api::splice(out(), nullptr, made.own, nullptr, 100, 0), 7);
  EXPECT_EQ(made.tell("read", "7"), "through");
}

TEST_F(SocketPipe, TakesWhatIsSplicedFromASocket) {
  const Connection made = connect_to_peer();
  made.tell("write", "through");
  insist_on_readable(made.own, 7);
  ASSERT_EQ(api::splice(made.own, nullptr, in(), nullptr, 4, 0), 4);
  EXPECT_EQ(read_once(out()), "thro");
  EXPECT_EQ(bytes_readable(made.own), 3);
}

TEST_F(SocketPipe, SpliceWantsTheRightEnd) {
  const Connection made = connect_to_peer();
  made.tell("write", "through");
  insist_on_readable(made.own, 7);
  EXPECT_EQ(api::splice(made.own, nullptr, out(), nullptr, 4, SPLICE_F_NONBLOCK), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(api::splice(in(), nullptr, made.own, nullptr, 4, SPLICE_F_NONBLOCK), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(api::splice(made.own, nullptr, out(), nullptr, 0, 0), 0);
  EXPECT_EQ(bytes_readable(made.own), 7);
}

TEST_F(SocketPipe, SpliceStopsAtUrgentData) {
  const Connection made = connect_to_peer();
  made.tell("write", "ab");
  made.tell("write", "! oob");
  insist([&] { return (events_now(made.own, POLLPRI) & POLLPRI) != 0; }, "urgent data");
  ASSERT_EQ(api::splice(made.own, nullptr, in(), nullptr, 10, 0), 2);
  EXPECT_EQ(api::splice(made.own, nullptr, in(), nullptr, 10, 0), 0);
  EXPECT_EQ(read_once(out()), "ab");
}

TEST_F(SocketPipe, SpliceSeesTheEndOfASocket) {
  const Connection made = connect_to_peer();
  made.tell("shutdown", "1");
  EXPECT_EQ(api::splice(made.own, nullptr, in(), nullptr, 4, 0), 0);
}

TEST_F(SocketPipe, SpliceSaysEagainWhereItMayNotWait) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  EXPECT_EQ(api::splice(made.own, nullptr, in(), nullptr, 4, SPLICE_F_NONBLOCK), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(SocketPipe, SpliceWantsAPipeOnOneSide) {
  const Connection one = connect_to_peer();
  const Connection other = connect_to_peer();
  EXPECT_EQ(api::splice(one.own, nullptr, other.own, nullptr, 4, SPLICE_F_NONBLOCK), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(SocketPipe, RelaysOneConnectionIntoAnother) {
  const Connection from = connect_to_peer();
  const Connection to = connect_to_peer();
  to.tell("sink");
  from.tell("send", "400000 fin");
  std::size_t moved = 0;
  for (;;) {
    const ssize_t got = api::splice(from.own, nullptr, in(), nullptr, 30000, 0);
    ASSERT_GE(got, 0) << name_of_error(errno);
    if (got == 0) {
      break;
    }
    for (ssize_t left = got; left > 0;) {
      const ssize_t went =
          api::splice(out(), nullptr, to.own, nullptr, static_cast<std::size_t>(left), 0);
      ASSERT_GT(went, 0);
      left -= went;
    }
    moved += static_cast<std::size_t>(got);
  }
  EXPECT_EQ(moved, 400000U);
  EXPECT_EQ(to.tell("received", "400000"), "400000 good");
}

}  // namespace
}  // namespace millrace::test
