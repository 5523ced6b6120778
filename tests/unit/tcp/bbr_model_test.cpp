// BBR: what it learns of a path, and the states it goes through. draft-ietf-ccwg-bbr-06.
#include "tcp/bbr_model.hpp"

#include <set>

#include <gtest/gtest.h>

#include "unit/tcp/bottleneck.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using test::Bottleneck;
using test::Flow;
using test::LinkSettings;

const BbrModel& model_of(const Flow& flow) { return flow.congestion.get<Bbr>()->model(); }

/// 100 Mb/s, 20 ms, so a BDP of 250,000 octets.
LinkSettings usual() { return {.queue_bytes = 1'000'000}; }

struct Bed {
  explicit Bed(const LinkSettings& settings = usual())
      : path{settings}, flow{path.add(CongestionKind::Bbr)} {}

  [[nodiscard]] const BbrModel& model() const { return model_of(flow); }
  /// Runs in steps of a millisecond until the state is reached; false: not within `limit`.
  bool run_to(BbrState state, Duration limit) {
    const Instant end = path.now() + limit;
    while (model().state() != state) {
      if (path.now() > end) {
        return false;
      }
      path.run_until(path.now().time_since_epoch() + 1ms);
    }
    return true;
  }
  void run_for(Duration time) { path.run_until(path.now().time_since_epoch() + time); }

  Bottleneck path;
  Flow& flow;
};

