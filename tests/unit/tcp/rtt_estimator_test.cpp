// The arithmetic of RFC 6298.
#include "tcp/rtt_estimator.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

const TcpConfig kConfig;

struct Case {
  const char* name;
  std::vector<Duration> samples;
  Duration srtt;
  Duration rttvar;
  Duration rto;
};

TEST(RttEstimator, FollowsTheTable) {  // RFC 6298 §2.2 to §2.5
  test::covers({"MUST-18", "RFC 6298 §2"});
  const Case cases[] = {
      {"none", {}, 0ms, 0ms, 1s},
      {"first", {100ms}, 100ms, 50ms, 300ms},
      {"steady", {100ms, 100ms}, 100ms, 37'500us, 250ms},
      {"slower", {100ms, 300ms}, 125ms, 87'500us, 475ms},
      {"faster", {100ms, 20ms}, 90ms, 57'500us, 320ms},
      {"below the minimum", {1ms}, 1ms, 500us, 200ms},
      {"above the maximum", {50s}, 50s, 25s, 60s},
      {"immediate", {0ms}, 1us, 0ms, 200ms},
      {"backwards", {-5ms}, 1us, 0ms, 200ms},
      {"absurd", {10h}, 300s, 150s, 60s},
  };
  for (const Case& row : cases) {
    RttEstimator rtt;
    for (const Duration sample : row.samples) {
      rtt.add_sample(sample);
    }
    EXPECT_EQ(rtt.srtt(), row.srtt) << row.name;
    EXPECT_EQ(rtt.rttvar(), row.rttvar) << row.name;
    EXPECT_EQ(rtt.rto(kConfig), row.rto) << row.name;
    EXPECT_EQ(rtt.has_sample(), !row.samples.empty()) << row.name;
  }
}

TEST(RttEstimator, CoarseSamplesMakeThePathNoShorter) {
  test::covers({"RFC 6298 §3"});
  RttEstimator rtt;
  rtt.add_sample(1ms, 1ms);
  EXPECT_EQ(rtt.minimum(), 2ms) << "it may have taken nearly a tick longer";
  EXPECT_EQ(rtt.srtt(), 1ms);
  rtt.add_sample(1'900us);
  EXPECT_EQ(rtt.minimum(), 1'900us);
  rtt.add_sample(1ms, 1ms);
  EXPECT_EQ(rtt.minimum(), 1'900us);
  rtt.add_sample(1'800us);
  EXPECT_EQ(rtt.minimum(), 1'800us);
}

TEST(RttEstimator, SteadyPathComesDownToTheMinimum) {  // RFC 6298 §2.3 and §2.4
  RttEstimator rtt;
  for (unsigned i = 0; i < 200; ++i) {
    rtt.add_sample(10ms);
  }
  EXPECT_EQ(rtt.srtt(), 10ms);
  EXPECT_EQ(rtt.rto(kConfig), 200ms);
  TcpConfig fine = kConfig;
  fine.rto_min = 1us;
  EXPECT_EQ(rtt.rto(fine), 40ms) << "by the least variation";
  fine.rto_variation_min = 0us;
  EXPECT_GE(rtt.rto(fine), 10ms) << "never below the round-trip time itself";
  EXPECT_LE(rtt.rto(fine), 10'100us);
}

TEST(RttEstimator, BackOffDoublesUpToTheMaximum) {  // RFC 6298 §5.5
  test::covers({"MUST-19", "RFC 6298 §5"});
  RttEstimator rtt;
  for (const Duration expected : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    EXPECT_EQ(rtt.rto(kConfig), expected);
    rtt.back_off();
  }
  for (unsigned i = 0; i < 1'000; ++i) {
    rtt.back_off();
  }
  EXPECT_EQ(rtt.rto(kConfig), 60s);
}

TEST(RttEstimator, SampleEndsTheBackOff) {  // RFC 6298 §5, note behind §5.7
  RttEstimator rtt;
  rtt.add_sample(100ms);
  rtt.back_off();
  EXPECT_EQ(rtt.rto(kConfig), 600ms);
  rtt.add_sample(100ms);
  EXPECT_EQ(rtt.rto(kConfig), 250ms);
  rtt.back_off();
  rtt.reset_backoff();
  EXPECT_EQ(rtt.rto(kConfig), 250ms);
}

TEST(RttEstimator, LostSynMeansThreeSecondsUntilASample) {  // RFC 6298 §5.7
  test::covers({"RFC 6298 §5"});
  RttEstimator rtt;
  rtt.start_cautiously();
  EXPECT_EQ(rtt.rto(kConfig), 3s);
  rtt.back_off();
  EXPECT_EQ(rtt.rto(kConfig), 6s);
  rtt.add_sample(100ms);
  EXPECT_EQ(rtt.rto(kConfig), 300ms);
  rtt.start_cautiously();
  EXPECT_EQ(rtt.rto(kConfig), 300ms);
}

TEST(RttEstimator, VariationHasAFloorOfItsOwn) {
  test::covers({"RFC 6298 §2"});
  TcpConfig config;
  config.rto_variation_min = 200ms;
  RttEstimator rtt;
  rtt.add_sample(50ms);
  EXPECT_EQ(rtt.rto(config), 250ms);
  for (unsigned i = 0; i < 50; ++i) {
    rtt.add_sample(50ms);
  }
  EXPECT_EQ(rtt.rto(config), 250ms);
  rtt.add_sample(450ms);
  EXPECT_GT(rtt.rto(config), 450ms);
}

TEST(RttEstimator, RemembersTheShortestSample) {
  RttEstimator rtt;
  EXPECT_EQ(rtt.minimum(), 0ms);
  rtt.add_sample(100ms);
  EXPECT_EQ(rtt.minimum(), 100ms);
  rtt.add_sample(70ms);
  rtt.add_sample(200ms);
  EXPECT_EQ(rtt.minimum(), 70ms);
}

}  // namespace

}  // namespace millrace::tcp
