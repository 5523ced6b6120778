// Out-of-order segments against a naive model: a map from position to byte.
#include "tcp/reassembly_queue.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "support/covers.hpp"
#include "unit/tcp/queue_bed.hpp"

namespace millrace::test {

namespace {

using packet::Packet;
using tcp::ReassemblyQueue;
using wire::SeqNum;
using Outcome = ReassemblyQueue::Outcome;

constexpr std::uint32_t kSegmentsMax = 64;

class ReassemblyQueueTest : public QueueBed, public testing::WithParamInterface<std::uint32_t> {
 protected:
  ~ReassemblyQueueTest() override { queue_.clear(budget_); }

  [[nodiscard]] static SeqNum at(std::uint32_t position) { return SeqNum{GetParam()} + position; }
  Outcome insert(std::uint32_t position, std::uint32_t bytes) {
    const Outcome outcome =
        queue_.insert(at(position), make_packet(position, bytes), kSegmentsMax, budget_);
    EXPECT_TRUE(queue_.check_invariants());
    EXPECT_EQ(queue_.charge(), budget_.used());
    return outcome;
  }
  /// Takes out what follows `position` without a hole; returns where that ends.
  std::uint32_t drain(std::uint32_t position) {
    while (const Packet packet = queue_.pop_in_order(at(position), budget_)) {
      for (const std::byte byte : packet.data()) {
        EXPECT_EQ(byte, byte_at(position));
        ++position;
      }
      budget_.release(packet.charge());
      EXPECT_EQ(queue_.charge(), budget_.used());
    }
    return position;
  }

  /// What is held around `position`, against a walk over the bytes; and again when that is known.
  void check_run(std::span<const bool> has, std::uint32_t from, std::uint32_t position) const {
    std::uint32_t left = position;
    while (left > from && has[left - 1]) {
      --left;
    }
    std::uint32_t right = position;
    while (right < has.size() && has[right]) {
      ++right;
    }
    const auto run = queue_.run_around(at(position), std::nullopt);
    ASSERT_EQ(run.has_value(), right > position);
    if (run) {
      EXPECT_EQ(run->left, at(left));
      EXPECT_EQ(run->right, at(right));
      EXPECT_EQ(queue_.run_around(at(position), run), run);
    }
  }

