// A router that marks instead of dropping, from one length of its queue on (RFC 8257 §3.1): how
// long the queue stays, and whether the link is used.
#include <algorithm>

#include <gtest/gtest.h>

#include "simulation/network.hpp"
#include "simulation/transfer.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

constexpr std::uint32_t kFrame = 1'514;
constexpr std::uint64_t kRate = 100'000'000;

struct Outcome {
  double use = 0;          ///< Of what the link can carry, 1 at most.
  double mean_queued = 0;  ///< In frames.
  double most_queued = 0;
  std::uint64_t marked = 0;
  std::uint64_t lost = 0;
};

PairSetup setup_for(CongestionKind kind, std::uint32_t mark_frames) {
  PairSetup setup;
  for (Config* config : {&setup.client, &setup.server}) {
    config->packets = 4'095;
    config->tcp.congestion_control = kind;
    config->tcp.ecn = EcnMode::On;
    config->tcp.send_buffer_bytes = config->tcp.send_buffer_initial_bytes = 1U << 20U;
    config->tcp.receive_buffer_bytes = config->tcp.receive_buffer_initial_bytes = 1U << 20U;
  }
  setup.forth = delay_of(500us);
  setup.forth.bits_per_second = kRate;
  setup.back = setup.forth;
  setup.forth.red = {.min_bytes = mark_frames * kFrame,
                     .max_bytes = mark_frames * kFrame,
                     .max_ppm = 1'000'000,
                     .weight_shift = 0};
  return setup;
}

/// One long transfer at 100 Mb/s and 1 ms, so that eight frames fill the path, measured for a
/// second.
Outcome run(CongestionKind kind, std::uint32_t mark_frames) {
  Pair pair{setup_for(kind, mark_frames)};
  TransferServer server{pair.server.worker(), {.receive_seed = 1, .piece_max = 65'536}};
  Transfer client{pair.client.worker(), {.send_bytes = 1ULL << 40U, .piece_max = 65'536}};
  pair.world.call(pair.server,
                  [&](Worker& worker) { EXPECT_TRUE(worker.listen({.port = Port{9}}, server)); });
  pair.world.call(pair.client,
                  [&](Worker& worker) { EXPECT_TRUE(worker.connect(pair.server_at(9), client)); });
  pair.world.run_for(500ms);
  const sim::Link& link = pair.world.uplink({.host = pair.client});
  Outcome outcome;
  const std::uint64_t before = server.transfers().at(0)->received();
  constexpr unsigned kSamples = 5'000;
  for (unsigned i = 0; i < kSamples; ++i) {
    pair.world.run_for(200us);
    const double frames = static_cast<double>(link.queue().bytes()) / kFrame;
    outcome.mean_queued += frames / kSamples;
    outcome.most_queued = std::max(outcome.most_queued, frames);
  }
  const auto received = static_cast<double>(server.transfers().at(0)->received() - before);
  outcome.use = received * 8 / kRate * (kFrame + 24) / 1'448;
  outcome.marked = link.counts().of(sim::Fault::Marked);
  outcome.lost = link.counts().of(sim::Fault::Overflow) + link.counts().of(sim::Fault::EarlyDrop);
  return outcome;
}

TEST(Marking, DctcpHoldsTheQueueAtTheMark) {
  covers({"RFC 8257 §3.2", "RFC 8257 §3.3"});
  for (const std::uint32_t mark_frames : {5U, 10U, 20U, 40U}) {
    const Outcome outcome = run(CongestionKind::Dctcp, mark_frames);
    EXPECT_GE(outcome.use, 0.97) << mark_frames;
    EXPECT_GE(outcome.mean_queued, 0.75 * mark_frames) << mark_frames;
    EXPECT_LE(outcome.mean_queued, mark_frames) << mark_frames;
    EXPECT_LE(outcome.most_queued, mark_frames + 4.0) << mark_frames;
    EXPECT_GT(outcome.marked, 0U);
    EXPECT_EQ(outcome.lost, 0U);
  }
}

TEST(Marking, OthersFallBelowItAndComeBack) {
  covers({"RFC 3168 §6.1.2"});
  for (const CongestionKind kind : {CongestionKind::Reno, CongestionKind::Cubic}) {
    const Outcome outcome = run(kind, 20);
    EXPECT_GE(outcome.use, 0.97) << to_string(kind);
    EXPECT_LE(outcome.mean_queued, 20.0) << to_string(kind);
    EXPECT_LE(outcome.most_queued, 32.0) << to_string(kind);
    EXPECT_EQ(outcome.lost, 0U);
  }
}

}  // namespace
}  // namespace millrace::test
