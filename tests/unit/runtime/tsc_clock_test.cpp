// TscClock against the system's monotonic clock.
#include "runtime/tsc_clock.hpp"

#include <time.h>

#include <cstdint>

#include <gtest/gtest.h>

namespace millrace::runtime {
namespace {

using namespace std::chrono_literals;

Instant system_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Instant{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}

TEST(TscClock, NeverGoesBack) {
  TscClock clock = TscClock::calibrate();
  Instant last = clock.now();
  for (int i = 0; i < 1'000'000; ++i) {
    const Instant now = clock.now();
    ASSERT_LE(last, now);
    last = now;
  }
}

TEST(TscClock, Advances) {
  TscClock clock = TscClock::calibrate();
  const Instant start = clock.now();
  const Instant limit = system_now() + 1s;
  while (clock.now() == start && system_now() < limit) {
  }
  EXPECT_GT(clock.now(), start);
}

TEST(TscClock, AgreesWithTheSystemsClock) {
  TscClock clock = TscClock::calibrate();
  // Each reading lies between two of the system's, give or take the calibration's error. A
  // millisecond in a tenth of a second is far more than that error, and far less than any mistake
  // of unit or scale.
  constexpr Duration kTolerance = 1ms;
  const Instant end = system_now() + 100ms;
  while (system_now() < end) {
    const Instant before = system_now();
    const Instant now = clock.now();
    const Instant after = system_now();
    ASSERT_GE(now, before - kTolerance);
    ASSERT_LE(now, after + kTolerance);
  }
}

TEST(TscClock, SaysHowFastItTicks) {
  const TscClock clock = TscClock::calibrate();
  if (clock.frequency_hz() == 0) {
    GTEST_SKIP() << "the counter of this processor does not tick evenly";
  }
  EXPECT_GT(clock.frequency_hz(), 100'000'000U);
  EXPECT_LT(clock.frequency_hz(), 20'000'000'000U);
}

}  // namespace
}  // namespace millrace::runtime