TEST(BbrModel, BeginsAtTheRateOfTheInitialWindow) {
  // draft-ietf-ccwg-bbr-06 §5.6.2.
  CongestionWindow window{14'480};
  BbrModel model{14'480, 1};
  EXPECT_EQ(model.pacing_rate(), 14'480'000ULL * 277 / 100) << "in a millisecond";
  PathView path;
  path.mss = 1'448;
  path.srtt = 100ms;
  model.on_sent(window, path);
  EXPECT_EQ(model.pacing_rate(), 144'800ULL * 277 / 100) << "in the round trip";
  EXPECT_EQ(model.state(), BbrState::Startup);
}

TEST(BbrModel, StartupFindsTheRateAndDrainTheQueueThatWasMade) {
  // draft-ietf-ccwg-bbr-06 §5.3.1.2 and §5.3.2.
  Bed bed;
  ASSERT_TRUE(bed.run_to(BbrState::Drain, 1s));
  EXPECT_TRUE(bed.model().is_full_bandwidth_reached());
  EXPECT_NEAR(static_cast<double>(bed.model().max_bandwidth()), 12'500'000, 200'000);
  EXPECT_EQ(bed.model().pacing_gain(), 50U);
  ASSERT_TRUE(bed.run_to(BbrState::Cruise, 200ms));
  EXPECT_LE(bed.flow.in_network, 260'000U);
  EXPECT_NEAR(std::chrono::duration<double>(bed.model().min_rtt()).count(), 0.0202, 0.0003);
}

TEST(BbrModel, GoesThroughItsCycle) {
  // draft-ietf-ccwg-bbr-06 §5.3.3.
  Bed bed;
  bed.run_for(1s);
  for (unsigned cycle = 0; cycle < 3; ++cycle) {
    ASSERT_TRUE(bed.run_to(BbrState::Refill, 4s)) << cycle;
    ASSERT_TRUE(bed.run_to(BbrState::Up, 100ms)) << cycle;
    EXPECT_EQ(bed.model().pacing_gain(), 125U);
    EXPECT_EQ(bed.model().window_gain(), 225U);
    ASSERT_TRUE(bed.run_to(BbrState::Down, 500ms)) << cycle;
    EXPECT_EQ(bed.model().pacing_gain(), 90U);
    ASSERT_TRUE(bed.run_to(BbrState::Cruise, 500ms)) << cycle;
    EXPECT_EQ(bed.model().pacing_gain(), 100U);
  }
}

TEST(BbrModel, LooksForAShorterRoundTripEveryFiveSeconds) {
  // draft-ietf-ccwg-bbr-06 §5.3.4.
  Bed bed;
  bed.run_for(1s);
  Instant last = bed.path.now();
  for (unsigned i = 0; i < 3; ++i) {
    ASSERT_TRUE(bed.run_to(BbrState::ProbeRtt, 7s));
    const Instant begin = bed.path.now();
    EXPECT_GE(begin - last, i == 0 ? 3s : 4'900ms);
    bed.run_for(100ms);
    EXPECT_LE(bed.flow.in_network, 135'000U) << "half a BDP";
    ASSERT_TRUE(bed.run_to(BbrState::Cruise, 400ms));
    EXPECT_GE(bed.path.now() - begin, 200ms);
    last = bed.path.now();
  }
}

TEST(BbrModel, MuchLossEndsStartup) {
  // draft-ietf-ccwg-bbr-06 §5.3.1.3.
  LinkSettings settings = usual();
  settings.queue_bytes = 30'000;
  Bed bed{settings};
  ASSERT_TRUE(bed.run_to(BbrState::Drain, 2s));
  EXPECT_NE(bed.model().inflight_longterm(), BbrModel::kUnbounded);
}

TEST(BbrModel, AProbeThatLosesTooMuchBoundsWhatIsInTheNetwork) {
  // draft-ietf-ccwg-bbr-06 §5.5.10.2.
  LinkSettings settings = usual();
  settings.queue_bytes = 50'000;
  Bed bed{settings};
  bed.run_for(5s);
  ASSERT_NE(bed.model().inflight_longterm(), BbrModel::kUnbounded);
  EXPECT_GE(bed.model().inflight_longterm(), 175'000U);
  EXPECT_LE(bed.model().inflight_longterm(), 320'000U);
}

/// A model with 1 MB/s and 100 ms, in CRUISE, with everything under its own control.
class Hand {
 public:
  Hand() {
    for (unsigned i = 0; i < 400 && model.state() != BbrState::Cruise; ++i) {
      ack();
    }
  }
  /// One segment arrives after 1 ms, a round trip after it left.
  void ack(std::uint32_t lost = 0, bool is_recovering = false) {
    now += 1ms;
    una += 1'000;
    delivered += 1'000;
    total_lost += lost;
    AckSample sample;
    sample.newly_acked = sample.newly_delivered = 1'000;
    sample.newly_lost = lost;
    sample.rtt = 100ms;
    sample.is_window_limited = true;
    sample.is_recovering = is_recovering;
    sample.rate = {.delivered = delivered,
                   .prior_delivered = delivered > 100'000 ? delivered - 100'000 : 0,
                   .lost = total_lost,
                   .lost_meanwhile = lost,
                   .in_network_then = 100'000,
                   .interval = delivered > 100'000
                                   ? Duration{100ms}
                                   : Duration{1ms} * static_cast<std::int64_t>(delivered / 1'000)};
    model.on_ack(window, sample, path());
  }
  [[nodiscard]] PathView path(std::uint32_t in_network = 100'000) const {
    PathView view;
    view.now = Instant{now};
    view.mss = 1'000;
    view.in_network = in_network;
    view.snd_una = una;
    view.snd_nxt = una + 100'000;
    view.srtt = view.min_rtt = 100ms;
    view.has_selective_acks = has_selective_acks;
    return view;
  }

  CongestionWindow window{10'000};
  BbrModel model{10'000, 1};
  Duration now = 10s;
  SeqNum una{0xffff'0000U};
  std::uint64_t delivered = 0;
  std::uint64_t total_lost = 0;
  bool has_selective_acks = true;
};

TEST(BbrModel, KnowsTheRateAndTheBdp) {
  Hand hand;
  ASSERT_EQ(hand.model.state(), BbrState::Cruise);
  EXPECT_EQ(hand.model.max_bandwidth(), 1'000'000U);
  EXPECT_EQ(hand.model.pacing_rate(), 990'000U);
  EXPECT_EQ(hand.model.min_rtt(), 100ms);
}

TEST(BbrModel, LossesLowerTheShortTermBoundsOnceARound) {
  // draft-ietf-ccwg-bbr-06 §5.5.10.3.
  Hand hand;
  ASSERT_EQ(hand.model.inflight_shortterm(), BbrModel::kUnbounded);
  for (unsigned i = 0; i < 250; ++i) {
    hand.ack(i == 10 ? 1'000 : 0);
  }
  ASSERT_NE(hand.model.inflight_shortterm(), BbrModel::kUnbounded);
  // What has arrived in the last round is the floor.
  EXPECT_GE(hand.model.inflight_shortterm(), 100'000U);
  EXPECT_EQ(hand.model.bandwidth(), 1'000'000U);
  EXPECT_LE(hand.window.bytes(), hand.model.inflight_shortterm());
}

TEST(BbrModel, ARoundOfLossesBeginsWithTheFirst) {
  // draft-ietf-ccwg-bbr-06 §5.5.10.3. Whenever the first comes, the bounds fall a round later.
  for (unsigned first = 0; first < 100; ++first) {
    Hand hand;
    for (unsigned i = 0; i < first; ++i) {
      hand.ack();
    }
    hand.ack(1'000);
    for (unsigned i = 0; i < 98; ++i) {
      ASSERT_EQ(hand.model.inflight_shortterm(), BbrModel::kUnbounded) << first << " " << i;
      hand.ack();
    }
    hand.ack();
    hand.ack();
    EXPECT_NE(hand.model.inflight_shortterm(), BbrModel::kUnbounded) << first;
  }
}

TEST(BbrModel, WithoutSelectiveAcksOneLossIsTooMuch) {
  // draft-ietf-ccwg-bbr-06 §5.5.10.2. Two of a hundred segments would be.
  for (const bool has_selective_acks : {true, false}) {
    Hand hand;
    hand.has_selective_acks = has_selective_acks;
    for (unsigned i = 0; i < 9'000 && hand.model.state() != BbrState::Up; ++i) {
      hand.ack();
    }
    ASSERT_EQ(hand.model.state(), BbrState::Up);
    hand.ack(1'000);
    EXPECT_EQ(hand.model.state() == BbrState::Down, !has_selective_acks);
  }
}

TEST(BbrModel, AnUndoneLossLiftsTheBounds) {
  // draft-ietf-ccwg-bbr-06 §5.5.11.
  Hand hand;
  const std::uint32_t before = hand.window.bytes();
  hand.model.on_reduction(hand.window, hand.path(), Reduction::Loss);
  for (unsigned i = 0; i < 250; ++i) {
    hand.ack(i == 0 ? 1'000 : 0, true);
  }
  ASSERT_NE(hand.model.inflight_shortterm(), BbrModel::kUnbounded);
  hand.model.on_undo(hand.window);
  EXPECT_EQ(hand.model.inflight_shortterm(), BbrModel::kUnbounded);
  EXPECT_GE(hand.window.bytes(), before);
}

TEST(BbrModel, ATimeoutLeavesOneSegment) {
  // draft-ietf-ccwg-bbr-06 §5.6.4.4.
  Hand hand;
  const std::uint32_t before = hand.window.bytes();
  hand.model.on_reduction(hand.window, hand.path(), Reduction::Timeout);
  EXPECT_EQ(hand.window.bytes(), 1'000U);
  hand.model.on_reduction(hand.window, hand.path(), Reduction::Timeout);
  hand.model.on_recovery_end(hand.window);
  EXPECT_EQ(hand.window.bytes(), before);
}

TEST(BbrModel, BackFromIdleItPacesAtTheRateOfThePath) {
  // draft-ietf-ccwg-bbr-06 §5.4.1.
  Hand hand;
  hand.now += 30s;
  hand.model.on_sent(hand.window, hand.path(0));
  EXPECT_EQ(hand.model.pacing_rate(), 990'000U);
  hand.ack();
  EXPECT_NE(hand.model.state(), BbrState::ProbeRtt) << "the idle time was one";
}

TEST(BbrModel, GoesOnWhereTotalsBeginAnew) {
  // draft-ietf-ccwg-bbr-06 §5.5.1. A connection's total wraps around some day, and rounds are told
  // by it.
  Hand hand;
  hand.delivered += 1ULL << 47U;
  hand.ack();
  hand.delivered = 0;
  std::set<BbrState> seen;
  for (unsigned i = 0; i < 8'000; ++i) {
    hand.ack();
    seen.insert(hand.model.state());
  }
  EXPECT_TRUE(seen.contains(BbrState::Up)) << "REFILL lasts a round";
  EXPECT_TRUE(seen.contains(BbrState::Down));
}

TEST(BbrModel, NumbersThatNoPathHasDoNoHarm) {
  CongestionWindow window{10'000};
  BbrModel model{10'000, 7};
  PathView path;
  path.mss = 65'535;
  path.in_network = 0xffff'ffffU;
  path.srtt = std::chrono::hours{1};
  for (unsigned i = 0; i < 200; ++i) {
    path.now += std::chrono::hours{i};
    AckSample sample;
    sample.newly_acked = sample.newly_delivered = sample.newly_lost = 0xffff'ffffU;
    sample.rtt = i % 2 == 0 ? Duration{0} : Duration{std::chrono::hours{2}};
    sample.rate = {.delivered = (i + 1) * (1ULL << 40U),
                   .prior_delivered = i * (1ULL << 40U),
                   .lost = 1ULL << 50U,
                   .lost_meanwhile = 0xffff'ffffU,
                   .in_network_then = i % 3 == 0 ? 0 : 0xffff'ffffU,
                   .interval = Duration{1}};
    model.on_ack(window, sample, path);
    EXPECT_GE(window.bytes(), 4U * 65'535);
    EXPECT_LE(window.bytes(), CongestionWindow::kMax);
    EXPECT_LE(model.bandwidth(), 1ULL << 36U);
  }
}

TEST(BbrPool, IsBoundedAndGivesBack) {
  BbrPool pool{1, 5};
  Congestion first;
  ASSERT_TRUE(first.start(CongestionKind::Bbr, 10'000, &pool));
  EXPECT_EQ(first.name(), "bbr");
  EXPECT_TRUE(first.moves_own_window());
  Congestion second;
  EXPECT_FALSE(second.start(CongestionKind::Bbr, 10'000, &pool));
  EXPECT_EQ(second.name(), "cubic");
  first.release(pool);
  EXPECT_EQ(pool.size(), 0U);
  EXPECT_EQ(first.name(), "reno") << "of use to nobody, and safe";
  EXPECT_TRUE(second.start(CongestionKind::Bbr, 10'000, &pool));
  second.release(pool);
  second.release(pool);
  Congestion without;
  EXPECT_FALSE(without.start(CongestionKind::Bbr, 10'000));
}

TEST(BbrPool, AnotherControllerTakesOverWhatThereIs) {
  BbrPool pool{1, 5};
  Congestion congestion;
  EXPECT_TRUE(congestion.start(CongestionKind::Reno, 10'000, &pool));
  congestion.set_window(50'000);
  EXPECT_TRUE(congestion.change(CongestionKind::Bbr, &pool));
  EXPECT_EQ(congestion.window(), 50'000U);
  EXPECT_EQ(congestion.kind(), CongestionKind::Bbr);
  EXPECT_TRUE(congestion.change(CongestionKind::Bbr, &pool)) << "its own model is free by then";
  EXPECT_EQ(pool.size(), 1U);
  EXPECT_TRUE(congestion.change(CongestionKind::Dctcp, &pool));
  EXPECT_EQ(pool.size(), 0U);
  EXPECT_TRUE(congestion.needs_exact_ecn());
  Congestion other;
  EXPECT_TRUE(other.start(CongestionKind::Bbr, 10'000, &pool));
  EXPECT_FALSE(congestion.change(CongestionKind::Bbr, &pool));
  EXPECT_EQ(congestion.name(), "cubic");
  EXPECT_EQ(congestion.window(), 50'000U);
  other.release(pool);
}

}  // namespace

}  // namespace millrace::tcp
