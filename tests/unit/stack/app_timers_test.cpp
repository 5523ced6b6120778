// AppTimers: bounded, fired once and not before time; what fires may arm and cancel.
#include "stack/app_timers.hpp"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::stack {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{100s};

class AppTimersTest : public ::testing::Test {
 protected:
  base::SlotHandle arm(Duration delay, int name) {
    const auto handle = timers.arm(kStart + delay, [this, name] { fired.push_back(name); });
    EXPECT_TRUE(handle.has_value());
    return handle.value_or(base::SlotHandle{});
  }

  AppTimers timers{4, kStart};
  std::vector<int> fired;
};

TEST_F(AppTimersTest, FiresInOrderOfDeadlineAndNotBefore) {
  arm(30ms, 3);
  arm(10ms, 1);
  arm(20ms, 2);
  timers.advance(kStart + 9ms, 100);
  EXPECT_TRUE(fired.empty());
  timers.advance(kStart + 25ms, 100);
  EXPECT_EQ(fired, (std::vector{1, 2}));
  timers.advance(kStart + 40ms, 100);
  EXPECT_EQ(fired, (std::vector{1, 2, 3}));
  EXPECT_EQ(timers.armed(), 0U);
  EXPECT_FALSE(timers.next_deadline().has_value());
}

TEST_F(AppTimersTest, CallsAtMostWhatItMay) {
  for (int i = 0; i < 4; ++i) {
    arm(1ms, i);
  }
  timers.advance(kStart + 2ms, 3);
  EXPECT_EQ(fired.size(), 3U);
  ASSERT_TRUE(timers.next_deadline().has_value());
  EXPECT_LE(*timers.next_deadline(), kStart + 2ms);
  timers.advance(kStart + 2ms, 3);
  EXPECT_EQ(fired.size(), 4U);
}

TEST_F(AppTimersTest, ACancelledTimerNeverFires) {
  const base::SlotHandle handle = arm(1ms, 1);
  EXPECT_TRUE(timers.cancel(handle).has_value());
  EXPECT_EQ(timers.cancel(handle).error(), Error::StaleHandle);
  timers.advance(kStart + 1s, 100);
  EXPECT_TRUE(fired.empty());
}

TEST_F(AppTimersTest, AFiredTimersHandleIsStaleAlsoInsideItsCall) {
  base::SlotHandle handle;
  Result<void> inside;
  handle = *timers.arm(kStart + 1ms, [&] { inside = timers.cancel(handle); });
  timers.advance(kStart + 2ms, 100);
  EXPECT_EQ(inside.error(), Error::StaleHandle);
  // The slot is another timer's now.
  arm(5ms, 1);
  EXPECT_EQ(timers.cancel(handle).error(), Error::StaleHandle);
  EXPECT_EQ(timers.armed(), 1U);
}

TEST_F(AppTimersTest, IsBounded) {
  for (int i = 0; i < 4; ++i) {
    arm(1ms, i);
  }
  EXPECT_EQ(timers.arm(kStart + 1ms, [] {}).error(), Error::OutOfTimers);
  timers.advance(kStart + 2ms, 1);
  EXPECT_TRUE(timers.arm(kStart + 1ms, [] {}).has_value());
}

TEST_F(AppTimersTest, WhatFiresMayArmEvenWhenTheTableWasFull) {
  for (int i = 0; i < 3; ++i) {
    arm(10ms, i);
  }
  bool has_armed = false;
  ASSERT_TRUE(timers.arm(kStart + 1ms, [&] { has_armed = timers.arm(kStart, [] {}).has_value(); }));
  timers.advance(kStart + 2ms, 100);
  EXPECT_TRUE(has_armed);
}

TEST_F(AppTimersTest, ATimerThatAlwaysArmsItselfAtOnceDoesNotHoldTheLoop) {
  int calls = 0;
  struct Again {
    AppTimers& timers;
    int& calls;
    void operator()() {
      ++calls;
      static_cast<void>(timers.arm(kStart, Again{timers, calls}));
    }
  };
  ASSERT_TRUE(timers.arm(kStart, Again{timers, calls}).has_value());
  timers.advance(kStart + 1ms, 100);
  EXPECT_GE(calls, 1);
  EXPECT_LE(calls, 100);
}

TEST_F(AppTimersTest, WhatFiresMayCancelAnotherThatIsDueAsWell) {
  const base::SlotHandle other = arm(2ms, 2);
  ASSERT_TRUE(timers.arm(kStart + 1ms, [&] { EXPECT_TRUE(timers.cancel(other).has_value()); }));
  timers.advance(kStart + 10ms, 100);
  EXPECT_TRUE(fired.empty());
}

TEST_F(AppTimersTest, ClearForgetsAllAndFreesWhatTheyHold) {
  const auto witness = std::make_shared<int>(1);
  ASSERT_TRUE(timers.arm(kStart + 1ms, [witness] {}).has_value());
  arm(1ms, 1);
  EXPECT_EQ(witness.use_count(), 2);
  timers.clear();
  EXPECT_EQ(witness.use_count(), 1);
  timers.advance(kStart + 1s, 100);
  EXPECT_TRUE(fired.empty());
}

}  // namespace
}  // namespace millrace::stack
