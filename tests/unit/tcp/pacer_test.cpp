// Pacer: segments leave at their rate, and what was missed is made good within bounds.
#include "tcp/pacer.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1'000s};

/// How much leaves within `span` when the core looks every `step`.
std::uint64_t sent_in(Duration span, Duration step, PacingRate rate, Duration slack) {
  Pacer pacer;
  std::uint64_t bytes = 0;
  for (Instant now = kStart; now < kStart + span; now += step) {
    while (pacer.may_send(now)) {
      pacer.on_sent(now, 1'448, rate, slack);
      bytes += 1'448;
    }
  }
  return bytes;
}

TEST(Pacer, SegmentsLeaveAtTheirRate) {
  Pacer pacer;
  EXPECT_TRUE(pacer.may_send(kStart));
  pacer.on_sent(kStart, 1'000, 1'000'000, 0us);
  pacer.on_sent(kStart, 1'000, 1'000'000, 0us);
  EXPECT_EQ(pacer.next_at(), kStart + 1ms) << "two segments may leave together";
  EXPECT_FALSE(pacer.may_send(kStart + 1ms - 1ns));
  EXPECT_TRUE(pacer.may_send(kStart + 1ms));
  pacer.on_sent(kStart + 1ms, 500, 1'000'000, 0us);
  EXPECT_EQ(pacer.next_at(), kStart + 1'500us);
}

TEST(Pacer, ARateOfZeroHoldsNothingBack) {
  Pacer pacer;
  for (unsigned i = 0; i < 10; ++i) {
    pacer.on_sent(kStart, 1'448, 0, 250us);
    EXPECT_TRUE(pacer.may_send(kStart));
  }
}

TEST(Pacer, WhatACoreWasLateByIsMadeGood) {
  for (const PacingRate rate :
       {PacingRate{1'250'000}, PacingRate{125'000'000}, PacingRate{1'250'000'000}}) {
    for (const Duration step : {Duration{1us}, Duration{20us}, Duration{200us}}) {
      const auto bytes = static_cast<double>(sent_in(1s, step, rate, 250us));
      const auto expected = static_cast<double>(rate);
      const bool is_bound_by_burst =
          expected * std::chrono::duration<double>(step).count() > 65'536;
      EXPECT_NEAR(
          bytes,
          is_bound_by_burst ? 65'536 / std::chrono::duration<double>(step).count() : expected,
          expected * 0.02 + 3'000)
          << rate << " " << step / 1us;
    }
  }
}

TEST(Pacer, AnIdleTimeIsNotMadeGoodBeyondTheSlack) {
  Pacer pacer;
  pacer.on_sent(kStart, 1'448, 125'000'000, 250us);
  const Instant later = kStart + 10s;
  std::uint32_t burst = 0;
  while (pacer.may_send(later)) {
    pacer.on_sent(later, 1'448, 125'000'000, 250us);
    burst += 1'448;
  }
  EXPECT_NEAR(burst, 31'250, 1'448 * 2);
  // And never more than 64 KiB.
  Pacer fast;
  burst = 0;
  while (fast.may_send(later)) {
    fast.on_sent(later, 1'448, 12'500'000'000, 250us);
    burst += 1'448;
  }
  EXPECT_NEAR(burst, 65'536, 1'448 * 2);
}

TEST(Pacer, AtTheSlowestRateNothingOverflows) {
  Pacer pacer;
  pacer.on_sent(kStart, 65'535, 1, 250us);
  EXPECT_LE(pacer.next_at(), kStart + 20h);
}

TEST(PacingRate, IsAWindowInARoundTripAndSomewhatMore) {
  const PacingRatios ratios;
  EXPECT_EQ(pacing_rate_of(100'000, 1U << 30U, 100ms, ratios), 2'000'000U);
  EXPECT_EQ(pacing_rate_of(100'000, 250'000, 100ms, ratios), 2'000'000U);
  EXPECT_EQ(pacing_rate_of(100'000, 200'000, 100ms, ratios), 1'200'000U);
  EXPECT_EQ(pacing_rate_of(100'000, 50'000, 100ms, ratios), 1'200'000U);
  EXPECT_EQ(pacing_rate_of(100'000, 50'000, 0ms, ratios), 0U) << "unknown";
  EXPECT_EQ(pacing_rate_of(1, 50'000, std::chrono::hours{10}, ratios), 1U) << "never none";
  EXPECT_EQ(
      pacing_rate_of(1U << 30U, 0, 1us, {.slow_start_percent = 1'000, .avoidance_percent = 1'000}),
      (10ULL << 30U) * 1'000'000);
}

}  // namespace

}  // namespace millrace::tcp
