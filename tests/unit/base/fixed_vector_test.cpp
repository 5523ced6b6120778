// FixedVector: bounded, in place, and exact about when elements live and die.
#include "base/fixed_vector.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

template <class V>
std::vector<typename V::value_type> values_of(const V& vector) {
  return {vector.begin(), vector.end()};
}

static_assert(std::is_trivially_destructible_v<FixedVector<int, 4>>);
static_assert(!std::is_copy_constructible_v<FixedVector<std::unique_ptr<int>, 4>>);

struct NoDefault {
  explicit NoDefault(int v) : value{v} {}
  int value;
};

TEST(FixedVector, RefusesWhenFull) {
  FixedVector<int, 3> vector;
  EXPECT_TRUE(vector.empty());
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(vector.full());
    EXPECT_TRUE(vector.push_back(i));
  }
  EXPECT_TRUE(vector.full());
  EXPECT_FALSE(vector.push_back(3));
  EXPECT_EQ(vector.emplace_back(3), nullptr);
  EXPECT_EQ(values_of(vector), (std::vector<int>{0, 1, 2}));
}

TEST(FixedVector, EraseKeepsOrder) {
  struct Case {
    std::size_t at;
    std::vector<int> left;
  };
  for (const Case& c : {Case{0, {1, 2, 3}}, Case{1, {0, 2, 3}}, Case{3, {0, 1, 2}}}) {
    FixedVector<int, 4> vector;
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(vector.push_back(i));
    }
    int* const next = vector.erase(vector.begin() + c.at);
    EXPECT_EQ(next, vector.begin() + c.at);
    EXPECT_EQ(values_of(vector), c.left) << "erased at " << c.at;
  }
}

TEST(FixedVector, HoldsTypesWithoutDefaultConstructor) {
  FixedVector<NoDefault, 2> vector;
  ASSERT_NE(vector.emplace_back(4), nullptr);
  EXPECT_EQ(vector[0].value, 4);
  EXPECT_EQ(vector.back().value, 4);
}

TEST(FixedVector, DestroysEachElementOnce) {
  const auto counted = std::make_shared<int>(0);
  {
    FixedVector<std::shared_ptr<int>, 4> vector;
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(vector.push_back(counted));
    }
    EXPECT_FALSE(vector.push_back(counted));
    EXPECT_EQ(counted.use_count(), 5);
    vector.erase(vector.begin() + 1);
    EXPECT_EQ(counted.use_count(), 4);
    vector.pop_back();
    EXPECT_EQ(counted.use_count(), 3);

    FixedVector<std::shared_ptr<int>, 4> copy{vector};
    EXPECT_EQ(counted.use_count(), 5);
    FixedVector<std::shared_ptr<int>, 4> moved{std::move(copy)};
    EXPECT_EQ(counted.use_count(), 5);
    vector = moved;
    EXPECT_EQ(counted.use_count(), 5);
    vector = std::move(moved);
    EXPECT_EQ(counted.use_count(), 3);
    vector.clear();
    EXPECT_EQ(counted.use_count(), 1);
    ASSERT_TRUE(vector.push_back(counted));
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(FixedVector, MovesMoveOnlyElements) {
  FixedVector<std::unique_ptr<int>, 2> from;
  ASSERT_TRUE(from.push_back(std::make_unique<int>(8)));
  FixedVector<std::unique_ptr<int>, 2> to{std::move(from)};
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move)
  ASSERT_EQ(to.size(), 1U);
  EXPECT_EQ(*to[0], 8);
}

TEST(FixedVector, ComparesAndConvertsToSpan) {
  FixedVector<int, 4> a;
  FixedVector<int, 4> b;
  EXPECT_EQ(a, b);
  ASSERT_TRUE(a.push_back(1));
  EXPECT_NE(a, b);
  ASSERT_TRUE(b.push_back(2));
  EXPECT_NE(a, b);
  b[0] = 1;
  EXPECT_EQ(a, b);
  EXPECT_EQ(std::span<const int>{a}.size(), 1U);
}

TEST(FixedVectorDeathTest, IndexIsChecked) {
  FixedVector<int, 2> vector;
  EXPECT_DEATH(static_cast<void>(vector[0]), "contract violated");
  EXPECT_DEATH(vector.pop_back(), "contract violated");
  EXPECT_DEATH(vector.erase(vector.end()), "contract violated");
}

}  // namespace
}  // namespace millrace::base
