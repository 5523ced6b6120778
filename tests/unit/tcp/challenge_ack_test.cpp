// How many challenge ACKs a core sends: RFC 5961 §7, and what CVE-2016-5696 taught.
#include "tcp/challenge_ack.hpp"

#include <set>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{std::chrono::hours{1}};

std::uint32_t drained(ChallengeAckLimit& limit, Instant now) {
  std::uint32_t taken = 0;
  while (limit.take(now)) {
    ++taken;
  }
  return taken;
}

TEST(ChallengeAckLimit, EachSecondHasItsOwnBudgetAroundTheLimit) {
  test::covers({"RFC 5961 §7"});
  base::Random random = base::Random::from_seed(3);
  ChallengeAckLimit limit{1'000, random};
  std::set<std::uint32_t> budgets;
  std::uint64_t sum = 0;
  constexpr unsigned kSeconds = 400;
  for (unsigned second = 0; second < kSeconds; ++second) {
    const std::uint32_t budget = drained(limit, kStart + std::chrono::seconds{second});
    ASSERT_GE(budget, 500U);
    ASSERT_LT(budget, 1'500U);
    budgets.insert(budget);
    sum += budget;
  }
  EXPECT_GT(budgets.size(), kSeconds * 3 / 4) << "who counts what is left must learn nothing";
  EXPECT_NEAR(static_cast<double>(sum) / kSeconds, 1'000, 60);
}

TEST(ChallengeAckLimit, NothingMoreLeavesBeforeTheSecondIsOver) {
  test::covers({"RFC 5961 §7"});
  base::Random random = base::Random::from_seed(4);
  ChallengeAckLimit limit{10, random};
  ASSERT_GE(drained(limit, kStart), 5U);
  EXPECT_FALSE(limit.take(kStart + 1s - 1ns));
  EXPECT_TRUE(limit.take(kStart + 1s));
}

TEST(ChallengeAckLimit, WhatIsNotUsedIsNotSaved) {
  base::Random random = base::Random::from_seed(5);
  ChallengeAckLimit limit{10, random};
  EXPECT_TRUE(limit.take(kStart));
  EXPECT_LT(drained(limit, kStart + 1h), 15U);
}

TEST(ChallengeAckLimit, TheSmallestLimitIsOneASecond) {
  base::Random random = base::Random::from_seed(6);
  ChallengeAckLimit limit{1, random};
  for (unsigned second = 0; second < 10; ++second) {
    EXPECT_EQ(drained(limit, kStart + std::chrono::seconds{second}), 1U);
  }
}

TEST(ChallengeAckLimit, TheGeneratorThatIsHandedInDecides) {
  base::Random one = base::Random::from_seed(7);
  base::Random same = base::Random::from_seed(7);
  base::Random other = base::Random::from_seed(8);
  ChallengeAckLimit first{100'000, one};
  ChallengeAckLimit second{100'000, same};
  ChallengeAckLimit third{100'000, other};
  const std::uint32_t budget = drained(first, kStart);
  EXPECT_EQ(budget, drained(second, kStart));
  EXPECT_NE(budget, drained(third, kStart));
}

}  // namespace

}  // namespace millrace::tcp
