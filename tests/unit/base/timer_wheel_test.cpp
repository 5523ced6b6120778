// TimerWheel: rounding, boundaries of levels, what callbacks may do, bounds per advance, and
// agreement with a naive model.
#include "base/timer_wheel.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <millrace/time.hpp>

#include "base/random.hpp"

namespace millrace::base {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kUnbounded = std::numeric_limits<std::uint32_t>::max();
constexpr Instant kStart{1'000'000'007ns};
constexpr Duration kTick = TimerWheel::kTick;

constexpr auto kIgnore = [](TimerNode&) {};

TEST(TimerWheel, StartsEmpty) {
  TimerWheel wheel{kStart};
  EXPECT_EQ(wheel.armed(), 0U);
  EXPECT_EQ(wheel.next_deadline(), std::nullopt);
  EXPECT_EQ(wheel.advance(kStart + 24h, kUnbounded, kIgnore), 0U);
  wheel.check_invariants();
}

TEST(TimerWheel, RoundsDeadlinesUpToATick) {
  struct Case {
    Duration deadline;
    std::int64_t tick;
  };
  for (const Case& c : {Case{1ns, 1}, Case{kTick - 1ns, 1}, Case{kTick, 1}, Case{kTick + 1ns, 2},
                        Case{300 * kTick, 300}, Case{300 * kTick + 1ns, 301}}) {
    TimerWheel wheel{kStart};
    TimerNode node;
    wheel.arm(node, kStart + c.deadline);
    EXPECT_TRUE(node.is_armed());
    EXPECT_EQ(wheel.armed(), 1U);
    EXPECT_EQ(wheel.next_deadline(), kStart + c.tick * kTick);
    EXPECT_EQ(wheel.advance(kStart + c.tick * kTick - 1ns, kUnbounded, kIgnore), 0U);
    EXPECT_EQ(wheel.advance(kStart + c.tick * kTick, kUnbounded, kIgnore), 1U);
    EXPECT_FALSE(node.is_armed());
    EXPECT_EQ(wheel.armed(), 0U);
    EXPECT_EQ(wheel.next_deadline(), std::nullopt);
  }
}

// Goes from one `next_deadline` to the next, as a sleeping loop would, until `node` fires. Returns
// when, and counts turns.
Instant run_until_fired(TimerWheel& wheel, const TimerNode& node, int& turns) {
  Instant now{};
  for (turns = 0; node.is_armed() && turns < 1000; ++turns) {
    const std::optional<Instant> next = wheel.next_deadline();
    EXPECT_TRUE(next.has_value());
    now = next.value_or(now);
    wheel.advance(now, kUnbounded, kIgnore);
    wheel.check_invariants();
  }
  return now;
}

constexpr std::array<std::int64_t, 17> kTicksAtEdges{0,
                                                     1,
                                                     2,
                                                     254,
                                                     255,
                                                     256,
                                                     257,
                                                     65'535,
                                                     65'536,
                                                     65'537,
                                                     1L << 24,
                                                     (1L << 24) + 1,
                                                     (1L << 24) - 1,
                                                     (1L << 32) - 1,
                                                     1L << 32,
                                                     (1L << 32) + 1,
                                                     5 * (1L << 32) + 3};

TEST(TimerWheel, FiresAtItsTickFromEveryEdgeToEveryEdge) {
  for (const std::int64_t position : kTicksAtEdges) {
    for (const std::int64_t distance : kTicksAtEdges) {
      if (distance == 0) {
        continue;
      }
      SCOPED_TRACE(std::to_string(position) + " + " + std::to_string(distance));
      TimerWheel wheel{kStart};
      wheel.advance(kStart + position * kTick, kUnbounded, kIgnore);
      TimerNode node;
      TimerNode companion;  // Keeps the slot from having one timer alone, whose deadline would be
                            // known exactly.
      const Instant deadline = kStart + (position + distance) * kTick;
      wheel.arm(node, deadline);
      wheel.arm(companion, deadline);
      ASSERT_LE(wheel.next_deadline(), deadline);
      int turns = 0;
      EXPECT_EQ(run_until_fired(wheel, node, turns), deadline);
      EXPECT_FALSE(companion.is_armed());
      EXPECT_LE(turns, 4 + distance / (255L << 24));
    }
  }
}

TEST(TimerWheel, ATimerAloneIsAwaitedExactly) {
  TimerWheel wheel{kStart};
  TimerNode node;
  const Instant deadline = kStart + 3h + 7 * kTick;
  wheel.arm(node, deadline);
  int turns = 0;
  EXPECT_GE(run_until_fired(wheel, node, turns), deadline);
  EXPECT_EQ(turns, 1);
}

TEST(TimerWheel, AParkedTimerDoesNotHideAnEarlierOne) {
  TimerWheel wheel{kStart};
  TimerNode parked;
  TimerNode later_slot;
  wheel.arm(parked, kStart + std::chrono::hours{24 * 365});
  wheel.advance(kStart + 1h, kUnbounded, kIgnore);
  wheel.arm(later_slot, kStart + 39h + 50min);
  EXPECT_LE(wheel.next_deadline(), kStart + 39h + 50min);
  int turns = 0;
  EXPECT_LE(run_until_fired(wheel, later_slot, turns), kStart + 39h + 50min + kTick);
  EXPECT_TRUE(parked.is_armed());
}

TEST(TimerWheel, PastDeadlinesFireAtTheNextAdvanceWhateverItsTime) {
  TimerWheel wheel{kStart};
  const Instant now = kStart + 10 * kTick + 20'000ns;
  wheel.advance(now, kUnbounded, kIgnore);
  for (const Instant deadline :
       {now, now - 1ns, now - 20'000ns, kStart, kStart - 1h, Instant::min()}) {
    TimerNode node;
    wheel.arm(node, deadline);
    ASSERT_TRUE(wheel.next_deadline().has_value());
    EXPECT_LE(*wheel.next_deadline(), now);
    EXPECT_EQ(wheel.advance(now, kUnbounded, kIgnore), 1U);
    EXPECT_FALSE(node.is_armed());
  }
}

TEST(TimerWheel, MovingAnArmedTimer) {
  TimerWheel wheel{kStart};
  TimerNode node;
  wheel.arm(node, kStart + 1ms);
  wheel.arm(node, kStart + 10s);
  EXPECT_EQ(wheel.armed(), 1U);
  EXPECT_EQ(wheel.advance(kStart + 9s, kUnbounded, kIgnore), 0U);
  wheel.arm(node, kStart + 9s + 1ms);
  wheel.arm(node, kStart + 9s + 1ms + 1ns);
  EXPECT_EQ(wheel.advance(kStart + 9s + 2ms, kUnbounded, kIgnore), 1U);
  EXPECT_EQ(wheel.next_deadline(), std::nullopt);
}

// The deadline that has passed and the new one lie in the same tick; the new one must count.
TEST(TimerWheel, MovingAnOverdueTimerWithinItsTickPostponesIt) {
  TimerWheel wheel{kStart};
  const Instant now = kStart + kTick + 8'000ns;
  wheel.advance(now, kUnbounded, kIgnore);
  TimerNode node;
  wheel.arm(node, now - 1'000ns);
  wheel.arm(node, now + 20'000ns);
  EXPECT_EQ(wheel.advance(now + 1'000ns, kUnbounded, kIgnore), 0U);
  EXPECT_EQ(wheel.advance(kStart + 2 * kTick, kUnbounded, kIgnore), 1U);
}

// As a retransmission timer is moved by every ACK.
TEST(TimerWheel, MovingATimerLaterLazilyLeavesItInItsPlaceUntilThatIsReached) {
  TimerWheel wheel{kStart};
  TimerNode node;
  wheel.arm_lazily(node, kStart + 200ms);
  const std::uint16_t place = node.slot;
  for (int i = 1; i <= 150; ++i) {
    const Instant now = kStart + i * 1ms;
    EXPECT_EQ(wheel.advance(now, kUnbounded, kIgnore), 0U);
    wheel.arm_lazily(node, now + 200ms);
    EXPECT_EQ(node.slot, place);
    EXPECT_EQ(wheel.armed(), 1U);
    wheel.check_invariants();
  }
  int turns = 0;
  const Instant fired = run_until_fired(wheel, node, turns);
  EXPECT_GE(fired, kStart + 350ms);
  EXPECT_LE(fired, kStart + 350ms + kTick);
  EXPECT_LE(turns, 5);
}

TEST(TimerWheel, ATimerThatWasMovedLazilyFiresAtItsTickFromEveryEdgeToEveryEdge) {
  for (const std::int64_t first : kTicksAtEdges) {
    for (const std::int64_t second : kTicksAtEdges) {
      if (first == 0 || second < first) {
        continue;
      }
      SCOPED_TRACE(std::to_string(first) + " then " + std::to_string(second));
      TimerWheel wheel{kStart};
      TimerNode node;
      TimerNode stays;
      wheel.arm_lazily(node, kStart + first * kTick);
      wheel.arm_lazily(stays, kStart + second * kTick);
      wheel.arm_lazily(node, kStart + second * kTick);
      wheel.check_invariants();
      int turns = 0;
      EXPECT_EQ(run_until_fired(wheel, node, turns), kStart + second * kTick);
      EXPECT_FALSE(stays.is_armed());
    }
  }
}

TEST(TimerWheel, WhatWasMovedLazilyCanBeMovedEarlierAndCancelled) {
  TimerWheel wheel{kStart};
  TimerNode node;
  wheel.arm_lazily(node, kStart + 100ms);
  wheel.arm_lazily(node, kStart + 10s);
  wheel.arm_lazily(node, kStart + 40ms);
  EXPECT_EQ(wheel.advance(kStart + 40ms + kTick, kUnbounded, kIgnore), 1U);
  wheel.arm_lazily(node, kStart + 100ms);
  wheel.arm_lazily(node, kStart + 10s);
  wheel.arm_lazily(node, kStart + 200ms);
  EXPECT_EQ(wheel.advance(kStart + 199ms, kUnbounded, kIgnore), 0U);
  wheel.arm_lazily(node, kStart + 11s);
  wheel.cancel(node);
  wheel.check_invariants();
  EXPECT_EQ(wheel.next_deadline(), std::nullopt);
  wheel.arm_lazily(node, kStart + 5s);
  wheel.arm_lazily(node, kStart);
  EXPECT_EQ(wheel.advance(kStart + 199ms, kUnbounded, kIgnore), 1U) << "that has passed";
}

// However many were left behind in one place.
TEST(TimerWheel, BoundsTheTimersItMovesThatWereMovedLazily) {
  TimerWheel wheel{kStart};
  std::vector<TimerNode> nodes(1'000);
  for (TimerNode& node : nodes) {
    wheel.arm_lazily(node, kStart + 5 * kTick);
    wheel.arm_lazily(node, kStart + 50 * kTick);
  }
  const Instant now = kStart + 5 * kTick;
  int turns = 0;
  for (; wheel.next_deadline() <= now && turns < 1'000; ++turns) {
    EXPECT_EQ(wheel.advance(now, 1, kIgnore), 0U);
    wheel.check_invariants();
  }
  EXPECT_EQ(turns, 63) << "16 moves each";
  EXPECT_EQ(wheel.advance(kStart + 50 * kTick, kUnbounded, kIgnore), nodes.size());
}

TEST(TimerWheel, CancelledTimersDoNotFire) {
  TimerWheel wheel{kStart};
  TimerNode near;
  TimerNode far;
  TimerNode overdue;
  wheel.cancel(near);
  wheel.arm(near, kStart + 1ms);
  wheel.arm(far, kStart + 100h);
  wheel.arm(overdue, kStart);
  for (TimerNode* node : {&near, &far, &overdue}) {
    wheel.cancel(*node);
    EXPECT_FALSE(node->is_armed());
    wheel.check_invariants();
  }
  EXPECT_EQ(wheel.armed(), 0U);
  EXPECT_EQ(wheel.next_deadline(), std::nullopt);
  EXPECT_EQ(wheel.advance(kStart + 200h, kUnbounded, kIgnore), 0U);
}

TEST(TimerWheel, FiresInOrderOfTicksAcrossLevels) {
  TimerWheel wheel{kStart};
  Random random = Random::from_seed(11);
  std::vector<TimerNode> nodes(2000);
  for (TimerNode& node : nodes) {
    const std::uint64_t distance = random.next_u64() >> (10 + random.below(50));
    wheel.arm(node, kStart + Duration{static_cast<std::int64_t>(distance)});
  }
  std::uint64_t last_tick = 0;
  const std::uint32_t fired = wheel.advance(Instant::max(), kUnbounded, [&](TimerNode& node) {
    EXPECT_GE(node.expiry_tick, last_tick);
    last_tick = node.expiry_tick;
  });
  EXPECT_EQ(fired, nodes.size());
}

TEST(TimerWheel, LeavesWhatExceedsMaxExpiredForTheNextAdvance) {
  TimerWheel wheel{kStart};
  std::array<TimerNode, 10> nodes;
  std::vector<std::uint32_t> order;
  const auto note = [&](TimerNode& node) { order.push_back(node.owner); };
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    nodes[i].owner = i;
    wheel.arm(nodes[i], kStart + (1 + i / 4) * kTick);
  }
  const Instant now = kStart + 1s;
  EXPECT_EQ(wheel.advance(now, 0, note), 0U);
  EXPECT_EQ(wheel.advance(now, 3, note), 3U);
  EXPECT_EQ(wheel.armed(), 7U);
  EXPECT_LE(wheel.next_deadline(), now);
  wheel.check_invariants();
  wheel.cancel(nodes[4]);
  EXPECT_EQ(wheel.advance(now, 3, note), 3U);
  EXPECT_EQ(wheel.advance(now + 1ns, 3, note), 3U);
  EXPECT_EQ(wheel.advance(now, 3, note), 0U);
  EXPECT_EQ(order, (std::vector<std::uint32_t>{0, 1, 2, 3, 5, 6, 7, 8, 9}));
}

TEST(TimerWheel, ACallbackMayCancelWhatIsDueInTheSameTick) {
  TimerWheel wheel{kStart};
  TimerNode first;
  TimerNode second;
  wheel.arm(first, kStart + 1ms);
  wheel.arm(second, kStart + 1ms);
  std::uint32_t fired = wheel.advance(kStart + 1s, kUnbounded, [&](TimerNode& node) {
    EXPECT_EQ(&node, &first);
    EXPECT_FALSE(node.is_armed());
    wheel.cancel(second);
  });
  EXPECT_EQ(fired, 1U);
  EXPECT_EQ(wheel.armed(), 0U);
}

TEST(TimerWheel, WhatACallbackArmsWaitsForTheNextAdvance) {
  const Instant now = kStart + 24h;
  for (const Instant deadline : {kStart, kStart + 1ms, now - 1ns, now}) {
    TimerWheel wheel{kStart};
    TimerNode node;
    wheel.arm(node, kStart + 1ms);
    const auto again = [&](TimerNode& expired) { wheel.arm(expired, deadline); };
    EXPECT_EQ(wheel.advance(now, kUnbounded, again), 1U);
    EXPECT_LE(wheel.next_deadline(), now);
    EXPECT_EQ(wheel.advance(now, kUnbounded, again), 1U);
    wheel.check_invariants();
  }
}

TEST(TimerWheel, ACallbackMayPostponeWhatIsDue) {
  TimerWheel wheel{kStart};
  TimerNode first;
  TimerNode second;
  wheel.arm(first, kStart + 1ms);
  wheel.arm(second, kStart + 2ms);
  const Instant now = kStart + 1s;
  EXPECT_EQ(wheel.advance(now, kUnbounded, [&](TimerNode&) { wheel.arm(second, now + 1s); }), 1U);
  EXPECT_EQ(wheel.advance(now + 999ms, kUnbounded, kIgnore), 0U);
  EXPECT_EQ(wheel.advance(now + 1s + kTick, kUnbounded, kIgnore), 1U);
}

TEST(TimerWheel, ACallbackMayDestroyItsTimerAndOthersThatAreCancelled) {
  TimerWheel wheel{kStart};
  auto first = std::make_unique<TimerNode>();
  auto second = std::make_unique<TimerNode>();
  wheel.arm(*first, kStart + 1ms);
  wheel.arm(*second, kStart + 1ms);
  EXPECT_EQ(wheel.advance(kStart + 1s, kUnbounded,
                          [&](TimerNode&) {
                            first.reset();
                            wheel.cancel(*second);
                            second.reset();
                          }),
            1U);
}

TEST(TimerWheel, AClockThatStepsBackIsClamped) {
  TimerWheel wheel{kStart};
  TimerNode node;
  wheel.advance(kStart + 10s, kUnbounded, kIgnore);
  wheel.advance(kStart + 1s, kUnbounded, kIgnore);
  wheel.arm(node, kStart + 5s);
  EXPECT_EQ(wheel.advance(kStart + 2s, kUnbounded, kIgnore), 1U)
      << "5 s had passed before the clock stepped back";
  wheel.arm(node, kStart + 11s);
  EXPECT_EQ(wheel.advance(kStart - 1s, kUnbounded, kIgnore), 0U);
  EXPECT_EQ(wheel.advance(kStart + 11s + kTick, kUnbounded, kIgnore), 1U);
}

TEST(TimerWheel, ReachesBothEndsOfTime) {
  for (const Instant start : {Instant::min(), Instant{}, Instant::max() - 1h}) {
    TimerWheel wheel{start};
    TimerNode never;
    TimerNode soon;
    wheel.arm(never, Instant::max());
    wheel.arm(soon, start + 30min);
    ASSERT_TRUE(wheel.next_deadline().has_value());
    EXPECT_LE(*wheel.next_deadline(), start + 30min + kTick);
    EXPECT_EQ(wheel.advance(start + 31min, kUnbounded, kIgnore), 1U);
    EXPECT_TRUE(never.is_armed());
    ASSERT_TRUE(wheel.next_deadline().has_value());
    EXPECT_GT(*wheel.next_deadline(), start + 31min);
    wheel.check_invariants();
    wheel.cancel(never);
  }
}

// Many keep-alive timers in one wide slot must not make one turn long.
TEST(TimerWheel, BoundsTheTimersItMovesPerAdvance) {
  TimerWheel wheel{kStart};
  std::vector<TimerNode> nodes(1000);
  const Instant deadline = kStart + 2h;
  for (TimerNode& node : nodes) {
    wheel.arm(node, deadline);
  }
  const Instant now = deadline + kTick;
  std::uint32_t fired = 0;
  int turns = 0;
  for (; wheel.armed() > 0 && turns < 10'000; ++turns) {
    EXPECT_LE(wheel.next_deadline(), now);
    fired += wheel.advance(now, 1, kIgnore);
    if (turns % 50 == 0) {
      wheel.check_invariants();
    }
  }
  EXPECT_EQ(fired, nodes.size());
  EXPECT_GT(turns, 1000) << "one at a time";
  EXPECT_LT(turns, 1300) << "and up to four moves each";
}

// The tick at which a slot starts may also be the one in which the clock stands still for many
// turns.
TEST(TimerWheel, GoesOnDealingOutWithinOneTick) {
  TimerWheel wheel{kStart};
  std::vector<TimerNode> nodes(100);
  for (TimerNode& node : nodes) {
    wheel.arm(node, kStart + 300 * kTick);
  }
  const Instant now = kStart + 256 * kTick;
  EXPECT_EQ(wheel.next_deadline(), now);
  int turns = 0;
  for (; wheel.next_deadline() <= now && turns < 100; ++turns) {
    EXPECT_EQ(wheel.advance(now, 1, kIgnore), 0U);
    wheel.check_invariants();
  }
  EXPECT_EQ(turns, 7) << "16 moves each";
  EXPECT_EQ(wheel.advance(kStart + 300 * kTick, kUnbounded, kIgnore), nodes.size());
}

TEST(TimerWheel, TimersBeingDealtOutCanBeCancelledAndMoved) {
  TimerWheel wheel{kStart};
  std::vector<TimerNode> nodes(100);
  for (TimerNode& node : nodes) {
    wheel.arm(node, kStart + 2h);
  }
  const Instant now = kStart + 3h;
  EXPECT_EQ(wheel.advance(now, 1, kIgnore), 0U) << "all moves go into dealing out";
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i % 2 == 0) {
      wheel.cancel(nodes[i]);
    } else {
      wheel.arm(nodes[i], now + 1h);
    }
    wheel.check_invariants();
  }
  EXPECT_EQ(wheel.armed(), 50U);
  EXPECT_EQ(wheel.advance(now, kUnbounded, kIgnore), 0U);
  EXPECT_GT(wheel.next_deadline(), now);
  EXPECT_EQ(wheel.advance(now + 2h, kUnbounded, kIgnore), 50U);
}

// A list of timers searched from end to end, kept beside the wheel. All times are recomputed here
// from the documentation.
class WheelAndModel {
 public:
  WheelAndModel(std::uint64_t seed, Instant start)
      : random_{Random::from_seed(seed)}, start_{start}, now_{start}, wheel_{start} {
    for (std::uint32_t i = 0; i < kTimers; ++i) {
      nodes_[i].owner = i;
    }
  }

  void step() {
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2: arm_one(); break;
      case 3: cancel_one(); break;
      case 4: advance(now_ + Duration{random_span()}, 1 + random_.below(8)); break;
      case 5: advance(now_ - Duration{random_span()}, kUnbounded); break;
      case 6: drain(now_ + Duration{random_span()}); break;
      default: advance(now_ + Duration{random_span()}, kUnbounded); break;
    }
    check();
  }

 private:
  static constexpr std::uint32_t kTimers = 120;

  struct Entry {
    bool is_armed = false;
    bool was_past = false;       // The deadline had passed when it was armed.
    std::uint64_t armed_in = 0;  // The advance before which, or within which, it was armed.
    Instant deadline{};
  };

  // Anything from nothing to 104 days, every order of magnitude as likely as any other.
  std::int64_t random_span() {
    return static_cast<std::int64_t>(random_.next_u64() >> (11 + random_.below(53)));
  }

  std::int64_t ticks_up_to(Instant time) const { return (time - start_) / kTick; }
  Instant expiry_of(const Entry& entry) const {
    if (entry.was_past) {
      return now_;
    }
    const std::int64_t tick = (entry.deadline - start_ + kTick - 1ns) / kTick;
    return start_ + tick * kTick;
  }
  bool is_due(const Entry& entry) const { return entry.is_armed && expiry_of(entry) <= now_; }

  void arm_one() {
    const std::uint32_t i = random_.below(kTimers);
    Duration span{random_span()};
    if (random_.one_in(6)) {
      span = -span;
    }
    Instant deadline = now_ + span;
    if (random_.one_in(4)) {  // Crowds: the same tick as another, or its neighbors.
      deadline = model_[random_.below(kTimers)].deadline +
                 Duration{static_cast<std::int64_t>(random_.below(70'000))};
    }
    // The model knows no difference: only what it costs is another.
    random_.one_in(2) ? wheel_.arm(nodes_[i], deadline) : wheel_.arm_lazily(nodes_[i], deadline);
    model_[i] = {.is_armed = true,
                 .was_past = deadline <= now_,
                 .armed_in = advances_,
                 .deadline = deadline};
  }

  void cancel_one() {
    const std::uint32_t i = random_.below(kTimers);
    wheel_.cancel(nodes_[i]);
    model_[i].is_armed = false;
  }

  void on_expired(TimerNode& node) {
    Entry& entry = model_[node.owner];
    ASSERT_EQ(&node, &nodes_[node.owner]);
    ASSERT_TRUE(entry.is_armed);
    ASSERT_FALSE(node.is_armed());
    ASSERT_LT(entry.armed_in, advances_) << "armed within this advance";
    ASSERT_LE(entry.deadline, now_);
    ASSERT_LE(expiry_of(entry), now_);
    entry.is_armed = false;
    for (std::uint32_t more = random_.below(3); more > 0; --more) {
      random_.one_in(2) ? arm_one() : cancel_one();
    }
    ASSERT_TRUE(!wheel_.next_deadline().has_value() ||
                *wheel_.next_deadline() <= earliest_expiry());
  }

  void advance(Instant now, std::uint32_t max_expired) {
    ++advances_;
    now_ = std::max(now_, now);
    const std::uint32_t fired =
        wheel_.advance(now, max_expired, [this](TimerNode& node) { on_expired(node); });
    ASSERT_LE(fired, max_expired);
    const bool is_done = !wheel_.next_deadline().has_value() || *wheel_.next_deadline() > now_;
    if (is_done || max_expired == kUnbounded) {
      for (const Entry& entry : model_) {
        ASSERT_FALSE(is_due(entry) && entry.armed_in < advances_) << "left behind";
      }
    }
  }

  // Small bites until the wheel says that it is done. Callbacks arm past deadlines now and then,
  // hence the bound.
  void drain(Instant now) {
    for (int bites = 0; bites < 1000; ++bites) {
      advance(now, 2);
      if (wheel_.next_deadline().value_or(Instant::max()) > now_) {
        return;
      }
    }
    FAIL() << "not done after 1000 bites";
  }

  // What is due already expires now.
  Instant earliest_expiry() const {
    Instant earliest = Instant::max();
    for (const Entry& entry : model_) {
      if (entry.is_armed) {
        earliest = std::min(earliest, expiry_of(entry));
      }
    }
    return std::max(earliest, now_);
  }

  void check() {
    wheel_.check_invariants();
    std::uint32_t armed = 0;
    for (std::uint32_t i = 0; i < kTimers; ++i) {
      ASSERT_EQ(nodes_[i].is_armed(), model_[i].is_armed);
      armed += model_[i].is_armed ? 1 : 0;
    }
    ASSERT_EQ(wheel_.armed(), armed);
    const std::optional<Instant> next = wheel_.next_deadline();
    ASSERT_EQ(next.has_value(), armed > 0);
    if (next.has_value()) {
      ASSERT_LE(*next, earliest_expiry());
      ASSERT_GE(*next, now_) << "never in the past";
    }
  }

  Random random_;
  Instant start_;
  Instant now_;
  std::uint64_t advances_ = 1;
  TimerWheel wheel_;
  std::array<TimerNode, kTimers> nodes_;
  std::array<Entry, kTimers> model_{};
};

TEST(TimerWheel, AgreesWithANaiveModelOverRandomOperations) {
  constexpr std::array<Instant, 4> kStarts{Instant{}, kStart, Instant{-5'000'000'000'123ns},
                                           Instant{1'700'000'000'000'000'000ns}};
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto both = std::make_unique<WheelAndModel>(seed, kStarts[seed % kStarts.size()]);
    for (int step = 0; step < 1500 && !HasFatalFailure(); ++step) {
      both->step();
    }
    ASSERT_FALSE(HasFatalFailure());
  }
}

TEST(PacingWheel, FiresWithinAMicrosecondOrTwo) {
  PacingWheel wheel{kStart};
  std::array<TimerNode, 64> nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    wheel.arm(nodes[i], kStart + static_cast<std::int64_t>(i * i) * 700ns);
  }
  for (std::size_t fired = 0; fired < nodes.size();) {
    const std::optional<Instant> next = wheel.next_deadline();
    ASSERT_TRUE(next);
    wheel.advance(*next, kUnbounded, [&](TimerNode& node) {
      const auto i = static_cast<std::int64_t>(&node - nodes.data());
      const Instant deadline = kStart + i * i * 700ns;
      EXPECT_GE(*next, deadline) << i;
      EXPECT_LE(*next - deadline, PacingWheel::kTick) << i;
      ++fired;
    });
    wheel.check_invariants();
  }
}

TEST(PacingWheel, ANodeMayMoveFromOneWheelToTheOther) {
  TimerWheel timers{kStart};
  PacingWheel pacing{kStart};
  TimerNode node;
  timers.arm(node, kStart + 1h);
  timers.cancel(node);
  pacing.arm(node, kStart + 5us);
  EXPECT_EQ(timers.armed(), 0U);
  EXPECT_EQ(pacing.advance(kStart + 10us, kUnbounded, kIgnore), 1U);
  timers.arm(node, kStart + 1ms);
  EXPECT_EQ(timers.advance(kStart + 2ms, kUnbounded, kIgnore), 1U);
}

}  // namespace
}  // namespace millrace::base
