// Passive opens: the queue, what accepted sockets know and inherit, options that decide when one is
// ready.
#include <gtest/gtest.h>
#include <cerrno>

#include "bed.hpp"

namespace millrace::test {
namespace {

class SocketAccept : public testing::Test {
 protected:
  ~SocketAccept() override { Peer::the().ask("clear"); }

  /// A peer's socket that has begun to connect to this listener; its number there and its port.
  static std::vector<int> call(int listener) {
    const std::vector<int> client = Peer::the().numbers("bind 0");
    Peer::the().ask("connect " + std::to_string(client[0]) + ' ' + own_address() + ' ' +
                    std::to_string(port_of(listener)));
    return client;
  }
};

TEST_F(SocketAccept, GivesASocketThatIsConnectedToTheCaller) {
  const Descriptor listener = listening_socket();
  const std::vector<int> client = call(listener);
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const Descriptor made{api::accept(listener, generic(from), &size)};
  ASSERT_GE(made.get(), 0);
  EXPECT_EQ(size, sizeof from);
  EXPECT_EQ(text_of(from), peer_address() + ':' + std::to_string(client[1]));
  sockaddr_in name{};
  ASSERT_EQ(api::getpeername(made, generic(name), &size), 0);
  EXPECT_EQ(text_of(name), text_of(from));
}

TEST_F(SocketAccept, GivesTheListenersPortAndTheAddressThatWasCalled) {
  const Descriptor listener = listening_socket();
  call(listener);
  const Descriptor made{api::accept(listener, nullptr, nullptr)};
  sockaddr_in name{};
  socklen_t size = sizeof name;
  ASSERT_EQ(api::getsockname(made, generic(name), &size), 0);
  EXPECT_EQ(text_of(name), own_address() + ':' + std::to_string(port_of(listener)));
}

TEST_F(SocketAccept, SaysEagainWithNobodyThere) {
  const Descriptor listener = listening_socket(4, SOCK_NONBLOCK);
  EXPECT_EQ(api::accept(listener, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(SocketAccept, BlocksUntilSomebodyCalls) {
  const Descriptor listener = listening_socket();
  const std::vector<int> client = Peer::the().numbers("bind 0");
  Peer::the().later(30, "connect " + std::to_string(client[0]) + ' ' + own_address() + ' ' +
                            std::to_string(port_of(listener)));
  const Descriptor made{api::accept(listener, nullptr, nullptr)};
  EXPECT_GE(made.get(), 0);
}

TEST_F(SocketAccept, BlocksNoLongerThanItsLimit) {
  const Descriptor listener = listening_socket();
  const timeval limit{.tv_sec = 0, .tv_usec = 30000};
  api::setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const std::int64_t begun = now_milliseconds();
  EXPECT_EQ(api::accept(listener, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_GE(now_milliseconds() - begun, 29);
}

TEST_F(SocketAccept, TakesCallersInTheirOrder) {
  const Descriptor listener = listening_socket();
  for (int i = 0; i < 4; ++i) {
    const std::vector<int> client = call(listener);
    Peer::the().ask("connected " + std::to_string(client[0]));
    Peer::the().ask("write " + std::to_string(client[0]) + ' ' + std::to_string(i));
  }
  for (int i = 0; i < 4; ++i) {
    const Descriptor made{api::accept(listener, nullptr, nullptr)};
    EXPECT_EQ(read_exactly(made, 1), std::to_string(i));
  }
}

TEST_F(SocketAccept, DoesNotInheritThatTheListenerMayNotBlock) {
  const Descriptor listener = listening_socket(4, SOCK_NONBLOCK);
  call(listener);
  ASSERT_EQ(events_soon(listener, POLLIN), POLLIN);
  const Descriptor made{api::accept(listener, nullptr, nullptr)};
  EXPECT_EQ(api::fcntl(made, F_GETFL, 0) & O_NONBLOCK, 0);
}

TEST_F(SocketAccept, MayBeToldNotToBlock) {
  const Descriptor listener = listening_socket();
  call(listener);
  const Descriptor made{api::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)};
  EXPECT_NE(api::fcntl(made, F_GETFL, 0) & O_NONBLOCK, 0);
  EXPECT_EQ(read_once(made), "EAGAIN");
}

TEST_F(SocketAccept, InheritsOptionsOfTheListener) {
  const Descriptor listener = stream_socket();
  set_option(listener, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(listener, IPPROTO_TCP, TCP_KEEPIDLE, 77);
  set_option(listener, SOL_SOCKET, SO_OOBINLINE, 1);
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(listener, generic(any), sizeof any), 0);
  ASSERT_EQ(api::listen(listener, 4), 0);
  call(listener);
  const Descriptor made{api::accept(listener, nullptr, nullptr)};
  EXPECT_EQ(integer_option(made, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(integer_option(made, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(integer_option(made, IPPROTO_TCP, TCP_KEEPIDLE), 77);
  EXPECT_EQ(integer_option(made, SOL_SOCKET, SO_OOBINLINE), 1);
  EXPECT_EQ(integer_option(made, SOL_SOCKET, SO_ACCEPTCONN), 0);
}

TEST_F(SocketAccept, FindsWhatArrivedBeforehand) {
  const Descriptor listener = listening_socket();
  const std::string client = std::to_string(call(listener)[0]);
  Peer::the().ask("connected " + client);
  Peer::the().ask("write " + client + " early");
  Peer::the().ask("shutdown " + client + " 1");
  const Descriptor made{api::accept(listener, nullptr, nullptr)};
  EXPECT_EQ(read_exactly(made, 6), "early");
}

TEST_F(SocketAccept, GivesAConnectionThatWasResetMeanwhile) {
  const Descriptor listener = listening_socket();
  const std::string client = std::to_string(call(listener)[0]);
  Peer::the().ask("connected " + client);
  ASSERT_EQ(events_soon(listener, POLLIN), POLLIN);
  Peer::the().ask("abort " + client);
  const Descriptor made{api::accept(listener, nullptr, nullptr)};
  ASSERT_GE(made.get(), 0);
  EXPECT_NE(events_soon(made, POLLIN) & POLLERR, 0);
  EXPECT_EQ(read_once(made), "ECONNRESET");
}

TEST_F(SocketAccept, LetsNoMoreWaitThanTheQueueHolds) {
  const Descriptor listener = listening_socket(1);
  std::vector<std::string> clients;
  for (int i = 0; i < 2; ++i) {  // A queue of one holds two, as on Linux.
    clients.push_back(std::to_string(call(listener)[0]));
    Peer::the().ask("connected " + clients.back());
  }
  const std::string third = std::to_string(call(listener)[0]);
  pass_time(100);
  EXPECT_EQ(Peer::the().numbers("info " + third)[0], TCP_SYN_SENT);
  const Descriptor made{api::accept(listener, nullptr, nullptr)};
  Peer::the().ask("connected " + third);  // Its SYN comes again.
}

TEST_F(SocketAccept, RefusesFlagsItDoesNotKnow) {
  const Descriptor listener = listening_socket();
  EXPECT_EQ(api::accept4(listener, nullptr, nullptr, 0x10), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(SocketAccept, WantsAListener) {
  const Descriptor own = stream_socket();
  EXPECT_EQ(api::accept(own, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
  const Descriptor datagram = datagram_socket();
  EXPECT_EQ(api::accept(datagram, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
}

TEST_F(SocketAccept, ListeningBindsWhereNothingWasSaid) {
  const Descriptor own = stream_socket();
  ASSERT_EQ(api::listen(own, 4), 0);
  EXPECT_NE(port_of(own), 0);
  EXPECT_EQ(integer_option(own, SOL_SOCKET, SO_ACCEPTCONN), 1);
}

TEST_F(SocketAccept, ListeningTwiceChangesTheQueue) {
  const Descriptor own = listening_socket(1);
  EXPECT_EQ(api::listen(own, 20), 0);
  EXPECT_EQ(state_of(own), TCP_LISTEN);
}

TEST_F(SocketAccept, AConnectedSocketDoesNotListen) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(api::listen(made.own, 4), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(SocketAccept, ConnectionsOutliveTheirListener) {
  Descriptor listener = listening_socket();
  const std::string client = std::to_string(call(listener)[0]);
  const Descriptor made{api::accept(listener, nullptr, nullptr)};
  listener.close();
  Peer::the().ask("write " + client + " still");
  EXPECT_EQ(read_exactly(made, 5), "still");
}

TEST_F(SocketAccept, APortMayBeListenedOnAgainBesideItsConnections) {
  Descriptor listener = stream_socket();
  set_option(listener, SOL_SOCKET, SO_REUSEADDR, 1);
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(listener, generic(any), sizeof any), 0);
  ASSERT_EQ(api::listen(listener, 4), 0);
  const sockaddr_in same = internet_address("0.0.0.0", port_of(listener));
  call(listener);
  const Descriptor made{api::accept(listener, nullptr, nullptr)};
  listener.close();
  const Descriptor without = stream_socket();
  EXPECT_EQ(api::bind(without, generic(same), sizeof same), -1);
  EXPECT_EQ(errno, EADDRINUSE);
  const Descriptor with = stream_socket();
  set_option(with, SOL_SOCKET, SO_REUSEADDR, 1);
  EXPECT_EQ(api::bind(with, generic(same), sizeof same), 0);
  EXPECT_EQ(api::listen(with, 4), 0);
}

TEST_F(SocketAccept, MayWaitForTheFirstBytes) {
  const Descriptor listener = listening_socket(4, SOCK_NONBLOCK);
  set_option(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
  const std::string client = std::to_string(call(listener)[0]);
  Peer::the().ask("connected " + client);
  pass_time(50);
  EXPECT_EQ(events_now(listener), 0);
  Peer::the().ask("write " + client + " hello");
  ASSERT_EQ(events_soon(listener, POLLIN), POLLIN);
  const Descriptor made{api::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)};
  EXPECT_EQ(read_once(made), "hello");
}

}  // namespace
}  // namespace millrace::test
