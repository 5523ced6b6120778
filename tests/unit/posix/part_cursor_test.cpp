#include "posix/part_cursor.hpp"

#include <gtest/gtest.h>

#include <array>

namespace millrace::posix {
namespace {

TEST(PartCursor, WalksOverPartsAndPassesEmptyOnesBy) {
  std::array<char, 3> one{};
  std::array<char, 2> two{};
  const std::array<iovec, 4> parts{{{.iov_base = nullptr, .iov_len = 0},
                                    {.iov_base = one.data(), .iov_len = one.size()},
                                    {.iov_base = nullptr, .iov_len = 0},
                                    {.iov_base = two.data(), .iov_len = two.size()}}};
  PartCursor cursor{parts.data(), parts.size()};
  EXPECT_EQ(cursor.left(), 5U);
  EXPECT_EQ(static_cast<void*>(cursor.front().data()), one.data());
  cursor.advance(1);
  EXPECT_EQ(cursor.front().size(), 2U);
  EXPECT_EQ(cursor.left(), 4U);
  cursor.advance(2);
  EXPECT_EQ(static_cast<void*>(cursor.front().data()), two.data());
  EXPECT_FALSE(cursor.at_end());
  cursor.advance(2);
  EXPECT_TRUE(cursor.at_end());
  EXPECT_TRUE(cursor.front().empty());
  EXPECT_EQ(cursor.done(), 5U);
  EXPECT_EQ(cursor.left(), 0U);
}

TEST(PartCursor, NoPartsAreTheEnd) {
  const PartCursor cursor{nullptr, 0};
  EXPECT_TRUE(cursor.at_end());
  EXPECT_EQ(cursor.left(), 0U);
}

}  // namespace
}  // namespace millrace::posix
