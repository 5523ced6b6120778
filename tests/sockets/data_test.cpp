// Bytes both ways: order, amounts, parts, the queries about what waits, and large transfers byte by
// byte.
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <algorithm>
#include <array>
#include <cerrno>

#include "bed.hpp"
#include "pattern.hpp"

namespace millrace::test {
namespace {

constexpr int kLarge = 3'000'000;

class SocketData : public testing::Test {
 protected:
  ~SocketData() override { Peer::the().ask("clear"); }
};

TEST_F(SocketData, ArrivesAsItWasWritten) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::write(made.own, "hello", 5), 5);
  EXPECT_EQ(made.tell("read", "5"), "hello");
  made.tell("write", "world");
  EXPECT_EQ(read_exactly(made.own, 5), "world");
}

TEST_F(SocketData, HasNoBoundaries) {
  const Connection made = connect_to_peer();
  made.tell("write", "one");
  made.tell("write", "two");
  insist_on_readable(made.own, 6);
  EXPECT_EQ(read_once(made.own), "onetwo");
}

TEST_F(SocketData, IsReadInPiecesOfAnySize) {
  const Connection made = connect_to_peer();
  made.tell("write", "abcdef");
  insist_on_readable(made.own, 6);
  EXPECT_EQ(read_once(made.own, 1), "a");
  EXPECT_EQ(read_once(made.own, 4), "bcde");
  EXPECT_EQ(read_once(made.own, 4), "f");
}

TEST_F(SocketData, ABlockingReadWaitsForTheFirstByteOnly) {
  const Connection made = connect_to_peer();
  Peer::the().later(30, "write " + std::to_string(made.peer) + " abc");
  EXPECT_EQ(read_once(made.own, 100), "abc");
}

TEST_F(SocketData, ReadingNothingReturnsAtOnce) {
  const Connection made = connect_to_peer();
  char byte = 0;
  EXPECT_EQ(api::read(made.own, &byte, 0), 0);
}

TEST_F(SocketData, WritingNothingSendsNothing) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(api::write(made.own, "", 0), 0);
  EXPECT_EQ(api::write(made.own, "x", 1), 1);
  EXPECT_EQ(made.tell("read", "1"), "x");
}

TEST_F(SocketData, ManyBytesGoOutInOrder) {
  const Connection made = connect_to_peer();
  made.tell("sink");
  std::string text(kLarge, '\0');
  write_pattern(0, text);
  write_all(made.own, text);
  EXPECT_EQ(made.tell("received", std::to_string(kLarge)), std::to_string(kLarge) + " good");
}

TEST_F(SocketData, ManyBytesComeInInOrder) {
  const Connection made = connect_to_peer();
  made.tell("send", std::to_string(kLarge) + " fin");
  const std::string text = read_exactly(made.own, kLarge);
  ASSERT_EQ(text.size(), static_cast<std::size_t>(kLarge));
  EXPECT_TRUE(holds_pattern(0, text));
  EXPECT_EQ(read_once(made.own), "end");
}

TEST_F(SocketData, GoesBothWaysAtOnce) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  made.tell("echo");
  std::string out(kLarge, '\0');
  write_pattern(0, out);
  std::size_t sent = 0;
  std::string in;
  while (in.size() < out.size()) {
    const int events = events_soon(made.own, POLLIN | (sent < out.size() ? POLLOUT : 0));
    ASSERT_NE(events, 0);
    if ((events & POLLOUT) != 0) {
      const ssize_t went = api::send(made.own, out.data() + sent,
                                     std::min<std::size_t>(out.size() - sent, 50000), 0);
      sent += went > 0 ? static_cast<std::size_t>(went) : 0;
    }
    if ((events & POLLIN) != 0) {
      in += read_once(made.own, 65536);
    }
  }
  EXPECT_TRUE(in == out);
}

TEST_F(SocketData, PartsAreGatheredAndScattered) {
  const Connection made = connect_to_peer();
  char first[] = "ab";
  char second[] = "cdef";
  const std::array<iovec, 3> out{{{first, 2}, {nullptr, 0}, {second, 4}}};
  ASSERT_EQ(api::writev(made.own, out.data(), 3), 6);
  EXPECT_EQ(made.tell("read", "6"), "abcdef");
  made.tell("write", "123456");
  insist_on_readable(made.own, 6);
  std::array<char, 4> left{};
  std::array<char, 4> right{};
  const std::array<iovec, 2> in{{{left.data(), 4}, {right.data(), 4}}};
  ASSERT_EQ(api::readv(made.own, in.data(), 2), 6);
  EXPECT_EQ(std::string(left.data(), 4) + std::string(right.data(), 2), "123456");
}

