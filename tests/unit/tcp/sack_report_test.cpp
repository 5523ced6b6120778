// Which blocks are reported, and in which order.
#include "tcp/sack_report.hpp"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;
using Edges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

class SackReportTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  [[nodiscard]] static SackBlock block(std::uint32_t left, std::uint32_t right) {
    return {.left = SeqNum{GetParam()} + left, .right = SeqNum{GetParam()} + right};
  }
  [[nodiscard]] Edges report(const std::optional<SackBlock>& duplicate = std::nullopt,
                             std::size_t most = 4) const {
    Edges edges;
    for (const SackBlock& composed : report_.compose(duplicate, most)) {
      edges.emplace_back(composed.left - SeqNum{GetParam()}, composed.right - SeqNum{GetParam()});
    }
    return edges;
  }

  SackReport report_;
};
INSTANTIATE_TEST_SUITE_P(From, SackReportTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'ff38U, 0x7fff'ff38U));

TEST_P(SackReportTest, NewestComesFirst) {
  covers({"RFC 2018 §4"});
  report_.on_arrival(block(100, 200));
  report_.on_arrival(block(500, 600));
  report_.on_arrival(block(300, 400));
  EXPECT_EQ(report(), (Edges{{300, 400}, {500, 600}, {100, 200}}));
  report_.on_arrival(block(100, 200));
  EXPECT_EQ(report(), (Edges{{100, 200}, {300, 400}, {500, 600}}));
}

TEST_P(SackReportTest, EndsWhereItsRightmostBlockDoes) {
  EXPECT_FALSE(report_.ends_at(block(0, 200).right)) << "there is none";
  report_.on_arrival(block(500, 600));
  report_.on_arrival(block(100, 200));
  EXPECT_TRUE(report_.ends_at(block(0, 600).right));
  EXPECT_FALSE(report_.ends_at(block(0, 200).right));
  EXPECT_FALSE(report_.ends_at(block(0, 601).right));
}

TEST_P(SackReportTest, WhatGrewIntoTheNewestIsPartOfIt) {
  covers({"RFC 2018 §4"});
  report_.on_arrival(block(100, 200));
  report_.on_arrival(block(300, 400));
  report_.on_arrival(block(500, 600));
  report_.on_arrival(block(100, 400));
  EXPECT_EQ(report(), (Edges{{100, 400}, {500, 600}}));
}

TEST_P(SackReportTest, OldestIsForgotten) {
  covers({"RFC 2018 §4"});
  for (std::uint32_t left = 100; left <= 900; left += 200) {
    report_.on_arrival(block(left, left + 100));
  }
  EXPECT_EQ(report(), (Edges{{900, 1'000}, {700, 800}, {500, 600}, {300, 400}}));
}

TEST_P(SackReportTest, WhatIsAcknowledgedGoes) {
  covers({"RFC 2018 §4"});
  report_.on_arrival(block(100, 200));
  report_.on_arrival(block(500, 600));
  report_.on_arrival(block(300, 400));
  report_.on_advance(SeqNum{GetParam()} + 400);
  EXPECT_EQ(report(), (Edges{{500, 600}}));
  report_.clear();
  EXPECT_EQ(report(), Edges{});
}

TEST_P(SackReportTest, DuplicateComesBeforeAll) {
  covers({"RFC 2883 §4"});
  report_.on_arrival(block(100, 200));
  report_.on_arrival(block(300, 400));
  EXPECT_EQ(report(block(10, 20)), (Edges{{10, 20}, {300, 400}, {100, 200}}));
  EXPECT_EQ(report(block(10, 20), 2), (Edges{{10, 20}, {300, 400}}));
  EXPECT_EQ(report(block(10, 20), 1), (Edges{{10, 20}}));
}

TEST_P(SackReportTest, NoMoreThanFit) {
  covers({"RFC 2018 §3"});
  for (std::uint32_t left = 100; left <= 700; left += 200) {
    report_.on_arrival(block(left, left + 100));
  }
  EXPECT_EQ(report(std::nullopt, sack_blocks_max(true)).size(), 3U);
  EXPECT_EQ(report(std::nullopt, sack_blocks_max(false)).size(), 4U);
  EXPECT_EQ(report(std::nullopt, 0).size(), 0U);
  for (std::size_t blocks = 0; blocks <= 4; ++blocks) {
    wire::TcpOptions options;
    for (std::size_t i = 0; i < blocks; ++i) {
      ASSERT_TRUE(options.sack.push_back({}));
    }
    EXPECT_EQ(sack_option_bytes(blocks), wire::tcp_options_size(options, false));
  }
}

}  // namespace

}  // namespace millrace::tcp
