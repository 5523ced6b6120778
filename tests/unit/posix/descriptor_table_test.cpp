#include "posix/descriptor_table.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "posix/epoll_set.hpp"

namespace millrace::posix {
namespace {

TEST(DescriptorTable, NumbersAreTheKernelsAndUsedAgain) {
  EpollSet file;
  EpollSet other;
  auto table = std::make_unique<DescriptorTable>();
  const int number = table->add(file);
  ASSERT_GE(number, 0);
  EXPECT_EQ(table->find(number), &file);
  EXPECT_GE(::fcntl(number, F_GETFD), 0);  // Nobody else gets it from the kernel.
  table->remove(number);
  EXPECT_EQ(table->find(number), nullptr);
  EXPECT_TRUE(table->owns(number));
  EXPECT_EQ(table->add(other), number);
  const int next = table->add(file);
  EXPECT_NE(next, number);
  table.reset();
  EXPECT_LT(::fcntl(number, F_GETFD), 0);
  EXPECT_LT(::fcntl(next, F_GETFD), 0);
}

TEST(DescriptorTable, KnowsNoOthers) {
  const DescriptorTable table;
  EXPECT_FALSE(table.owns(0));
  EXPECT_FALSE(table.owns(-1));
  EXPECT_FALSE(table.owns(2'000'000'000));
  EXPECT_EQ(table.find(-1), nullptr);
  EXPECT_EQ(table.find(2'000'000'000), nullptr);
}

}  // namespace
}  // namespace millrace::posix
