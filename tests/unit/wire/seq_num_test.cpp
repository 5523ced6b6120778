// Sequence numbers: order and windows around the point where the numbers wrap.
#include "wire/seq_num.hpp"

#include <concepts>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::wire {
namespace {

constexpr std::uint32_t kMax = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kHalf = 0x8000'0000;

static_assert(!std::totally_ordered<SeqNum>,
              "order that wraps around must not reach a sort or a map");

struct OrderCase {
  const char* name;
  std::uint32_t earlier;
  std::uint32_t later;
  std::int32_t distance;
};

constexpr OrderCase kOrderCases[] = {
    {"neighbors", 1, 2, 1},
    {"from zero", 0, 1, 1},
    {"last and first", kMax, 0, 1},
    {"across the wrap", kMax - 99, 100, 200},
    {"across the sign bit", kHalf - 1, kHalf, 1},
    {"up to the sign bit", 1, kHalf, std::numeric_limits<std::int32_t>::max()},
    {"largest distance", 0, kHalf - 1, std::numeric_limits<std::int32_t>::max()},
    {"largest distance across the wrap", kHalf + 1, 0, std::numeric_limits<std::int32_t>::max()},
};

TEST(SeqNum, OrdersNumbersLessThanHalfTheCircleApart) {
  millrace::test::covers({"RFC 9293 §3.4"});
  for (const OrderCase& c : kOrderCases) {
    SCOPED_TRACE(c.name);
    const SeqNum earlier{c.earlier};
    const SeqNum later{c.later};
    EXPECT_EQ(later - earlier, c.distance);
    EXPECT_EQ(earlier - later, -c.distance);
    EXPECT_TRUE(earlier.is_before(later));
    EXPECT_FALSE(later.is_before(earlier));
    EXPECT_TRUE(later.is_after(earlier));
    EXPECT_FALSE(earlier.is_after(later));
    EXPECT_TRUE(earlier.is_at_or_before(later));
    EXPECT_FALSE(later.is_at_or_before(earlier));
    EXPECT_TRUE(later.is_at_or_after(earlier));
    EXPECT_FALSE(earlier.is_at_or_after(later));
    EXPECT_NE(earlier, later);
  }
}

TEST(SeqNum, IsNeitherBeforeNorAfterItself) {
  for (const std::uint32_t value : {std::uint32_t{0}, std::uint32_t{1}, kHalf - 1, kHalf, kMax}) {
    const SeqNum number{value};
    EXPECT_EQ(number, SeqNum{value});
    EXPECT_EQ(number - number, 0);
    EXPECT_FALSE(number.is_before(number));
    EXPECT_FALSE(number.is_after(number));
    EXPECT_TRUE(number.is_at_or_before(number));
    EXPECT_TRUE(number.is_at_or_after(number));
  }
}

TEST(SeqNum, OppositePointsAreBeforeEachOther) {
  const SeqNum number{5};
  const SeqNum opposite{5 + kHalf};
  EXPECT_EQ(number - opposite, std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(opposite - number, std::numeric_limits<std::int32_t>::min());
  EXPECT_TRUE(number.is_before(opposite));
  EXPECT_TRUE(opposite.is_before(number));
}

TEST(SeqNum, ArithmeticWraps) {
  EXPECT_EQ(SeqNum{kMax} + 1, SeqNum{0});
  EXPECT_EQ(SeqNum{0} - std::uint32_t{1}, SeqNum{kMax});
  EXPECT_EQ(SeqNum{kMax - 1} + 1460, SeqNum{1458});
  EXPECT_EQ((SeqNum{3} - std::uint32_t{10}).value(), kMax - 6);
  SeqNum number{kMax - 4};
  number += 10;
  EXPECT_EQ(number, SeqNum{5});
  EXPECT_EQ(SeqNum{}, SeqNum{0});
}

struct WindowCase {
  const char* name;
  std::uint32_t number;
  std::uint32_t start;
  std::uint32_t size;
  bool is_inside;
};

constexpr WindowCase kWindowCases[] = {
    {"first", 100, 100, 10, true},
    {"last", 109, 100, 10, true},
    {"one past", 110, 100, 10, false},
    {"one before", 99, 100, 10, false},
    {"empty window", 100, 100, 0, false},
    {"window of one", 100, 100, 1, true},
    {"before the wrap", kMax, kMax - 4, 10, true},
    {"after the wrap", 0, kMax - 4, 10, true},
    {"last after the wrap", 4, kMax - 4, 10, true},
    {"one past after the wrap", 5, kMax - 4, 10, false},
    {"one before, across the wrap", kMax, 0, 10, false},
    {"ends at the wrap", kMax, kMax - 9, 10, true},
    {"one past, at the wrap", 0, kMax - 9, 10, false},
    {"across the sign bit", kHalf, kHalf - 1, 2, true},
    {"largest scaled window", 0x3fff'ffff - 1, kMax, 0x4000'0000, true},
    {"one past the largest scaled window", 0x3fff'ffff, kMax, 0x4000'0000, false},
};

TEST(SeqNum, WindowHoldsItsNumbersOnly) {
  for (const WindowCase& c : kWindowCases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(SeqNum{c.number}.is_in_window(SeqNum{c.start}, c.size), c.is_inside);
  }
}

}  // namespace
}  // namespace millrace::wire
