// Connections that end by a reset or by silence: who hears of it, how often, and what is left to
// read.
#include <gtest/gtest.h>
#include <cerrno>

#include "bed.hpp"

namespace millrace::test {
namespace {

class SocketReset : public testing::Test {
 protected:
  ~SocketReset() override { Peer::the().ask("clear"); }

  static void abort(const Connection& made) {
    made.tell("abort");
    insist([&] { return (events_now(made.own) & POLLERR) != 0; }, "the reset");
  }
};

TEST_F(SocketReset, IsReadOnceAndThenTheEnd) {
  const Connection made = connect_to_peer();
  abort(made);
  EXPECT_EQ(read_once(made.own), "ECONNRESET");
  EXPECT_EQ(read_once(made.own), "end");
}

TEST_F(SocketReset, IsWrittenOnceAndThenEpipe) {
  const Connection made = connect_to_peer();
  abort(made);
  EXPECT_EQ(api::send(made.own, "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(api::send(made.own, "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
}

TEST_F(SocketReset, IsTakenBySoError) {
  const Connection made = connect_to_peer();
  abort(made);
  EXPECT_EQ(integer_option(made.own, SOL_SOCKET, SO_ERROR), ECONNRESET);
  EXPECT_EQ(integer_option(made.own, SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(read_once(made.own), "end");
}

TEST_F(SocketReset, ShowsInPollUntilItIsTaken) {
  const Connection made = connect_to_peer();
  abort(made);
  EXPECT_EQ(text_of_events(events_now(made.own)), "IN OUT RDHUP ERR HUP");
  EXPECT_EQ(read_once(made.own), "ECONNRESET");
  EXPECT_EQ(text_of_events(events_now(made.own)), "IN OUT RDHUP HUP");
}

TEST_F(SocketReset, LeavesWhatWasReceivedBefore) {
  const Connection made = connect_to_peer();
  made.tell("write", "before");
  insist_on_readable(made.own, 6);
  abort(made);
  EXPECT_EQ(read_once(made.own), "before");
  EXPECT_EQ(read_once(made.own), "ECONNRESET");
}

TEST_F(SocketReset, EndsABlockingRead) {
  const Connection made = connect_to_peer();
  Peer::the().later(30, "abort " + std::to_string(made.peer));
  EXPECT_EQ(read_once(made.own), "ECONNRESET");
}

TEST_F(SocketReset, EndsABlockingWrite) {
  const Connection made = connect_to_peer();
  Peer::the().later(60, "abort " + std::to_string(made.peer));
  const std::string block(100000, 'x');
  ssize_t sent = 0;
  for (int i = 0; i < 1000 && sent >= 0; ++i) {  // The peer reads nothing, so this fills up.
    sent = api::send(made.own, block.data(), block.size(), MSG_NOSIGNAL);
  }
  EXPECT_EQ(sent, -1);
  EXPECT_TRUE(errno == ECONNRESET || errno == EPIPE) << name_of_error(errno);
}

TEST_F(SocketReset, AfterAFinIsEpipe) {
  const Connection made = connect_to_peer();
  made.tell("shutdown", "1");
  EXPECT_EQ(read_once(made.own), "end");
  abort(made);
  EXPECT_EQ(integer_option(made.own, SOL_SOCKET, SO_ERROR), EPIPE);
}

TEST_F(SocketReset, LosesThePeersName) {
  const Connection made = connect_to_peer();
  abort(made);
  sockaddr_in name{};
  socklen_t size = sizeof name;
  EXPECT_EQ(api::getpeername(made.own, generic(name), &size), -1);
  EXPECT_EQ(errno, ENOTCONN);
}

TEST_F(SocketReset, LetsTheSocketBeConnectedAnewOnceDissolved) {
  const Connection made = connect_to_peer();
  abort(made);
  EXPECT_EQ(read_once(made.own), "ECONNRESET");
  const std::vector<int> listener = Peer::the().numbers("listen 0 4");
  const sockaddr_in to = peer_at(listener[1]);
  EXPECT_EQ(api::connect(made.own, generic(to), sizeof to), -1);
  EXPECT_EQ(errno, EISCONN);
  sockaddr_in none{};
  none.sin_family = AF_UNSPEC;
  ASSERT_EQ(api::connect(made.own, generic(none), sizeof none), 0);
  ASSERT_EQ(api::connect(made.own, generic(to), sizeof to), 0);
  const std::string peer =
      std::to_string(Peer::the().numbers("accept " + std::to_string(listener[0]))[0]);
  Peer::the().ask("write " + peer + " again");
  EXPECT_EQ(read_exactly(made.own, 5), "again");
}

TEST_F(SocketReset, FollowsSilenceAsATimeout) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  set_option(made.own, IPPROTO_TCP, TCP_USER_TIMEOUT, 100);
  made.tell("mute");
  ASSERT_EQ(api::write(made.own, "x", 1), 1);
  ASSERT_NE(events_soon(made.own, POLLIN) & POLLERR, 0);
  EXPECT_EQ(read_once(made.own), "ETIMEDOUT");
  EXPECT_EQ(read_once(made.own), "end");
}

TEST_F(SocketReset, ASilentPeerIsFoundByKeepalives) {
  const Connection made = connect_to_peer();
  set_option(made.own, IPPROTO_TCP, TCP_KEEPIDLE, 1);
  set_option(made.own, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set_option(made.own, IPPROTO_TCP, TCP_KEEPCNT, 1);
  set_option(made.own, SOL_SOCKET, SO_KEEPALIVE, 1);
  made.tell("mute");
  ASSERT_NE(events_soon(made.own, POLLIN) & POLLERR, 0);
  EXPECT_EQ(integer_option(made.own, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
}

TEST_F(SocketReset, ByLingerOfZeroReachesTheOtherEnd) {
  Connection made = connect_to_peer();
  const linger none{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(api::setsockopt(made.own, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
  made.own.close();
  EXPECT_EQ(Peer::the().answer_to("end " + std::to_string(made.peer)), "error ECONNRESET");
}

TEST_F(SocketReset, ByLingerOfZeroForgetsWhatWaits) {
  Connection made = connect_to_peer();
  const linger none{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(api::setsockopt(made.own, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
  made.tell("mute");
  ASSERT_EQ(api::write(made.own, "forgotten", 9), 9);
  made.tell("unmute");
  made.own.close();
  EXPECT_EQ(Peer::the().answer_to("end " + std::to_string(made.peer)), "error ECONNRESET");
}

TEST_F(SocketReset, LingerWaitsUntilAllIsAcknowledged) {
  Connection made = connect_to_peer();
  const linger some{.l_onoff = 1, .l_linger = 5};
  ASSERT_EQ(api::setsockopt(made.own, SOL_SOCKET, SO_LINGER, &some, sizeof some), 0);
  made.tell("mute");
  ASSERT_EQ(api::write(made.own, "waits", 5), 5);
  Peer::the().later(100, "unmute " + std::to_string(made.peer));
  const std::int64_t begun = now_milliseconds();
  EXPECT_EQ(api::close(made.own.release()), 0);
  EXPECT_GE(now_milliseconds() - begun, 90);
  EXPECT_EQ(made.tell("read", "10"), "waits");
}

TEST_F(SocketReset, LingerWaitsNoLongerThanItsTime) {
  Connection made = connect_to_peer();
  const linger some{.l_onoff = 1, .l_linger = 1};
  ASSERT_EQ(api::setsockopt(made.own, SOL_SOCKET, SO_LINGER, &some, sizeof some), 0);
  made.tell("mute");
  ASSERT_EQ(api::write(made.own, "waits", 5), 5);
  const std::int64_t begun = now_milliseconds();
  EXPECT_EQ(api::close(made.own.release()), 0);
  EXPECT_GE(now_milliseconds() - begun, 950);
  EXPECT_LT(now_milliseconds() - begun, 2500);
}

}  // namespace
}  // namespace millrace::test
