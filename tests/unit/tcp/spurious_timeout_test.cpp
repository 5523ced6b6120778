// F-RTO: was the retransmission timer too early?
#include "tcp/spurious_timeout.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;
using Verdict = SpuriousTimeout::Verdict;

class SpuriousTimeoutTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  [[nodiscard]] static SeqNum at(std::uint32_t offset) { return SeqNum{GetParam()} + offset; }
  /// [0, 1000) was in flight when the timer went off.
  [[nodiscard]] static SpuriousTimeout timed_out(bool may_ask = true) {
    SpuriousTimeout timeout;
    timeout.on_timeout(at(1'000), may_ask);
    return timeout;
  }
  [[nodiscard]] static SpuriousTimeout::Ack ack(std::uint32_t to, bool has_new_data = true) {
    return {.snd_una = at(to), .advances = true, .has_new_data = has_new_data};
  }
};
INSTANTIATE_TEST_SUITE_P(From, SpuriousTimeoutTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'fe00U, 0x7fff'fe00U));

TEST_P(SpuriousTimeoutTest, FirstProgressLetsNewDataOut) {
  covers({"RFC 5682 §2.1"});
  SpuriousTimeout timeout = timed_out();
  EXPECT_FALSE(timeout.is_waiting());
  EXPECT_EQ(timeout.on_ack(ack(100)), Verdict::Waiting);
  EXPECT_TRUE(timeout.is_waiting());
}

TEST_P(SpuriousTimeoutTest, FirstDuplicateMeansALoss) {
  covers({"RFC 5682 §2.1"});
  SpuriousTimeout timeout = timed_out();
  EXPECT_EQ(timeout.on_ack({.snd_una = at(0), .has_new_data = true}), Verdict::Unknown);
  EXPECT_EQ(timeout.on_ack(ack(100)), Verdict::Unknown) << "it has been decided";
}

TEST_P(SpuriousTimeoutTest, AllAtOnceTellsNothing) {
  covers({"RFC 5682 §2.1"});
  SpuriousTimeout timeout = timed_out();
  EXPECT_EQ(timeout.on_ack(ack(1'000)), Verdict::Unknown);
  EXPECT_FALSE(timeout.is_waiting());
}

TEST_P(SpuriousTimeoutTest, WithoutNewDataThereIsNoAsking) {
  covers({"RFC 5682 §2.1"});
  SpuriousTimeout timeout = timed_out();
  EXPECT_EQ(timeout.on_ack(ack(100, false)), Verdict::Unknown);
  EXPECT_FALSE(timeout.is_waiting());
}

TEST_P(SpuriousTimeoutTest, WhatLeftOnceOnlyHasArrived) {
  covers({"RFC 5682 §2.1", "RFC 5682 §3.1"});
  SpuriousTimeout timeout = timed_out();
  static_cast<void>(timeout.on_ack(ack(100)));
  auto second = ack(200);
  second.has_original = true;
  EXPECT_EQ(timeout.on_ack(second), Verdict::Spurious);
  EXPECT_FALSE(timeout.is_waiting());
}

TEST_P(SpuriousTimeoutTest, SecondDuplicateMeansALoss) {
  covers({"RFC 5682 §2.1", "RFC 5682 §3.1"});
  SpuriousTimeout timeout = timed_out();
  static_cast<void>(timeout.on_ack(ack(100)));
  EXPECT_EQ(timeout.on_ack({.snd_una = at(100)}), Verdict::Unknown);
  EXPECT_FALSE(timeout.is_waiting());
}

TEST_P(SpuriousTimeoutTest, IsNotAskedInTheMiddleOfARecovery) {
  covers({"RFC 5682 §2.1"});
  SpuriousTimeout timeout = timed_out(false);
  EXPECT_EQ(timeout.on_ack(ack(100)), Verdict::Unknown);
}

TEST_P(SpuriousTimeoutTest, CanBeForgotten) {
  SpuriousTimeout timeout = timed_out();
  static_cast<void>(timeout.on_ack(ack(100)));
  timeout.forget();
  EXPECT_FALSE(timeout.is_waiting());
}

}  // namespace

}  // namespace millrace::tcp
