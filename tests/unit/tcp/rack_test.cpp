// RACK: what was sent well before something that has arrived is lost.
#include "tcp/rack.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using test::covers;

constexpr Instant kStart{std::chrono::hours{1}};
using Offsets = std::vector<std::uint32_t>;

class RackTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  ~RackTest() override { sent_.clear(pool_); }

  [[nodiscard]] static SeqNum at(std::uint32_t offset) { return SeqNum{GetParam()} + offset; }
  /// `count` segments of 100 octets, `gap` apart.
  void send(unsigned count, Duration gap) {
    for (unsigned i = 0; i < count; ++i) {
      ASSERT_TRUE(sent_.append(pool_, kStart + i * gap, at(100 * i), 100, false));
    }
  }
  [[nodiscard]] SentSegment& nth(unsigned n) {
    SentSegment* segment = sent_.first();
    for (; n > 0; --n) {
      segment = segment->next;
    }
    return *segment;
  }
  /// The peer reports the nth at that time.
  void report(unsigned n, Duration time, Duration min_rtt = 0ms) {
    DeliveryLog log{{.now = kStart + time, .min_rtt = min_rtt}};
    sent_.note_sacked(nth(n), log);
    if (log.newest()) {
      rack_.on_delivered(*log.newest());
    }
  }
  [[nodiscard]] Rack::Verdict detect(Duration window, Duration time) {
    const Rack::Verdict verdict = rack_.detect(sent_, window, kStart + time);
    EXPECT_TRUE(sent_.check_invariants());
    return verdict;
  }
  [[nodiscard]] Offsets lost() {
    Offsets all;
    for (const SentSegment* each = sent_.first(); each != nullptr; each = each->next) {
      if (each->is_lost) {
        all.push_back(static_cast<std::uint32_t>(each->seq - at(0)) / 100);
      }
    }
    return all;
  }

  SentSegmentPool pool_{64};
  SentSegments sent_;
  Rack rack_;
};
INSTANTIATE_TEST_SUITE_P(From, RackTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'ff38U, 0x7fff'ff38U));

TEST_P(RackTest, KnowsNothingBeforeSomethingArrives) {
  send(3, 1ms);
  EXPECT_EQ(detect(0ms, 10s).lost, 0U);
}

TEST_P(RackTest, WhatLeftBeforeIsLostAfterTheWindow) {
  covers({"RFC 8985 §6.2"});
  send(4, 1ms);
  report(2, 52ms);
  const Rack::Verdict early = detect(10ms, 52ms);
  EXPECT_EQ(early.lost, 0U);
  ASSERT_TRUE(early.look_at);
  EXPECT_EQ(*early.look_at, kStart + 0ms + 50ms + 10ms);
  const Rack::Verdict first = detect(10ms, 60ms);
  EXPECT_EQ(first.lost, 1U);
  EXPECT_EQ(lost(), (Offsets{0}));
  EXPECT_EQ(*first.look_at, kStart + 61ms) << "the next one's time";
  EXPECT_EQ(detect(10ms, 61ms).lost, 1U);
  EXPECT_EQ(lost(), (Offsets{0, 1}));
}

TEST_P(RackTest, WhatLeftLaterIsNot) {
  covers({"RFC 8985 §6.2"});
  send(4, 1ms);
  report(2, 52ms);
  EXPECT_EQ(detect(0ms, 10s).lost, 2U);
  EXPECT_EQ(lost(), (Offsets{0, 1}));
  EXPECT_FALSE(detect(0ms, 10s).look_at);
}

TEST_P(RackTest, AtTheSameTimeNumbersTell) {
  covers({"RFC 8985 §6.2"});
  send(4, 0ms);
  report(2, 50ms);
  EXPECT_EQ(detect(0ms, 50ms).lost, 2U);
  EXPECT_EQ(lost(), (Offsets{0, 1}));
}

TEST_P(RackTest, LostRetransmissionsAreFound) {
  covers({"RFC 8985 §6.2"});
  send(4, 1ms);
  report(1, 51ms);
  EXPECT_EQ(detect(0ms, 51ms).lost, 1U);
  sent_.note_retransmission(nth(0), kStart + 51ms, true);
  report(2, 52ms);
  EXPECT_EQ(detect(0ms, 52ms).lost, 0U) << "it left after that one";
  ASSERT_TRUE(sent_.append(pool_, kStart + 53ms, at(400), 100, false));
  report(4, 103ms);
  EXPECT_EQ(detect(0ms, 103ms).lost, 2U);
  EXPECT_EQ(lost(), (Offsets{0, 3}));
}

TEST_P(RackTest, ATooQuickAnswerToARetransmissionIsToTheOriginal) {
  covers({"RFC 8985 §6.2"});
  send(4, 1ms);
  sent_.mark_lost(nth(1));
  sent_.note_retransmission(nth(1), kStart + 60ms, true);
  report(1, 70ms, 50ms);
  EXPECT_FALSE(rack_.has_started());
  EXPECT_EQ(detect(0ms, 70ms).lost, 0U);
}

TEST_P(RackTest, AnOlderArrivalMovesNothingBack) {
  covers({"RFC 8985 §6.2"});
  send(4, 1ms);
  report(3, 53ms);
  report(0, 54ms);
  EXPECT_EQ(detect(0ms, 60ms).lost, 2U);
  EXPECT_EQ(lost(), (Offsets{1, 2}));
}

TEST_P(RackTest, ATimeoutTakesTheFirstAndWhatIsOld) {
  covers({"RFC 8985 §6.3"});
  send(5, 10ms);
  report(1, 60ms);  // A round trip of 50 ms.
  rack_.on_timeout(sent_, 5ms, kStart + 80ms);
  EXPECT_EQ(lost(), (Offsets{0, 2})) << "30 and 40 ms are not 55 ms ago";
  EXPECT_TRUE(sent_.check_invariants());
}

TEST_P(RackTest, ATimeoutBeforeAnythingArrivedTakesAll) {
  covers({"RFC 8985 §6.3"});
  send(3, 10ms);
  rack_.on_timeout(sent_, 0ms, kStart + 300ms);
  EXPECT_EQ(lost(), (Offsets{0, 1, 2}));
}

}  // namespace

}  // namespace millrace::tcp
