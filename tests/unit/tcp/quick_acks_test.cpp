// How many acknowledgments go without delay, and when none does.
#include "tcp/quick_acks.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using test::covers;

constexpr Instant kStart{std::chrono::hours{1}};
constexpr Duration kRto = 300ms;

/// How many ACKs leave before one would be delayed.
unsigned left(QuickAcks quick) {
  unsigned count = 0;
  for (; quick.apply() && count < 1'000; ++count) {
    quick.on_ack_sent();
  }
  return count;
}

TEST(QuickAcks, StartWithHalfOfTheWindow) {
  covers({"RFC 5681 §4.2"});
  struct Case {
    QuickAcks::Measure measure;
    unsigned granted;
  };
  constexpr Case kCases[] = {
      {{65'535, 1'460, 16}, 16}, {{65'535, 1'460, 255}, 22}, {{20'000, 1'000, 16}, 10},
      {{20'000, 1'000, 3}, 3},   {{1'000, 1'000, 16}, 2},    {{0, 536, 16}, 2},
      {{65'535, 1'460, 1}, 1},   {{65'535, 1'460, 0}, 0},    {{0x4000'0000, 536, 255}, 255}};
  for (const Case& c : kCases) {
    QuickAcks quick;
    EXPECT_EQ(left(quick), 0U) << "not before data arrives";
    quick.on_data(kStart, kRto, c.measure);
    EXPECT_EQ(left(quick), c.granted) << c.measure.window << '/' << c.measure.segment_bytes;
  }
}

constexpr QuickAcks::Measure kMeasure{65'535, 1'460, 16};

QuickAcks spent() {
  QuickAcks quick;
  quick.on_data(kStart, kRto, kMeasure);
  for (int i = 0; i < 20; ++i) {
    quick.on_ack_sent();
  }
  return quick;
}

TEST(QuickAcks, AreNotGrantedWhileDataKeepsComing) {
  QuickAcks quick;
  EXPECT_FALSE(quick.on_prompt_data(kStart, 100ms)) << "the first is no usual case";
  quick = spent();
  EXPECT_TRUE(quick.on_prompt_data(kStart + 100ms, 100ms));
  EXPECT_TRUE(quick.on_prompt_data(kStart + 200ms, 100ms)) << "since the last";
  EXPECT_FALSE(quick.on_prompt_data(kStart + 301ms, 100ms));
  quick.on_data(kStart + 500ms, kRto, kMeasure);
  EXPECT_EQ(left(quick), 0U);
  quick.on_data(kStart + 801ms, kRto, kMeasure);
  EXPECT_GT(left(quick), 0U);
}

TEST(QuickAcks, AreGrantedAgainAfterAPause) {
  covers({"RFC 5681 §4.2"});
  QuickAcks quick = spent();
  quick.on_data(kStart + 300ms, kRto, kMeasure);
  EXPECT_EQ(left(quick), 0U);
  quick.on_data(kStart + 601ms, kRto, kMeasure);
  EXPECT_EQ(left(quick), 16U);
}

TEST(QuickAcks, AreGrantedAgainAfterDisorder) {
  covers({"RFC 5681 §4.2"});
  QuickAcks quick = spent();
  quick.on_disorder(kMeasure);
  EXPECT_EQ(left(quick), 16U);
  quick.on_ack_sent();
  quick.on_disorder({65'535, 1'460, 4});
  EXPECT_EQ(left(quick), 15U) << "never fewer than were left";
}

TEST(QuickAcks, RestWhileAnswersCarryTheAcks) {
  covers({"RFC 9293 §3.8.6.3"});
  QuickAcks quick;
  quick.on_data_sent(kStart, 40ms);
  quick.on_data(kStart + 1ms, kRto, kMeasure);
  EXPECT_TRUE(quick.apply()) << "a question of ours is no answer";
  quick.on_data_sent(kStart + 41ms, 40ms);
  EXPECT_TRUE(quick.apply()) << "too late to be one";
  quick.on_data_sent(kStart + 40ms, 40ms);
  EXPECT_FALSE(quick.apply());
  quick.on_data(kStart + 10s, kRto, kMeasure);
  EXPECT_FALSE(quick.apply());
  quick.on_disorder(kMeasure);
  EXPECT_TRUE(quick.apply());
}

TEST(QuickAcks, TheApplicationsWordCounts) {
  QuickAcks quick;
  quick.set_conversation(true);
  quick.on_data(kStart, kRto, kMeasure);
  EXPECT_FALSE(quick.apply());
  quick.set_conversation(false);
  EXPECT_TRUE(quick.apply());
}

}  // namespace

}  // namespace millrace::tcp
