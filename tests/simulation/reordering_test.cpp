// Paths that change the order of segments and lose none: what of a transfer is sent again for
// nothing. One segment in a hundred, at most, where segments come late by up to a quarter of a
// round trip (RFC 8985 §6.2).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "simulation/network.hpp"
#include "simulation/transfer.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

struct Path {
  Duration round_trip{};
  std::uint64_t bits_per_second = 0;
  std::uint32_t reorder_ppm = 0;
  bool has_timestamps = true;
};

struct Outcome {
  std::uint64_t segments = 0;
  std::uint64_t retransmitted = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t reordered = 0;
  std::uint64_t lost = 0;
  std::string problem;
  std::string story;  ///< What loss recovery did.
};

constexpr std::uint64_t kBytes = 4'000'000;
constexpr std::uint64_t kSegmentBytes = 1'448;

Outcome transfer(const Path& path, std::uint64_t seed) {
  PairSetup setup;
  setup.seed = seed;
  setup.client.tcp.timestamps = path.has_timestamps;
  // A queue that holds a window, and a receiver that keeps all of one behind a late segment: by
  // default it lets go of what is more than 256 segments, which is a loss like any other.
  setup.server.tcp.reassembly_segments_max = 16'384;
  setup.forth.delay = setup.back.delay = path.round_trip / 2;
  setup.forth.bits_per_second = setup.back.bits_per_second = path.bits_per_second;
  setup.forth.queue_frames = setup.back.queue_frames = 20'000;
  setup.forth.reorder_ppm = path.reorder_ppm;
  setup.forth.reorder_delay = path.round_trip / 4;
  Pair net{setup};
  TransferPlan plan{.seed = seed, .send_bytes = kBytes, .piece_max = 60'000};
  TransferPlan mirror{.seed = seed + 1, .send_seed = 2, .receive_seed = 1};
  mirror.receive_bytes = kBytes;
  mirror.piece_max = 60'000;
  TransferServer server{net.server.worker(), mirror};
  Transfer client{net.client.worker(), plan};
  net.world.call(net.server,
                 [&](Worker& worker) { EXPECT_TRUE(worker.listen({.port = Port{9}}, server)); });
  net.world.call(net.client,
                 [&](Worker& worker) { EXPECT_TRUE(worker.connect(net.server_at(9), client)); });
  Outcome outcome;
  if (!net.world.run_until([&] { return client.outcome().has_value(); }, 1h)) {
    outcome.problem = net.world.failure().value_or("not finished in time");
  }
  outcome.problem += client.verdict();
  const CoreStats& stats = net.client.stack().stats();
  const sim::LinkCounts counts = net.world.link_counts();
  outcome.story = std::to_string(stats.tcp_fast_recoveries) + " recoveries, " +
                  std::to_string(stats.tcp_recoveries_undone) + " undone, " +
                  std::to_string(stats.tcp_duplicates_reported_in) + " reported twice";
  outcome.segments = kBytes / kSegmentBytes;
  outcome.retransmitted = stats.tcp_retransmitted_segments;
  outcome.timeouts = stats.tcp_retransmission_timeouts;
  outcome.reordered = counts.of(sim::Fault::Reordered);
  outcome.lost = counts.of(sim::Fault::Loss) + counts.of(sim::Fault::Overflow) +
                 net.server.stack().stats().dropped(DropReason::TcpReassemblyFull);
  return outcome;
}

std::string name(const Path& path, std::uint64_t seed) {
  return std::to_string(path.round_trip / 1us) + " us, " +
         std::to_string(path.bits_per_second / 1'000'000) + " Mb/s, " +
         std::to_string(path.reorder_ppm / 10'000) + " % late, seed " + std::to_string(seed) +
         (path.has_timestamps ? "" : ", no timestamps");
}

class Reordering : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Timestamps, Reordering, testing::Bool());

TEST_P(Reordering, ByAQuarterOfARoundTripRepeatsOneSegmentInAHundredAtMost) {
  covers({"RFC 8985 §6.2"});
  constexpr Duration kRoundTrips[] = {1ms, 10ms, 50ms, 200ms};
  constexpr std::uint64_t kRates[] = {10'000'000, 100'000'000, 1'000'000'000};
  constexpr std::uint32_t kLate[] = {10'000, 100'000, 300'000};
  double worst = 0;
  std::uint64_t runs = 0;
  for (const Duration round_trip : kRoundTrips) {
    for (const std::uint64_t rate : kRates) {
      for (const std::uint32_t late : kLate) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
          const Path path{.round_trip = round_trip,
                          .bits_per_second = rate,
                          .reorder_ppm = late,
                          .has_timestamps = GetParam()};
          const Outcome outcome = transfer(path, seed);
          const std::string where = name(path, seed);
          ASSERT_EQ(outcome.problem, "") << where;
          ASSERT_EQ(outcome.lost, 0U) << where;
          ASSERT_GT(outcome.reordered, outcome.segments * late / 2'000'000) << where;
          EXPECT_LE(outcome.retransmitted * 100, outcome.segments)
              << where << ": " << outcome.story;
          EXPECT_EQ(outcome.timeouts, 0U) << where;
          worst = std::max(worst, 100.0 * static_cast<double>(outcome.retransmitted) /
                                      static_cast<double>(outcome.segments));
          ++runs;
        }
      }
    }
  }
  RecordProperty("runs", std::to_string(runs));
  RecordProperty("worst_percent", std::to_string(worst));
}

}  // namespace
}  // namespace millrace::test
