// The reorder window: how much later than others a segment may arrive.
#include "tcp/reorder_window.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using test::covers;

class ReorderWindowTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  [[nodiscard]] static SeqNum at(std::uint32_t offset) { return SeqNum{GetParam()} + offset; }
  [[nodiscard]] Duration window(bool is_recovering = false, std::uint32_t sacked = 0,
                                std::uint32_t threshold = 3) const {
    return window_.window({.min_rtt = 40ms,
                           .srtt = 100ms,
                           .is_recovering = is_recovering,
                           .sacked_segments = sacked,
                           .threshold = threshold});
  }
  ReorderWindow window_;
};
INSTANTIATE_TEST_SUITE_P(From, ReorderWindowTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'fe00U, 0x7fff'fe00U));

TEST_P(ReorderWindowTest, IsAQuarterOfTheShortestRoundTrip) {
  covers({"RFC 8985 §6.2"});
  EXPECT_EQ(window(), 10ms);
}

TEST_P(ReorderWindowTest, ThreeReportsCloseItWhileOrderWasKept) {
  covers({"RFC 8985 §6.2"});
  EXPECT_EQ(window(false, 2), 10ms);
  EXPECT_EQ(window(false, 3), 0ms);
  EXPECT_EQ(window(false, 3, 5), 10ms) << "as many as are asked for";
}

TEST_P(ReorderWindowTest, ARecoveryClosesItWhileOrderWasKept) {
  covers({"RFC 8985 §6.2"});
  EXPECT_EQ(window(true), 0ms);
}

TEST_P(ReorderWindowTest, ReorderingKeepsItOpen) {
  covers({"RFC 8985 §6.2"});
  window_.on_reordering(2);
  EXPECT_EQ(window(true, 10), 10ms);
  EXPECT_TRUE(window_.has_seen_reordering());
}

TEST_P(ReorderWindowTest, GrowsWithEachRoundTripThatReportsDuplicates) {
  covers({"RFC 8985 §6.2"});
  window_.on_duplicate_report(at(0), at(1'000));
  EXPECT_EQ(window(), 20ms);
  window_.on_duplicate_report(at(500), at(1'500));
  EXPECT_EQ(window(), 20ms) << "the same round trip";
  window_.on_duplicate_report(at(1'000), at(2'000));
  EXPECT_EQ(window(), 30ms);
}

TEST_P(ReorderWindowTest, IsNeverMoreThanARoundTrip) {
  covers({"RFC 8985 §6.2"});
  for (std::uint32_t i = 0; i < 300; ++i) {
    window_.on_duplicate_report(at(i), at(i + 1));
  }
  EXPECT_EQ(window(), 100ms);
}

TEST_P(ReorderWindowTest, ShrinksAfterSixteenRecoveries) {
  covers({"RFC 8985 §6.2"});
  window_.on_duplicate_report(at(0), at(1));
  for (unsigned i = 0; i < 15; ++i) {
    window_.on_recovery_end();
  }
  EXPECT_EQ(window(), 20ms);
  window_.on_recovery_end();
  EXPECT_EQ(window(), 10ms);
  window_.on_recovery_end();
  EXPECT_EQ(window(), 10ms);
}

TEST_P(ReorderWindowTest, ADuplicateMakesItLastAgain) {
  covers({"RFC 8985 §6.2"});
  window_.on_duplicate_report(at(0), at(1));
  for (unsigned i = 0; i < 15; ++i) {
    window_.on_recovery_end();
  }
  window_.on_duplicate_report(at(1), at(2));
  window_.on_recovery_end();
  EXPECT_EQ(window(), 30ms);
}

TEST_P(ReorderWindowTest, RemembersTheFurthestAndHowOften) {
  window_.on_reordering(4);
  window_.on_reordering(2);
  EXPECT_EQ(window_.distance(), 4U);
  EXPECT_EQ(window_.times_seen(), 2U);
  window_.on_reordering(5'000);
  EXPECT_EQ(window_.distance(), 255U);
  for (unsigned i = 0; i < 1'000; ++i) {
    window_.on_reordering(1);
  }
  EXPECT_EQ(window_.times_seen(), 255U);
}

}  // namespace

}  // namespace millrace::tcp
