// MSG_ZEROCOPY and SO_TIMESTAMPING between hosts: each write has its number and is told of, also
// where records are scarce, the connection ends, or its handshake is not over.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
// Behind <ctime>, which it needs and does not include.
#include <linux/errqueue.h>
#include <linux/tcp.h>

#include <optional>
#include <string>
#include <vector>

#include "simulation/posix_pair.hpp"

namespace millrace::test {
namespace {

constexpr int kStamps = SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE |
                        SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_OPT_TSONLY;

struct PosixNotices : testing::Test {
  /// What MSG_ERRQUEUE tells next, if anything.
  static std::optional<sock_extended_err> next_notice(PosixHost& host, int fd) {
    std::array<char, 8> data{};
    iovec part{.iov_base = data.data(), .iov_len = data.size()};
    alignas(cmsghdr) std::array<char, 256> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (host.sockets().receive_message(fd, &message, MSG_ERRQUEUE) < 0) {
      return std::nullopt;
    }
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
         head = CMSG_NXTHDR(&message, head)) {
      if (head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_RECVERR) {
        sock_extended_err what{};
        std::memcpy(&what, CMSG_DATA(head), sizeof(what));
        return what;
      }
    }
    ADD_FAILURE() << "a message without what it is about";
    return std::nullopt;
  }
  /// "0-3": the writes with MSG_ZEROCOPY that are told of next.
  static std::string next_range(PosixHost& host, int fd) {
    const auto what = next_notice(host, fd);
    if (!what || what->ee_origin != SO_EE_ORIGIN_ZEROCOPY) {
      return "none";
    }
    return std::to_string(what->ee_info) + '-' + std::to_string(what->ee_data);
  }
  /// Others have filled all records there are: two ICMP errors that nobody has read.
  void use_up_records() {
    sockaddr_in nobody = socket_address(2, 9);
    for (int i = 0; i < 2; ++i) {
      const int fd = net.client.sockets().socket(AF_INET, SOCK_DGRAM, 0);
      EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
      char byte = 'x';
      EXPECT_EQ(net.client.sockets().send_to(fd, {.iov_base = &byte, .iov_len = 1}, 0,
                                             static_cast<sockaddr*>(static_cast<void*>(&nobody)),
                                             sizeof(nobody)),
                1);
      net.run_for(50ms);
    }
    ASSERT_EQ(net.client.sockets().error_records().size(), 2U);
  }
  void connect(int flags = O_NONBLOCK) {
    ends = net.connect(net.server.listener(80), 80, flags);
    EXPECT_EQ(net.client.set(ends.client, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
  }

  PosixPair net{
      PairSetup{},
      {.sockets = 8, .udp_sockets = 8, .error_records = 2, .epoll_sets = 4, .watches = 16}};
  PosixPair::Ends ends;
};

TEST_F(PosixNotices, ABufferIsGivenBackThoughOthersHoldAllRecords) {
  connect();
  use_up_records();
  EXPECT_EQ(net.client.send(ends.client, "one", MSG_ZEROCOPY), 3);
  net.run_for(50ms);
  EXPECT_EQ(net.client.events(ends.client) & POLLERR, unsigned{POLLERR});
  EXPECT_EQ(net.client.send(ends.client, "two", MSG_ZEROCOPY), 3);
  net.run_for(50ms);
  EXPECT_EQ(next_range(net.client, ends.client), "0-1");
  EXPECT_EQ(net.client.events(ends.client) & POLLERR, 0U);
  EXPECT_EQ(next_range(net.client, ends.client), "none");
}

TEST_F(PosixNotices, AlsoWhenTheConnectionEnds) {
  connect();
  use_up_records();
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  EXPECT_EQ(net.server.sockets().setsockopt(ends.server, SOL_SOCKET, SO_LINGER, &at_once,
                                            sizeof(at_once)),
            0);
  EXPECT_EQ(net.client.send(ends.client, "one", MSG_ZEROCOPY), 3);
  EXPECT_EQ(net.server.sockets().close(ends.server), 0);
  net.run_for(50ms);
  EXPECT_EQ(next_range(net.client, ends.client), "0-0");
}

TEST_F(PosixNotices, AWriteThatTheEndCutsShortHasItsNumber) {
  connect(0);
  const int fd = ends.client;
  bool is_closed = false;
  net.client.when_waiting([&](Instant) {
    if (!is_closed) {
      is_closed = true;
      EXPECT_EQ(net.server.receive(ends.server, 1), "l");
      EXPECT_EQ(net.server.sockets().close(ends.server), 0);  // Unread data: a reset.
    }
  });
  const std::string much(4'000'000, 'l');
  const ssize_t sent = net.client.send(fd, much, MSG_ZEROCOPY);
  EXPECT_GT(sent, 0);
  EXPECT_LT(sent, 4'000'000);
  EXPECT_EQ(next_range(net.client, fd), "0-0");
}

struct PosixStamps : PosixNotices {
  static std::vector<sock_extended_err> all_notices(PosixHost& host, int fd) {
    std::vector<sock_extended_err> all;
    while (const auto what = next_notice(host, fd)) {
      all.push_back(*what);
    }
    return all;
  }

  PosixPair many{
      PairSetup{},
      {.sockets = 8, .udp_sockets = 8, .error_records = 100, .epoll_sets = 4, .watches = 16}};
};

TEST_F(PosixStamps, ThoseOfADozenWritesHaveRoom) {
  const auto pair = many.connect(many.server.listener(80), 80);
  EXPECT_EQ(many.client.set(pair.client, SOL_SOCKET, SO_TIMESTAMPING, kStamps), 0);
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(many.client.send(pair.client, "x"), 1);
    many.run_for(50ms);
  }
  EXPECT_EQ(all_notices(many.client, pair.client).size(), 36U);
}

TEST_F(PosixStamps, AreCountedFromTheFirstByteThoughTheHandshakeIsNotOver) {
  auto& client = many.client;
  auto& server = many.server;
  const int listener = server.socket(SOCK_NONBLOCK);
  EXPECT_EQ(server.set(listener, IPPROTO_TCP, TCP_FASTOPEN, 5), 0);
  EXPECT_EQ(server.bind(listener, 0, 80), 0);
  EXPECT_EQ(server.sockets().listen(listener, 16), 0);
  const auto fast = [&] {
    const int fd = client.socket();
    EXPECT_EQ(client.set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1), 0);
    EXPECT_EQ(client.connect(fd, 2, 80), 0);
    return fd;
  };
  EXPECT_EQ(client.sockets().close(fast()), 0);  // It has the cookie now.
  many.run_for(100ms);
  EXPECT_EQ(server.sockets().close(server.accept(listener)), 0);
  const int fd = fast();
  EXPECT_EQ(client.send(fd, "hello"), 5);
  int early = -EAGAIN;
  for (int i = 0; i < 1'000 && early < 0; ++i) {
    many.run_for(10us);
    early = server.accept(listener);
  }
  ASSERT_GE(early, 0);
  tcp_info info{};
  socklen_t length = sizeof(info);
  EXPECT_EQ(server.sockets().getsockopt(early, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
  ASSERT_EQ(info.tcpi_state, 3) << "SYN-RECEIVED";
  EXPECT_EQ(
      server.set(early, SOL_SOCKET, SO_TIMESTAMPING,
                 SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_OPT_TSONLY | SOF_TIMESTAMPING_OPT_ID),
      0);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(server.send(early, std::string(1'000, 's')), 1'000);
    many.run_for(200ms);
  }
  const auto told = all_notices(server, early);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].ee_data, 999U);
  EXPECT_EQ(told[1].ee_data, 1'999U);
}

}  // namespace
}  // namespace millrace::test