TEST_F(SocketData, MessagesAreGatheredAndScattered) {
  const Connection made = connect_to_peer();
  char first[] = "ab";
  char second[] = "cd";
  std::array<iovec, 2> parts{{{first, 2}, {second, 2}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = 2;
  ASSERT_EQ(api::sendmsg(made.own, &message, 0), 4);
  EXPECT_EQ(made.tell("read", "4"), "abcd");
  made.tell("write", "wxyz");
  insist_on_readable(made.own, 4);
  ASSERT_EQ(api::recvmsg(made.own, &message, 0), 4);
  EXPECT_EQ(std::string(first, 2) + std::string(second, 2), "wxyz");
}

TEST_F(SocketData, AStreamsMessageHasNoAddress) {
  const Connection made = connect_to_peer();
  made.tell("write", "x");
  insist_on_readable(made.own, 1);
  char byte = 0;
  iovec part{&byte, 1};
  sockaddr_in from{};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ASSERT_EQ(api::recvmsg(made.own, &message, 0), 1);
  EXPECT_EQ(message.msg_namelen, 0U);
}

TEST_F(SocketData, AnAddressOnAConnectedStreamIsIgnored) {
  const Connection made = connect_to_peer();
  const sockaddr_in elsewhere = internet_address("203.0.113.1", 9);
  EXPECT_EQ(api::sendto(made.own, "abc", 3, 0, generic(elsewhere), sizeof elsewhere), 3);
  EXPECT_EQ(made.tell("read", "3"), "abc");
}

TEST_F(SocketData, FionreadCountsWhatWaits) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(bytes_readable(made.own), 0);
  made.tell("write", "abcdef");
  insist_on_readable(made.own, 6);
  EXPECT_EQ(read_once(made.own, 2), "ab");
  EXPECT_EQ(bytes_readable(made.own), 4);
}

TEST_F(SocketData, SiocoutqCountsWhatIsNotAcknowledged) {
  const Connection made = connect_to_peer();
  made.tell("mute");
  ASSERT_EQ(api::write(made.own, "abcdef", 6), 6);
  int waiting = -1;
  ASSERT_EQ(api::ioctl(made.own, SIOCOUTQ, &waiting), 0);
  EXPECT_EQ(waiting, 6);
  ASSERT_EQ(api::ioctl(made.own, SIOCOUTQNSD, &waiting), 0);
  EXPECT_EQ(waiting, 0);
  made.tell("unmute");
  insist(
      [&] {
        api::ioctl(made.own, SIOCOUTQ, &waiting);
        return waiting == 0;
      },
      "an empty queue");
}

TEST_F(SocketData, WhatIsLostArrivesAfterAll) {
  const Connection made = connect_to_peer();
  made.tell("mute");
  ASSERT_EQ(api::write(made.own, "lost", 4), 4);
  made.tell("unmute");
  EXPECT_EQ(made.tell("read", "4"), "lost");
}

TEST_F(SocketData, IsNotThereToReadBelowTheLowWaterMark) {
  const Connection made = connect_to_peer();
  set_option(made.own, SOL_SOCKET, SO_RCVLOWAT, 4);
  made.tell("write", "ab");
  insist_on_readable(made.own, 2);
  EXPECT_EQ(events_now(made.own, POLLIN), 0);
  made.tell("write", "cd");
  EXPECT_EQ(events_soon(made.own, POLLIN), POLLIN);
  EXPECT_EQ(read_once(made.own, 100), "abcd");
}

TEST_F(SocketData, AHalfReadStreamKeepsTheRest) {
  const Connection made = accept_from_peer();
  made.tell("send", "100000 fin");
  std::string text;
  for (std::string part = read_exactly(made.own, 777); !part.empty();
       part = read_exactly(made.own, 777)) {
    text += part;
  }
  EXPECT_EQ(text.size(), 100000U);
  EXPECT_TRUE(holds_pattern(0, text));
}

}  // namespace
}  // namespace millrace::test
