// Mailbox: order, bounds, ownership of messages, and one real pair of threads.
#include "base/mailbox.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

TEST(Mailbox, KeepsOrderAndRefusesWhenFull) {
  Mailbox<int> mailbox{3};
  int out = -1;
  EXPECT_FALSE(mailbox.try_pop(out));
  EXPECT_EQ(out, -1);
  for (int round = 0; round < 5; ++round) {  // Passes the end of the ring several times.
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(mailbox.read_available(), static_cast<std::size_t>(i));
      EXPECT_TRUE(mailbox.try_push(i));
    }
    EXPECT_FALSE(mailbox.try_push(3));
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(mailbox.try_pop(out));
      EXPECT_EQ(out, i);
    }
    EXPECT_FALSE(mailbox.try_pop(out));
  }
}

TEST(Mailbox, CarriesMoveOnlyMessagesAndLeavesARefusedOneAlone) {
  Mailbox<std::unique_ptr<int>> mailbox{1};
  ASSERT_TRUE(mailbox.try_push(std::make_unique<int>(1)));
  auto refused = std::make_unique<int>(2);
  EXPECT_FALSE(mailbox.try_push(std::move(refused)));
  ASSERT_NE(refused, nullptr);  // NOLINT(bugprone-use-after-move)
  std::unique_ptr<int> out;
  ASSERT_TRUE(mailbox.try_pop(out));
  EXPECT_EQ(*out, 1);
  EXPECT_TRUE(mailbox.try_push(std::move(refused)));
  EXPECT_EQ(refused, nullptr);  // NOLINT(bugprone-use-after-move)
}

TEST(Mailbox, DestroysWhatWasNeverRead) {
  const auto counted = std::make_shared<int>(0);
  {
    Mailbox<std::shared_ptr<int>> mailbox{4};
    ASSERT_TRUE(mailbox.try_push(counted));
    ASSERT_TRUE(mailbox.try_push(counted));
    std::shared_ptr<int> out;
    ASSERT_TRUE(mailbox.try_pop(out));
    out.reset();
    EXPECT_EQ(counted.use_count(), 2);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(Mailbox, CarriesEverythingFromOneThreadToAnother) {
  constexpr std::uint64_t kMessages = 200'000;
  Mailbox<std::unique_ptr<std::uint64_t>> mailbox{64};
  std::thread writer{[&] {
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      auto message = std::make_unique<std::uint64_t>(i);
      while (!mailbox.try_push(std::move(message))) {
        std::this_thread::yield();
      }
    }
  }};
  std::unique_ptr<std::uint64_t> message;
  for (std::uint64_t i = 0; i < kMessages; ++i) {
    while (!mailbox.try_pop(message)) {
      std::this_thread::yield();
    }
    EXPECT_EQ(*message, i);
  }
  writer.join();
  EXPECT_EQ(mailbox.read_available(), 0U);
}

TEST(MailboxDeathTest, RoomForNothingIsABug) { EXPECT_DEATH(Mailbox<int>{0}, "contract violated"); }

}  // namespace
}  // namespace millrace::base
