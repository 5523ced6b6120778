// Undo: was a recovery for nothing?
#include "tcp/undo.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;

class UndoTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  [[nodiscard]] static SeqNum at(std::uint32_t offset) { return SeqNum{GetParam()} + offset; }
  [[nodiscard]] static SackBlock block(std::uint32_t left, std::uint32_t right) {
    return {.left = at(left), .right = at(right)};
  }
  /// [0, 1000) is in flight.
  [[nodiscard]] static Undo started() {
    Undo undo;
    undo.start(at(0), at(1'000), false);
    return undo;
  }
};
INSTANTIATE_TEST_SUITE_P(From, UndoTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'fe00U, 0x7fff'fe00U));

TEST_P(UndoTest, NothingSentAgainNothingToUndo) {
  Undo undo = started();
  undo.on_duplicate_report(block(0, 100), 100);
  EXPECT_FALSE(undo.is_all_duplicate());
  EXPECT_FALSE(undo.is_answer_to_original(5));
}

TEST_P(UndoTest, EverythingSentAgainHasArrivedTwice) {
  covers({"RFC 3708 §2"});
  Undo undo = started();
  undo.on_retransmission(70);
  undo.on_retransmission(70);
  undo.on_duplicate_report(block(0, 100), 100);
  EXPECT_FALSE(undo.is_all_duplicate());
  undo.on_duplicate_report(block(300, 400), 100);
  EXPECT_TRUE(undo.is_all_duplicate());
}

TEST_P(UndoTest, OneReportMayTellOfSeveral) {
  covers({"RFC 3708 §2"});
  Undo undo = started();
  for (unsigned i = 0; i < 3; ++i) {
    undo.on_retransmission(70);
  }
  undo.on_duplicate_report(block(0, 250), 100);
  EXPECT_TRUE(undo.is_all_duplicate());
}

TEST_P(UndoTest, ReportsOfOtherDataDoNotCount) {
  covers({"RFC 3708 §2"});
  Undo undo = started();
  undo.on_retransmission(70);
  undo.on_duplicate_report({.left = at(0) - 100, .right = at(0)}, 100);
  undo.on_duplicate_report(block(950, 1'050), 100);
  undo.on_duplicate_report(block(0, 100), 0);
  EXPECT_FALSE(undo.is_all_duplicate());
}

TEST_P(UndoTest, AnEchoFromBeforeTheFirstIsOfTheOriginal) {
  covers({"RFC 3522 §3.2"});
  Undo undo = started();
  undo.on_retransmission(70);
  undo.on_retransmission(90);
  EXPECT_TRUE(undo.is_answer_to_original(69));
  EXPECT_FALSE(undo.is_answer_to_original(70)) << "the clock does not tell them apart";
  EXPECT_FALSE(undo.is_answer_to_original(80));
  EXPECT_FALSE(undo.is_answer_to_original(std::nullopt));
}

TEST_P(UndoTest, ClocksGoRound) {
  covers({"RFC 3522 §3.2"});
  Undo undo = started();
  undo.on_retransmission(5);
  EXPECT_TRUE(undo.is_answer_to_original(0xffff'fff0));
  EXPECT_FALSE(undo.is_answer_to_original(6));
}

TEST_P(UndoTest, EachRecoveryBeginsAnew) {
  Undo undo = started();
  undo.on_retransmission(70);
  undo.start(at(500), at(2'000), true);
  EXPECT_TRUE(undo.is_timeout());
  EXPECT_FALSE(undo.is_answer_to_original(60));
  undo.on_retransmission(80);
  undo.on_duplicate_report(block(0, 100), 100);
  EXPECT_FALSE(undo.is_all_duplicate()) << "of the one before";
  undo.on_duplicate_report(block(500, 600), 100);
  EXPECT_TRUE(undo.is_all_duplicate());
  undo.forget();
  EXPECT_FALSE(undo.is_all_duplicate());
  EXPECT_FALSE(undo.is_answer_to_original(60));
}

TEST_P(UndoTest, WhatDidNotLeaveIsNotWaitedFor) {
  covers({"RFC 3708 §2"});
  Undo undo;
  undo.start(at(0), at(4'000), false);
  undo.on_retransmission(7);
  undo.on_not_sent();
  EXPECT_FALSE(undo.is_all_duplicate()) << "nothing was sent again";
  EXPECT_FALSE(undo.is_waiting());
  undo.on_retransmission(8);
  undo.on_retransmission(9);
  undo.on_not_sent();
  EXPECT_TRUE(undo.is_waiting());
  undo.on_duplicate_report({.left = at(0), .right = at(1'000)}, 1'000);
  EXPECT_TRUE(undo.is_all_duplicate());
}

TEST_P(UndoTest, IsForgottenAWindowLater) {
  covers({"RFC 3708 §2"});
  Undo undo;
  undo.start(at(0), at(4'000), false);
  undo.forget_if_past(at(9'000), 5'000);
  EXPECT_TRUE(undo.is_armed());
  undo.forget_if_past(at(9'001), 5'000);
  EXPECT_FALSE(undo.is_armed());
}

TEST_P(UndoTest, MoreThanCanBeCountedIsNeverUndone) {
  Undo undo = started();
  for (unsigned i = 0; i < 70'000; ++i) {
    undo.on_retransmission(70);
  }
  undo.on_duplicate_report(block(0, 1'000), 100);
  EXPECT_FALSE(undo.is_all_duplicate());
}

}  // namespace

}  // namespace millrace::tcp
