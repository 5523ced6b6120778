// What an ACK's blocks can mean, and which records they cover, against a plain walk over all.
#include "tcp/scoreboard.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;

constexpr Instant kNow{std::chrono::hours{1}};

class ScoreboardTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  ~ScoreboardTest() override { sent_.clear(pool_); }

  [[nodiscard]] static SeqNum at(std::uint32_t offset) { return SeqNum{GetParam()} + offset; }
  [[nodiscard]] static SackBlock block(std::uint32_t left, std::uint32_t right) {
    return {.left = at(left), .right = at(right)};
  }
  void send(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      ASSERT_TRUE(sent_.append(pool_, kNow, at(next_), 100, false));
      next_ += 100;
    }
  }
  std::uint32_t mark(std::initializer_list<SackBlock> blocks) {
    const std::vector<SackBlock> all{blocks};
    DeliveryLog log{{.now = kNow}};
    const std::uint32_t marked = board_.mark(sent_, all, log);
    EXPECT_TRUE(sent_.check_invariants());
    return marked;
  }
  void acknowledge(SeqNum ack) {
    DeliveryLog log{{.now = kNow}};
    static_cast<void>(sent_.on_ack(pool_, ack, log));
  }
  [[nodiscard]] std::string marks() {
    std::string text;
    for (const SentSegment* segment = sent_.first(); segment != nullptr; segment = segment->next) {
      text += segment->is_sacked ? '#' : '.';
    }
    return text;
  }

  SentSegmentPool pool_{16'384};
  SentSegments sent_;
  Scoreboard board_;
  std::uint32_t next_ = 0;
};
INSTANTIATE_TEST_SUITE_P(From, ScoreboardTest,
                         testing::Values(10'000U, 0xffff'ffffU, 0xffff'ff38U, 0x7fff'ff38U));

