#include "posix/descriptor_table.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
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

/// So that a few files are many.
class FewNumbers {
 public:
  explicit FewNumbers(rlim_t most) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    set(most);
  }
  FewNumbers(const FewNumbers&) = delete;
  FewNumbers& operator=(const FewNumbers&) = delete;
  ~FewNumbers() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

  void set(rlim_t most) const {
    const rlimit few{.rlim_cur = most, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }

 private:
  rlimit before_{};
};

std::size_t count_ours(const DescriptorTable& table) {
  std::size_t count = 0;
  for (int number = 0; number < static_cast<int>(table.limit()); ++number) {
    count += table.owns(number) ? 1 : 0;
  }
  return count;
}

std::vector<int> add_some(DescriptorTable& table, File& file, std::size_t most) {
  std::vector<int> numbers;
  while (numbers.size() < most) {
    const int number = table.add(file);
    if (number < 0) {
      EXPECT_EQ(number, -EMFILE);
      break;
    }
    numbers.push_back(number);
  }
  return numbers;
}

TEST(DescriptorTable, WhatIsFreeBeyondAReserveIsTheKernelsAgain) {
  const FewNumbers few{512};
  EpollSet file;
  DescriptorTable table;
  const std::size_t reserve = table.limit() / DescriptorTable::kReserveShare;
  const std::vector<int> numbers = add_some(table, file, 3 * reserve);
  ASSERT_EQ(numbers.size(), 3 * reserve);
  for (const int number : numbers) {
    table.remove(number);
  }
  EXPECT_EQ(count_ours(table), reserve);
  for (const int number : numbers) {
    EXPECT_EQ(::fcntl(number, F_GETFD) >= 0, table.owns(number)) << number;
  }
  EXPECT_EQ(add_some(table, file, 3 * reserve).size(), 3 * reserve);
}

TEST(DescriptorTable, KeepsNothingWhileNumbersAreScarce) {
  const FewNumbers few{128};
  EpollSet file;
  DescriptorTable table;
  const std::vector<int> numbers = add_some(table, file, 1'000);
  ASSERT_LT(numbers.size(), 128U);
  table.remove(numbers[1]);
  const int other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(other, numbers[1]);
  ::close(other);
}

TEST(DescriptorTable, NoticesThatTheLimitWasLowered) {
  const FewNumbers few{1'024};
  EpollSet file;
  DescriptorTable table;
  few.set(48);
  const std::vector<int> numbers = add_some(table, file, 1'000);
  ASSERT_LT(numbers.size(), 48U);
  table.remove(numbers[0]);
  const int other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(other, numbers[0]);
  ::close(other);
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
