// Options that have an effect, or a value, beyond what the table of calls and states shows.
#include <gtest/gtest.h>
#include <cerrno>
#include <cstring>

#include "bed.hpp"

namespace millrace::test {
namespace {

class SocketOptions : public testing::Test {
 protected:
  ~SocketOptions() override { Peer::the().ask("clear"); }
};

TEST_F(SocketOptions, UnknownOnesAreRefused) {
  const Descriptor own = stream_socket();
  const int value = 1;
  int got = 0;
  socklen_t size = sizeof got;
  for (const int level :
       {SOL_SOCKET, static_cast<int>(IPPROTO_TCP), static_cast<int>(IPPROTO_IP)}) {
    EXPECT_EQ(api::setsockopt(own, level, 9999, &value, sizeof value), -1);
    EXPECT_EQ(errno, ENOPROTOOPT);
    EXPECT_EQ(api::getsockopt(own, level, 9999, &got, &size), -1);
    EXPECT_EQ(errno, ENOPROTOOPT);
  }
}

TEST_F(SocketOptions, BuffersHoldTwiceWhatWasAskedFor) {
  const Descriptor own = stream_socket();
  set_option(own, SOL_SOCKET, SO_RCVBUF, 30000);
  set_option(own, SOL_SOCKET, SO_SNDBUF, 40000);
  EXPECT_EQ(integer_option(own, SOL_SOCKET, SO_RCVBUF), 60000);
  EXPECT_EQ(integer_option(own, SOL_SOCKET, SO_SNDBUF), 80000);
}

TEST_F(SocketOptions, ASmallSendBufferFillsSoon) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  set_option(made.own, SOL_SOCKET, SO_SNDBUF, 10000);
  made.tell("mute");
  const std::string block(1000, 'x');
  int taken = 0;
  while (taken < 1'000'000 && api::send(made.own, block.data(), block.size(), 0) > 0) {
    taken += 1000;
  }
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_LT(taken, 200'000);
}

TEST_F(SocketOptions, ASmallReceiveBufferStopsTheSender) {
  const Connection made =
      connect_to_peer(SOCK_NONBLOCK, [](int fd) { set_option(fd, SOL_SOCKET, SO_RCVBUF, 8000); });
  made.tell("send", "1000000");
  insist_on_readable(made.own, 2000);
  pass_time(100);
  EXPECT_LT(bytes_readable(made.own), 20000);
  EXPECT_EQ(read_exactly(made.own, 1000000).size(), 1000000U);
}

TEST_F(SocketOptions, BooleansAreOneOnceSet) {
  const Descriptor own = stream_socket();
  for (const int name : {SO_REUSEADDR, SO_KEEPALIVE, SO_OOBINLINE, SO_BROADCAST}) {
    set_option(own, SOL_SOCKET, name, 17);
    EXPECT_EQ(integer_option(own, SOL_SOCKET, name), 1) << name;
    set_option(own, SOL_SOCKET, name, 0);
    EXPECT_EQ(integer_option(own, SOL_SOCKET, name), 0) << name;
  }
}

TEST_F(SocketOptions, SomeCanOnlyBeAskedFor) {
  const Descriptor own = stream_socket();
  const int value = 1;
  for (const int name : {SO_ERROR, SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN}) {
    EXPECT_EQ(api::setsockopt(own, SOL_SOCKET, name, &value, sizeof value), -1);
    EXPECT_EQ(errno, ENOPROTOOPT);
  }
}

TEST_F(SocketOptions, LingerIsKept) {
  const Descriptor own = stream_socket();
  const linger wanted{.l_onoff = 1, .l_linger = 9};
  ASSERT_EQ(api::setsockopt(own, SOL_SOCKET, SO_LINGER, &wanted, sizeof wanted), 0);
  linger got{};
  socklen_t size = sizeof got;
  ASSERT_EQ(api::getsockopt(own, SOL_SOCKET, SO_LINGER, &got, &size), 0);
  EXPECT_EQ(got.l_onoff, 1);
  EXPECT_EQ(got.l_linger, 9);
}

TEST_F(SocketOptions, TimesOfKeepaliveAreKeptAndBounded) {
  const Descriptor own = stream_socket();
  set_option(own, IPPROTO_TCP, TCP_KEEPIDLE, 11);
  set_option(own, IPPROTO_TCP, TCP_KEEPINTVL, 12);
  set_option(own, IPPROTO_TCP, TCP_KEEPCNT, 13);
  EXPECT_EQ(integer_option(own, IPPROTO_TCP, TCP_KEEPIDLE), 11);
  EXPECT_EQ(integer_option(own, IPPROTO_TCP, TCP_KEEPINTVL), 12);
  EXPECT_EQ(integer_option(own, IPPROTO_TCP, TCP_KEEPCNT), 13);
  for (const int name : {TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT}) {
    const int zero = 0;
    EXPECT_EQ(api::setsockopt(own, IPPROTO_TCP, name, &zero, sizeof zero), -1);
    EXPECT_EQ(errno, EINVAL);
  }
}

TEST_F(SocketOptions, NodelaySendsSmallSegmentsAtOnce) {
  const Connection made = connect_to_peer();
  set_option(made.own, IPPROTO_TCP, TCP_NODELAY, 1);
  const std::string id = std::to_string(made.peer);
  made.tell("mute");  // Nothing is acknowledged, which is what Nagle would wait for.
  ASSERT_EQ(api::write(made.own, "a", 1), 1);
  ASSERT_EQ(api::write(made.own, "b", 1), 1);
  made.tell("unmute");
  EXPECT_EQ(made.tell("read", "2"), "ab");
}

TEST_F(SocketOptions, CorkHoldsBackUntilItIsPulled) {
  const Connection made = connect_to_peer();
  set_option(made.own, IPPROTO_TCP, TCP_CORK, 1);
  ASSERT_EQ(api::write(made.own, "a", 1), 1);
  ASSERT_EQ(api::write(made.own, "b", 1), 1);
  pass_time(50);
  EXPECT_EQ(Peer::the().numbers("info " + std::to_string(made.peer))[2], 0);
  set_option(made.own, IPPROTO_TCP, TCP_CORK, 0);
  EXPECT_EQ(made.tell("read", "2"), "ab");
  EXPECT_EQ(Peer::the().numbers("info " + std::to_string(made.peer))[2], 1);
}

TEST_F(SocketOptions, NodelayOverridesWhatIsHeldBack) {
  const Connection made = connect_to_peer();
  set_option(made.own, IPPROTO_TCP, TCP_NODELAY, 1);
  ASSERT_EQ(api::send(made.own, "a", 1, MSG_MORE), 1);
  set_option(made.own, IPPROTO_TCP, TCP_NODELAY, 1);
  EXPECT_EQ(made.tell("read", "1"), "a");
}

TEST_F(SocketOptions, MaxsegLimitsSegments) {
  const Connection made =
      connect_to_peer(0, [](int fd) { set_option(fd, IPPROTO_TCP, TCP_MAXSEG, 600); });
  EXPECT_LE(integer_option(made.own, IPPROTO_TCP, TCP_MAXSEG), 600);
  const Connection whole = connect_to_peer();
  EXPECT_EQ(integer_option(whole.own, IPPROTO_TCP, TCP_MAXSEG), 1448);
}

TEST_F(SocketOptions, MaxsegHasBounds) {
  const Descriptor own = stream_socket();
  for (const int bad : {1, 87, 40000}) {
    EXPECT_EQ(api::setsockopt(own, IPPROTO_TCP, TCP_MAXSEG, &bad, sizeof bad), -1);
    EXPECT_EQ(errno, EINVAL);
  }
}

TEST_F(SocketOptions, CongestionControlIsNamed) {
  const Descriptor own = stream_socket();
  char name[16]{};
  socklen_t size = sizeof name;
  ASSERT_EQ(api::setsockopt(own, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
  ASSERT_EQ(api::getsockopt(own, IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
  EXPECT_STREQ(name, "reno");
  EXPECT_EQ(api::setsockopt(own, IPPROTO_TCP, TCP_CONGESTION, "nobody", 6), -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(SocketOptions, InqSaysHowMuchIsLeft) {
  constexpr int kTcpInq = 36;
  const Connection made = connect_to_peer();
  set_option(made.own, IPPROTO_TCP, kTcpInq, 1);
  made.tell("write", "abcdef");
  insist_on_readable(made.own, 6);
  char block[4];
  iovec part{block, 4};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ASSERT_EQ(api::recvmsg(made.own, &message, 0), 4);
  const cmsghdr* const found = CMSG_FIRSTHDR(&message);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->cmsg_level, IPPROTO_TCP);
  EXPECT_EQ(found->cmsg_type, kTcpInq);
  int left = 0;
  std::memcpy(&left, CMSG_DATA(found), sizeof left);
  EXPECT_EQ(left, 2);
}

TEST_F(SocketOptions, InfoTellsTheTruth) {
  const Connection made = connect_to_peer();
  write_all(made.own, "hello");
  made.tell("read", "5");
  tcp_info info{};
  socklen_t size = sizeof info;
  insist(
      [&] {
        size = sizeof info;
        return api::getsockopt(made.own, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
               info.tcpi_unacked == 0;
      },
      "an acknowledgment");
  EXPECT_EQ(info.tcpi_state, TCP_ESTABLISHED);
  EXPECT_EQ(info.tcpi_options & (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE),
            TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
  EXPECT_EQ(info.tcpi_snd_mss, 1448U);
  EXPECT_EQ(info.tcpi_pmtu, 1500U);
  EXPECT_GT(info.tcpi_rtt, 0U);
  EXPECT_GE(info.tcpi_rto, 200000U);
  EXPECT_EQ(info.tcpi_total_retrans, 0U);
}

TEST_F(SocketOptions, InfoCountsRetransmissions) {
  const Connection made = connect_to_peer();
  made.tell("mute");
  write_all(made.own, "lost");
  tcp_info info{};
  insist(
      [&] {
        socklen_t size = sizeof info;
        return api::getsockopt(made.own, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
               info.tcpi_total_retrans > 0;
      },
      "a retransmission");
  EXPECT_EQ(info.tcpi_unacked, 1U);
}

TEST_F(SocketOptions, TtlAndTosHaveTheirDefaultsAndBounds) {
  const Descriptor own = stream_socket();
  EXPECT_EQ(integer_option(own, IPPROTO_IP, IP_TTL), 64);
  EXPECT_EQ(integer_option(own, IPPROTO_IP, IP_TOS), 0);
  set_option(own, IPPROTO_IP, IP_TTL, 3);
  EXPECT_EQ(integer_option(own, IPPROTO_IP, IP_TTL), 3);
  for (const int bad : {0, 256}) {
    EXPECT_EQ(api::setsockopt(own, IPPROTO_IP, IP_TTL, &bad, sizeof bad), -1);
    EXPECT_EQ(errno, EINVAL);
  }
}

TEST_F(SocketOptions, TheMtuIsKnownOnceConnected) {
  const Descriptor own = stream_socket();
  int mtu = 0;
  socklen_t size = sizeof mtu;
  EXPECT_EQ(api::getsockopt(own, IPPROTO_IP, IP_MTU, &mtu, &size), -1);
  EXPECT_EQ(errno, ENOTCONN);
  const Connection made = connect_to_peer();
  EXPECT_EQ(integer_option(made.own, IPPROTO_IP, IP_MTU), 1500);
}

TEST_F(SocketOptions, ReuseportLetsListenersShareAPort) {
  const Descriptor first = stream_socket(SOCK_NONBLOCK);
  const Descriptor second = stream_socket(SOCK_NONBLOCK);
  set_option(first, SOL_SOCKET, SO_REUSEPORT, 1);
  set_option(second, SOL_SOCKET, SO_REUSEPORT, 1);
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(first, generic(any), sizeof any), 0);
  const sockaddr_in same = internet_address("0.0.0.0", port_of(first));
  ASSERT_EQ(api::bind(second, generic(same), sizeof same), 0);
  ASSERT_EQ(api::listen(first, 16), 0);
  ASSERT_EQ(api::listen(second, 16), 0);
  const std::string client = std::to_string(Peer::the().numbers("bind 0")[0]);
  Peer::the().ask("connect " + client + ' ' + own_address() + ' ' + std::to_string(port_of(first)));
  Peer::the().ask("connected " + client);
  insist([&] { return events_now(first, POLLIN) + events_now(second, POLLIN) == POLLIN; },
         "one of them ready");
}

}  // namespace
}  // namespace millrace::test
