// Active opens: blocking and not, refused, unanswered, unreachable, ended early, and what a
// connected socket knows.
#include <gtest/gtest.h>
#include <cerrno>

#include "bed.hpp"

namespace millrace::test {
namespace {

int connect_to(int fd, const sockaddr_in& to) { return api::connect(fd, generic(to), sizeof to); }

/// A port of the peer's that answers with a reset.
int refusing_port() { return Peer::the().numbers("bind 0")[1]; }

/// A port of the peer's where nothing answers.
int silent_port() { return Peer::the().numbers("listen 0 4 mute")[1]; }

class SocketConnect : public testing::Test {
 protected:
  ~SocketConnect() override { Peer::the().ask("clear"); }
};

TEST_F(SocketConnect, BlocksUntilTheConnectionStands) {
  const Descriptor own = stream_socket();
  const std::vector<int> listener = Peer::the().numbers("listen 0 4");
  ASSERT_EQ(connect_to(own, peer_at(listener[1])), 0);
  EXPECT_EQ(state_of(own), TCP_ESTABLISHED);
}

TEST_F(SocketConnect, IsInProgressWhereItMayNotBlock) {
  const Descriptor own = stream_socket(SOCK_NONBLOCK);
  ASSERT_EQ(connect_to(own, peer_at(silent_port())), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  EXPECT_EQ(state_of(own), TCP_SYN_SENT);
}

TEST_F(SocketConnect, SaysEalreadyWhileInProgress) {
  const Descriptor own = stream_socket(SOCK_NONBLOCK);
  const sockaddr_in to = peer_at(silent_port());
  ASSERT_EQ(connect_to(own, to), -1);
  EXPECT_EQ(connect_to(own, to), -1);
  EXPECT_EQ(errno, EALREADY);
}

TEST_F(SocketConnect, BecomesWritableWhenItStands) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  EXPECT_EQ(events_now(made.own), POLLOUT);
  EXPECT_EQ(integer_option(made.own, SOL_SOCKET, SO_ERROR), 0);
}

TEST_F(SocketConnect, ConfirmsOnceAndThenSaysEisconn) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  const sockaddr_in to = peer_at(made.peer_port);
  EXPECT_EQ(connect_to(made.own, to), 0);
  EXPECT_EQ(connect_to(made.own, to), -1);
  EXPECT_EQ(errno, EISCONN);
}

TEST_F(SocketConnect, SaysEisconnAfterABlockingConnect) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(connect_to(made.own, peer_at(made.peer_port)), -1);
  EXPECT_EQ(errno, EISCONN);
}

