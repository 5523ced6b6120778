// What the table and the fairness runs are held against: bounds, ideal rules, how long to measure,
// Jain's index. No network runs here.
#include <gtest/gtest.h>

#include <array>
#include <chrono>

#include <millrace/congestion.hpp>

#include "apps/sim/bounds.hpp"
#include "apps/sim/fairness.hpp"
#include "apps/sim/grid.hpp"
#include "apps/sim/ideal.hpp"
#include "apps/sim/table.hpp"

namespace swarm {

namespace {

using namespace std::chrono_literals;

/// Far more than any window there fills.
constexpr CellPath wide(double loss, double round_trip) {
  return {.rate = 1e12, .round_trip = round_trip, .loss = loss};
}

double window_of(const CellPath& path, double bits_per_second) {
  return bits_per_second * shortest_round_trip(path) / 8 / path.payload;
}

TEST(Bounds, FollowTheTablesOfRfc9438) {
  struct Case {
    const char* controller;
    double loss;
    double round_trip;
    double window;  ///< RFC 9438 §5.1, tables 1 and 2.
    const char* law;
  };
  for (const Case& c :
       {Case{"cubic", 1e-3, 0.1, 38, "reno"}, Case{"cubic", 1e-4, 0.1, 187, "cubic"},
        Case{"cubic", 1e-5, 0.1, 1'054, "cubic"}, Case{"cubic", 1e-4, 0.01, 120, "reno"},
        Case{"reno", 1e-4, 0.1, 120, "reno"}, Case{"reno", 1e-5, 0.1, 379, "reno"}}) {
    const CellPath path = wide(c.loss, c.round_trip);
    const Bound bound = goodput_bound(path, c.controller);
    EXPECT_NEAR(window_of(path, bound.bits_per_second), c.window, 0.03 * c.window)
        << c.controller << " " << c.loss;
    EXPECT_EQ(bound.law, c.law) << c.controller << " " << c.loss;
  }
}

TEST(Bounds, AreTheLinksWhereThatIsLess) {
  const CellPath path{.rate = 10e6, .round_trip = 0.01, .loss = 1e-4};
  EXPECT_EQ(goodput_bound(path, "cubic").law, "link");
  EXPECT_NEAR(goodput_bound(path, "cubic").bits_per_second, 9.415e6, 1e3);
  EXPECT_NEAR(shortest_round_trip(path), 0.01 + (1'538 + 90) * 8 / 10e6, 1e-9);
}

TEST(Bounds, KnowOfTimeoutsFromOnePercentOn) {
  EXPECT_EQ(goodput_bound(wide(0.01, 0.05), "reno").law, "pftk");
  EXPECT_EQ(goodput_bound(wide(0.009, 0.05), "reno").law, "reno");
  // RFC 5348 §3.1, by hand: 8 * 1448 / (0.05 * sqrt(0.02) + 0.2 * 3 * sqrt(0.01125) * 0.03 *
  // 1.0288).
  EXPECT_NEAR(goodput_bound(wide(0.03, 0.05), "reno").bits_per_second, 1.282e6, 5e3);
}

TEST(Ideal, IsTheResponseFunctionWhereNothingElseCounts) {
  // Losses by chance leave four percent more than losses at even distances, which the square root
  // law is made for; CUBIC gains twelve by them.
  const CellPath path{.rate = 1e9, .round_trip = 0.1, .loss = 1e-4};
  const auto reno = ideal_goodput(path, 1e6, "reno");
  const auto cubic = ideal_goodput(path, 1e6, "cubic");
  ASSERT_TRUE(reno && cubic);
  EXPECT_NEAR(*reno / goodput_bound(path, "reno").bits_per_second, 1.04, 0.04);
  EXPECT_NEAR(*cubic / goodput_bound(path, "cubic").bits_per_second, 1.12, 0.06);
  EXPECT_FALSE(ideal_goodput(path, 1e6, "bbr"));
}

TEST(Ideal, LosesWhatTheLinkCutsOff) {
  // Reno with next to no buffer: from half of the path up to all of it, so three quarters.
  const CellPath path{.rate = 1e9, .round_trip = 0.1};
  EXPECT_NEAR(*ideal_goodput(path, 0, "reno") / link_rate(path), 0.75, 0.01);
  const double bdp = link_rate(path) / 8 * shortest_round_trip(path);
  EXPECT_NEAR(*ideal_goodput(path, bdp, "reno") / link_rate(path), 1.0, 0.01);
}

TEST(Phases, LastForLossesAndForSawteeth) {
  const Effort effort{.losses = 100, .sawteeth = 5, .segments = 1'000'000'000};
  Cell cell{.controller = "reno", .round_trip = 50ms, .bits_per_second = 10'000'000};
  // 83 segments at a full queue, so 42 round trips of 77 ms on average.
  EXPECT_NEAR(std::chrono::duration<double>(phases_of(cell, effort).measured).count(), 16.5, 1);
  cell.loss_ppm = 1'000;
  // 755 segments a second, of which one in a thousand is lost.
  EXPECT_NEAR(std::chrono::duration<double>(phases_of(cell, effort).measured).count(), 132, 2);
  // But no longer than asked for.
  const Phases cut = phases_of(cell, {.losses = 100, .sawteeth = 5, .segments = 8'127});
  EXPECT_NEAR(std::chrono::duration<double>(cut.warm_up + cut.measured).count(), 10, 0.1);
}

TEST(Grid, HasEveryCellOnce) {
  Grid grid{.controllers = {"cubic"}};
  EXPECT_EQ(cells_of(grid, std::uint64_t{1} << 40U).size(), 225U);
  // Of 10 Gb/s over 200 ms a quarter of a gigabyte is under way.
  EXPECT_EQ(cells_of(grid, 64U << 20U).size(), 210U);
  EXPECT_EQ(quick_cells(all_controllers()).size(), 30 * millrace::kCongestionNames.size());
}

TEST(Fairness, IsJainsIndex) {
  EXPECT_DOUBLE_EQ(jain_index(std::array{3.0, 3.0, 3.0}), 1);
  EXPECT_DOUBLE_EQ(jain_index(std::array{5.0, 0.0}), 0.5);
  EXPECT_DOUBLE_EQ(jain_index(std::array{2.0, 1.0}), 0.9);
  EXPECT_DOUBLE_EQ(jain_index(std::array{0.0, 0.0}), 0);
}

}  // namespace

}  // namespace swarm
