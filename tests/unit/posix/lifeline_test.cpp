#include "posix/lifeline.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

namespace millrace::posix {
namespace {

/// The number that the next descriptor will have.
int next_number() {
  const int number = ::dup(STDERR_FILENO);
  ::close(number);
  return number;
}

TEST(Lifeline, IsWholeWhileNobodyTouchesIt) {
  Lifeline line;
  EXPECT_FALSE(line.is_cut());
  EXPECT_FALSE(line.is_cut());
}

TEST(Lifeline, IsCutOnceItIsClosed) {
  const int number = next_number();
  Lifeline line;
  ASSERT_EQ(::close(number), 0);
  EXPECT_TRUE(line.is_cut());
}

TEST(Lifeline, IsCutWhereAnotherFileHasItsNumberAndLeavesThatAlone) {
  const int number = next_number();
  auto line = std::make_unique<Lifeline>();
  ASSERT_EQ(::close(number), 0);
  auto other = std::make_unique<Lifeline>();  // Of the same kind, and with that number.
  ASSERT_EQ(next_number(), number + 1);
  EXPECT_TRUE(line->is_cut());
  line.reset();
  EXPECT_GE(::fcntl(number, F_GETFD), 0);
  EXPECT_FALSE(other->is_cut());
}

}  // namespace
}  // namespace millrace::posix
