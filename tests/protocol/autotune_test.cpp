// Buffers that grow: the receiver's with what the application reads in a round trip, the sender's
// with the congestion window; both within limits (RFC 9293 §3.8.6).
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;

constexpr std::uint32_t kKibi = 1'024;
constexpr std::uint32_t kAll = 1U << 30U;

class Autotune : public NumbersTest {
 protected:
  static void let_grow(TcpConfig& config) {
    config.receive_buffer_bytes = config.send_buffer_bytes = 1'024 * kKibi;
    config.receive_buffer_initial_bytes = 128 * kKibi;
    config.send_buffer_initial_bytes = 64 * kKibi;
  }
  static Start growing() {
    auto start = established().peer_scale(5).peer_window(1U << 20U);
    let_grow(start.config);
    return start;
  }
  /// A peer that sends what the window allows each 100 ms, but no more than `sends_max`, to an
  /// application that reads at once, but no more than `reads_max` in that time. The right edge must
  /// never move left. Returns the largest window seen.
  std::uint32_t stream(TcpScript& t, unsigned round_trips, std::uint32_t sends_max,
                       std::uint32_t reads_max) {
    std::uint32_t largest = 0;
    for (unsigned i = 0; i < round_trips; ++i) {
      const std::uint32_t window = t.connection().receive_sequence().rcv_wnd();
      const std::uint32_t end = sent_ + std::min(sends_max, window);
      std::uint32_t may_read = reads_max;
      while (sent_ < end) {
        const std::uint32_t bytes = std::min(end - sent_, 1'000U);
        t.peer_sends(data(sent_, bytes));
        sent_ += bytes;
        look_at_edge(t);
        read(t, may_read);
      }
      read(t, may_read);
      largest = std::max(largest, t.connection().receive_sequence().rcv_wnd());
      wait(t, 100ms);
    }
    return largest;
  }
  void read(TcpScript& t, std::uint32_t& may_read) {
    const std::uint32_t bytes = std::min(may_read, sent_ - 1 - read_);
    if (bytes > 0) {
      t.app_reads(bytes);
      read_ += bytes;
      may_read -= bytes;
      look_at_edge(t);
    }
  }
  void wait(TcpScript& t, Duration time) {
    const Duration end = t.now() + time;
    for (auto next = t.deadline(); next && *next <= end; next = t.deadline()) {
      t.at(*next);
      look_at_edge(t);
    }
    t.at(end);
  }
  void look_at_edge(TcpScript& t) {
    for (const Seg& seg : t.take_output()) {
      ASSERT_GE(*seg.ack + *seg.window, edge_);
      edge_ = *seg.ack + *seg.window;
    }
  }
  [[nodiscard]] static std::uint32_t sent_up_to(TcpScript& t) {
    return static_cast<std::uint32_t>(t.connection().send_sequence().snd_nxt -
                                      wire::SeqNum{GetParam().iss});
  }

  std::uint32_t sent_ = 1;
  std::uint32_t read_ = 0;
  std::uint32_t edge_ = 0;
};
INSTANTIATE_TEST_SUITE_P(From, Autotune, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Autotune, StartsWithTheInitialSize) {
  covers({"RFC 9293 §3.8.6"});
  TcpScript t{growing()};
  EXPECT_LE(t.connection().receive_sequence().rcv_wnd(), 65'536U);
  t.peer_sends(data(1, 1'000), data(1'001, 1'000)).expect(ack(2'001)).app_reads(2'000);
  EXPECT_LE(t.connection().receive_sequence().rcv_wnd(), 65'536U);
}

TEST_P(Autotune, GrowsWithAnApplicationThatReadsAll) {
  covers({"SHLD-14", "RFC 9293 §3.8.6"});
  TcpScript t{growing()};
  EXPECT_GT(stream(t, 6, kAll, kAll), 400 * kKibi);
}

TEST_P(Autotune, NeverGrowsBeyondItsLimit) {
  covers({"RFC 9293 §3.8.6"});
  TcpScript t{growing()};
  EXPECT_LE(stream(t, 8, kAll, kAll), 512 * kKibi + 32);
}

TEST_P(Autotune, DoesNotGrowForAnApplicationThatReadsLittle) {
  covers({"RFC 9293 §3.8.6"});
  TcpScript t{growing()};
  EXPECT_LE(stream(t, 30, kAll, 5'000), 65'536U);
}

TEST_P(Autotune, DoesNotGrowForAnApplicationThatReadsNothing) {
  covers({"MAY-8", "RFC 9293 §3.8.6"});
  TcpScript t{growing()};
  EXPECT_LE(stream(t, 30, kAll, 0), 65'536U);
}

TEST_P(Autotune, DoesNotGrowForASlowSender) {
  covers({"RFC 9293 §3.8.6"});
  TcpScript t{growing()};
  EXPECT_LE(stream(t, 50, 9'000, kAll), 65'536U);
}

TEST_P(Autotune, GrowsWithASenderThatIsNotHeldBackByTheWindow) {
  covers({"RFC 9293 §3.8.6"});
  TcpScript t{growing()};
  EXPECT_GT(stream(t, 20, 50'000, kAll), 90'000U);
}

TEST_P(Autotune, InitialSizeAtTheLimitMeansFixed) {
  covers({"RFC 9293 §3.8.6"});
  auto start = growing();
  start.config.receive_buffer_bytes = 128 * kKibi;
  TcpScript t{start};
  EXPECT_LE(stream(t, 8, kAll, kAll), 65'536U);
}

TEST_P(Autotune, TakesNoMoreThanTheCoreHasLeft) {
  covers({"RFC 9293 §3.8.6"});
  TcpScript t{growing().budget(400 * kKibi)};
  EXPECT_LE(stream(t, 8, kAll, kAll), 100 * kKibi + 32);
}

TEST_P(Autotune, PassiveSideGrowsToo) {
  covers({"RFC 9293 §3.8.6"});
  auto start = established_passively().peer_scale(5);
  let_grow(start.config);
  TcpScript t{start};
  EXPECT_GT(stream(t, 6, kAll, kAll), 400 * kKibi);
}

TEST_P(Autotune, WhatWasLearnedOutlivesSilence) {
  covers({"RFC 9293 §3.8.6"});
  TcpScript t{growing()};
  stream(t, 6, kAll, kAll);
  const std::uint32_t window = t.connection().receive_sequence().rcv_wnd();
  wait(t, 1h);
  stream(t, 2, 5'000, kAll);
  EXPECT_GE(t.connection().receive_sequence().rcv_wnd() + 10'000, window);
}

/// The handshake took a millisecond, data takes 100: a queue has built up since.
TEST_P(Autotune, TimestampsTellOfARoundTripThatHasGrown) {
  covers({"RFC 7323 §4", "RFC 9293 §3.8.6"});
  const auto window_after = [this](Start start) {
    let_grow(start.config);
    TcpScript t{start.peer_scale(5).rtt(1ms)};
    std::uint32_t sent = 1;
    // A thousand bytes a millisecond, each of which echoes what left 100 ms before.
    for (std::uint32_t ms = 0; ms < 1'000; ++ms) {
      t.at(t.now() + 1ms);
      static_cast<void>(t.take_output());
      Seg segment = data(sent, 1'000);
      if (start.stamps) {
        segment = segment.echo(ms < 100 ? 1 : ms - 99);
      }
      t.peer_sends(segment);
      static_cast<void>(t.take_output());
      t.app_reads(1'000);
      sent += 1'000;
    }
    static_cast<void>(t.take_output());
    return t.connection().receive_sequence().rcv_wnd();
  };
  EXPECT_LE(window_after(established()), 65'536U) << "a thousand bytes in each of the handshake's";
  EXPECT_GT(window_after(established().timestamps()), 200'000U) << "100,000 in each true one";
}

TEST_P(Autotune, SmallSegmentsMayHaveWaitedAndTellNothing) {
  covers({"RFC 7323 §4"});
  auto start = established().timestamps().peer_scale(5).rtt(20ms);
  let_grow(start.config);
  TcpScript t{start};
  const auto known = [&t] { return t.connection().receive_round_trip(); };
  t.peer_sends(data(1, 988).echo(0)).app_reads(988).at(40ms).expect(ack(989));
  t.at(3s).peer_sends(data(989, 100)).app_reads(100);
  EXPECT_EQ(known(), 20ms);
  t.peer_sends(data(1'089, 988).echo(100)).app_reads(988);
  EXPECT_GT(known(), 20ms);
  t.after(40ms).expect(ack(2'077));
}

TEST_P(Autotune, SilentPeriodsDoNotMakeItGrow) {
  covers({"RFC 9293 §3.8.6"});
  TcpScript t{growing()};
  for (unsigned i = 0; i < 10; ++i) {
    EXPECT_LE(stream(t, 3, 3'000, kAll), 65'536U);
    wait(t, 10s);
  }
}

TEST_P(Autotune, WhatTheApplicationMayQueueStartsSmall) {
  covers({"MAY-16", "RFC 9293 §3.9.1.2"});
  TcpScript t{growing()};
  const auto taken = t.app_tries_to_send(1'000'000);
  t.drain();
  static_cast<void>(t.take_output());
  EXPECT_GT(*taken, 16'000U);
  EXPECT_LE(*taken, 64 * kKibi);
}

TEST_P(Autotune, WhatTheApplicationMayQueueFollowsTheCongestionWindow) {
  covers({"MAY-16", "RFC 9293 §3.9.1.2"});
  TcpScript t{growing()};
  std::uint32_t most = 0;
  for (unsigned i = 0; i < 8; ++i) {
    static_cast<void>(t.app_tries_to_send(4'000'000));
    t.drain();
    most = std::max(most, t.connection().unacknowledged());
    ASSERT_GE(t.connection().unacknowledged(), std::min(t.cwnd(), 300U * kKibi));
    ASSERT_LE(t.connection().send_buffer().charge(), 1'024 * kKibi + 2'432);
    static_cast<void>(t.take_output());
    t.at(t.now() + 50ms);
    // One ACK for every second segment, as most peers have it.
    const std::uint32_t sent = sent_up_to(t);
    std::uint32_t acked = sent - t.connection().send_sequence().flight();
    while (acked < sent) {
      acked = std::min(acked + 2'000, sent);
      t.peer_sends(ack(acked));
      static_cast<void>(t.take_output());
    }
  }
  EXPECT_GT(most, 200U * kKibi);
}

TEST_P(Autotune, SendBufferOfInitialSizeAtTheLimitIsFixed) {
  covers({"RFC 9293 §3.9.1.2"});
  auto start = growing();
  start.config.send_buffer_bytes = 64 * kKibi;
  TcpScript t{start};
  for (unsigned i = 0; i < 5; ++i) {
    static_cast<void>(t.app_tries_to_send(4'000'000));
    t.drain();
    ASSERT_LE(t.connection().send_buffer().charge(), 64 * kKibi + 2'432);
    static_cast<void>(t.take_output());
    t.at(t.now() + 50ms).peer_sends(ack(sent_up_to(t)));
    static_cast<void>(t.take_output());
  }
}

TEST_P(Autotune, ApplicationHearsOfTheRoomThatGrowthMakes) {
  covers({"RFC 9293 §3.9.1.2"});
  TcpScript t{growing()};
  static_cast<void>(t.app_tries_to_send(1'000'000));
  t.drain();
  static_cast<void>(t.take_output());
  t.expect_events(0).at(100ms);
  // A third of the initial size would be free only behind 20,000 bytes.
  for (std::uint32_t acked = 2'001; acked <= 14'001; acked += 2'000) {
    t.peer_sends(ack(acked));
    static_cast<void>(t.take_output());
  }
  t.expect_events(Events::kWritable);
}

}  // namespace

}  // namespace millrace::test