TEST_P(ScoreboardTest, BlocksAreSortedOut) {
  covers({"RFC 2018 §3", "RFC 2883 §4"});
  enum class Kind : std::uint8_t { Good, Duplicate, Bad, Stale };
  struct Case {
    const char* name;
    std::uint32_t left;
    std::uint32_t right;
    Kind kind;
  };
  // In flight: 1000 to 2000; acknowledged by this ACK: 900; the window was never above 500.
  constexpr Case kCases[] = {{"in flight", 1'100, 1'200, Kind::Good},
                             {"up to the end", 1'900, 2'000, Kind::Good},
                             {"across what is acknowledged since", 950, 1'100, Kind::Good},
                             {"acknowledged since", 950, 1'000, Kind::Stale},
                             {"below the ACK", 800, 900, Kind::Duplicate},
                             {"just within the window before", 400, 500, Kind::Duplicate},
                             {"long before", 399, 500, Kind::Bad},
                             {"across the ACK", 800, 1'000, Kind::Bad},
                             {"at the ACK", 900, 1'000, Kind::Bad},
                             {"beyond what was sent", 1'900, 2'001, Kind::Bad},
                             {"wholly beyond", 2'100, 2'200, Kind::Bad},
                             {"empty", 1'100, 1'100, Kind::Bad},
                             {"reversed", 1'200, 1'100, Kind::Bad},
                             {"half the circle away", 1'100, 0x8000'0500, Kind::Bad}};
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const std::array blocks{block(c.left, c.right)};
    const SackNews news = read_sack(blocks, at(900), at(1'000), at(2'000), 500);
    EXPECT_EQ(news.blocks.size(), c.kind == Kind::Good ? 1U : 0U);
    EXPECT_EQ(news.duplicate.has_value(), c.kind == Kind::Duplicate);
    EXPECT_EQ(news.bad_blocks, c.kind == Kind::Bad ? 1U : 0U);
  }
}

TEST_P(ScoreboardTest, FirstBlockInsideOfTheSecondReportsADuplicate) {
  covers({"RFC 2883 §4"});
  const std::array inside{block(1'200, 1'300), block(1'100, 1'500)};
  const SackNews news = read_sack(inside, at(1'000), at(1'000), at(2'000), 500);
  ASSERT_TRUE(news.duplicate);
  EXPECT_EQ(*news.duplicate, block(1'200, 1'300));
  ASSERT_EQ(news.blocks.size(), 1U);
  EXPECT_EQ(news.blocks[0], block(1'100, 1'500));
  const std::array same{block(1'100, 1'500), block(1'100, 1'500)};
  EXPECT_TRUE(read_sack(same, at(1'000), at(1'000), at(2'000), 500).duplicate);
  const std::array beside{block(1'100, 1'200), block(1'300, 1'500)};
  EXPECT_FALSE(read_sack(beside, at(1'000), at(1'000), at(2'000), 500).duplicate);
  // Only the first can be one.
  const std::array second{block(1'100, 1'500), block(1'200, 1'300)};
  const SackNews odd = read_sack(second, at(1'000), at(1'000), at(2'000), 500);
  EXPECT_FALSE(odd.duplicate);
  EXPECT_EQ(odd.blocks.size(), 2U);
}

TEST_P(ScoreboardTest, RecordsThatABlockCoversWholeAreMarked) {
  covers({"RFC 2018 §5"});
  send(6);
  EXPECT_EQ(mark({block(100, 300)}), 200U);
  EXPECT_EQ(marks(), ".##...");
  EXPECT_EQ(mark({block(100, 300)}), 0U) << "no news";
  EXPECT_EQ(mark({block(350, 599), block(100, 300)}), 100U) << "parts do not count";
  EXPECT_EQ(marks(), ".##.#.");
  EXPECT_EQ(mark({block(100, 600)}), 200U);
  EXPECT_EQ(marks(), ".#####");
  EXPECT_EQ(sent_.sacked(), 500U);
}

TEST_P(ScoreboardTest, AcknowledgedRecordsLeave) {
  covers({"RFC 2018 §5"});
  send(6);
  EXPECT_EQ(mark({block(200, 400)}), 200U);
  acknowledge(at(300));
  board_.on_ack(at(300));
  EXPECT_EQ(sent_.sacked(), 100U);
  EXPECT_EQ(mark({block(200, 500)}), 100U);
  EXPECT_EQ(marks(), "##.");
}

TEST_P(ScoreboardTest, AnyOrderOfReportsMarksWhatAPlainWalkMarks) {
  covers({"RFC 2018 §5"});
  base::Random random = base::Random::from_seed(GetParam());
  for (int round = 0; round < 50; ++round) {
    sent_.clear(pool_);
    board_ = Scoreboard{};
    next_ = 0;
    send(40);
    std::vector<bool> expected(40, false);
    for (int step = 0; step < 60; ++step) {
      std::vector<SackBlock> blocks;
      for (std::uint32_t count = 1 + random.below(4); count > 0; --count) {
        const std::uint32_t left = random.below(80) * 50;
        const std::uint32_t right = left + 50 + random.below(20) * 50;
        blocks.push_back(block(left, std::min(right, 4'000U)));
        for (std::uint32_t i = 0; i < 40; ++i) {
          expected[i] = expected[i] || (i * 100 >= left && (i + 1) * 100 <= right);
        }
      }
      DeliveryLog log{{.now = kNow}};
      static_cast<void>(board_.mark(sent_, blocks, log));
      std::string text;
      for (const bool is_sacked : expected) {
        text += is_sacked ? '#' : '.';
      }
      ASSERT_EQ(marks(), text) << "round " << round << " step " << step;
    }
  }
}

TEST_P(ScoreboardTest, BlockThatReachedTheEndGrowsWithWhatIsSent) {
  covers({"RFC 2018 §5"});
  send(3);
  EXPECT_EQ(mark({block(100, 300)}), 200U);
  send(3);
  EXPECT_EQ(mark({block(100, 500)}), 200U);
  EXPECT_EQ(marks(), ".####.");
}

TEST_P(ScoreboardTest, PlacesOutliveAcksOfWhatLiesBefore) {
  covers({"RFC 2018 §5"});
  constexpr std::uint32_t kCount = 2 * Scoreboard::kStepsMax;
  send(kCount);
  const std::uint32_t far = 100 * (Scoreboard::kStepsMax - 10);
  EXPECT_EQ(mark({block(far, far + 100)}), 100U) << "the way there takes nearly all that is saved";
  acknowledge(at(130));
  board_.on_ack(at(130));
  for (std::uint32_t end = far + 200; end <= far + 1'000; end += 100) {
    ASSERT_EQ(mark({block(far, end)}), 100U);
  }
  // The place itself leaves, and is not touched again.
  acknowledge(at(far + 1'000));
  board_.on_ack(at(far + 1'000));
  EXPECT_EQ(mark({block(far + 1'100, far + 1'200)}), 100U);
}

TEST_P(ScoreboardTest, WorkInVainIsBoundedOverTime) {
  covers({"RFC 2018 §5"});
  constexpr std::uint32_t kCount = 2 * Scoreboard::kStepsMax;
  send(kCount);
  // Each block lies before the last one, so that nothing remembered helps: all that is saved goes
  // into the way to the first of them, and a call earns little.
  const auto ask = [&](std::uint32_t record) {
    return mark({block(100 * record, 100 * record + 100)});
  };
  EXPECT_EQ(ask(Scoreboard::kStepsMax - 1), 100U);
  std::uint32_t found = 0;
  for (std::uint32_t i = 2; i < 1'000; ++i) {
    found += ask(Scoreboard::kStepsMax - i);
  }
  EXPECT_EQ(found, 0U);
  // What is near is still found,
  EXPECT_EQ(ask(Scoreboard::kCreditPerCall / 2), 100U);
  // and after a while of small steps what is far away, too.
  for (std::uint32_t i = 0; i < Scoreboard::kStepsMax / 60; ++i) {
    static_cast<void>(mark({block(100, 150)}));
  }
  EXPECT_EQ(ask(Scoreboard::kStepsMax - 2), 100U);
}

TEST_P(ScoreboardTest, ReportsOfWhatWasLetGoOfAreWorkInVain) {
  covers({"RFC 2018 §8"});
  constexpr std::uint32_t kCount = Scoreboard::kStepsMax / 2;
  send(2 * kCount);
  // What is reported, let go of and reported anew is walked over for nothing, each time.
  std::uint32_t found = 0;
  for (std::uint32_t i = 0; i < 100; ++i) {
    static_cast<void>(mark({block(100, 100 * kCount)}));
    found += sent_.sacked_segments();
    sent_.forget_sacked();
    board_.forget_places();
  }
  EXPECT_LT(found, 4 * kCount + 100 * Scoreboard::kCreditPerCall);
}

TEST_P(ScoreboardTest, WorkPerAckIsBounded) {
  covers({"RFC 2018 §5"});
  send(3 * Scoreboard::kStepsMax);
  const std::uint32_t all = 300 * Scoreboard::kStepsMax;
  // Each goes on where the one before it stopped, at a record that it looks at again.
  constexpr std::uint32_t kSteps = Scoreboard::kStepsMax;
  EXPECT_EQ(mark({block(100, all)}), 100 * (kSteps - 1));
  EXPECT_EQ(mark({block(100, all)}), 100 * (kSteps - 1));
  EXPECT_EQ(mark({block(100, all)}), 100 * (kSteps - 1));
  EXPECT_EQ(mark({block(100, all)}), 200U);
  EXPECT_EQ(mark({block(100, all)}), 0U);
}

}  // namespace

}  // namespace millrace::tcp
