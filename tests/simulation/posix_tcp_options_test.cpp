// What TCP's options do beyond being kept: to segments, to times, to what calls answer.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "simulation/posix_pair.hpp"
#include "simulation/segment_log.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

using wire::TcpFlags;

constexpr std::uint8_t kClosed = 7;  // As netinet/tcp.h numbers states.

/// A connection whose options may be set before it is opened, and a log of its segments.
struct PosixTcpOptions : testing::Test {
  /// `prepare` gets the client's socket before it connects.
  template <class Prepare>
  void open(Prepare prepare) {
    if (listener < 0) {
      listener = net.server.listener(80);
    }
    client = net.client.socket();
    prepare(client);
    ASSERT_EQ(net.client.connect(client, 2, 80), 0);
    server = net.server.accept(listener);
    ASSERT_GE(server, 0);
    make_nonblocking(net.client, client);
    net.run_for(100ms);
  }
  void open() {
    open([](int /*fd*/) {});
  }
  static void make_nonblocking(PosixHost& host, int fd) {
    EXPECT_EQ(host.sockets().fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  }
  void set_tcp(PosixHost& host, int fd, int option, int value) {
    EXPECT_EQ(host.set(fd, IPPROTO_TCP, option, value), 0) << option;
  }
  void cut(sim::Host& host) {
    sim::LinkParameters lossy = delay_of(10ms);
    lossy.loss_ppm = 1'000'000;
    net.pair.world.set_parameters({host}, lossy);
  }
  /// Sizes of the client's data segments since the log was cleared.
  std::vector<std::size_t> sizes() const {
    std::vector<std::size_t> found;
    for (const LoggedSegment& segment : log.data_of(true)) {
      found.push_back(segment.payload_bytes);
    }
    return found;
  }
  tcp_info info_of(PosixHost& host, int fd) {
    tcp_info info{};
    socklen_t length = sizeof(info);
    EXPECT_EQ(host.sockets().getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    EXPECT_EQ(length, sizeof(info));
    return info;
  }
  /// All that a non-blocking socket takes.
  std::size_t fill(std::size_t piece = 1'000) {
    const std::string text(piece, 'x');
    std::size_t taken = 0;
    for (ssize_t sent = 0; (sent = net.client.send(client, text)) > 0;) {
      taken += static_cast<std::size_t>(sent);
    }
    return taken;
  }
  using Sizes = std::vector<std::size_t>;

  PosixPair net;
  SegmentLog log{net.pair};
  int listener = -1;
  int client = -1;
  int server = -1;
};

TEST_F(PosixTcpOptions, MaxsegIsSaidInTheSynAndKeptTo) {
  open([&](int fd) { set_tcp(net.client, fd, TCP_MAXSEG, 600); });
  EXPECT_EQ(log.with(true, TcpFlags::kSyn).at(0).options.mss, 600);
  EXPECT_EQ(net.client.get(client, IPPROTO_TCP, TCP_MAXSEG), 588);  // Timestamps are off it.
  EXPECT_EQ(net.server.get(server, IPPROTO_TCP, TCP_MAXSEG), 588);
  log.clear();
  EXPECT_EQ(net.client.send(client, std::string(588 * 2, 'x')), 588 * 2);
  net.run_for(100ms);
  EXPECT_EQ(sizes(), (Sizes{588, 588}));
  // It counts at the opening alone.
  set_tcp(net.client, client, TCP_MAXSEG, 100);
  EXPECT_EQ(net.client.get(client, IPPROTO_TCP, TCP_MAXSEG), 588);
}

TEST_F(PosixTcpOptions, MaxsegOfAListenerIsSaidInItsSynAck) {
  listener = net.server.listener(80);
  set_tcp(net.server, listener, TCP_MAXSEG, 700);
  open();
  EXPECT_EQ(log.with(false, TcpFlags::kSyn).at(0).options.mss, 700);
}

TEST_F(PosixTcpOptions, MaxsegOfAnEndedConnectionIsRemembered) {
  open();
  EXPECT_EQ(net.client.get(client, IPPROTO_TCP, TCP_MAXSEG), 1'448);
  const linger now{.l_onoff = 1, .l_linger = 0};
  EXPECT_EQ(net.server.sockets().setsockopt(server, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
  EXPECT_EQ(net.server.sockets().close(server), 0);
  net.run_for(100ms);
  EXPECT_EQ(net.client.get(client, SOL_SOCKET, SO_ERROR), ECONNRESET);
  EXPECT_EQ(net.client.get(client, IPPROTO_TCP, TCP_MAXSEG), 1'448);
  EXPECT_EQ(net.client.get(client, IPPROTO_IP, IP_MTU), 1'500);
  EXPECT_EQ(info_of(net.client, client).tcpi_state, kClosed);
  EXPECT_GT(info_of(net.client, client).tcpi_segs_in, 0U);
}

TEST_F(PosixTcpOptions, CorkHoldsBackUntilItIsPulledOrTheTimeIsUp) {
  covers({"RFC 9293 §3.8.6.2.1"});
  open();
  set_tcp(net.client, client, TCP_NODELAY, 1);
  set_tcp(net.client, client, TCP_CORK, 1);
  log.clear();
  EXPECT_EQ(net.client.send(client, "ab"), 2);
  EXPECT_EQ(net.client.send(client, "cd"), 2);
  net.run_for(100ms);
  EXPECT_EQ(sizes(), Sizes{});
  set_tcp(net.client, client, TCP_CORK, 0);
  net.run_for(100ms);
  EXPECT_EQ(sizes(), Sizes{4});
  set_tcp(net.client, client, TCP_CORK, 1);
  EXPECT_EQ(net.client.send(client, "ef"), 2);
  net.run_for(250ms);
  EXPECT_EQ(sizes(), (Sizes{4, 2}));
}

TEST_F(PosixTcpOptions, NodelayPullsWhatACorkHolds) {
  open();
  set_tcp(net.client, client, TCP_CORK, 1);
  log.clear();
  EXPECT_EQ(net.client.send(client, "ab"), 2);
  set_tcp(net.client, client, TCP_NODELAY, 1);
  EXPECT_EQ(sizes(), Sizes{2});
  EXPECT_EQ(net.client.get(client, IPPROTO_TCP, TCP_CORK), 1);
  EXPECT_EQ(net.client.send(client, "cd"), 2);
  net.run_for(100ms);
  EXPECT_EQ(sizes(), Sizes{2});
}

TEST_F(PosixTcpOptions, MoreWaitsForTheNextWrite) {
  open();
  log.clear();
  EXPECT_EQ(net.client.send(client, "ab", MSG_MORE), 2);
  EXPECT_EQ(net.client.send(client, "cd", MSG_MORE), 2);
  net.run_for(100ms);
  EXPECT_EQ(sizes(), Sizes{});
  EXPECT_EQ(net.client.send(client, "ef"), 2);
  net.run_for(100ms);
  EXPECT_EQ(sizes(), Sizes{6});
  EXPECT_EQ(net.server.receive(server), "abcdef");
  EXPECT_EQ(net.client.get(client, IPPROTO_TCP, TCP_CORK), 0);
}

TEST_F(PosixTcpOptions, MoreLeavesACorkInItsPlace) {
  open();
  set_tcp(net.client, client, TCP_CORK, 1);
  log.clear();
  EXPECT_EQ(net.client.send(client, "ab", MSG_MORE), 2);
  EXPECT_EQ(net.client.send(client, "cd"), 2);
  net.run_for(100ms);
  EXPECT_EQ(sizes(), Sizes{});
}

TEST_F(PosixTcpOptions, QuickackDecidesWhetherAnAckWaits) {
  covers({"RFC 9293 §3.8.6.3"});
  open();
  EXPECT_EQ(net.server.get(server, IPPROTO_TCP, TCP_QUICKACK), 1);
  const auto ack_delay = [&] {
    log.clear();
    EXPECT_EQ(net.client.send(client, "x"), 1);
    net.run_for(200ms);
    const Instant sent = log.data_of(true).at(0).at;
    return log.with(false, TcpFlags::kAck).at(0).at - sent - 10ms;
  };
  set_tcp(net.server, server, TCP_QUICKACK, 0);
  EXPECT_EQ(net.server.get(server, IPPROTO_TCP, TCP_QUICKACK), 0);
  EXPECT_GE(ack_delay(), 30ms);
  set_tcp(net.server, server, TCP_QUICKACK, 1);
  EXPECT_EQ(net.server.get(server, IPPROTO_TCP, TCP_QUICKACK), 1);
  EXPECT_LT(ack_delay(), 5ms);
}

TEST_F(PosixTcpOptions, QuickackSendsTheAckThatWaits) {
  open();
  set_tcp(net.server, server, TCP_QUICKACK, 0);
  log.clear();
  EXPECT_EQ(net.client.send(client, "x"), 1);
  net.run_for(15ms);
  EXPECT_TRUE(log.with(false, TcpFlags::kAck).empty());
  set_tcp(net.server, server, TCP_QUICKACK, 1);
  EXPECT_EQ(log.with(false, TcpFlags::kAck).size(), 1U);
}

TEST_F(PosixTcpOptions, WindowClampBoundsWhatIsOffered) {
  open([&](int fd) { set_tcp(net.client, fd, TCP_WINDOW_CLAMP, 8'000); });
  EXPECT_EQ(log.with(true, TcpFlags::kSyn).at(0).options.window_scale, 0);
  make_nonblocking(net.server, server);
  while (net.server.send(server, std::string(10'000, 'x')) > 0) {
  }
  net.run_for(1s);
  for (const LoggedSegment& segment : log.with(true, TcpFlags::kAck)) {
    EXPECT_LE(segment.tcp.window, 8'000);
  }
  EXPECT_EQ(net.client.get(client, IPPROTO_TCP, TCP_WINDOW_CLAMP), 8'000);
  // Taking it away is for sockets without connection.
  EXPECT_EQ(net.client.set(client, IPPROTO_TCP, TCP_WINDOW_CLAMP, 0), -EINVAL);
}

TEST_F(PosixTcpOptions, BuffersBoundWhatIsTaken) {
  open([&](int fd) { EXPECT_EQ(net.client.set(fd, SOL_SOCKET, SO_SNDBUF, 10'000), 0); });
  cut(net.pair.client);
  const std::size_t taken = fill();
  EXPECT_GE(taken, 5'000U);
  EXPECT_LE(taken, 40'000U);
  EXPECT_EQ(net.client.get(client, SOL_SOCKET, SO_SNDBUF), 20'000);
}

TEST_F(PosixTcpOptions, ASmallReceiveBufferStopsTheSender) {
  listener = net.server.listener(80);
  EXPECT_EQ(net.server.set(listener, SOL_SOCKET, SO_RCVBUF, 8'000), 0);
  open();
  static_cast<void>(fill(10'000));
  net.run_for(2s);
  int waiting = 0;
  EXPECT_EQ(net.server.sockets().ioctl(server, FIONREAD, &waiting), 0);
  EXPECT_GT(waiting, 3'000);
  EXPECT_LE(waiting, 16'000);
}

TEST_F(PosixTcpOptions, NotsentLowatHoldsBackWritesAndTheirEvent) {
  open();
  set_tcp(net.client, client, TCP_NOTSENT_LOWAT, 8'000);
  cut(net.pair.client);
  const std::size_t taken = fill();
  const std::uint32_t unsent = info_of(net.client, client).tcpi_notsent_bytes;
  EXPECT_GE(unsent, 7'000U);
  EXPECT_LE(unsent, 9'000U);
  EXPECT_LT(taken, 100'000U);
  EXPECT_EQ(net.client.events(client) & POLLOUT, 0U);
  net.pair.world.set_parameters({net.pair.client}, delay_of(10ms));
  net.run_for(3s);
  EXPECT_NE(net.client.events(client) & POLLOUT, 0U);
}

TEST_F(PosixTcpOptions, DeferAcceptWaitsForData) {
  listener = net.server.listener(80, 16, SOCK_NONBLOCK);
  set_tcp(net.server, listener, TCP_DEFER_ACCEPT, 5);
  client = net.client.socket();
  EXPECT_EQ(net.client.connect(client, 2, 80), 0);
  net.run_for(500ms);
  EXPECT_EQ(net.server.accept(listener), -EAGAIN);
  EXPECT_EQ(net.client.send(client, "hello"), 5);
  net.run_for(100ms);
  server = net.server.accept(listener);
  ASSERT_GE(server, 0);
  EXPECT_EQ(net.server.receive(server), "hello");
}

TEST_F(PosixTcpOptions, DeferAcceptCanBeTakenBackFromAListener) {
  listener = net.server.listener(80, 16, SOCK_NONBLOCK);
  set_tcp(net.server, listener, TCP_DEFER_ACCEPT, 5);
  set_tcp(net.server, listener, TCP_DEFER_ACCEPT, 0);
  client = net.client.socket();
  EXPECT_EQ(net.client.connect(client, 2, 80), 0);
  net.run_for(100ms);
  EXPECT_GE(net.server.accept(listener), 0);
}

TEST_F(PosixTcpOptions, SyncntLimitsHowOftenAServerIsAsked) {
  client = net.client.socket();
  set_tcp(net.client, client, TCP_SYNCNT, 2);
  cut(net.pair.client);
  const Instant before = net.pair.world.now();
  EXPECT_EQ(net.client.connect(client, 2, 80), -ETIMEDOUT);
  EXPECT_EQ(log.with(true, TcpFlags::kSyn).size(), 3U);
  EXPECT_GE(net.pair.world.now() - before, 7s);
  EXPECT_LE(net.pair.world.now() - before, 8s);
}

TEST_F(PosixTcpOptions, Linger2LimitsHowLongAClosedSocketWaits) {
  for (const bool is_negative : {false, true}) {
    open();
    set_tcp(net.client, client, TCP_LINGER2, is_negative ? -1 : 3);
    log.clear();
    EXPECT_EQ(net.client.sockets().close(client), 0);
    net.run_for(1s);
    EXPECT_EQ(log.with(true, TcpFlags::kRst).empty(), !is_negative);
    net.run_for(4s);
    // What comes later finds nobody.
    log.clear();
    EXPECT_EQ(net.server.send(server, "late"), is_negative ? -EPIPE : 4);
    net.run_for(1s);
    EXPECT_EQ(log.with(true, TcpFlags::kRst).empty(), is_negative);
    EXPECT_EQ(net.server.sockets().close(server), 0);
  }
}

TEST_F(PosixTcpOptions, TosTtlAndDontFragmentAreInEachSegment) {
  covers({"MUST-48", "MUST-49"});
  open([&](int fd) {
    EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_TOS, 0x68), 0);
    EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_TTL, 7), 0);
    EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT), 0);
  });
  for (const LoggedSegment& segment : log.all()) {
    if (segment.is_clients) {
      EXPECT_EQ(segment.ip.traffic_class & 0xfc, 0x68);
      EXPECT_EQ(segment.ip.ttl, 7);
      EXPECT_FALSE(segment.ip.dont_fragment);
    } else {
      EXPECT_TRUE(segment.ip.dont_fragment);
    }
  }
  EXPECT_EQ(net.client.set(client, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO), 0);
  log.clear();
  EXPECT_EQ(net.client.send(client, "x"), 1);
  net.run_for(50ms);
  EXPECT_TRUE(log.data_of(true).at(0).ip.dont_fragment);
}

TEST_F(PosixTcpOptions, TheMtuIsAPathsAndReadOnly) {
  const int fd = net.client.socket();
  EXPECT_EQ(net.client.get(fd, IPPROTO_IP, IP_MTU), -ENOTCONN);
  EXPECT_EQ(net.client.set(fd, IPPROTO_IP, IP_MTU, 1'000), -ENOPROTOOPT);
  open();
  EXPECT_EQ(net.client.get(client, IPPROTO_IP, IP_MTU), 1'500);
  EXPECT_EQ(net.server.get(listener, IPPROTO_IP, IP_MTU), -ENOTCONN);
}

TEST_F(PosixTcpOptions, InqTellsWhatIsLeft) {
  open();
  set_tcp(net.server, server, TCP_INQ, 1);
  EXPECT_EQ(net.client.send(client, "abcdef"), 6);
  net.run_for(50ms);
  struct {
    int unread = -1;
    int flags = 0;
    std::size_t length = 0;
  } got;
  const auto receive = [&](std::size_t bytes, std::size_t control_bytes) {
    std::array<char, 16> data{};
    iovec part{.iov_base = data.data(), .iov_len = bytes};
    alignas(cmsghdr) std::array<char, 64> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control_bytes;
    const ssize_t result = net.server.sockets().receive_message(server, &message, 0);
    got = {};
    got.flags = message.msg_flags;
    got.length = message.msg_controllen;
    if (const cmsghdr* const found = CMSG_FIRSTHDR(&message);
        found != nullptr && found->cmsg_len == CMSG_LEN(sizeof(int))) {
      EXPECT_EQ(found->cmsg_level, IPPROTO_TCP);
      EXPECT_EQ(found->cmsg_type, TCP_CM_INQ);
      std::memcpy(&got.unread, CMSG_DATA(found), sizeof(got.unread));
    }
    return result;
  };
  EXPECT_EQ(receive(4, CMSG_SPACE(sizeof(int))), 4);
  EXPECT_EQ(got.unread, 2);
  EXPECT_EQ(got.flags, 0);
  EXPECT_EQ(got.length, CMSG_SPACE(sizeof(int)));
  EXPECT_EQ(receive(1, sizeof(cmsghdr)), 1);  // Cut short.
  EXPECT_EQ(got.flags, MSG_CTRUNC);
  EXPECT_EQ(receive(1, 0), 1);  // No room at all.
  EXPECT_EQ(got.flags, MSG_CTRUNC);
  // The peer's end is worth another look.
  EXPECT_EQ(net.client.send(client, "g"), 1);
  EXPECT_EQ(net.client.sockets().shutdown(client, SHUT_WR), 0);
  net.run_for(50ms);
  EXPECT_EQ(receive(1, 64), 1);
  EXPECT_EQ(got.unread, 1);
  set_tcp(net.server, server, TCP_INQ, 0);
  EXPECT_EQ(receive(1, 64), 0);
  EXPECT_EQ(got.length, 0U);
}

TEST_F(PosixTcpOptions, CcInfoOfCubicIsEmpty) {
  const int fd = net.client.socket();
  std::array<char, 16> room{};
  socklen_t length = room.size();
  EXPECT_EQ(net.client.sockets().getsockopt(fd, IPPROTO_TCP, TCP_CC_INFO, room.data(), &length), 0);
  EXPECT_EQ(length, 0U);
  EXPECT_EQ(net.client.set(fd, IPPROTO_TCP, TCP_CC_INFO, 1), -ENOPROTOOPT);
  EXPECT_EQ(net.client.set(fd, IPPROTO_TCP, TCP_INFO, 1), -ENOPROTOOPT);
}

TEST_F(PosixTcpOptions, MemoryIsToldAsItIs) {
  open();
  EXPECT_EQ(net.client.set(client, SOL_SOCKET, SO_SNDBUF, 50'000), 0);
  cut(net.pair.client);
  EXPECT_EQ(net.client.send(client, std::string(5'000, 'x')), 5'000);
  std::array<std::uint32_t, 9> numbers{};
  socklen_t length = sizeof(numbers);
  constexpr int kMeminfo = 55;
  EXPECT_EQ(net.client.sockets().getsockopt(client, SOL_SOCKET, kMeminfo, numbers.data(), &length),
            0);
  EXPECT_EQ(length, sizeof(numbers));
  EXPECT_EQ(numbers[0], 0U);        // Nothing received.
  EXPECT_EQ(numbers[1], 131'072U);  // The receive buffer.
  EXPECT_EQ(numbers[3], 100'000U);  // The send buffer.
  EXPECT_GE(numbers[5], 5'000U);    // What is queued.
  EXPECT_LE(numbers[5], 20'000U);
  EXPECT_EQ(net.client.set(client, SOL_SOCKET, kMeminfo, 1), -ENOPROTOOPT);
}

}  // namespace
}  // namespace millrace::test
