// HyStart: slow start ends when round trips become longer, and goes on when they do not. RFC 9406.
#include "tcp/hystart.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "unit/tcp/path_bed.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using millrace::test::covers;
using test::kMss;

/// Rounds of a window of ten segments, numbered across a wrap-around.
class Rounds {
 public:
  /// Ten ACKs with that round trip, each of one segment while another one leaves. True: over.
  bool round(Duration rtt, unsigned acks = 10) {
    bool is_over = false;
    for (unsigned i = 0; i < acks; ++i) {
      is_over = ack(rtt) || is_over;
    }
    return is_over;
  }
  bool ack(std::optional<Duration> rtt) {
    PathView path;
    path.mss = kMss;
    una_ += kMss;
    path.snd_una = una_;
    path.snd_nxt = una_ + 10 * kMss;
    AckSample sample = test::ack_of(kMss);
    sample.rtt = rtt;
    return hystart.on_ack(sample, path);
  }

  HyStart hystart;

 private:
  SeqNum una_{0xffff'8000U};
};

TEST(HyStart, ALongerRoundTripMakesGrowthConservative) {
  covers({"RFC 9406 §4.2"});
  Rounds rounds;
  EXPECT_FALSE(rounds.round(100ms));
  EXPECT_FALSE(rounds.round(112'499us));  // The threshold is an eighth.
  EXPECT_EQ(rounds.hystart.growth_divisor(), 1U);
  EXPECT_FALSE(rounds.round(113ms + 12'400us));
  EXPECT_FALSE(rounds.round(113ms + 12'400us));
  EXPECT_EQ(rounds.hystart.growth_divisor(), 1U);
  EXPECT_FALSE(rounds.round(142ms));
  EXPECT_EQ(rounds.hystart.growth_divisor(), 4U);
}

TEST(HyStart, TheThresholdIsBetween4And16Milliseconds) {  // §4.3
  covers({"RFC 9406 §4.3"});
  struct Case {
    Duration last;
    Duration threshold;
  };
  for (const Case& c :
       {Case{1ms, 4ms}, Case{32ms, 4ms}, Case{64ms, 8ms}, Case{128ms, 16ms}, Case{400ms, 16ms}}) {
    Rounds below;
    below.round(c.last);
    below.round(c.last);
    below.round(c.last + c.threshold - 1us);
    EXPECT_EQ(below.hystart.growth_divisor(), 1U);
    Rounds at;
    at.round(c.last);
    at.round(c.last);
    at.round(c.last + c.threshold);
    at.round(c.last + c.threshold);
    EXPECT_EQ(at.hystart.growth_divisor(), 4U);
  }
}

TEST(HyStart, FewerThanEightSamplesSayNothing) {
  covers({"RFC 9406 §4.2"});
  Rounds rounds;
  rounds.round(10ms);
  for (unsigned round = 0; round < 5; ++round) {
    rounds.round(50ms, 7);
    for (unsigned i = 0; i < 3; ++i) {
      rounds.ack(std::nullopt);
    }
  }
  EXPECT_EQ(rounds.hystart.growth_divisor(), 1U);
}

TEST(HyStart, TheShortestOfARoundCounts) {
  Rounds rounds;
  rounds.round(10ms);
  rounds.ack(11ms);
  rounds.round(50ms, 9);
  EXPECT_EQ(rounds.hystart.growth_divisor(), 1U);
}

TEST(HyStart, FiveConservativeRoundsEndSlowStart) {
  covers({"RFC 9406 §4.2"});
  Rounds rounds;
  rounds.round(10ms);
  rounds.round(20ms);
  ASSERT_EQ(rounds.hystart.growth_divisor(), 4U);
  // The round in which it began is the first of five.
  for (unsigned i = 0; i < 4; ++i) {
    EXPECT_FALSE(rounds.round(20ms)) << i;
  }
  EXPECT_TRUE(rounds.ack(20ms));
}

TEST(HyStart, AShorterRoundTripResumesSlowStart) {
  covers({"RFC 9406 §4.2"});
  Rounds rounds;
  rounds.round(10ms);
  rounds.round(20ms);
  ASSERT_EQ(rounds.hystart.growth_divisor(), 4U);
  rounds.round(20ms);
  EXPECT_EQ(rounds.hystart.growth_divisor(), 4U) << "not shorter";
  rounds.round(19'999us);
  EXPECT_EQ(rounds.hystart.growth_divisor(), 1U);
  // And then everything begins anew.
  rounds.round(40ms);
  EXPECT_EQ(rounds.hystart.growth_divisor(), 4U);
  for (unsigned i = 0; i < 4; ++i) {
    EXPECT_FALSE(rounds.round(40ms)) << i;
  }
  EXPECT_TRUE(rounds.ack(40ms));
}

}  // namespace

}  // namespace millrace::tcp