TEST_F(SocketConnect, IsRefusedAtOnceWhereItBlocks) {
  const Descriptor own = stream_socket();
  EXPECT_EQ(connect_to(own, peer_at(refusing_port())), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_F(SocketConnect, ReportsARefusalByPollAndSoError) {
  const Descriptor own = stream_socket(SOCK_NONBLOCK);
  ASSERT_EQ(connect_to(own, peer_at(refusing_port())), -1);
  EXPECT_EQ(text_of_events(events_soon(own, POLLOUT)), "OUT ERR HUP");
  EXPECT_EQ(integer_option(own, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  EXPECT_EQ(integer_option(own, SOL_SOCKET, SO_ERROR), 0);
}

TEST_F(SocketConnect, ReportsARefusalByReadOnce) {
  const Descriptor own = stream_socket(SOCK_NONBLOCK);
  ASSERT_EQ(connect_to(own, peer_at(refusing_port())), -1);
  ASSERT_NE(events_soon(own, POLLOUT), 0);
  EXPECT_EQ(read_once(own), "ECONNREFUSED");
  EXPECT_EQ(read_once(own), "end");
}

TEST_F(SocketConnect, MayTryAgainAfterARefusal) {
  const Descriptor own = stream_socket();
  ASSERT_EQ(connect_to(own, peer_at(refusing_port())), -1);
  const std::vector<int> listener = Peer::the().numbers("listen 0 4");
  EXPECT_EQ(connect_to(own, peer_at(listener[1])), 0);
}

TEST_F(SocketConnect, HearsFromARouterThatNobodyIsThere) {
  const Descriptor own = stream_socket();
  const timeval limit{.tv_sec = 5, .tv_usec = 0};
  api::setsockopt(own, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  EXPECT_EQ(connect_to(own, internet_address("198.18.7.1", 9)), -1);
  EXPECT_EQ(errno, EHOSTUNREACH);
}

TEST_F(SocketConnect, HearsFromNobodyThatNobodyIsThereWhileItWaits) {
  const Descriptor own = stream_socket();
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  api::setsockopt(own, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const std::string network = peer_address().substr(0, peer_address().rfind('.'));
  const std::int64_t begun = now_milliseconds();
  EXPECT_EQ(connect_to(own, internet_address(network + ".77", 9)), -1);
  EXPECT_EQ(errno, EHOSTUNREACH);
  EXPECT_LT(now_milliseconds() - begun, 5000) << "told when it happens, not when the wait is over";
}

TEST_F(SocketConnect, GivesUpAfterItsTimeLimitAndGoesOnByItself) {
  const Descriptor own = stream_socket();
  const timeval limit{.tv_sec = 0, .tv_usec = 30000};
  api::setsockopt(own, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  EXPECT_EQ(connect_to(own, peer_at(silent_port())), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  EXPECT_EQ(state_of(own), TCP_SYN_SENT);
}

TEST_F(SocketConnect, TimesOutAfterTheSynsThatItMaySend) {
  const Descriptor own = stream_socket(SOCK_NONBLOCK);
  set_option(own, IPPROTO_TCP, TCP_USER_TIMEOUT, 500);
  const std::int64_t begun = now_milliseconds();
  ASSERT_EQ(connect_to(own, peer_at(silent_port())), -1);
  ASSERT_NE(events_soon(own, POLLOUT) & POLLERR, 0);
  EXPECT_LT(now_milliseconds() - begun, 2500) << "told when it happens, not when the wait is over";
  EXPECT_EQ(integer_option(own, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
}

TEST_F(SocketConnect, KnowsBothNames) {
  const Connection made = connect_to_peer();
  sockaddr_in name{};
  socklen_t size = sizeof name;
  ASSERT_EQ(api::getpeername(made.own, generic(name), &size), 0);
  EXPECT_EQ(text_of(name), peer_address() + ':' + std::to_string(made.peer_port));
  ASSERT_EQ(api::getsockname(made.own, generic(name), &size), 0);
  EXPECT_EQ(text_of(name).substr(0, own_address().size()), own_address());
  EXPECT_NE(name.sin_port, 0);
}

TEST_F(SocketConnect, HasNoPeerBeforeItStands) {
  const Descriptor own = stream_socket(SOCK_NONBLOCK);
  ASSERT_EQ(connect_to(own, peer_at(silent_port())), -1);
  sockaddr_in name{};
  socklen_t size = sizeof name;
  EXPECT_EQ(api::getpeername(own, generic(name), &size), -1);
  EXPECT_EQ(errno, ENOTCONN);
}

TEST_F(SocketConnect, CallsFromThePortItIsBoundTo) {
  const sockaddr_in wanted = internet_address("0.0.0.0", 0);
  int bound = 0;
  const Connection made = connect_to_peer(0, [&](int fd) {
    api::bind(fd, generic(wanted), sizeof wanted);
    bound = port_of(fd);
  });
  EXPECT_EQ(made.own_port, bound);
}

TEST_F(SocketConnect, TwoSocketsDoNotShareAWholeConnection) {
  const Connection made = connect_to_peer();
  const std::vector<int> unused = Peer::the().numbers("listen 0 4");
  const Descriptor other = stream_socket();
  set_option(other, SOL_SOCKET, SO_REUSEADDR, 1);
  const sockaddr_in same = internet_address(own_address(), made.own_port);
  // The first did not ask for reuse, so its port is its own.
  EXPECT_EQ(api::bind(other, generic(same), sizeof same), -1);
  EXPECT_EQ(errno, EADDRINUSE);
}

TEST_F(SocketConnect, WantsAFamilyItKnows) {
  const Descriptor own = stream_socket();
  sockaddr_in to = peer_at(9);
  to.sin_family = AF_INET6;
  EXPECT_EQ(connect_to(own, to), -1);
  EXPECT_EQ(errno, EAFNOSUPPORT);
}

TEST_F(SocketConnect, DoesNotCallABroadcastAddress) {
  const Descriptor own = stream_socket();
  EXPECT_EQ(connect_to(own, internet_address("255.255.255.255", 9)), -1);
  EXPECT_EQ(errno, ENETUNREACH);
}

TEST_F(SocketConnect, AListenerDoesNotCall) {
  const Descriptor own = listening_socket();
  EXPECT_EQ(connect_to(own, peer_at(9)), -1);
  EXPECT_EQ(errno, EISCONN);
}

TEST_F(SocketConnect, UnspecEndsAConnectionWithAReset) {
  const Connection made = connect_to_peer();
  sockaddr_in none{};
  none.sin_family = AF_UNSPEC;
  ASSERT_EQ(api::connect(made.own, generic(none), sizeof none), 0);
  EXPECT_EQ(state_of(made.own), TCP_CLOSE);
  EXPECT_EQ(Peer::the().answer_to("end " + std::to_string(made.peer)), "error ECONNRESET");
}

TEST_F(SocketConnect, ASocketMayBeConnectedAnewAfterUnspec) {
  const Connection made = connect_to_peer();
  sockaddr_in none{};
  none.sin_family = AF_UNSPEC;
  ASSERT_EQ(api::connect(made.own, generic(none), sizeof none), 0);
  const std::vector<int> listener = Peer::the().numbers("listen 0 4");
  EXPECT_EQ(connect_to(made.own, peer_at(listener[1])), 0);
}

TEST_F(SocketConnect, ClosingEndsAnAttempt) {
  Descriptor own = stream_socket(SOCK_NONBLOCK);
  const int port = silent_port();
  ASSERT_EQ(connect_to(own, peer_at(port)), -1);
  const int number = own;
  EXPECT_EQ(api::close(own.release()), 0);
  EXPECT_EQ(text_of_events(events_now(number)), "NVAL");
}

TEST_F(SocketConnect, MeetsACallFromTheOtherEnd) {
  const Descriptor own = stream_socket(SOCK_NONBLOCK);
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(own, generic(any), sizeof any), 0);
  const std::vector<int> peer = Peer::the().numbers("bind 0 mute");
  const std::string id = std::to_string(peer[0]);
  Peer::the().ask("connect " + id + ' ' + own_address() + ' ' + std::to_string(port_of(own)));
  ASSERT_EQ(connect_to(own, peer_at(peer[1])), -1);
  insist_on_state(own, TCP_SYN_RECV);  // By the SYN that comes a second time.
  Peer::the().ask("unmute " + id);
  insist_on_state(own, TCP_ESTABLISHED);
  EXPECT_EQ(events_now(own), POLLOUT);
}

}  // namespace
}  // namespace millrace::test
