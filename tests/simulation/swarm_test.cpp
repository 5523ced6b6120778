// What the swarm stands on: every trait is drawn often enough, every seed moves enough, a run
// repeats itself to the byte, and its parts notice what they are for. The swarm itself is
// `millrace-sim swarm`; see docs/testing.md.
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "apps/sim/draw.hpp"
#include "apps/sim/intervals.hpp"
#include "apps/sim/repeat_watch.hpp"
#include "apps/sim/report.hpp"
#include "apps/sim/run.hpp"
#include "apps/sim/stream.hpp"
#include "simulation/network.hpp"
#include "support/eal_environment.hpp"

namespace millrace::test {
namespace {

constexpr std::uint64_t kSeeds = 2'000;

TEST(SwarmDraw, HasEachTraitInATenthOfTheSeeds) {
  std::array<unsigned, swarm::kTraitCount> counts{};
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const swarm::Plan plan = swarm::draw_plan(seed);
    for (std::size_t i = 0; i < swarm::kTraitCount; ++i) {
      counts[i] += plan.traits.has(static_cast<swarm::Trait>(i)) ? 1 : 0;
    }
  }
  for (std::size_t i = 0; i < swarm::kTraitCount; ++i) {
    EXPECT_GE(counts[i], kSeeds / 10) << to_string(static_cast<swarm::Trait>(i));
    EXPECT_LE(counts[i], kSeeds * 9 / 10) << to_string(static_cast<swarm::Trait>(i));
  }
}

/// Which faults the links of a plan really have.
struct LinkFaults {
  const char* name;
  bool (*has)(const sim::LinkParameters&);
};
constexpr LinkFaults kLinkFaults[] = {
    {"loss", [](const sim::LinkParameters& link) { return link.loss_ppm > 0; }},
    {"bursts", [](const sim::LinkParameters& link) { return link.bursts.enter_ppm > 0; }},
    {"jitter", [](const sim::LinkParameters& link) { return link.jitter > Duration{}; }},
    {"rate", [](const sim::LinkParameters& link) { return link.bits_per_second > 0; }},
    {"bytes", [](const sim::LinkParameters& link) { return link.queue_bytes > 0; }},
    {"red", [](const sim::LinkParameters& link) { return link.red.max_bytes > 0; }},
    {"policer", [](const sim::LinkParameters& link) { return link.policer.bits_per_second > 0; }},
    {"thinning", [](const sim::LinkParameters& link) { return link.thins_acks; }},
    {"flaps", [](const sim::LinkParameters& link) { return link.flaps.down > Duration{}; }},
    {"corruption", [](const sim::LinkParameters& link) { return link.corrupt_ppm > 0; }},
    {"truncation", [](const sim::LinkParameters& link) { return link.truncate_ppm > 0; }},
    {"forgery", [](const sim::LinkParameters& link) { return link.forge_ppm > 0; }},
    {"duplication", [](const sim::LinkParameters& link) { return link.duplicate_ppm > 0; }},
    {"reordering", [](const sim::LinkParameters& link) { return link.reorder_ppm > 0; }},
    {"mtu", [](const sim::LinkParameters& link) { return link.mtu > 0; }},
};

TEST(SwarmDraw, EachFaultIsOnTheLinksOfATenthOfTheSeeds) {
  std::array<unsigned, std::size(kLinkFaults)> counts{};
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const swarm::Plan plan = swarm::draw_plan(seed);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      counts[i] += kLinkFaults[i].has(plan.forth) || kLinkFaults[i].has(plan.back) ? 1 : 0;
    }
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    EXPECT_GE(counts[i], kSeeds / 10) << kLinkFaults[i].name;
  }
}

TEST(SwarmDraw, EverySeedMovesAMegabyteBetweenHostsThatDiffer) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const swarm::Plan plan = swarm::draw_plan(seed);
    EXPECT_GE(plan.payload_bytes(), swarm::kPayloadMin) << seed;
    for (const swarm::FlowPlan& flow : plan.flows) {
      EXPECT_NE(flow.client, flow.server) << seed;
      EXPECT_LT(std::max(flow.client, flow.server), plan.hosts.size()) << seed;
      EXPECT_EQ(flow.from_client.send_bytes, flow.from_server.receive_bytes) << seed;
      EXPECT_EQ(flow.from_server.send_bytes, flow.from_client.receive_bytes) << seed;
    }
  }
}

