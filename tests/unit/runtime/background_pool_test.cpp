// BackgroundPool: work on threads, or inside `submit` with none; bounded either way; completions
// only through `deliver`.
#include "runtime/background_pool.hpp"

#include <poll.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::runtime {
namespace {

constexpr std::uint32_t kJobsPerThread = 64;

/// Delivers until `count` jobs were.
void deliver(BackgroundPool& pool, std::uint32_t count) {
  std::uint32_t delivered = 0;
  while (delivered < count) {
    pollfd wake{.fd = pool.wake_descriptor(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&wake, 1, 10'000), 1) << "nothing completes";
    delivered += pool.deliver();
  }
  EXPECT_EQ(delivered, count);
}

TEST(BackgroundPoolWithoutThreads, WorksInSubmitAndCompletesInDeliver) {
  BackgroundPool pool{0};
  std::vector<int> order;
  ASSERT_TRUE(pool.submit([&] { order.push_back(1); }, [&] { order.push_back(3); }).has_value());
  ASSERT_TRUE(pool.submit([&] { order.push_back(2); }, [&] { order.push_back(4); }).has_value());
  EXPECT_EQ(pool.outstanding(), 2U);
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_EQ(pool.deliver(), 2U);
  EXPECT_EQ(order, (std::vector{1, 2, 3, 4}));
  EXPECT_EQ(pool.outstanding(), 0U);
  EXPECT_EQ(pool.deliver(), 0U);
  EXPECT_EQ(pool.wake_descriptor(), -1);
}

TEST(BackgroundPoolWithoutThreads, IsBounded) {
  BackgroundPool pool{0};
  for (std::uint32_t i = 0; i < kJobsPerThread; ++i) {
    ASSERT_TRUE(pool.submit([] {}, [] {}).has_value());
  }
  bool has_run = false;
  EXPECT_EQ(pool.submit([&] { has_run = true; }, [] {}).error(), Error::WouldBlock);
  EXPECT_FALSE(has_run);
  EXPECT_EQ(pool.deliver(), kJobsPerThread);
  EXPECT_TRUE(pool.submit([] {}, [] {}).has_value());
}

TEST(BackgroundPoolWithoutThreads, ACompletionThatSubmitsAgainDoesNotHoldTheLoop) {
  BackgroundPool pool{0};
  int completions = 0;
  struct Again {
    BackgroundPool& pool;
    int& completions;
    void operator()() {
      ++completions;
      EXPECT_TRUE(pool.submit([] {}, Again{pool, completions}).has_value());
    }
  };
  ASSERT_TRUE(pool.submit([] {}, Again{pool, completions}).has_value());
  EXPECT_EQ(pool.deliver(), 1U);
  EXPECT_EQ(completions, 1);
  EXPECT_EQ(pool.deliver(), 1U);
}

TEST(BackgroundPool, WorksOnThreadsAndCompletesHere) {
  BackgroundPool pool{4};
  const std::thread::id here = std::this_thread::get_id();
  std::atomic<int> worked_elsewhere = 0;
  int completed_here = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(pool.submit([&] { worked_elsewhere += std::this_thread::get_id() != here; },
                            [&] { completed_here += std::this_thread::get_id() == here; }));
  }
  deliver(pool, 100);
  EXPECT_EQ(worked_elsewhere, 100);
  EXPECT_EQ(completed_here, 100);
  EXPECT_EQ(pool.outstanding(), 0U);
}

TEST(BackgroundPool, SpreadsWorkOverItsThreads) {
  BackgroundPool pool{4};
  // Each job waits for the other three: on fewer than four threads none would end.
  std::counting_semaphore<> arrived{0};
  std::counting_semaphore<> leave{0};
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(pool.submit(
        [&] {
          arrived.release();
          leave.acquire();
        },
        [] {}));
  }
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(arrived.try_acquire_for(std::chrono::seconds{10}));
  }
  leave.release(4);
  deliver(pool, 4);
}

TEST(BackgroundPool, IsBoundedWhileItsThreadsAreStuck) {
  BackgroundPool pool{2};
  std::counting_semaphore<> leave{0};
  for (std::uint32_t i = 0; i < 2 * kJobsPerThread; ++i) {
    ASSERT_TRUE(pool.submit([&] { leave.acquire(); }, [] {}).has_value()) << i;
  }
  EXPECT_EQ(pool.submit([] {}, [] {}).error(), Error::WouldBlock);
  leave.release(2 * kJobsPerThread);
  deliver(pool, 2 * kJobsPerThread);
  EXPECT_TRUE(pool.submit([] {}, [] {}).has_value());
  deliver(pool, 1);
}

TEST(BackgroundPool, OneThreadKeepsOrder) {
  BackgroundPool pool{1};
  std::vector<int> completed;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(pool.submit([] {}, [&completed, i] { completed.push_back(i); }).has_value());
  }
  deliver(pool, 50);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(completed[static_cast<std::size_t>(i)], i);
  }
}

TEST(BackgroundPool, DropsWhatHasNotBegunWhenItEnds) {
  const auto witness = std::make_shared<int>(0);
  std::atomic<int> worked = 0;
  std::counting_semaphore<> begun{0};
  std::counting_semaphore<> leave{0};
  {
    BackgroundPool pool{1};
    ASSERT_TRUE(pool.submit(
        [&] {
          begun.release();
          leave.acquire();
          ++worked;
        },
        [witness] { ADD_FAILURE() << "nobody delivers it"; }));
    ASSERT_TRUE(begun.try_acquire_for(std::chrono::seconds{10}));
    ASSERT_TRUE(pool.submit([&, witness] { ++worked; }, [witness] {}).has_value());
    leave.release();
  }
  EXPECT_GE(worked, 1) << "what runs is waited for";
  EXPECT_EQ(witness.use_count(), 1) << "what was captured is freed";
}

TEST(BackgroundPool, WakesWhoeverWaitsOnItsDescriptor) {
  BackgroundPool pool{1};
  pollfd wake{.fd = pool.wake_descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&wake, 1, 0), 0);
  ASSERT_TRUE(pool.submit([] {}, [] {}).has_value());
  EXPECT_EQ(poll(&wake, 1, 10'000), 1);
  EXPECT_EQ(pool.deliver(), 1U);
  EXPECT_EQ(poll(&wake, 1, 0), 0) << "quiet again";
}

}  // namespace
}  // namespace millrace::runtime
