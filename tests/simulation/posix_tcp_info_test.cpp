// TCP_INFO: the layout of Linux's structure, what its fields say in each phase of a connection, and
// TCP Fast Open, which it tells of.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "posix/kernel_tcp_info.hpp"
#include "simulation/posix_pair.hpp"
#include "simulation/segment_log.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

using wire::TcpFlags;

constexpr std::uint8_t kEstablished = 1;
constexpr std::uint8_t kClosed = 7;
constexpr std::uint8_t kListening = 10;

struct PosixTcpInfo : testing::Test {
  tcp_info info_of(PosixHost& host, int fd) {
    tcp_info info{};
    socklen_t length = sizeof(info);
    EXPECT_EQ(host.sockets().getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info;
  }
  /// One of the client's, that has the server's cookie and may open with data.
  int fast_socket(int flags = 0) {
    const int fd = net.client.socket(flags);
    EXPECT_EQ(net.client.set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1), 0);
    return fd;
  }
  /// A listener that lets clients in early, and a client that has asked for its cookie.
  void exchange_cookie() {
    listener = net.server.socket(SOCK_NONBLOCK);
    EXPECT_EQ(net.server.set(listener, IPPROTO_TCP, TCP_FASTOPEN, 5), 0);
    EXPECT_EQ(net.server.bind(listener, 0, 80), 0);
    EXPECT_EQ(net.server.sockets().listen(listener, 16), 0);
    const int fd = fast_socket();
    EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
    EXPECT_EQ(net.client.sockets().close(fd), 0);
    net.run_for(100ms);
    const int accepted = net.server.accept(listener);
    EXPECT_GE(accepted, 0);
    EXPECT_EQ(net.server.sockets().close(accepted), 0);
    net.run_for(1s);
    log.clear();
  }
  ssize_t send_to(int fd, std::string text, int flags) {
    const sockaddr_in address = socket_address(2, 80);
    const iovec part{.iov_base = text.data(), .iov_len = text.size()};
    return net.client.sockets().send_opening(
        fd, &part, 1, flags,
        {.address = static_cast<const sockaddr*>(static_cast<const void*>(&address)),
         .length = sizeof(address)});
  }

  PosixPair net;
  SegmentLog log{net.pair};
  int listener = -1;
};

TEST_F(PosixTcpInfo, IsCutToTheRoomThereIs) {
  const int fd = net.client.socket();
  std::array<unsigned char, 400> room{};
  room.fill(0xee);
  socklen_t length = 5;
  EXPECT_EQ(net.client.sockets().getsockopt(fd, IPPROTO_TCP, TCP_INFO, room.data(), &length), 0);
  EXPECT_EQ(length, 5U);
  EXPECT_EQ(room[0], kClosed);
  EXPECT_EQ(room[5], 0xee);
  length = room.size();
  EXPECT_EQ(net.client.sockets().getsockopt(fd, IPPROTO_TCP, TCP_INFO, room.data(), &length), 0);
  EXPECT_EQ(length, posix::kKernelTcpInfoSize);
  EXPECT_EQ(room[posix::kKernelTcpInfoSize], 0xee);
}

TEST_F(PosixTcpInfo, OfASocketWithoutConnectionIsWhatItBeginsWith) {
  const int fd = net.client.socket();
  const tcp_info fresh = info_of(net.client, fd);
  EXPECT_EQ(fresh.tcpi_state, kClosed);
  EXPECT_EQ(fresh.tcpi_snd_mss, 536U);
  EXPECT_EQ(fresh.tcpi_rto, 1'000'000U);
  EXPECT_EQ(fresh.tcpi_snd_cwnd, 10U);
  EXPECT_EQ(fresh.tcpi_snd_ssthresh, 0x7fffffffU);
  listener = net.server.listener(80, 3);
  const int one = net.client.socket();
  EXPECT_EQ(net.client.connect(one, 2, 80), 0);
  net.run_for(100ms);
  const tcp_info listening = info_of(net.server, listener);
  EXPECT_EQ(listening.tcpi_state, kListening);
  EXPECT_EQ(listening.tcpi_unacked, 1U);  // Who waits.
  EXPECT_EQ(listening.tcpi_sacked, 3U);   // How many may.
}

