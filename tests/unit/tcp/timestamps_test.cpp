// One side's timestamps: values, echoes, age and round trips, on every part of the circle.
#include "tcp/timestamps.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using test::covers;

constexpr Instant kStart{std::chrono::hours{1}};
constexpr SeqNum kAcked{1'000};

/// On, with the peer's value given.
Timestamps agreed(std::uint32_t theirs) {
  Timestamps timestamps;
  timestamps.offer();
  timestamps.on_peer_syn(wire::TcpTimestamps{.value = theirs, .echo = 0}, kStart);
  timestamps.on_ack_sent(kAcked);
  return timestamps;
}

TEST(Timestamps, AreOnIfBothOfferThem) {
  covers({"RFC 7323 §3.2"});
  constexpr wire::TcpTimestamps kTheirs{.value = 5, .echo = 0};
  Timestamps neither;
  neither.on_peer_syn(kTheirs, kStart);
  EXPECT_FALSE(neither.is_on());
  EXPECT_EQ(neither.stamp(kStart), std::nullopt);
  Timestamps ours;
  ours.offer();
  EXPECT_FALSE(ours.is_on());
  EXPECT_EQ(ours.stamp(kStart)->echo, 0U);
  ours.on_peer_syn(std::nullopt, kStart);
  EXPECT_FALSE(ours.is_on());
  EXPECT_EQ(ours.stamp(kStart), std::nullopt);
  EXPECT_TRUE(agreed(5).is_on());
  EXPECT_EQ(agreed(5).stamp(kStart)->echo, 5U);
}

TEST(Timestamps, TickOnceAMillisecondFromTheirOffset) {
  covers({"RFC 7323 §5.4", "RFC 7323 §7.1"});
  Timestamps timestamps;
  timestamps.set_offset(0xffff'0000);
  timestamps.offer();
  const std::uint32_t first = timestamps.stamp(kStart)->value;
  EXPECT_EQ(first, timestamp_clock(kStart) + 0xffff'0000);
  EXPECT_EQ(timestamps.stamp(kStart + 1ms - 1ns)->value, first);
  EXPECT_EQ(timestamps.stamp(kStart + 1ms)->value, first + 1);
  EXPECT_EQ(timestamps.stamp(kStart + 1h)->value, first + 3'600'000);
}

TEST(Timestamps, OldIsWhatLiesInTheHalfCircleBefore) {
  covers({"RFC 7323 §5.3"});
  for (const std::uint32_t recent : {1'000U, 1U, 0xffff'ffffU, 0x8000'0000U, 0x7fff'ffffU}) {
    const Timestamps timestamps = agreed(recent);
    EXPECT_FALSE(timestamps.is_old(recent, kStart));
    EXPECT_FALSE(timestamps.is_old(recent + 1, kStart));
    EXPECT_FALSE(timestamps.is_old(recent + 0x7fff'ffff, kStart));
    EXPECT_TRUE(timestamps.is_old(recent - 1, kStart));
    EXPECT_TRUE(timestamps.is_old(recent - 0x7fff'ffff, kStart));
  }
}

TEST(Timestamps, NothingIsOldAgainstZeroOrAfter24Days) {
  covers({"RFC 7323 §5.5"});
  EXPECT_FALSE(agreed(0).is_old(0xf000'0000, kStart));
  constexpr auto kDays = std::chrono::hours{24 * 24};
  EXPECT_TRUE(agreed(1'000).is_old(999, kStart + kDays - 1s));
  EXPECT_FALSE(agreed(1'000).is_old(999, kStart + kDays));
}

TEST(Timestamps, OnlyASegmentAtOrBeforeTheLastAckIsEchoed) {
  covers({"RFC 7323 §4.3"});
  struct Case {
    std::uint32_t seq;
    std::uint32_t value;
    bool is_noted;
  };
  constexpr Case kCases[] = {{1'000, 60, true},
                             {999, 60, true},
                             {1'001, 60, false},
                             {1'000, 50, true},
                             {1'000, 49, false}};
  for (const Case& c : kCases) {
    for (const std::uint32_t base : {0U, 0xffff'fc18U, 0x7fff'fc18U}) {
      Timestamps timestamps = agreed(50);
      timestamps.on_ack_sent(SeqNum{base} + 1'000);
      timestamps.on_segment(SeqNum{base} + c.seq, {.value = c.value, .echo = 0}, kStart);
      EXPECT_EQ(timestamps.ts_recent(), c.is_noted ? c.value : 50U) << c.seq << ' ' << c.value;
    }
  }
}

TEST(Timestamps, RoundTripIsTheAgeOfTheEcho) {
  covers({"RFC 7323 §4.1"});
  for (const std::uint32_t offset : {0U, 0U - timestamp_clock(kStart) - 5U, 77U}) {
    Timestamps timestamps;
    timestamps.set_offset(offset);
    timestamps.offer();
    const std::uint32_t sent = timestamps.stamp(kStart)->value;
    EXPECT_EQ(timestamps.round_trip({.value = 0, .echo = sent}, kStart + 80ms), 80ms);
    EXPECT_EQ(timestamps.round_trip({.value = 0, .echo = sent}, kStart), 1ms) << "never nothing";
    EXPECT_EQ(timestamps.round_trip({.value = 0, .echo = sent + 1}, kStart), std::nullopt);
    EXPECT_EQ(timestamps.round_trip({.value = 0, .echo = 0}, kStart + 80ms), std::nullopt);
  }
}

TEST(Timestamps, AnswerToASynEchoesWhatLeftSince) {
  covers({"RFC 7323 §3.2"});
  Timestamps timestamps;
  timestamps.set_offset(0U - timestamp_clock(kStart) - 3U);  // Wraps around meanwhile.
  const auto is_echo = [&](std::uint32_t echo) {
    return timestamps.is_echo_of_syn({.value = 1, .echo = echo}, kStart, kStart + 100ms);
  };
  EXPECT_TRUE(is_echo(5'000)) << "not offered, so it means nothing";
  timestamps.offer();
  const std::uint32_t first = timestamps.stamp(kStart)->value;
  EXPECT_TRUE(is_echo(first));
  EXPECT_TRUE(is_echo(first + 100));
  EXPECT_TRUE(is_echo(0));
  EXPECT_FALSE(is_echo(first - 1));
  EXPECT_FALSE(is_echo(first + 101));
}

}  // namespace

}  // namespace millrace::tcp
