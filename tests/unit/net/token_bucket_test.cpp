// Rate limits: burst, rate in the long run, clock oddities.
#include "net/token_bucket.hpp"

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

using namespace std::chrono_literals;

unsigned take_all(TokenBucket& bucket, Instant now) {
  unsigned taken = 0;
  while (taken < 1'000'000 && bucket.try_take(now)) {
    ++taken;
  }
  return taken;
}

TEST(TokenBucket, AllowsABurstAndNoMore) {
  TokenBucket bucket{{.per_second = 1'000, .burst = 50}};
  EXPECT_EQ(take_all(bucket, Instant{5s}), 50U);
  EXPECT_FALSE(bucket.try_take(Instant{5s}));
}

TEST(TokenBucket, RefillsAtItsRate) {
  TokenBucket bucket{{.per_second = 1'000, .burst = 50}};
  take_all(bucket, Instant{5s});
  EXPECT_FALSE(bucket.try_take(Instant{5s + 999us}));
  EXPECT_TRUE(bucket.try_take(Instant{5s + 1ms}));
  EXPECT_FALSE(bucket.try_take(Instant{5s + 1ms}));
  EXPECT_EQ(take_all(bucket, Instant{5s + 11ms}), 10U);
}

TEST(TokenBucket, NeverHoldsMoreThanABurst) {
  TokenBucket bucket{{.per_second = 1'000, .burst = 50}};
  take_all(bucket, Instant{5s});
  EXPECT_EQ(take_all(bucket, Instant{500'000s}), 50U);
}

TEST(TokenBucket, KeepsTheRateOverALongTime) {
  TokenBucket bucket{{.per_second = 1'000, .burst = 50}};
  unsigned taken = 0;
  for (Instant now{}; now < Instant{10s}; now += 100us) {
    taken += bucket.try_take(now) ? 1 : 0;
  }
  EXPECT_NEAR(taken, 10'050, 2);
}

TEST(TokenBucket, WorksFromTheEarliestInstantOn) {
  TokenBucket bucket{{.per_second = 1, .burst = 1}};
  EXPECT_TRUE(bucket.try_take(Instant::min()));
  EXPECT_FALSE(bucket.try_take(Instant::min()));
}

}  // namespace
}  // namespace millrace::net
