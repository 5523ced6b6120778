// Half closes, whole closes, and the states they lead through.
#include <gtest/gtest.h>
#include <cerrno>

#include "bed.hpp"

namespace millrace::test {
namespace {

class SocketShutdown : public testing::Test {
 protected:
  ~SocketShutdown() override { Peer::the().ask("clear"); }
};

TEST_F(SocketShutdown, OfWritingSendsTheEnd) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::shutdown(made.own, SHUT_WR), 0);
  EXPECT_EQ(made.tell("end"), "");
  insist_on_state(made.own, TCP_FIN_WAIT2);
}

TEST_F(SocketShutdown, OfWritingLetsReadingGoOn) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::shutdown(made.own, SHUT_WR), 0);
  made.tell("end");
  made.tell("write", "after");
  EXPECT_EQ(read_exactly(made.own, 5), "after");
}

TEST_F(SocketShutdown, OfWritingSendsWhatWaitsFirst) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::write(made.own, "last", 4), 4);
  ASSERT_EQ(api::shutdown(made.own, SHUT_WR), 0);
  EXPECT_EQ(made.tell("read", "10"), "last");
}

TEST_F(SocketShutdown, OfWritingEndsWriting) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::shutdown(made.own, SHUT_WR), 0);
  EXPECT_EQ(api::send(made.own, "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
}

TEST_F(SocketShutdown, OfWritingMayBeSaidTwice) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::shutdown(made.own, SHUT_WR), 0);
  EXPECT_EQ(api::shutdown(made.own, SHUT_WR), 0);
}

TEST_F(SocketShutdown, OfReadingEndsReading) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::shutdown(made.own, SHUT_RD), 0);
  EXPECT_EQ(read_once(made.own), "end");
  EXPECT_EQ(state_of(made.own), TCP_ESTABLISHED);
}

TEST_F(SocketShutdown, OfReadingLeavesWhatIsThere) {
  const Connection made = connect_to_peer();
  made.tell("write", "abc");
  insist_on_readable(made.own, 3);
  ASSERT_EQ(api::shutdown(made.own, SHUT_RD), 0);
  EXPECT_EQ(read_once(made.own), "abc");
  EXPECT_EQ(read_once(made.own), "end");
}

TEST_F(SocketShutdown, OfReadingIsNotSeenByTheOtherEnd) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::shutdown(made.own, SHUT_RD), 0);
  made.tell("write", "unheard");
  made.tell("acked");
  ASSERT_EQ(api::write(made.own, "x", 1), 1);
  EXPECT_EQ(made.tell("read", "1"), "x");
}

TEST_F(SocketShutdown, OfBothEndsBoth) {
  const Connection made = connect_to_peer();
  ASSERT_EQ(api::shutdown(made.own, SHUT_RDWR), 0);
  EXPECT_EQ(read_once(made.own), "end");
  EXPECT_EQ(api::send(made.own, "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
  EXPECT_EQ(made.tell("end"), "");
}

TEST_F(SocketShutdown, WantsAConnection) {
  const Descriptor own = stream_socket();
  EXPECT_EQ(api::shutdown(own, SHUT_WR), -1);
  EXPECT_EQ(errno, ENOTCONN);
}

TEST_F(SocketShutdown, WantsADirection) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(api::shutdown(made.own, 7), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(SocketShutdown, OfAListenerMakesItAPlainSocketAgain) {
  const Descriptor listener = listening_socket();
  const int port = port_of(listener);
  ASSERT_EQ(api::shutdown(listener, SHUT_RD), 0);
  EXPECT_EQ(state_of(listener), TCP_CLOSE);
  const std::string client = std::to_string(Peer::the().numbers("bind 0")[0]);
  Peer::the().ask("connect " + client + ' ' + own_address() + ' ' + std::to_string(port));
  EXPECT_EQ(Peer::the().answer_to("connected " + client), "error ECONNREFUSED");
}

TEST_F(SocketShutdown, OfTheOtherEndIsReadAsTheEndAgainAndAgain) {
  const Connection made = connect_to_peer();
  made.tell("shutdown", "1");
  EXPECT_EQ(read_once(made.own), "end");
  EXPECT_EQ(read_once(made.own), "end");
  EXPECT_EQ(state_of(made.own), TCP_CLOSE_WAIT);
}

TEST_F(SocketShutdown, OfTheOtherEndLetsWritingGoOn) {
  const Connection made = connect_to_peer();
  made.tell("shutdown", "1");
  EXPECT_EQ(read_once(made.own), "end");
  ASSERT_EQ(api::write(made.own, "late", 4), 4);
  EXPECT_EQ(made.tell("read", "4"), "late");
}

TEST_F(SocketShutdown, OfBothEndsInTurnLeavesNothing) {
  const Connection made = connect_to_peer();
  made.tell("shutdown", "1");
  EXPECT_EQ(read_once(made.own), "end");
  ASSERT_EQ(api::shutdown(made.own, SHUT_WR), 0);
  insist_on_state(made.own, TCP_CLOSE);
  EXPECT_EQ(text_of_events(events_now(made.own)), "IN OUT RDHUP HUP");
}

TEST_F(SocketShutdown, CloseSendsWhatWaitsAndTheEnd) {
  Connection made = connect_to_peer();
  ASSERT_EQ(api::write(made.own, "farewell", 8), 8);
  made.own.close();
  EXPECT_EQ(made.tell("read", "20"), "farewell");
}

TEST_F(SocketShutdown, CloseSendsMuchThatWaits) {
  Connection made = connect_to_peer();
  const std::string text(60000, 'x');
  write_all(made.own, text);
  made.own.close();
  made.tell("sink");
  EXPECT_EQ(made.tell("received", "60000").substr(0, 5), "60000");
}

TEST_F(SocketShutdown, CloseWithUnreadDataResets) {
  Connection made = connect_to_peer();
  made.tell("write", "unread");
  insist_on_readable(made.own, 6);
  made.own.close();
  EXPECT_EQ(Peer::the().answer_to("end " + std::to_string(made.peer)), "error ECONNRESET");
}

TEST_F(SocketShutdown, DataForAClosedSocketIsAnsweredWithAReset) {
  Connection made = connect_to_peer();
  made.own.close();
  made.tell("end");
  made.tell("write", "x");
  made.tell("state", std::to_string(TCP_CLOSE));
  EXPECT_EQ(Peer::the().answer_to("write " + std::to_string(made.peer) + " y"), "error EPIPE");
}

TEST_F(SocketShutdown, CloseWaitsForNobody) {
  Connection made = connect_to_peer();
  made.tell("mute");
  write_all(made.own, std::string(10000, 'x'));
  const std::int64_t begun = now_milliseconds();
  made.own.close();
  EXPECT_LT(now_milliseconds() - begun, 1000);
}

}  // namespace
}  // namespace millrace::test
