// ReceiveAutotune: what a round trip is without timestamps, and what makes the limit grow.
#include "tcp/receive_autotune.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kMss = 1'000;
constexpr std::uint32_t kMax = 1U << 20U;

/// A stream whose numbers wrap around, and so do the microseconds.
class ReceiveAutotuneTest : public ::testing::Test {
 protected:
  ReceiveAutotuneTest() { autotune.start(100'000, 10 * kMss); }

  /// Data up to `received`, of which `read` has been read; the window is open up to `edge`.
  void arrive(std::uint32_t received, std::uint32_t read, std::uint32_t edge) {
    autotune.on_data(now, base + received, base + read, base + edge, kMss, kMax);
  }

  ReceiveAutotune autotune;
  SeqNum base{0xffff'8000};
  Instant now{std::chrono::microseconds{0x1'0000'0000 - 50'000}};
};

TEST_F(ReceiveAutotuneTest, RoundTripIsFromAnEdgeToWhatLiesBeyondIt) {
  arrive(1'000, 0, 50'000);
  now += 30ms;
  arrive(50'000, 50'000, 100'000);
  EXPECT_EQ(autotune.round_trip_us(), 0U) << "up to the edge the peer may send unasked";
  now += 70ms;
  arrive(51'000, 51'000, 101'000);
  EXPECT_EQ(autotune.round_trip_us(), 100'000U);
}

TEST_F(ReceiveAutotuneTest, ShortestRoundTripCounts) {
  std::uint32_t position = 0;
  arrive(0, 0, 1'000);
  for (const Duration wait : {100ms, 300ms, 80ms, 90ms}) {
    now += wait;
    position += 5'000;
    arrive(position, position, position + 1'000);
  }
  EXPECT_EQ(autotune.round_trip_us(), 80'000U);
}

TEST_F(ReceiveAutotuneTest, HandshakeIsAFirstGuessThatASlowSenderDoesNotRaise) {
  autotune.on_handshake(40ms);
  EXPECT_EQ(autotune.round_trip_us(), 40'000U);
  arrive(0, 0, 1'000);
  now += 10s;
  arrive(2'000, 2'000, 3'000);
  EXPECT_EQ(autotune.round_trip_us(), 40'000U);
  now += 30ms;
  arrive(4'000, 4'000, 5'000);
  EXPECT_EQ(autotune.round_trip_us(), 30'000U);
}

TEST_F(ReceiveAutotuneTest, TimestampsTakeItsPlace) {
  arrive(0, 0, 1'000);
  now += 50ms;
  arrive(2'000, 2'000, 3'000);
  EXPECT_EQ(autotune.round_trip_us(), 50'000U);
  autotune.on_echo(1, 130ms);
  EXPECT_EQ(autotune.round_trip_us(), 60'000U);
  now += 10ms;
  arrive(9'000, 9'000, 10'000);
  EXPECT_EQ(autotune.round_trip_us(), 60'000U) << "the window is no measure any more";
}

TEST_F(ReceiveAutotuneTest, FirstTimestampCountsWhereNothingIsKnown) {
  autotune.on_echo(1, 80ms);
  EXPECT_EQ(autotune.round_trip_us(), 80'000U);
  autotune.on_echo(2, 160ms);
  EXPECT_EQ(autotune.round_trip_us(), 90'000U);
}

TEST_F(ReceiveAutotuneTest, EachEchoIsMeasuredOnce) {
  autotune.on_echo(1, 80ms);
  autotune.on_echo(1, 800ms);
  EXPECT_EQ(autotune.round_trip_us(), 80'000U);
}

TEST_F(ReceiveAutotuneTest, OneSampleAtMostDoublesIt) {
  autotune.on_handshake(10ms);
  autotune.on_echo(1, 1h);
  EXPECT_EQ(autotune.round_trip_us(), 18'750U);
  for (std::uint32_t i = 2; i < 60; ++i) {
    autotune.on_echo(i, 10ms);
  }
  EXPECT_LT(autotune.round_trip_us(), 10'100U);
}

TEST_F(ReceiveAutotuneTest, TimestampsDoNotTellWhatIsShorterThanTheirTick) {
  autotune.on_handshake(50us);
  autotune.on_echo(1, 1ms);
  EXPECT_EQ(autotune.round_trip_us(), 50U);
  arrive(0, 0, 1'000);
  now += 40us;
  arrive(2'000, 2'000, 3'000);
  EXPECT_EQ(autotune.round_trip_us(), 40U) << "the window still does";
  autotune.on_echo(2, 2ms);
  EXPECT_EQ(autotune.round_trip_us(), 75U);
  now += 30us;
  arrive(4'000, 4'000, 5'000);
  EXPECT_EQ(autotune.round_trip_us(), 30U);
}

TEST_F(ReceiveAutotuneTest, GrowsOnlyWhenMoreIsReadThanEverInARoundTrip) {
  autotune.on_echo(1, 100ms);
  arrive(0, 0, 50'000);
  now += 100ms;
  arrive(10'000, 10'000, 60'000);
  EXPECT_EQ(autotune.limit(), 100'000U) << "as much as a sender begins with";
  now += 100ms;
  arrive(30'000, 30'000, 80'000);
  // Read 20,000, twice as much as before: 2 x 20,000 + 16 segments, three times, at half the
  // memory.
  EXPECT_EQ(autotune.limit(), 2 * 3 * 56'000U);
  now += 100ms;
  arrive(50'000, 50'000, 100'000);
  EXPECT_EQ(autotune.limit(), 2 * 3 * 56'000U);
}

TEST_F(ReceiveAutotuneTest, LooksOncePerRoundTrip) {
  autotune.on_echo(1, 100ms);
  arrive(0, 0, 50'000);
  now += 99ms;
  arrive(40'000, 40'000, 90'000);
  EXPECT_EQ(autotune.limit(), 100'000U);
  now += 1ms;
  arrive(41'000, 41'000, 90'000);
  EXPECT_GT(autotune.limit(), 100'000U);
}

TEST_F(ReceiveAutotuneTest, WhatIsNotReadDoesNotCount) {
  autotune.on_echo(1, 100ms);
  for (std::uint32_t i = 0; i < 100; ++i) {
    arrive(i * 1'000, 500, 200'000);
    now += 100ms;
  }
  EXPECT_EQ(autotune.limit(), 100'000U);
}

TEST_F(ReceiveAutotuneTest, NeverExceedsTheLimitNorShrinks) {
  autotune.on_echo(1, 100ms);
  std::uint32_t sent = 0;
  std::uint32_t last = 0;
  for (unsigned i = 0; i < 20; ++i) {
    arrive(sent, sent, sent + 50'000);
    sent += 10'000U << std::min(i, 12U);
    now += 100ms;
    ASSERT_LE(autotune.limit(), kMax);
    ASSERT_GE(autotune.limit(), last);
    last = autotune.limit();
  }
  EXPECT_EQ(last, kMax);
}

TEST_F(ReceiveAutotuneTest, FixedLimitNeitherGrowsNorStartsAnew) {
  ReceiveAutotune fixed;
  fixed.fix(50'000);
  fixed.start(100'000, 10 * kMss);
  EXPECT_EQ(fixed.limit(), 50'000U);
  autotune.fix(60'000);
  autotune.on_handshake(10ms);
  const auto read_in_a_round_trip = [&](std::uint32_t from, std::uint32_t bytes) {
    arrive(from, from, from + 1'000);
    now += 20ms;
    arrive(from + bytes, from + bytes, from + bytes + 1'000);
  };
  read_in_a_round_trip(0, 200'000);
  EXPECT_EQ(autotune.limit(), 60'000U);
  autotune.fix(0);
  read_in_a_round_trip(200'000, 400'000);
  EXPECT_GT(autotune.limit(), 400'000U);
}

}  // namespace
}  // namespace millrace::tcp