  ReassemblyQueue queue_;
};
INSTANTIATE_TEST_SUITE_P(From, ReassemblyQueueTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'ff38U, 0x7fff'ff38U));

TEST_P(ReassemblyQueueTest, EveryOrderOfSixSegmentsComesOutInOrder) {
  test::covers({"SHLD-31"});
  std::array<std::uint32_t, 6> order{0, 1, 2, 3, 4, 5};
  do {
    for (const std::uint32_t index : order) {
      ASSERT_EQ(insert(100 + index * 50, 50), Outcome::Kept);
    }
    ASSERT_EQ(queue_.segments(), 6U);
    ASSERT_EQ(drain(99), 99U) << "there is a hole of one byte";
    ASSERT_EQ(drain(100), 400U);
    ASSERT_TRUE(queue_.empty());
  } while (std::ranges::next_permutation(order).found);
}

TEST_P(ReassemblyQueueTest, OverlapsAreCutByTheTable) {
  test::covers({"SHLD-31"});
  struct Case {
    const char* name;
    std::uint32_t position;
    std::uint32_t bytes;
    Outcome outcome;
    std::uint32_t end;  ///< Of what is there from 200 on, or from `position` if that is before.
  };
  const Case cases[] = {
      {"same", 200, 100, Outcome::Duplicate, 300},
      {"inside", 220, 10, Outcome::Duplicate, 300},
      {"its start", 200, 50, Outcome::Duplicate, 300},
      {"its end", 250, 50, Outcome::Duplicate, 300},
      {"over the start", 150, 100, Outcome::Kept, 300},
      {"over the end", 250, 100, Outcome::Kept, 350},
      {"around", 150, 200, Outcome::Kept, 300},
      {"touching before", 150, 50, Outcome::Kept, 300},
      {"touching behind", 300, 50, Outcome::Kept, 350},
  };
  for (const Case& row : cases) {
    ASSERT_EQ(insert(200, 100), Outcome::Kept);
    EXPECT_EQ(insert(row.position, row.bytes), row.outcome) << row.name;
    EXPECT_EQ(drain(std::min(row.position, 200U)), row.end) << row.name;
    EXPECT_TRUE(queue_.empty()) << row.name;
  }
}

TEST_P(ReassemblyQueueTest, RunIsFollowedWhereItGrewAtTheEnd) {
  using wire::SackBlock;
  const auto block = [](std::uint32_t left, std::uint32_t right) {
    return std::optional{SackBlock{.left = at(left), .right = at(right)}};
  };
  EXPECT_EQ(queue_.run_around(at(100), std::nullopt), std::nullopt);
  ASSERT_EQ(insert(100, 50), Outcome::Kept);
  ASSERT_EQ(insert(200, 50), Outcome::Kept);
  ASSERT_EQ(insert(250, 50), Outcome::Kept);
  EXPECT_EQ(queue_.run_around(at(250), block(200, 250)), block(200, 300));
  EXPECT_EQ(queue_.run_around(at(120), block(200, 250)), block(100, 150));
  EXPECT_EQ(queue_.run_around(at(150), block(100, 150)), std::nullopt) << "missing";
  EXPECT_EQ(queue_.run_around(at(99), std::nullopt), std::nullopt);
  EXPECT_EQ(queue_.run_around(at(300), std::nullopt), std::nullopt);
  EXPECT_EQ(queue_.overlap(at(150), at(200)), std::nullopt);
  EXPECT_EQ(queue_.overlap(at(0), at(1'000)), block(100, 150));
}

TEST_P(ReassemblyQueueTest, WhatEndsWhereTheStreamIsHoldsNothing) {
  ASSERT_EQ(insert(100, 50), Outcome::Kept);
  EXPECT_FALSE(queue_.pop_in_order(at(150), budget_)) << "not even an empty packet";
  EXPECT_TRUE(queue_.empty());
}

TEST_P(ReassemblyQueueTest, WhatIsOldByNowIsDropped) {
  ASSERT_EQ(insert(100, 50), Outcome::Kept);
  ASSERT_EQ(insert(160, 50), Outcome::Kept);
  EXPECT_EQ(drain(180), 210U) << "the first is old, the second in part";
  EXPECT_TRUE(queue_.empty());
}

TEST_P(ReassemblyQueueTest, NumberOfSegmentsIsBounded) {  // decision 5
  for (std::uint32_t i = 0; i < kSegmentsMax; ++i) {
    ASSERT_EQ(insert(100 + 20 * i, 10), Outcome::Kept);
  }
  EXPECT_EQ(insert(10'000, 10), Outcome::Full);
  EXPECT_EQ(insert(50, 10), Outcome::Full);
  EXPECT_EQ(insert(100, 10), Outcome::Duplicate);
  EXPECT_EQ(queue_.clear(budget_), kSegmentsMax);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_P(ReassemblyQueueTest, MemoryIsBounded) {  // decision 5
  packet::PacketBudget tight{2 * kCharge};
  ReassemblyQueue queue;
  EXPECT_EQ(queue.insert(at(100), make_packet(0, 10), kSegmentsMax, tight), Outcome::Kept);
  EXPECT_EQ(queue.insert(at(200), make_packet(0, 10), kSegmentsMax, tight), Outcome::Kept);
  EXPECT_EQ(queue.insert(at(300), make_packet(0, 10), kSegmentsMax, tight), Outcome::Full);
  EXPECT_EQ(queue.clear(tight), 2U);
  EXPECT_EQ(tight.used(), 0U);
}

TEST_P(ReassemblyQueueTest, AgreesWithAMapOfBytes) {
  constexpr std::uint32_t kSpan = 400;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    base::Random random = base::Random::from_seed(seed);
    std::array<bool, kSpan> has{};
    std::uint32_t rcv_nxt = 0;
    while (rcv_nxt < kSpan) {
      const std::uint32_t position = rcv_nxt + random.below(kSpan - rcv_nxt);
      const std::uint32_t bytes = 1 + random.below(std::min(kSpan - position, 60U));
      const bool was_there = std::all_of(has.begin() + position, has.begin() + position + bytes,
                                         [](bool is) { return is; });
      const auto held = std::find(has.begin() + position, has.begin() + position + bytes, true);
      const auto held_end = std::find(held, has.begin() + position + bytes, false);
      const auto overlap = queue_.overlap(at(position), at(position + bytes));
      ASSERT_EQ(overlap.has_value(), held != held_end) << "seed " << seed;
      if (overlap) {
        ASSERT_EQ(overlap->left, at(static_cast<std::uint32_t>(held - has.begin())));
        ASSERT_EQ(overlap->right, at(static_cast<std::uint32_t>(held_end - has.begin())));
      }
      const Outcome outcome = insert(position, bytes);
      ASSERT_EQ(outcome, was_there ? Outcome::Duplicate : Outcome::Kept) << "seed " << seed;
      // By the header: cut to the first part that is missing.
      auto first = std::find(has.begin() + position, has.begin() + position + bytes, false);
      const auto end = std::find(first, has.begin() + position + bytes, true);
      std::fill(first, end, true);
      check_run(has, rcv_nxt, position);
      if (random.one_in(4)) {
        const auto hole = static_cast<std::uint32_t>(
            std::find(has.begin() + rcv_nxt, has.end(), false) - has.begin());
        ASSERT_EQ(drain(rcv_nxt), hole) << "seed " << seed;
        rcv_nxt = hole;
      }
    }
    ASSERT_TRUE(queue_.empty());
  }
}

}  // namespace

}  // namespace millrace::test
