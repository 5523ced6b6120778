// Tail-loss probes: when one is due, and what the answer says.
#include "tcp/tail_probe.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using test::covers;
using Verdict = TailProbe::Verdict;

class TailProbeTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  [[nodiscard]] static SeqNum at(std::uint32_t offset) { return SeqNum{GetParam()} + offset; }
};
INSTANTIATE_TEST_SUITE_P(From, TailProbeTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'fe00U, 0x7fff'fe00U));

TEST(TailProbeTime, IsTwoRoundTrips) {
  covers({"RFC 8985 §7.2"});
  EXPECT_EQ(TailProbe::timeout(50ms, false, 200ms), 100ms);
}

TEST(TailProbeTime, ALoneSegmentsAckMayBeDelayed) {
  covers({"RFC 8985 §7.2"});
  EXPECT_EQ(TailProbe::timeout(50ms, true, 200ms), 300ms);
}

TEST(TailProbeTime, IsASecondBeforeARoundTripIsKnown) {
  covers({"RFC 8985 §7.2"});
  EXPECT_EQ(TailProbe::timeout(0s, true, 200ms), 1s);
}

TEST_P(TailProbeTest, WithoutAProbeNothingIsAnswered) {
  TailProbe probe;
  EXPECT_EQ(probe.on_ack({.ack = at(1'000)}), Verdict::Nothing);
  EXPECT_FALSE(probe.is_out());
}

TEST_P(TailProbeTest, AnswersBeforeItsEndSayNothing) {
  covers({"RFC 8985 §7.4.1"});
  TailProbe probe;
  probe.on_sent(at(1'000), true, 5'000);
  EXPECT_EQ(probe.on_ack({.ack = at(999)}), Verdict::Nothing);
  EXPECT_TRUE(probe.is_out());
}

TEST_P(TailProbeTest, NewDataHasMendedNothing) {
  covers({"RFC 8985 §7.4.1"});
  TailProbe probe;
  probe.on_sent(at(1'000), false, 5'000);
  EXPECT_EQ(probe.on_ack({.ack = at(1'000)}), Verdict::Answered);
  EXPECT_FALSE(probe.is_out());
}

TEST_P(TailProbeTest, AReportOfADuplicateSaysThatNothingWasLost) {
  covers({"RFC 8985 §7.4.2"});
  TailProbe probe;
  probe.on_sent(at(1'000), true, 5'000);
  EXPECT_EQ(probe.on_ack({.ack = at(1'000)}), Verdict::Nothing) << "of the one or the other";
  EXPECT_EQ(probe.on_ack({.ack = at(1'000), .reports_duplicate = true}), Verdict::Answered);
}

TEST_P(TailProbeTest, APlainDuplicateSaysSoToo) {
  covers({"RFC 8985 §7.4.2"});
  TailProbe probe;
  probe.on_sent(at(1'000), true, 5'000);
  EXPECT_EQ(probe.on_ack({.ack = at(1'000)}), Verdict::Nothing);
  EXPECT_EQ(probe.on_ack({.ack = at(1'000), .has_blocks = true}), Verdict::Nothing);
  EXPECT_EQ(probe.on_ack({.ack = at(1'000)}), Verdict::Nothing) << "it may carry data";
  EXPECT_EQ(probe.on_ack({.ack = at(1'000), .is_repeated = true}), Verdict::Answered);
}

TEST_P(TailProbeTest, ProgressBeyondWithoutADuplicateWasARepair) {
  covers({"RFC 8985 §7.4.2"});
  TailProbe probe;
  probe.on_sent(at(1'000), true, 5'000);
  EXPECT_EQ(probe.on_ack({.ack = at(1'001)}), Verdict::Repaired);
  EXPECT_FALSE(probe.is_out());
}

TEST_P(TailProbeTest, AnotherMayLeaveWhenAllBeforeItHasArrived) {
  covers({"RFC 8985 §7.3"});
  TailProbe probe;
  EXPECT_TRUE(probe.allows_another(at(0)));
  probe.on_sent(at(1'000), true, 5'000);
  EXPECT_EQ(probe.flight(), 5'000U);
  EXPECT_FALSE(probe.allows_another(at(999)));
  EXPECT_TRUE(probe.allows_another(at(1'000)));
}

TEST_P(TailProbeTest, CanBeForgotten) {
  TailProbe probe;
  probe.on_sent(at(1'000), true, 5'000);
  probe.forget();
  EXPECT_EQ(probe.on_ack({.ack = at(2'000)}), Verdict::Nothing);
}

}  // namespace

}  // namespace millrace::tcp