TEST_F(PosixTcpInfo, TellsWhatTheConnectionDoes) {
  listener = net.server.listener(80);
  const auto ends = net.connect(listener, 80, O_NONBLOCK);
  EXPECT_EQ(net.client.send(ends.client, std::string(3'000, 'x')), 3'000);
  net.run_for(200ms);
  EXPECT_EQ(net.server.receive(ends.server, 4'096).size(), 3'000U);
  net.run_for(1s);
  const tcp_info info = info_of(net.client, ends.client);
  EXPECT_EQ(info.tcpi_state, kEstablished);
  EXPECT_EQ(info.tcpi_ca_state, 0);
  EXPECT_EQ(info.tcpi_options, TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
  EXPECT_EQ(info.tcpi_snd_wscale, log.with(false, TcpFlags::kSyn).at(0).options.window_scale);
  EXPECT_EQ(info.tcpi_rcv_wscale, log.with(true, TcpFlags::kSyn).at(0).options.window_scale);
  EXPECT_EQ(info.tcpi_snd_mss, 1'448U);
  EXPECT_EQ(info.tcpi_advmss, 1'460U);
  EXPECT_EQ(info.tcpi_pmtu, 1'500U);
  EXPECT_EQ(info.tcpi_unacked, 0U);
  EXPECT_EQ(info.tcpi_bytes_sent, 3'000U);
  EXPECT_EQ(info.tcpi_bytes_acked, 3'001U);  // As Linux: with the SYN.
  EXPECT_EQ(info.tcpi_data_segs_out, 3U);
  EXPECT_EQ(info.tcpi_total_retrans, 0U);
  EXPECT_GE(info.tcpi_rtt, 20'000U);
  EXPECT_LE(info.tcpi_rtt, 65'000U);
  EXPECT_GE(info.tcpi_min_rtt, 20'000U);
  EXPECT_GE(info.tcpi_rto, 200'000U);
  EXPECT_GE(info.tcpi_snd_cwnd, 10U);
  EXPECT_GE(info.tcpi_last_data_sent, 1'000U);
  EXPECT_LE(info.tcpi_last_data_sent, 1'300U);
  EXPECT_EQ(info.tcpi_pacing_rate, ~std::uint64_t{0});
  const tcp_info theirs = info_of(net.server, ends.server);
  EXPECT_EQ(theirs.tcpi_bytes_received, 3'000U);
  EXPECT_EQ(theirs.tcpi_data_segs_in, 3U);
  EXPECT_EQ(theirs.tcpi_segs_in, info.tcpi_segs_out);
}

TEST_F(PosixTcpInfo, TellsTheReceiveWindowBehindOlderFields) {
  listener = net.server.listener(80);
  const auto ends = net.connect(listener, 80);
  EXPECT_EQ(net.client.send(ends.client, "x"), 1);
  net.run_for(200ms);
  std::array<std::byte, posix::kKernelTcpInfoSize> bytes{};
  socklen_t length = bytes.size();
  EXPECT_EQ(
      net.client.sockets().getsockopt(ends.client, IPPROTO_TCP, TCP_INFO, bytes.data(), &length),
      0);
  std::uint32_t receive_window = 0;
  std::memcpy(&receive_window, bytes.data() + 232, sizeof(receive_window));
  const LoggedSegment last = log.with(true, TcpFlags::kAck).back();
  const auto shift = log.with(true, TcpFlags::kSyn).at(0).options.window_scale.value_or(0);
  EXPECT_EQ(receive_window, std::uint32_t{last.tcp.window} << shift);
}

TEST_F(PosixTcpInfo, CountsWhatIsSentAgain) {
  listener = net.server.listener(80);
  const auto ends = net.connect(listener, 80, O_NONBLOCK);
  sim::LinkParameters lossy = delay_of(10ms);
  lossy.loss_ppm = 1'000'000;
  net.pair.world.set_parameters({net.pair.client}, lossy);
  EXPECT_EQ(net.client.send(ends.client, "lost"), 4);
  net.run_for(1s);
  const tcp_info info = info_of(net.client, ends.client);
  EXPECT_EQ(info.tcpi_unacked, 1U);
  EXPECT_GE(info.tcpi_total_retrans, 1U);
  EXPECT_EQ(info.tcpi_retransmits, info.tcpi_backoff);
  EXPECT_GE(info.tcpi_backoff, 1);
  EXPECT_EQ(info.tcpi_bytes_retrans, 4U * info.tcpi_total_retrans);
  EXPECT_EQ(info.tcpi_ca_state, 4);  // TCP_CA_Loss.
}

TEST_F(PosixTcpInfo, FastopenConnectSendsTheFirstWriteWithItsSyn) {
  covers({"RFC 7413 §4.2.1"});
  exchange_cookie();
  const int fd = fast_socket();
  const Instant before = net.pair.world.now();
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
  EXPECT_EQ(net.pair.world.now(), before);
  EXPECT_TRUE(log.all().empty());
  EXPECT_EQ(net.client.connect(fd, 2, 80), -EISCONN);
  EXPECT_EQ(net.client.events(fd), unsigned{POLLOUT});
  EXPECT_EQ(net.client.sockets().fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(net.client.send(fd, "hello"), 5);
  net.run_for(11ms);
  ASSERT_FALSE(log.all().empty());
  EXPECT_TRUE(log.all()[0].tcp.flags.syn());
  EXPECT_EQ(log.all()[0].payload_bytes, 5U);
  const int accepted = net.server.accept(listener);  // Before the handshake is over.
  ASSERT_GE(accepted, 0);
  EXPECT_EQ(net.server.receive(accepted), "hello");
  net.run_for(100ms);
  EXPECT_EQ(info_of(net.client, fd).tcpi_state, kEstablished);
  EXPECT_NE(info_of(net.client, fd).tcpi_options & TCPI_OPT_SYN_DATA, 0);
  EXPECT_EQ(net.client.send(fd, "more"), 4);
  EXPECT_EQ(net.server.receive(accepted), "more");
}

TEST_F(PosixTcpInfo, FastopenConnectWithoutCookieConnectsAndAsksForOne) {
  listener = net.server.listener(80);
  const int fd = fast_socket();
  const Instant before = net.pair.world.now();
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
  EXPECT_GE(net.pair.world.now() - before, 20ms);
  const LoggedSegment syn = log.with(true, TcpFlags::kSyn).at(0);
  ASSERT_TRUE(syn.options.fast_open);
  EXPECT_TRUE(syn.options.fast_open->empty());
}

TEST_F(PosixTcpInfo, FastopenConnectIsOverWhenItIsClosedBeforeAWrite) {
  exchange_cookie();
  const int fd = fast_socket();
  EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
  EXPECT_EQ(net.client.sockets().close(fd), 0);
  net.run_for(100ms);
  EXPECT_TRUE(log.all().empty());
}

TEST_F(PosixTcpInfo, MsgFastopenOpensByWriting) {
  covers({"RFC 7413 §4.2.1"});
  exchange_cookie();
  const int fd = net.client.socket(SOCK_NONBLOCK);
  EXPECT_EQ(send_to(fd, "hello", MSG_FASTOPEN), 5);
  EXPECT_EQ(send_to(fd, "again", MSG_FASTOPEN), -EALREADY);
  net.run_for(100ms);
  EXPECT_EQ(log.all().at(0).payload_bytes, 5U);
  EXPECT_EQ(send_to(fd, "again", MSG_FASTOPEN), 5);
  EXPECT_EQ(send_to(fd, "never", MSG_FASTOPEN), -EISCONN);
  const int accepted = net.server.accept(listener);
  ASSERT_GE(accepted, 0);
  net.run_for(100ms);
  EXPECT_EQ(net.server.receive(accepted), "helloagain");
}

TEST_F(PosixTcpInfo, MsgFastopenWithoutCookieTakesNothingUnlessItMayWait) {
  listener = net.server.listener(80, 16, SOCK_NONBLOCK);
  const int fd = net.client.socket(SOCK_NONBLOCK);
  EXPECT_EQ(send_to(fd, "hello", MSG_FASTOPEN), -EINPROGRESS);
  net.run_for(100ms);
  EXPECT_EQ(net.client.send(fd, "later"), 5);
  const int accepted = net.server.accept(listener);
  EXPECT_EQ(net.server.receive(accepted), "later");
  const int blocking = net.client.socket();
  const std::string long_text(20'000, 'x');
  EXPECT_EQ(send_to(blocking, long_text, MSG_FASTOPEN), 20'000);
  net.run_for(100ms);
  const int other = net.server.accept(listener);
  ASSERT_GE(other, 0);
  EXPECT_EQ(net.server.receive(other, 20'000, MSG_WAITALL), long_text);
}

TEST_F(PosixTcpInfo, SendfileAndSpliceOpenAConnectionThatWaitsForData) {
  exchange_cookie();
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::fputs("file", file);
  std::fflush(file);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(::write(pipe[1], "pipe", 4), 4);
  for (const char* const text : {"file", "pipe"}) {
    for (const int flags : {int{SOCK_NONBLOCK}, 0}) {
      SCOPED_TRACE(std::string{text} + (flags == 0 ? "" : ", may not block"));
      const int fd = fast_socket(flags);
      EXPECT_EQ(net.client.connect(fd, 2, 80), 0);
      off_t offset = 0;
      const auto move = [&] {
        return text == std::string_view{"file"}
                   ? net.client.sockets().sendfile(fd, ::fileno(file), &offset, 4)
                   : net.client.sockets().splice(pipe[0], nullptr, fd, nullptr, 4, 0);
      };
      ssize_t moved = move();
      if (moved == -EAGAIN) {
        EXPECT_NE(flags, 0);
        pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
        EXPECT_EQ(net.client.sockets().poll(&entry, 1, 1'000), 1);
        moved = move();
      }
      EXPECT_EQ(moved, 4);
      net.run_for(100ms);
      const int accepted = net.server.accept(listener);
      ASSERT_GE(accepted, 0);
      EXPECT_EQ(net.server.receive(accepted), text);
      EXPECT_EQ(::write(pipe[1], "pipe", 4), 4);
    }
  }
  std::fclose(file);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(PosixTcpInfo, MsgFastopenTellsWhyItCannot) {
  const int fd = net.client.socket();
  EXPECT_EQ(net.client.send(fd, "x", MSG_FASTOPEN), -EINVAL);  // Where to?
  EXPECT_EQ(send_to(fd, "x", MSG_FASTOPEN), -ECONNREFUSED);
  listener = net.client.listener(81);
  EXPECT_EQ(send_to(listener, "x", MSG_FASTOPEN), -EISCONN);
  EXPECT_EQ(send_to(12'345, "x", MSG_FASTOPEN), -EBADF);
}

}  // namespace
}  // namespace millrace::test
