// Random: repeatable per seed, even, never repeating itself.
#include "base/random.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

TEST(Random, RepeatsItselfPerSeed) {
  Random a = Random::from_seed(7);
  Random b = Random::from_seed(7);
  Random other = Random::from_seed(8);
  bool differs = false;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = a.next_u64();
    ASSERT_EQ(value, b.next_u64());
    differs |= value != other.next_u64();
  }
  EXPECT_TRUE(differs);
}

// The key stream of ChaCha20 for an all-zero key and nonce begins with 76 b8 e0 ad a0 f1 3d 90 40
// 5d 6a e5.
TEST(Random, IsTheSameOnEveryMachine) {
  Random words = Random::from_seed(0);
  EXPECT_EQ(words.next_u32(), 0xade0b876U);
  EXPECT_EQ(words.next_u64(), 0xe56a5d40903df1a0U);
}

TEST(Random, SystemSeedsDiffer) {
  Random a = Random::from_system();
  Random b = Random::from_system();
  EXPECT_NE(a.next_u64(), b.next_u64());
}

TEST(Random, DoesNotRepeatAcrossItsBuffer) {
  Random random = Random::from_seed(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) {
    seen.insert(random.next_u64());
  }
  EXPECT_EQ(seen.size(), 10'000U);
}

TEST(Random, FillGivesTheStreamWhateverThePieces) {
  std::vector<std::byte> whole(3000);
  Random::from_seed(3).fill(whole);
  std::vector<std::byte> pieces(3000);
  Random random = Random::from_seed(3);
  std::size_t done = 0;
  for (std::size_t size = 0; done < pieces.size(); ++size) {
    const std::size_t count = std::min(size, pieces.size() - done);
    random.fill(std::span{pieces}.subspan(done, count));
    done += count;
  }
  EXPECT_EQ(pieces, whole);
}

TEST(Random, BelowStaysBelowAndReachesEveryValue) {
  Random random = Random::from_seed(4);
  for (const std::uint32_t n : {1U, 2U, 3U, 7U, 100U}) {
    std::vector<int> counts(n);
    for (std::uint32_t i = 0; i < n * 1000; ++i) {
      const std::uint32_t value = random.below(n);
      ASSERT_LT(value, n);
      ++counts[value];
    }
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    EXPECT_GT(*least, 800) << n;
    EXPECT_LT(*most, 1200) << n;
  }
}

// Plain scaling of 32 bits to 3 * 2^30 values would draw multiples of three twice as often as the
// rest.
TEST(Random, BelowIsUnbiasedForLargeBounds) {
  constexpr std::uint32_t kBound = 3U << 30;
  Random random = Random::from_seed(5);
  std::array<int, 3> counts{};
  for (int i = 0; i < 30'000; ++i) {
    ++counts[random.below(kBound) % 3];
  }
  for (const int count : counts) {
    EXPECT_GT(count, 9'500);
    EXPECT_LT(count, 10'500);
  }
  static_cast<void>(random.below(std::numeric_limits<std::uint32_t>::max()));
}

TEST(Random, OneInNHappensThatOften) {
  Random random = Random::from_seed(6);
  int hits = 0;
  for (int i = 0; i < 50'000; ++i) {
    hits += random.one_in(50) ? 1 : 0;
  }
  EXPECT_GT(hits, 850);
  EXPECT_LT(hits, 1150);
  EXPECT_TRUE(random.one_in(1));
}

TEST(Random, MovesWithItsPlaceInTheStream) {
  Random expected = Random::from_seed(9);
  Random original = Random::from_seed(9);
  EXPECT_EQ(original.next_u32(), expected.next_u32());
  Random moved = std::move(original);
  EXPECT_EQ(moved.next_u32(), expected.next_u32());
}

TEST(RandomDeathTest, BelowZeroIsABug) {
  Random random = Random::from_seed(0);
  EXPECT_DEATH(static_cast<void>(random.below(0)), "contract violated");
}

}  // namespace
}  // namespace millrace::base
