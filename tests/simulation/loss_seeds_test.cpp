// Five hundred bad networks, each drawn from its seed: loss, reordering, duplication, jitter and
// damage. Streams of at least 64 KiB both ways must arrive byte for byte, and nothing may stay
// behind. `--seed=N` runs one of them.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "simulation/network.hpp"
#include "simulation/options.hpp"
#include "simulation/transfer.hpp"

namespace millrace::test {
namespace {

constexpr std::uint64_t kSeeds = 500;

sim::LinkParameters draw_link(base::Random& random) {
  sim::LinkParameters link;
  link.delay = std::chrono::microseconds{100 + random.below(60'000)};
  link.jitter = std::chrono::microseconds{random.below(10'000)};
  link.loss_ppm = random.below(50'001);
  link.reorder_ppm = random.below(50'001);
  link.reorder_delay = std::chrono::microseconds{1 + random.below(20'000)};
  link.duplicate_ppm = random.below(20'001);
  link.corrupt_ppm = random.one_in(4) ? random.below(10'001) : 0;
  link.bits_per_second = random.one_in(3) ? 1'000'000ULL + random.below(100'000'000) : 0;
  link.queue_frames = 20 + random.below(200);
  return link;
}

Config draw_config(base::Random& random) {
  Config config = sim::small_config();
  config.tcp.receive_buffer_bytes = 16'384U << random.below(6);
  config.tcp.send_buffer_bytes = 16'384U << random.below(6);
  config.tcp.reassembly_segments_max = random.one_in(4) ? random.below(20) : 256;
  return config;
}

sim::HostSetup draw_host(std::uint8_t last, base::Random& random) {
  sim::HostSetup setup = host_with(last, draw_config(random));
  setup.nics[0].multi_segment = !random.one_in(3);
  setup.nics[0].cuts_segments = setup.nics[0].multi_segment && random.one_in(3);
  setup.nics[0].mtu =
      random.one_in(4) ? static_cast<std::uint16_t>(576 + random.below(925)) : std::uint16_t{1500};
  if (random.one_in(8)) {
    setup.nics[0].mtu = static_cast<std::uint16_t>(2'000 + random.below(7'001));
  }
  return setup;
}

TransferPlan draw_plan(base::Random& random, std::uint64_t send_seed, std::uint64_t receive_seed) {
  constexpr Ending kEndings[] = {Ending::Shutdown, Ending::CloseWhenDone, Ending::CloseAfterSend};
  return {.seed = random.next_u64(),
          .send_seed = send_seed,
          .receive_seed = receive_seed,
          .send_bytes = 65'536 + random.below(65'536),
          .piece_max = 1 + random.below(random.one_in(4) ? 100 : 9'000),
          .uses_buffers = random.one_in(2),
          .no_delay = random.one_in(2),
          .ending = kEndings[random.below(3)]};
}

/// Tries again while nobody answers address resolution: three lost requests are bad luck, not a
/// fault.
class Client final : public TcpHandler {
 public:
  Client(Worker& worker, const TransferPlan& plan) : worker_{worker}, transfer_{worker, plan} {}

  [[nodiscard]] bool connect() {
    return worker_.connect({.address = address_of(2), .port = Port{9}}, *this).has_value();
  }
  void on_connected(TcpSocket socket) override {
    EXPECT_TRUE(socket.set_handler(transfer_));
    transfer_.on_connected(socket);
  }
  void on_closed(TcpSocket, Result<void> outcome) override {
    if (outcome == Result<void>{fail(Error::HostUnreachable)} && ++retries_ < 5) {
      EXPECT_TRUE(connect());
    } else {
      failure = outcome;
    }
  }
  [[nodiscard]] const Transfer& transfer() const noexcept { return transfer_; }

  std::optional<Result<void>> failure;  // Never connected.

 private:
  Worker& worker_;
  Transfer transfer_;
  int retries_ = 0;
};

struct RunResult {
  std::string problem;
  std::uint64_t trace_hash = 0;
  CoreStats stats;  // Of the client.
};

RunResult run(std::uint64_t seed) {
  TestWorld world{seed};
  base::Random& random = world.random();
  sim::Host& left = world.add_host(draw_host(1, random));
  sim::Host& right = world.add_host(draw_host(2, random));
  const sim::LinkParameters forth = draw_link(random);
  const sim::LinkParameters back = draw_link(random);
  world.connect({.host = left}, {.host = right}, forth, back);
  TransferPlan client_plan = draw_plan(random, 2 * seed, 2 * seed + 1);
  TransferPlan server_plan = draw_plan(random, 2 * seed + 1, 2 * seed);
  client_plan.receive_bytes = server_plan.send_bytes;
  server_plan.receive_bytes = client_plan.send_bytes;
  TransferServer server{right.worker(), server_plan};
  Client client{left.worker(), client_plan};
  static_cast<void>(world.start(right));
  static_cast<void>(world.start(left));
  world.call(right, [&](Worker& worker) { EXPECT_TRUE(worker.listen({.port = Port{9}}, server)); });
  world.call(left, [&](Worker&) { EXPECT_TRUE(client.connect()); });
  const bool is_done = world.run_until(
      [&] {
        return client.failure || (client.transfer().outcome() && !server.transfers().empty() &&
                                  server.transfers()[0]->outcome());
      },
      std::chrono::hours{1});
  RunResult result;
  if (client.failure) {
    result.problem += "never connected; ";
  }
  if (!is_done) {
    result.problem += world.failure().value_or("not finished in time") + "; ";
  }
  const std::string client_verdict = client.transfer().verdict();
  const std::string server_verdict =
      server.transfers().size() == 1 ? server.transfers()[0]->verdict() : "none";
  result.problem += client_verdict.empty() ? "" : "client: " + client_verdict + "; ";
  result.problem += server_verdict.empty() ? "" : "server: " + server_verdict + "; ";
  if (const auto clean = world.check_clean(); !clean) {
    result.problem += clean.error();
  }
  result.trace_hash = world.trace_hash();
  result.stats = left.stack().stats();
  return result;
}

/// The networks were as bad as they should be, and every way to recover was needed.
void expect_bad_networks(const CoreStats& sum) {
  EXPECT_GT(sum.tcp_retransmitted_segments, 1'000U);
  EXPECT_GT(sum.tcp_fast_retransmits, 100U);
  EXPECT_GT(sum.tcp_retransmission_timeouts, 40U);
  EXPECT_GT(sum.tcp_out_of_order_segments, 1'000U);
  EXPECT_GT(sum.dropped(DropReason::TcpDuplicateData), 500U);
  EXPECT_GT(sum.dropped(DropReason::TcpBadChecksum), 50U);
}

TEST(LossSeeds, StreamsArriveByteForByte) {
  if (const auto seed = simulation_options().seed) {
    EXPECT_EQ(run(*seed).problem, "") << "seed " << *seed;
    return;
  }
  unsigned failures = 0;
  CoreStats sum;
  for (std::uint64_t seed = 1; seed <= simulation_options().seeds.value_or(kSeeds); ++seed) {
    const RunResult result = run(seed);
    EXPECT_EQ(result.problem, "") << "repeat this run alone with --seed=" << seed;
    failures += result.problem.empty() ? 0 : 1;
    ASSERT_LT(failures, 10U) << "enough";
    sum.tcp_retransmitted_segments += result.stats.tcp_retransmitted_segments;
    sum.tcp_fast_retransmits += result.stats.tcp_fast_retransmits;
    sum.tcp_retransmission_timeouts += result.stats.tcp_retransmission_timeouts;
    sum.tcp_out_of_order_segments += result.stats.tcp_out_of_order_segments;
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      sum.drops[i] += result.stats.drops[i];
    }
  }
  if (!simulation_options().seeds) {
    expect_bad_networks(sum);
  }
}

TEST(LossSeeds, OneSeedMeansOneTrace) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_EQ(run(seed).trace_hash, run(seed).trace_hash) << "seed " << seed;
  }
  EXPECT_NE(run(1).trace_hash, run(2).trace_hash);
}

}  // namespace
}  // namespace millrace::test
