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

TEST(PartCursor, WhatIsLeftDoesNotWrapAround) {
  std::array<char, 3> bytes{};
  const std::array<iovec, 2> parts{{{.iov_base = bytes.data(), .iov_len = 3},
                                    {.iov_base = bytes.data(), .iov_len = SIZE_MAX - 1}}};
  PartCursor cursor{parts.data(), parts.size()};
  EXPECT_EQ(cursor.left(), SIZE_MAX);
  EXPECT_TRUE(is_beyond_result(parts.data(), 2));
  EXPECT_FALSE(is_beyond_result(parts.data(), 1));
  const std::array<iovec, 2> most{{{.iov_base = bytes.data(), .iov_len = SSIZE_MAX - 3},
                                   {.iov_base = bytes.data(), .iov_len = 3}}};
  EXPECT_FALSE(is_beyond_result(most.data(), 2));
}

TEST(PartCursor, NoPartsAreTheEnd) {
  const PartCursor cursor{nullptr, 0};
  EXPECT_TRUE(cursor.at_end());
  EXPECT_EQ(cursor.left(), 0U);
}

}  // namespace
}  // namespace millrace::posix
