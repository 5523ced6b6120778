#include "posix/error_queue.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

namespace millrace::posix {
namespace {

sock_extended_err error_of(std::uint32_t number) {
  sock_extended_err made{};
  made.ee_errno = number;
  return made;
}

TEST(ErrorQueue, TellsTheOldestFirst) {
  ErrorRecords pool{8};
  ErrorQueue queue{pool};
  EXPECT_EQ(queue.front(), nullptr);
  queue.push(error_of(1), {}, {}, {});
  queue.push(error_of(2), {}, {}, {});
  EXPECT_EQ(queue.front()->what.ee_errno, 1U);
  queue.pop();
  EXPECT_EQ(queue.front()->what.ee_errno, 2U);
  queue.pop();
  EXPECT_TRUE(queue.empty());
}

TEST(ErrorQueue, KeepsOfAPayloadWhatAnIcmpErrorMayHold) {
  ErrorRecords pool{1};
  ErrorQueue queue{pool};
  const std::vector<std::byte> payload(1'000, std::byte{7});
  queue.push(error_of(1), {}, {}, payload);
  EXPECT_EQ(queue.front()->payload().size(), ErrorRecord::kPayloadMax);
  EXPECT_EQ(queue.front()->payload().back(), std::byte{7});
}

TEST(ErrorQueue, IsBoundedByItselfAndByThePool) {
  ErrorRecords pool{ErrorQueue::kMost + 4};
  ErrorQueue one{pool};
  for (std::uint32_t i = 0; i < ErrorQueue::kMost + 1; ++i) {
    one.push(error_of(i), {}, {}, {});
  }
  EXPECT_EQ(pool.size(), ErrorQueue::kMost);
  {
    ErrorQueue other{pool};
    for (std::uint32_t i = 0; i < 5; ++i) {
      other.push(error_of(i), {}, {}, {});
    }
    EXPECT_EQ(pool.size(), pool.capacity());
  }
  EXPECT_EQ(pool.size(), ErrorQueue::kMost) << "what a queue held goes with it";
  one.clear();
  EXPECT_EQ(pool.size(), 0U);
}

TEST(IcmpMeaning, IsLinuxs) {
  struct Case {
    std::uint8_t type;
    std::uint8_t code;
    int error;
    bool is_lasting;
  };
  for (const Case& row :
       {Case{3, 0, ENETUNREACH, false}, Case{3, 1, EHOSTUNREACH, false},
        Case{3, 2, ENOPROTOOPT, true}, Case{3, 3, ECONNREFUSED, true}, Case{3, 4, EMSGSIZE, true},
        Case{3, 5, EOPNOTSUPP, false}, Case{3, 7, EHOSTDOWN, true}, Case{3, 13, EHOSTUNREACH, true},
        Case{3, 16, EHOSTUNREACH, false}, Case{11, 0, EHOSTUNREACH, false},
        Case{12, 0, EPROTO, true}}) {
    const IcmpMeaning meaning = meaning_of_icmp(row.type, row.code);
    EXPECT_EQ(meaning.error, row.error) << int{row.type} << '/' << int{row.code};
    EXPECT_EQ(meaning.is_lasting, row.is_lasting) << int{row.type} << '/' << int{row.code};
  }
}

}  // namespace
}  // namespace millrace::posix
