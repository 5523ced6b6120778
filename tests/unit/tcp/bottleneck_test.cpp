// Each controller behind one bottleneck: does it fill the link, how long is the queue that it
// keeps, what do losses cost it, do two of a kind share.
#include "unit/tcp/bottleneck.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using millrace::test::covers;
using test::Bottleneck;
using test::Flow;
using test::LinkSettings;

constexpr double kRate = 12'500'000;

struct Outcome {
  double use;          ///< Of the link, 1 at most.
  double mean_queued;  ///< In BDPs.
  double window;       ///< In segments, on average: what was delivered in a round trip.
};

/// 100 Mb/s with a queue of so many BDPs.
LinkSettings link(Duration round_trip, double queue_bdps) {
  LinkSettings settings;
  settings.round_trip = round_trip;
  settings.queue_bytes = static_cast<std::uint32_t>(
      kRate * std::chrono::duration<double>(round_trip).count() * queue_bdps);
  return settings;
}

/// One flow, measured after `settle`.
Outcome alone(CongestionKind kind, const LinkSettings& settings, Duration settle,
              Duration measure) {
  Bottleneck path{settings};
  const Flow& flow = path.add(kind);
  path.run_until(settle);
  const std::uint64_t before = flow.delivered;
  path.forget_mean_queued();
  path.run_until(settle + measure);
  const double round_trip = std::chrono::duration<double>(settings.round_trip).count();
  const auto capacity = static_cast<double>(settings.bytes_per_second);
  const double rate =
      static_cast<double>(flow.delivered - before) / std::chrono::duration<double>(measure).count();
  return {.use = rate / capacity,
          .mean_queued = path.mean_queued() / (capacity * round_trip),
          .window = rate * round_trip / settings.mss};
}

TEST(Bottleneck, OneBdpOfBufferIsEnoughToFillTheLink) {
  for (const CongestionKind kind :
       {CongestionKind::Reno, CongestionKind::Cubic, CongestionKind::Bbr}) {
    for (const Duration round_trip : {1ms, 20ms, 100ms}) {
      const Outcome outcome = alone(kind, link(round_trip, 1), 20s, 20s);
      EXPECT_GE(outcome.use, 0.95) << to_string(kind) << " " << round_trip / 1ms << " ms";
    }
  }
}

TEST(Bottleneck, BbrKeepsTheQueueShort) {
  // draft-ietf-ccwg-bbr-06 §3.1.
  for (const double bdps : {1.0, 8.0}) {
    EXPECT_LT(alone(CongestionKind::Bbr, link(20ms, bdps), 20s, 20s).mean_queued, 0.25);
    EXPECT_GT(alone(CongestionKind::Cubic, link(20ms, bdps), 20s, 20s).mean_queued, 0.5 * bdps);
  }
}

TEST(Bottleneck, BbrFillsTheLinkWithLittleBuffer) {
  EXPECT_GE(alone(CongestionKind::Bbr, link(50ms, 0.1), 20s, 20s).use, 0.85);
}

TEST(Bottleneck, DctcpKeepsTheQueueAtTheMark) {
  covers({"RFC 8257 §3.3"});
  LinkSettings settings = link(1ms, 40);
  settings.bytes_per_second = 125'000'000;
  settings.mark_bytes = 30 * settings.mss;
  const Outcome outcome = alone(CongestionKind::Dctcp, settings, 5s, 5s);
  EXPECT_GE(outcome.use, 0.95);
  EXPECT_LT(outcome.mean_queued * 125'000, 35 * settings.mss);
}

TEST(Bottleneck, WithLossesTheWindowIsWhatTheResponseFunctionSays) {
  covers({"RFC 9438 §5"});
  struct Case {
    CongestionKind kind;
    std::uint32_t lose_one_in;
    Duration round_trip;
    double window;  ///< RFC 9438, tables 1 and 2: on average, in segments.
  };
  for (const Case& c :
       {Case{CongestionKind::Cubic, 1'000, 100ms, 38},
        Case{CongestionKind::Cubic, 10'000, 100ms, 187},
        Case{CongestionKind::Cubic, 100'000, 100ms, 1'054},
        Case{CongestionKind::Cubic, 1'000, 10ms, 38},
        Case{CongestionKind::Cubic, 10'000, 10ms, 120}, Case{CongestionKind::Reno, 1'000, 10ms, 38},
        Case{CongestionKind::Reno, 10'000, 10ms, 120}}) {
    LinkSettings settings = link(c.round_trip, 10);
    settings.bytes_per_second = 1'250'000'000;
    settings.queue_bytes = 100'000'000;
    settings.lose_one_in = c.lose_one_in;
    // Some fifty losses.
    const Duration measure =
        c.round_trip * static_cast<std::int64_t>(50 * c.lose_one_in / c.window);
    const Outcome outcome = alone(c.kind, settings, measure / 2, measure);
    // Where Reno does not set the pace, fast convergence costs what the tables leave out.
    EXPECT_NEAR(outcome.window, c.window, c.window * (c.window > 150 ? 0.12 : 0.03))
        << to_string(c.kind) << " one in " << c.lose_one_in << ", " << c.round_trip / 1ms << " ms";
  }
}

TEST(Bottleneck, LossesByChanceDoNotStopBbr) {
  LinkSettings settings = link(40ms, 2);
  settings.lose_one_in = 100;
  // A percent of each round for up to 63 rounds, then it looks for more (§5.3.3.8.3).
  EXPECT_GE(alone(CongestionKind::Bbr, settings, 20s, 20s).use, 0.7);
  EXPECT_LT(alone(CongestionKind::Cubic, settings, 20s, 20s).use, 0.2);
}

TEST(Bottleneck, TwoFlowsOfAKindShare) {
  for (const CongestionKind kind :
       {CongestionKind::Reno, CongestionKind::Cubic, CongestionKind::Dctcp, CongestionKind::Bbr}) {
    LinkSettings settings = link(20ms, 1);
    settings.mark_bytes = kind == CongestionKind::Dctcp ? 60'000 : 0;
    Bottleneck path{settings};
    const Flow& first = path.add(kind);
    const Flow& second = path.add(kind, 5s);
    path.run_until(60s);
    const std::uint64_t first_before = first.delivered;
    const std::uint64_t second_before = second.delivered;
    path.run_until(120s);
    const auto a = static_cast<double>(first.delivered - first_before);
    const auto b = static_cast<double>(second.delivered - second_before);
    EXPECT_GE((a + b) * (a + b) / (2 * (a * a + b * b)), 0.95) << to_string(kind) << " " << a / b;
    EXPECT_GE((a + b) / 60 / kRate, 0.95) << to_string(kind);
  }
}

TEST(Bottleneck, HyStartLosesNothingWhereTheQueueIsLarge) {
  covers({"RFC 9406 §4.2"});
  // Within three seconds slow start is over, and nothing has been lost; of Reno's much was.
  for (const CongestionKind kind : {CongestionKind::Cubic, CongestionKind::Reno}) {
    Bottleneck path{link(40ms, 12)};
    const Flow& flow = path.add(kind);
    path.run_until(3s);
    EXPECT_FALSE(flow.congestion.is_in_slow_start());
    EXPECT_EQ(path.dropped() == 0, kind == CongestionKind::Cubic) << to_string(kind);
  }
}

}  // namespace

}  // namespace millrace::tcp
