// The path MTUs that are remembered: RFC 1191 §6.3.
#include "net/path_mtu_cache.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::net {

namespace {

using namespace std::chrono_literals;
using test::covers;

constexpr Instant kStart{1'000s};

base::KeyedHash hash() { return base::KeyedHash{{}}; }
IpAddress host(std::uint32_t n) {
  return IpAddress::v4(10, static_cast<std::uint8_t>(n >> 16U), static_cast<std::uint8_t>(n >> 8U),
                       static_cast<std::uint8_t>(n));
}

TEST(PathMtuCache, KnowsWhatItWasTold) {
  covers({"RFC 1191 §3"});
  PathMtuCache cache{16, 10min, hash()};
  EXPECT_EQ(cache.find(kStart, host(1)), std::nullopt);
  cache.learn(kStart, host(1), 1'400);
  EXPECT_EQ(cache.find(kStart, host(1)), 1'400);
  EXPECT_EQ(cache.find(kStart, host(2)), std::nullopt);
  cache.learn(kStart, host(1), 1'280);
  EXPECT_EQ(cache.find(kStart, host(1)), 1'280);
  EXPECT_EQ(cache.size(), 1U);
}

TEST(PathMtuCache, ForgetsAfterItsLifetime) {
  covers({"RFC 1191 §6.3"});
  PathMtuCache cache{16, 10min, hash()};
  cache.learn(kStart, host(1), 1'400);
  EXPECT_EQ(cache.find(kStart + 10min - 1ns, host(1)), 1'400);
  EXPECT_EQ(cache.find(kStart + 10min, host(1)), std::nullopt);
  cache.learn(kStart + 9min, host(1), 1'300);
  EXPECT_EQ(cache.find(kStart + 10min, host(1)), 1'300) << "told anew";
}

TEST(PathMtuCache, ItsGenerationTellsOfEveryChange) {
  PathMtuCache cache{16, 10min, hash()};
  const std::uint32_t first = cache.generation(kStart);
  EXPECT_EQ(cache.generation(kStart + 1h), first) << "nothing to forget";
  cache.learn(kStart, host(1), 1'400);
  cache.learn(kStart + 5min, host(2), 1'400);
  const std::uint32_t second = cache.generation(kStart + 5min);
  EXPECT_NE(second, first);
  EXPECT_EQ(cache.generation(kStart + 10min - 1ns), second);
  const std::uint32_t third = cache.generation(kStart + 10min);
  EXPECT_NE(third, second);
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.generation(kStart + 15min - 1ns), third);
  EXPECT_NE(cache.generation(kStart + 15min), third);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(PathMtuCache, ExpiriesCloseTogetherAreForgottenTogether) {
  PathMtuCache cache{16, 10min, hash()};
  cache.learn(kStart, host(1), 1'400);
  cache.learn(kStart + 1ms, host(2), 1'400);
  static_cast<void>(cache.generation(kStart + 10min));
  static_cast<void>(cache.generation(kStart + 10min + 1ms));
  EXPECT_EQ(cache.find(kStart + 10min + 1ms, host(2)), std::nullopt);
  EXPECT_EQ(cache.size(), 1U) << "the walk waits a second";
  static_cast<void>(cache.generation(kStart + 10min + 1s));
  EXPECT_EQ(cache.size(), 0U);
}

TEST(PathMtuCache, IsBoundedAndTheOldestGoesFirst) {
  PathMtuCache cache{4, 10min, hash()};
  for (std::uint32_t n = 1; n <= 5; ++n) {
    cache.learn(kStart + std::chrono::seconds{n}, host(n), static_cast<std::uint16_t>(1'000 + n));
  }
  EXPECT_EQ(cache.size(), 4U);
  EXPECT_EQ(cache.find(kStart + 6s, host(1)), std::nullopt);
  for (std::uint32_t n = 2; n <= 5; ++n) {
    EXPECT_EQ(cache.find(kStart + 6s, host(n)), 1'000 + n);
  }
}

TEST(PathMtuCache, ManyDestinationsNeverGrowIt) {
  PathMtuCache cache{1'024, 10min, hash()};
  for (std::uint32_t n = 0; n < 50'000; ++n) {
    cache.learn(kStart + std::chrono::milliseconds{n}, host(n), 1'400);
    ASSERT_EQ(cache.find(kStart + std::chrono::milliseconds{n}, host(n)), 1'400);
  }
  EXPECT_LE(cache.size(), 1'024U);
  EXPECT_GT(cache.size(), 900U);
  static_cast<void>(cache.generation(kStart + 1h));
  EXPECT_EQ(cache.size(), 0U);
}

}  // namespace

}  // namespace millrace::net
