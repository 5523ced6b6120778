// Cubic against the formulas of RFC 9438, worked out in real numbers.
#include "tcp/cubic.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "unit/tcp/path_bed.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using millrace::test::covers;
using test::ack_of;
using test::kMss;
using test::path_with;

constexpr double kC = 0.4;

/// RFC 9438 §4.2, in segments and seconds.
double k_of(double w_max, double window) { return std::cbrt((w_max - window) / kC); }
double w_cubic(double t, double k, double w_max) { return kC * std::pow(t - k, 3) + w_max; }
double seconds(std::uint32_t ticks) { return static_cast<double>(ticks) * 0x1p18 * 1e-9; }
std::uint64_t ticks(double seconds) {
  return static_cast<std::uint64_t>(std::llround(seconds * 1e9 / 0x1p18));
}

/// A connection that always has as much under way as its window allows. Time is exact.
class Bed {
 public:
  explicit Bed(std::uint32_t bytes, Duration round_trip_time = 100ms, Duration start = 1'000s)
      : window{bytes}, now{start}, rtt{round_trip_time} {}

  [[nodiscard]] PathView path() const {
    PathView view = path_with(window.bytes(), now);
    view.srtt = rtt;
    return view;
  }
  void lose(std::uint32_t flight = 0) {
    window.save();
    PathView view = path();
    if (flight != 0) {
      view.snd_nxt = view.snd_una + flight;
    }
    cubic.on_reduction(window, view, Reduction::Loss);
    window.set(window.ssthresh());
  }
  void time_out() {
    window.save();
    cubic.on_reduction(window, path(), Reduction::Timeout);
    window.set(kMss);
  }
  void undo() {
    window.restore();
    cubic.on_undo(window, path());
  }
  void ack(std::uint32_t bytes, bool is_used = true) {
    AckSample sample = ack_of(bytes);
    sample.is_window_limited = is_used;
    cubic.on_ack(window, sample, path());
  }
  /// One round trip: every segment of the window acknowledged, evenly spread.
  void round_trip() {
    const std::uint32_t segments = std::max(window.bytes() / kMss, 1U);
    for (std::uint32_t i = 0; i < segments; ++i) {
      now += rtt / segments;
      ack(kMss);
    }
  }

  CongestionWindow window;
  Cubic cubic;
  Duration now;
  Duration rtt;
};

TEST(CubicCurve, IsTheFormulasOverSixOrdersOfMagnitude) {
  covers({"RFC 9438 §4.2"});
  for (const double w_max : {4.0, 10.0, 100.0, 833.0, 8'333.0, 83'333.0, 500'000.0}) {
    for (const std::uint32_t mss : {536U, 1'448U}) {
      const auto w_max_bytes = static_cast<std::uint32_t>(w_max * mss);
      const auto window_bytes = static_cast<std::uint32_t>(w_max_bytes * 7ULL / 10);
      const double k = k_of(w_max, 0.7 * w_max);
      const std::uint32_t k_ticks = CubicCurve::time_to(w_max_bytes, window_bytes, mss);
      EXPECT_NEAR(seconds(k_ticks), k, k * 0.001 + 0.0006) << w_max;
      for (const double t : {0.0, 0.1, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 3.0}) {
        const double expected = w_cubic(t * k, seconds(k_ticks), w_max);
        if (expected * mss >= CongestionWindow::kMax) {
          continue;
        }
        const std::uint32_t actual = CubicCurve::at(ticks(t * k), k_ticks, w_max_bytes, mss);
        // Whole octets, 1/1024 of a segment, and half a tick of time.
        const double slope = 3 * kC * std::pow(t * k - seconds(k_ticks), 2);
        const double tolerance = 1.0 / mss + 0.001 + expected * 1e-5 + slope * seconds(1) / 2;
        EXPECT_NEAR(actual / static_cast<double>(mss), expected, tolerance)
            << "W_max " << w_max << " t " << t;
      }
    }
  }
}

TEST(CubicCurve, BoundsWhatNoWindowHolds) {
  EXPECT_EQ(CubicCurve::at(1ULL << 40U, 0, 10'000, 1'448), CongestionWindow::kMax);
  EXPECT_EQ(CubicCurve::at(0, 0xff'ffffU, 10'000, 1'448), 0U);
  EXPECT_EQ(CubicCurve::time_to(10'000, 10'000, 1'448), 0U);
  EXPECT_GT(CubicCurve::at(CubicCurve::time_to(1U << 30U, 1, 1), 0, 1, 1), 1U);
}

TEST(Cubic, SeventyPercentAreLeftOfWhatWasUnderWay) {
  covers({"RFC 9438 §4.6", "MAY-18"});
  Bed all{100'000};
  all.lose();
  EXPECT_EQ(all.window.ssthresh(), 70'000U);
  Bed part{100'000};
  part.lose(50'000);
  EXPECT_EQ(part.window.ssthresh(), 35'000U);
  Bed little{2'000};
  little.lose();
  EXPECT_EQ(little.window.ssthresh(), 2'000U);
}

TEST(Cubic, AMarkLeavesOneSegmentAtLeast) {
  covers({"RFC 9438 §4.6"});
  Bed bed{2'000};
  for (const std::uint32_t expected : {1'400U, 1'000U, 1'000U}) {
    bed.window.save();
    bed.cubic.on_reduction(bed.window, bed.path(), Reduction::Echo);
    EXPECT_EQ(bed.window.bytes(), expected);
    EXPECT_EQ(bed.window.ssthresh(), 2'000U);
  }
}

TEST(Cubic, FollowsTheCurveUpToItsPlateauAndBeyond) {
  covers({"RFC 9438 §4.2", "RFC 9438 §4.4", "RFC 9438 §4.5"});
  // Numbers of seconds with which 32-bit ticks wrap on the way, too.
  for (const Duration start : {Duration{1'000s}, Duration{(1LL << 50U) - 5'000'000'000LL}}) {
    Bed bed{1'000 * kMss, 100ms, start};
    bed.lose();
    bed.ack(0);  // The stage begins.
    const double k = k_of(1'000, 700);
    EXPECT_NEAR(seconds(bed.cubic.k()), k, 0.001);
    const Duration begin = bed.now;
    double last = 700;
    while (bed.now - begin < 14s) {
      bed.round_trip();
      const double t = std::chrono::duration<double>(bed.now - begin).count();
      const double window = bed.window.bytes() / static_cast<double>(kMss);
      // A round trip closes on where the curve is at its end by all but 1/e of the gap.
      EXPECT_NEAR(window, w_cubic(t, k, 1'000),
                  0.6 + 0.12 * std::abs(window - last) + 12 * (t > 2 * k))
          << t;
      EXPECT_GE(window, last);
      last = window;
    }
    EXPECT_GT(last, 1'050.0);
  }
}

TEST(Cubic, NeverGrowsByMoreThanHalfInARoundTrip) {
  covers({"RFC 9438 §4.2"});
  Bed bed{100 * kMss, 100ms};
  bed.lose();
  bed.ack(0);
  bed.now += 60s;  // In use, and without an ACK: the curve is far ahead.
  const std::uint32_t before = bed.window.bytes();
  for (std::uint32_t acked = 0; acked < before; acked += kMss) {
    bed.ack(kMss);
  }
  EXPECT_GT(bed.window.bytes(), before * 14 / 10);
  EXPECT_LE(bed.window.bytes(), static_cast<std::uint32_t>(before * std::exp(0.5)) + kMss);
}

TEST(Cubic, IsNoSlowerThanRenoWhereRoundTripsAreShort) {
  covers({"RFC 9438 §4.3"});
  Bed bed{100 * kMss, 1ms};
  bed.lose();
  bed.ack(0);
  // alpha is 9/17 of a segment a round trip up to the old window, one segment from there on.
  for (unsigned i = 0; i < 40; ++i) {
    bed.round_trip();
  }
  EXPECT_NEAR(bed.window.bytes() / static_cast<double>(kMss), 70 + 40 * 9.0 / 17, 0.5);
  for (unsigned i = 0; i < 30; ++i) {
    bed.round_trip();
  }
  ASSERT_GE(bed.window.bytes(), 100 * kMss);
  const double before = bed.window.bytes();
  for (unsigned i = 0; i < 20; ++i) {
    bed.round_trip();
  }
  EXPECT_NEAR((bed.window.bytes() - before) / kMss, 20, 0.5);
}

TEST(Cubic, GivesWayWhereALossMeetsItBelowTheLastPlateau) {
  covers({"RFC 9438 §4.7"});
  Bed bed{1'000 * kMss};
  bed.lose();
  bed.ack(kMss);
  EXPECT_EQ(bed.cubic.w_max(), 1'000 * kMss);
  const std::uint32_t met = bed.window.bytes();
  ASSERT_LT(met, 1'000 * kMss);
  bed.lose();
  bed.ack(kMss);
  EXPECT_EQ(bed.cubic.w_max(), static_cast<std::uint32_t>(met * 17ULL / 20));
  // A loss above it does not.
  while (bed.window.bytes() <= bed.cubic.w_max()) {
    bed.round_trip();
  }
  const std::uint32_t above = bed.window.bytes();
  bed.lose();
  bed.ack(kMss);
  EXPECT_EQ(bed.cubic.w_max(), above);
}

TEST(Cubic, TwoLossesWithoutGrowthBetweenGiveWay) {
  covers({"RFC 9438 §4.7"});
  Bed bed{1'000 * kMss};
  bed.lose();
  bed.lose();
  bed.ack(kMss);
  EXPECT_EQ(bed.cubic.w_max(), 700 * kMss * 17 / 20);
}

TEST(Cubic, ATimeoutMakesItsNewWindowThePlateau) {
  covers({"RFC 9438 §4.8"});
  Bed bed{100 * kMss};
  bed.time_out();
  EXPECT_EQ(bed.window.ssthresh(), 70 * kMss);
  while (bed.window.is_in_slow_start()) {
    bed.ack(kMss);
  }
  bed.ack(kMss);
  EXPECT_EQ(bed.cubic.k(), 0U);
  EXPECT_EQ(bed.cubic.w_max(), 70 * kMss);
}

TEST(Cubic, AnUndoneLossLeavesTheStageAsItWas) {
  covers({"RFC 9438 §4.9"});
  Bed bed{1'000 * kMss};
  bed.lose();
  bed.ack(kMss);
  Bed same = bed;
  for (Bed* each : {&bed, &same}) {
    for (unsigned i = 0; i < 10; ++i) {
      each->round_trip();
    }
  }
  bed.lose();
  bed.undo();
  EXPECT_EQ(bed.window.bytes(), same.window.bytes());
  for (Bed* each : {&bed, &same}) {
    each->now += 200ms;
    for (unsigned i = 0; i < 30; ++i) {
      each->round_trip();
    }
  }
  EXPECT_EQ(bed.window.bytes(), same.window.bytes());
  EXPECT_EQ(bed.cubic.w_max(), same.cubic.w_max());
  EXPECT_EQ(bed.cubic.k(), same.cubic.k());
}

TEST(Cubic, AnUndoneTimeoutLeavesTheStageAsItWas) {
  covers({"RFC 9438 §4.9"});
  Bed bed{1'000 * kMss};
  bed.lose();
  bed.round_trip();
  const std::uint32_t window = bed.window.bytes();
  bed.time_out();
  bed.ack(kMss);
  bed.undo();
  EXPECT_EQ(bed.window.bytes(), window);
  bed.round_trip();
  EXPECT_EQ(bed.cubic.w_max(), 1'000 * kMss);
  EXPECT_GT(bed.window.bytes(), window);
}

TEST(Cubic, AnUndoAfterTheNextStageHasBegunStartsAtItsPlateau) {
  Bed bed{1'000 * kMss};
  bed.lose();
  bed.round_trip();
  bed.lose();
  bed.ack(kMss);
  bed.undo();
  const std::uint32_t window = bed.window.bytes();
  bed.round_trip();
  EXPECT_EQ(bed.cubic.w_max(), window);
  EXPECT_EQ(bed.cubic.k(), 0U);
}

TEST(Cubic, OfTwoLossesTheSecondCanBeUndone) {
  Bed bed{1'000 * kMss};
  bed.lose();
  bed.lose();
  bed.undo();
  EXPECT_EQ(bed.window.bytes(), 700 * kMss);
  bed.ack(kMss);
  EXPECT_EQ(bed.cubic.w_max(), 700 * kMss) << "the first reduction alone";
}

TEST(Cubic, AnUndoneLossOfSlowStartReturnsToIt) {
  Bed bed{10 * kMss};
  bed.lose();
  bed.undo();
  ASSERT_TRUE(bed.window.is_first_slow_start());
  bed.ack(2 * kMss);
  EXPECT_EQ(bed.window.bytes(), 12 * kMss);
  // Also where congestion avoidance had begun.
  bed.lose();
  bed.ack(kMss);
  ASSERT_NE(bed.cubic.w_max(), 0U);
  bed.undo();
  const std::uint32_t window = bed.window.bytes();
  bed.ack(2 * kMss);
  EXPECT_EQ(bed.window.bytes(), window + 2 * kMss);
}

TEST(Cubic, TimeInWhichTheWindowIsNotUsedDoesNotCount) {
  covers({"RFC 9438 §5.8"});
  for (const bool is_idle : {false, true}) {
    Bed bed{1'000 * kMss};
    bed.lose();
    bed.round_trip();
    const std::uint32_t window = bed.window.bytes();
    Bed same = bed;
    if (is_idle) {
      bed.now += 20s;
      PathView path = bed.path();
      path.in_network = 0;
      EXPECT_TRUE(bed.cubic.hears_of_sent(0));
      EXPECT_FALSE(bed.cubic.hears_of_sent(1)) << "nothing was idle";
      bed.cubic.on_sent(bed.window, path, kMss);
    } else {
      for (unsigned i = 0; i < 200; ++i) {
        bed.now += 100ms;
        bed.ack(kMss, false);
      }
    }
    EXPECT_EQ(bed.window.bytes(), window);
    bed.round_trip();
    same.round_trip();
    // A tick is what the rounding of 20 s may move.
    EXPECT_NEAR(bed.window.bytes(), same.window.bytes(), 200);
  }
}

TEST(Cubic, SlowStartGrowsByEightSegmentsForAnAckOrAsTold) {
  covers({"RFC 9406 §4.3"});
  Bed bed{10 * kMss};
  bed.ack(20 * kMss);
  EXPECT_EQ(bed.window.bytes(), 18 * kMss);
  PathView path = bed.path();
  path.slow_start_segments = 0;
  bed.cubic.on_ack(bed.window, ack_of(20 * kMss), path);
  EXPECT_EQ(bed.window.bytes(), 38 * kMss);
  path.slow_start_segments = 12;
  bed.cubic.on_ack(bed.window, ack_of(20 * kMss), path);
  EXPECT_EQ(bed.window.bytes(), 50 * kMss);
}

TEST(Cubic, SlowStartEndsWhereRoundTripsBecomeLonger) {
  covers({"RFC 9406 §4.2", "RFC 9438 §4.10"});
  CongestionWindow window{10 * kMss};
  Cubic cubic;
  SeqNum una{0xffff'0000U};
  Duration now = 1s;
  const auto round = [&](Duration rtt) {
    const std::uint32_t before = window.bytes();
    for (std::uint32_t acked = 0; acked < before; acked += kMss) {
      PathView path;
      path.now = Instant{now += 1ms};
      path.mss = kMss;
      path.srtt = rtt;
      una += kMss;
      path.snd_una = una;
      path.snd_nxt = una + window.bytes();
      AckSample sample = ack_of(kMss);
      sample.rtt = rtt;
      cubic.on_ack(window, sample, path);
    }
    return window.bytes() / static_cast<double>(before);
  };
  EXPECT_NEAR(round(50ms), 2.0, 0.01);
  EXPECT_NEAR(round(50ms), 2.0, 0.01);
  round(60ms);
  EXPECT_NEAR(round(60ms), 1.25, 0.1);
  unsigned rounds = 0;
  while (window.is_in_slow_start() && rounds < 10) {
    round(60ms);
    ++rounds;
  }
  EXPECT_LE(rounds, 5U);
  const std::uint32_t exit = window.ssthresh();
  round(60ms);
  EXPECT_EQ(cubic.w_max(), exit);
  EXPECT_EQ(cubic.k(), 0U);
}

}  // namespace

}  // namespace millrace::tcp
