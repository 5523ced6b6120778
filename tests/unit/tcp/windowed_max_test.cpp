// WindowedMax against looking at everything.
#include "tcp/windowed_max.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace millrace::tcp {

namespace {

TEST(WindowedMax, NothingIsZero) { EXPECT_EQ(WindowedMax{}.get(), 0U); }

TEST(WindowedMax, TheLargestCountsUntilItIsTooOld) {
  WindowedMax max;
  max.add(50, 1, 10);
  max.add(100, 2, 10);
  max.add(70, 6, 10);
  max.add(10, 9, 10);
  max.add(60, 12, 10);
  EXPECT_EQ(max.get(), 100U);
  max.add(10, 13, 10);
  EXPECT_EQ(max.get(), 70U);
  max.add(10, 17, 10);
  EXPECT_EQ(max.get(), 60U);
}

TEST(WindowedMax, ALongSilenceForgetsEverything) {
  WindowedMax max;
  max.add(100, 1, 10);
  max.add(7, 50, 10);
  EXPECT_EQ(max.get(), 7U);
}

TEST(WindowedMax, RoundsMayWrapAround) {
  WindowedMax max;
  max.add(100, 0xffff'fffeU, 4);
  max.add(20, 0, 4);
  max.add(10, 2, 4);
  EXPECT_EQ(max.get(), 100U);
  max.add(10, 3, 4);
  EXPECT_EQ(max.get(), 20U);
}

TEST(WindowedMax, IsNeverBelowARecentValueThatFollowedNothingLarger) {
  // Three values cannot know everything, but what it gives was seen within the window, and is at
  // least the newest.
  base::Random random = base::Random::from_seed(7);
  WindowedMax max;
  std::vector<std::uint32_t> all;
  for (std::uint32_t round = 0; round < 5'000; ++round) {
    const std::uint32_t value = random.below(1'000);
    max.add(value, round, 10);
    all.push_back(value);
    const auto first =
        all.end() - std::min<std::ptrdiff_t>(11, static_cast<std::ptrdiff_t>(all.size()));
    EXPECT_NE(std::find(first, all.end(), max.get()), all.end()) << round;
    EXPECT_GE(max.get(), value);
    EXPECT_GE(max.get(),
              *std::max_element(
                  all.end() - std::min<std::ptrdiff_t>(3, static_cast<std::ptrdiff_t>(all.size())),
                  all.end()));
  }
}

}  // namespace

}  // namespace millrace::tcp
