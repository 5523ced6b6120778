// A core's sockets as pages: each once, bounded in records and in places looked at.
#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "stack/stack_host.hpp"

namespace millrace::stack {
namespace {

class TcpListTest : public StackHost {
 protected:
  /// All pages, and how many there were.
  std::vector<SocketRecord> list(const PageLimits& limits = {}) {
    std::vector<SocketRecord> all;
    SocketCursor next;
    for (pages = 0; next.table() != SocketCursor::Table::Done && pages < 10'000; ++pages) {
      const SocketPage page = stack->list(now, next, limits);
      EXPECT_LE(page.records.size(), limits.records);
      EXPECT_NE(page.next.number(), next.number()) << "no progress";
      all.insert(all.end(), page.records.begin(), page.records.end());
      // As whoever asks from outside hands it back.
      next = SocketCursor{page.next.number()};
    }
    return all;
  }
  static std::map<TcpState, unsigned> count(const std::vector<SocketRecord>& records) {
    std::map<TcpState, unsigned> states;
    for (const SocketRecord& record : records) {
      ++states[record.state];
    }
    return states;
  }

  Recorder recorder;
  unsigned pages = 0;
};

TEST_F(TcpListTest, NothingIsAnEmptyPage) {
  start();
  EXPECT_TRUE(list().empty());
  EXPECT_LE(pages, 4U);
}

TEST_F(TcpListTest, HasEveryStateOnce) {
  start();
  const auto listener = tcp().listen({.port = kServerPort, .backlog = 17}, recorder).value();
  static_cast<void>(open_and_time_wait(40'000, recorder));
  const Peer established = open(40'001);
  static_cast<void>(half_open(40'002));
  ASSERT_TRUE(tcp().connect(now, {.address = kPeer, .port = Port{9}}, recorder, {}));
  turn();
  receive(segment_of(established, kAck, "unread"));
  ASSERT_TRUE(recorder.sockets.back().send("not acknowledged"));
  turn();
  tcp().find_listener(listener)->pause();
  sent.clear();
  static_cast<void>(open(40'003));
  sent.clear();

  const auto records = list();
  const std::map<TcpState, unsigned> expected{{TcpState::Listen, 1},
                                              {TcpState::SynSent, 1},
                                              {TcpState::SynReceived, 1},
                                              {TcpState::Established, 2},
                                              {TcpState::TimeWait, 1}};
  EXPECT_EQ(count(records), expected);
  for (const SocketRecord& record : records) {
    EXPECT_EQ(record.tuple.local.port == kServerPort, record.state != TcpState::SynSent);
    if (record.state == TcpState::Listen) {
      EXPECT_TRUE(record.tuple.local.address.is_unspecified());
      EXPECT_EQ(record.receive_queue, 1U);
      EXPECT_EQ(record.send_queue, 17U);
    } else if (record.state == TcpState::TimeWait) {
      EXPECT_EQ(record.tuple.remote.port, Port{40'000});
      EXPECT_EQ(record.timer, tcp::TimerKind::TimeWait);
      EXPECT_EQ(record.timer_left, 2 * config.tcp.msl);
    } else if (record.tuple.remote.port == Port{40'001}) {
      EXPECT_EQ(record.receive_queue, 6U);
      EXPECT_EQ(record.send_queue, 16U);
      EXPECT_EQ(record.timer, tcp::TimerKind::Retransmission);
      EXPECT_FALSE(record.has_info);
    } else if (record.state == TcpState::SynSent) {
      EXPECT_EQ(record.timer, tcp::TimerKind::Retransmission);
      EXPECT_EQ(record.timer_left, 1s);
    }
  }
}

TEST_F(TcpListTest, PagesHoldEachSocketOnce) {
  start();
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder));
  for (std::uint16_t i = 0; i < 60; ++i) {
    static_cast<void>(open(static_cast<std::uint16_t>(40'000 + i)));
  }
  // Holes between those that stay.
  for (std::size_t i = 0; i < recorder.sockets.size(); i += 3) {
    ASSERT_TRUE(recorder.sockets[i].abort());
  }
  turn();
  sent.clear();
  for (const std::uint32_t records : {1U, 7U, 32U}) {
    for (const std::uint32_t places : {1U, 5U, 4'096U}) {
      std::vector<std::uint16_t> ports;
      for (const SocketRecord& record : list({.records = records, .places = places})) {
        ports.push_back(record.tuple.remote.port.number());
      }
      std::ranges::sort(ports);
      EXPECT_EQ(ports.size(), 41U);
      EXPECT_EQ(std::ranges::adjacent_find(ports), ports.end());
    }
  }
}

TEST_F(TcpListTest, GoesOnWhileConnectionsComeAndGo) {
  start();
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder));
  for (std::uint16_t i = 0; i < 30; ++i) {
    static_cast<void>(open(static_cast<std::uint16_t>(40'000 + i)));
  }
  const auto sockets = recorder.sockets;
  const SocketPage first = stack->list(now, {}, {.records = 11});
  for (std::size_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(sockets[i].abort());
  }
  turn();
  sent.clear();
  static_cast<void>(open(41'000));
  const SocketPage second = stack->list(now, first.next, {.records = 32});
  std::vector<std::uint16_t> ports;
  for (const SocketRecord& record : second.records) {
    ports.push_back(record.tuple.remote.port.number());
  }
  for (std::uint16_t port = 40'020; port < 40'030; ++port) {
    EXPECT_TRUE(std::ranges::count(ports, port) == 1) << port;
  }
}

TEST_F(TcpListTest, InfoComesWhenAskedFor) {
  start();
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder));
  static_cast<void>(open(40'000));
  for (const SocketRecord& record : list({.with_info = true})) {
    EXPECT_EQ(record.has_info, record.state != TcpState::Listen);
    if (record.has_info) {
      EXPECT_EQ(record.info.segments_in, 2U);
      EXPECT_EQ(record.info.state, TcpState::Established);
    }
  }
}

TEST_F(TcpListTest, TimeThatIsUpIsNotNegative) {
  start();
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder));
  static_cast<void>(open_and_time_wait(40'000, recorder));
  // The core was busy for longer.
  now += 2 * config.tcp.msl + 1s;
  unsigned found = 0;
  for (const SocketRecord& record : list()) {
    if (record.state == TcpState::TimeWait) {
      EXPECT_EQ(record.timer_left, Duration::zero());
      ++found;
    }
  }
  EXPECT_EQ(found, 1U);
}

TEST_F(TcpListTest, CursorsFromOutsideAreHarmless) {
  start();
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder));
  static_cast<void>(open(40'000));
  for (const std::uint64_t number :
       {std::uint64_t{1} << 31U, ~std::uint64_t{0}, std::uint64_t{4} << 32U,
        (std::uint64_t{1} << 32U) | 0xffff'ffffU, (std::uint64_t{2} << 32U) | 12'345U}) {
    const SocketPage page = stack->list(now, SocketCursor{number}, {});
    EXPECT_LE(page.records.size(), 2U);
    EXPECT_GE(page.next.table(), SocketCursor::Table::Udp);
  }
}

}  // namespace
}  // namespace millrace::stack
