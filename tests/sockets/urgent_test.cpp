// Urgent data as Linux has it: one byte out of band, or inline.
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <cerrno>

#include "bed.hpp"

namespace millrace::test {
namespace {

class SocketUrgent : public testing::Test {
 protected:
  ~SocketUrgent() override { Peer::the().ask("clear"); }

  static void wait_for_urgency(const Connection& made) {
    insist([&] { return (events_now(made.own, POLLPRI) & POLLPRI) != 0; }, "urgent data");
  }
  static std::string urgent_byte(int fd, int flags = 0) {
    char byte = 0;
    const ssize_t got = api::recv(fd, &byte, 1, MSG_OOB | flags);
    return got == 1 ? std::string{byte} : got == 0 ? "end" : name_of_error(errno);
  }
  static bool is_at_mark(int fd) {
    int mark = -1;
    EXPECT_EQ(api::ioctl(fd, SIOCATMARK, &mark), 0);
    return mark == 1;
  }
};

TEST_F(SocketUrgent, ByteIsReadApart) {
  const Connection made = connect_to_peer();
  made.tell("write", "ab");
  made.tell("write", "! oob");
  wait_for_urgency(made);
  EXPECT_EQ(urgent_byte(made.own), "!");
  EXPECT_EQ(read_once(made.own), "ab");
}

TEST_F(SocketUrgent, ByteIsReadOnce) {
  const Connection made = connect_to_peer();
  made.tell("write", "! oob");
  wait_for_urgency(made);
  EXPECT_EQ(urgent_byte(made.own, MSG_PEEK), "!");
  EXPECT_EQ(urgent_byte(made.own), "!");
  EXPECT_EQ(urgent_byte(made.own), "EINVAL");
}

TEST_F(SocketUrgent, ByteThatNobodySentIsEinval) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(urgent_byte(made.own), "EINVAL");
}

TEST_F(SocketUrgent, ReadingStopsAtTheMark) {
  const Connection made = connect_to_peer();
  made.tell("write", "ab");
  made.tell("write", "! oob");
  made.tell("write", "cd");
  wait_for_urgency(made);
  insist([&] { return bytes_readable(made.own) >= 2; }, "data");
  EXPECT_EQ(read_once(made.own), "ab");
  EXPECT_TRUE(is_at_mark(made.own));
  EXPECT_EQ(read_exactly(made.own, 2), "cd");
  EXPECT_FALSE(is_at_mark(made.own));
}

TEST_F(SocketUrgent, OnlyTheLastByteOfAWriteIsUrgent) {
  const Connection made = connect_to_peer();
  made.tell("write", "xyz oob");
  wait_for_urgency(made);
  EXPECT_EQ(urgent_byte(made.own), "z");
  EXPECT_EQ(read_exactly(made.own, 2), "xy");
}

TEST_F(SocketUrgent, ByteStaysInTheStreamIfItIsToBeInline) {
  const Connection made = connect_to_peer();
  set_option(made.own, SOL_SOCKET, SO_OOBINLINE, 1);
  made.tell("write", "ab");
  made.tell("write", "! oob");
  wait_for_urgency(made);
  EXPECT_EQ(read_once(made.own), "ab");
  EXPECT_TRUE(is_at_mark(made.own));
  EXPECT_EQ(read_exactly(made.own, 1), "!");
  EXPECT_EQ(urgent_byte(made.own), "EINVAL");
}

TEST_F(SocketUrgent, BytesGoOutAsSuch) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::send(made.own, "ab!", 3, MSG_OOB), 3);
  ASSERT_EQ(api::send(made.own, "cd", 2, 0), 2);
  EXPECT_EQ(made.tell("read", "4"), "abcd");  // The other end takes the urgent byte out.
}

TEST_F(SocketUrgent, PollTellsOfItAsPri) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(events_now(made.own, POLLPRI), 0);
  made.tell("write", "! oob");
  EXPECT_EQ(text_of_events(events_soon(made.own, POLLPRI)), "PRI");
}

}  // namespace
}  // namespace millrace::test
