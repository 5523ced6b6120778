// What is remembered of a flight when nothing is in flight any more, and what reports then mean.
#include "tcp/aftermath.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;
using Report = Aftermath::Report;

constexpr std::uint32_t kMss = 1'000;

class AftermathTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  [[nodiscard]] static SeqNum at(std::uint32_t offset) { return SeqNum{GetParam()} + offset; }
  [[nodiscard]] Report report(std::uint32_t left, std::uint32_t right) {
    return aftermath_.on_duplicate_report({.left = at(left), .right = at(right)}, kMss);
  }
  /// A recovery of [0, 4,000) that sent two segments again.
  void keep_recovery(bool is_timeout) {
    recovery_.undo.start(at(0), at(4'000), is_timeout);
    recovery_.undo.on_retransmission(7);
    recovery_.undo.on_retransmission(8);
    aftermath_.keep(recovery_, at(5'000));
  }
  void keep_probe() {
    recovery_.probe.on_sent(at(5'000), true, 3'000);
    aftermath_.keep(recovery_, at(5'000));
  }

  LossRecovery recovery_;
  Aftermath aftermath_;
};
INSTANTIATE_TEST_SUITE_P(From, AftermathTest, testing::Values(10'000U, 0xffff'f000U, 0x7fff'f000U));

TEST_P(AftermathTest, OfNothingReportsMeanNothing) {
  EXPECT_EQ(report(0, 1'000), Report::Other);
  aftermath_.keep(recovery_, at(5'000));
  EXPECT_EQ(report(4'000, 5'000), Report::Other);
}

TEST_P(AftermathTest, AReportOfTheProbeIsToldApart) {
  covers({"RFC 8985 §7.4.2"});
  keep_probe();
  EXPECT_EQ(report(3'000, 4'000), Report::Other);
  EXPECT_EQ(report(4'000, 5'000), Report::Probe);
  EXPECT_EQ(report(4'000, 5'000), Report::Other) << "once";
}

TEST_P(AftermathTest, WhatComesNextTakesTheProbeOver) {
  covers({"RFC 8985 §7.4.2"});
  keep_probe();
  LossRecovery next;
  aftermath_.hand_over(next);
  EXPECT_TRUE(next.probe.is_out());
  EXPECT_EQ(next.probe.end(), at(5'000));
  EXPECT_EQ(next.probe.flight(), 3'000U);
  EXPECT_EQ(next.probe.on_ack({.ack = at(5'001)}), TailProbe::Verdict::Repaired);
  LossRecovery after;
  aftermath_.hand_over(after);
  EXPECT_FALSE(after.probe.is_out());
}

TEST_P(AftermathTest, ARepeatedAckAnswersTheProbe) {
  covers({"RFC 8985 §7.4.2"});
  keep_probe();
  aftermath_.on_repeated_ack();
  EXPECT_EQ(report(4'000, 5'000), Report::Other);
}

TEST_P(AftermathTest, AProbeThatIsNotAcknowledgedIsNotKept) {
  recovery_.probe.on_sent(at(6'000), true, 3'000);
  aftermath_.keep(recovery_, at(5'000));
  LossRecovery next;
  aftermath_.hand_over(next);
  EXPECT_FALSE(next.probe.is_out());
}

TEST_P(AftermathTest, AllReportsOfARecoveryUndoIt) {
  covers({"RFC 3708 §2"});
  keep_recovery(false);
  EXPECT_EQ(report(4'000, 5'000), Report::Other) << "it was not in flight then";
  EXPECT_EQ(report(0, 1'000), Report::Other);
  EXPECT_EQ(report(1'000, 2'000), Report::Recovery);
  EXPECT_EQ(report(1'000, 2'000), Report::Other) << "once";
}

TEST_P(AftermathTest, OfATimeoutLikewise) {
  covers({"RFC 3708 §2"});
  keep_recovery(true);
  EXPECT_EQ(report(0, 2'000), Report::Timeout) << "one report may tell of both";
}

TEST_P(AftermathTest, WhatComesNextTakesTheRestOver) {
  covers({"RFC 3708 §2"});
  keep_recovery(false);
  EXPECT_EQ(report(0, 1'000), Report::Other);
  LossRecovery next;
  aftermath_.hand_over(next);
  EXPECT_FALSE(next.undo.is_all_duplicate());
  next.undo.on_duplicate_report({.left = at(1'000), .right = at(2'000)}, kMss);
  EXPECT_TRUE(next.undo.is_all_duplicate());
  EXPECT_FALSE(next.undo.is_timeout());
}

TEST_P(AftermathTest, AnotherReductionLeavesNothingToUndo) {
  covers({"RFC 3708 §2"});
  keep_recovery(false);
  aftermath_.on_reduction();
  EXPECT_EQ(report(0, 2'000), Report::Other);
  keep_probe();
  aftermath_.on_reduction();
  EXPECT_EQ(report(4'000, 5'000), Report::Probe) << "its question is still open";
}

TEST_P(AftermathTest, AProbeComesFirst) {
  recovery_.undo.start(at(0), at(4'000), false);
  recovery_.undo.on_retransmission(7);
  keep_probe();
  EXPECT_EQ(report(0, 1'000), Report::Other);
  EXPECT_EQ(report(4'000, 5'000), Report::Probe);
}

}  // namespace

}  // namespace millrace::tcp