TEST(SwarmRun, RepeatsItselfToTheByte) {
  start_eal();
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const swarm::RunResult first = swarm::run_seed(seed, {});
    EXPECT_EQ(first.problem, "") << seed;
    EXPECT_GE(first.payload_bytes, swarm::kPayloadMin) << seed;
    EXPECT_EQ(swarm::run_seed(seed, {}).trace_hash, first.trace_hash) << seed;
    EXPECT_NE(swarm::run_seed(seed + 1, {}).trace_hash, first.trace_hash) << seed;
  }
}

TEST(SwarmRun, FailsWhereAStreamCannotArrive) {
  start_eal();
  swarm::Plan plan = swarm::draw_plan(5);
  plan.forth.loss_ppm = 1'000'000;
  EXPECT_NE(swarm::run_plan(plan, {}).problem, "");
}

TEST(SwarmRun, FailsWhereAStreamIsNotWhatWasSent) {
  start_eal();
  swarm::Plan plan = swarm::draw_plan(5);
  ++plan.flows[0].from_client.send_seed;
  plan.flows[0].from_client.send_bytes =
      std::max<std::uint64_t>(plan.flows[0].from_client.send_bytes, 1);
  EXPECT_NE(swarm::run_plan(plan, {}).problem.find("is wrong"), std::string::npos);
}

TEST(SwarmReport, ComesBackFromItsLine) {
  swarm::RunResult result{.seed = 7, .problem = "two\nlines", .payload_bytes = 12};
  result.simulated = 3s;
  result.trace_hash = ~std::uint64_t{0};
  result.traits.add(swarm::Trait::Udp);
  result.links.count(sim::Fault::Forged);
  const std::string line = swarm::to_line(result);
  ASSERT_EQ(line.back(), '\n');
  const auto back = swarm::from_line(std::string_view{line}.substr(0, line.size() - 1));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->seed, 7U);
  EXPECT_EQ(back->problem, "two lines");
  EXPECT_EQ(back->simulated, Duration{3s});
  EXPECT_EQ(back->trace_hash, result.trace_hash);
  EXPECT_TRUE(back->traits.has(swarm::Trait::Udp));
  EXPECT_FALSE(back->traits.has(swarm::Trait::Loss));
  EXPECT_EQ(back->links.of(sim::Fault::Forged), 1U);
  EXPECT_FALSE(swarm::from_line("7 12"));
}

TEST(SwarmStream, IsTheSameInAnyPieces) {
  std::vector<std::byte> whole(3'000);
  swarm::write_stream(9, 0, whole);
  std::vector<std::byte> pieces(whole.size());
  for (std::size_t at = 0; at < pieces.size();) {
    const std::size_t count = std::min<std::size_t>(1 + at % 17, pieces.size() - at);
    swarm::write_stream(9, at, std::span{pieces}.subspan(at, count));
    at += count;
  }
  EXPECT_EQ(pieces, whole);
  EXPECT_EQ(swarm::first_wrong(9, 5, std::span{whole}.subspan(5)), whole.size() - 5);
  whole[2'345] ^= std::byte{1};
  EXPECT_EQ(swarm::first_wrong(9, 0, whole), 2'345U);
  EXPECT_EQ(swarm::first_wrong(9, 2'340, std::span{whole}.subspan(2'340)), 5U);
}

TEST(Intervals, AgreeWithAPlainTable) {
  base::Random random = base::Random::from_seed(1);
  swarm::Intervals intervals;
  std::array<bool, 300> table{};
  for (int i = 0; i < 400; ++i) {
    const std::uint32_t begin = random.below(290);
    const std::uint32_t end = begin + random.below(8);
    intervals.add(begin, end);
    std::fill(table.begin() + begin, table.begin() + end, true);
    const std::uint32_t left = random.below(280);
    const std::uint32_t right = left + random.below(12);
    ASSERT_EQ(intervals.contains(left, right),
              std::all_of(table.begin() + left, table.begin() + right, [](bool is) { return is; }));
    const auto hole = std::ranges::find(table, false);
    ASSERT_EQ(intervals.prefix(), static_cast<std::uint64_t>(hole - table.begin()));
  }
}

TEST(RepeatWatch, WantsAGrowingPace) {
  const Instant begin{1h};
  swarm::RepeatWatch doubling;
  Duration at{};
  for (Duration step = 200ms; step < 60s; step *= 2) {
    EXPECT_TRUE(doubling.on_repeat(1, begin + at));
    at += step;
  }
  swarm::RepeatWatch steady;
  bool is_fine = true;
  for (int i = 0; i < 8; ++i) {
    is_fine = is_fine && steady.on_repeat(1, begin + i * 200ms);
  }
  EXPECT_FALSE(is_fine);
  swarm::RepeatWatch answered;
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(answered.on_repeat(1, begin + i * 200ms));
    answered.on_arrival();
  }
}

}  // namespace
}  // namespace millrace::test
