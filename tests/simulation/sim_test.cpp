// The simulator itself: what cables do to frames, that a seed repeats a run, and that it notices
// what must not happen.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "packet/burst.hpp"
#include "sim/sim_device.hpp"
#include "simulation/network.hpp"
#include "simulation/transfer.hpp"
#include "support/eal_environment.hpp"
#include "wire/word_sum.hpp"

namespace millrace::test {
namespace {

struct Arrival {
  Duration after;
  std::uint8_t number;
};

/// Sends `count` numbered frames of 1,000 bytes at once and says what arrives.
std::vector<Arrival> send_over(const sim::LinkParameters& parameters, unsigned count,
                               std::uint64_t seed = 1) {
  sim::EventSchedule schedule;
  const Instant begin{1h};
  Instant now = begin;
  std::vector<Arrival> arrivals;
  sim::Link link{
      schedule, parameters, base::Random::from_seed(seed), [&](const sim::Frame& frame) {
        arrivals.push_back({.after = now - begin, .number = static_cast<std::uint8_t>(frame[20])});
      }};
  for (unsigned i = 0; i < count; ++i) {
    sim::Frame frame(1'000);
    frame[20] = static_cast<std::byte>(i);
    link.send(now, std::move(frame));
  }
  while (const auto next = schedule.next_time()) {
    now = *next;
    schedule.run_due(now);
  }
  return arrivals;
}

TEST(EventSchedule, KeepsTimeThenOrder) {
  sim::EventSchedule schedule;
  std::vector<int> order;
  const Instant start{1h};
  schedule.at(start + 2ms, [&] { order.push_back(3); });
  schedule.at(start + 1ms, [&] { order.push_back(1); });
  schedule.at(start + 1ms, [&] { order.push_back(2); });
  EXPECT_EQ(schedule.next_time(), start + 1ms);
  EXPECT_EQ(schedule.run_due(start + 1ms), 2U);
  EXPECT_EQ(schedule.run_due(start + 1h), 1U);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(schedule.empty());
}

TEST(Link, DelaysAndKeepsOrderInSpiteOfJitter) {
  sim::LinkParameters parameters = delay_of(10ms);
  parameters.jitter = 5ms;
  const auto arrivals = send_over(parameters, 100);
  ASSERT_EQ(arrivals.size(), 100U);
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    EXPECT_EQ(arrivals[i].number, i);
    EXPECT_GE(arrivals[i].after, Duration{10ms});
    EXPECT_LE(arrivals[i].after, Duration{15ms});
  }
}

TEST(Link, TakesTheTimeOfItsRate) {
  sim::LinkParameters parameters = delay_of(0ms);
  parameters.bits_per_second = 8'192'000;  // 1,024 bytes a millisecond: a frame with its gap.
  const auto arrivals = send_over(parameters, 10);
  ASSERT_EQ(arrivals.size(), 10U);
  EXPECT_EQ(arrivals[0].after, Duration{1ms});
  EXPECT_EQ(arrivals[9].after, Duration{10ms});
}

TEST(Link, DropsWhatItsQueueCannotHold) {
  sim::LinkParameters parameters = delay_of(1ms);
  parameters.bits_per_second = 1'000'000;
  parameters.queue_frames = 7;
  const auto arrivals = send_over(parameters, 20);
  ASSERT_EQ(arrivals.size(), 7U);
  EXPECT_EQ(arrivals.back().number, 6);
}

TEST(Link, LosesRepeatsAndReordersAsOftenAsItIsTold) {
  sim::LinkParameters lossy = delay_of(1ms);
  lossy.loss_ppm = 500'000;
  EXPECT_NEAR(static_cast<double>(send_over(lossy, 1'000).size()), 500, 60);
  sim::LinkParameters doubling = delay_of(1ms);
  doubling.duplicate_ppm = 1'000'000;
  EXPECT_EQ(send_over(doubling, 100).size(), 200U);
  sim::LinkParameters reordering = delay_of(1ms);
  reordering.reorder_ppm = 300'000;
  const auto arrivals = send_over(reordering, 200);
  EXPECT_EQ(arrivals.size(), 200U);
  EXPECT_FALSE(std::ranges::is_sorted(arrivals, {}, &Arrival::number));
}

std::uint64_t hash_of_run(std::uint64_t seed) {
  PairSetup setup{.seed = seed};
  setup.forth.loss_ppm = 20'000;
  setup.back.jitter = 2ms;
  Pair pair{setup};
  TransferServer server{pair.server.worker(),
                        {.send_seed = 2, .receive_seed = 1, .receive_bytes = 50'000}};
  Transfer transfer{pair.client.worker(),
                    {.send_seed = 1, .receive_seed = 2, .send_bytes = 50'000}};
  pair.world.call(pair.server,
                  [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, server)); });
  pair.world.call(pair.client, [&](Worker& worker) {
    ASSERT_TRUE(worker.connect(pair.server_at(9), transfer));
  });
  EXPECT_TRUE(pair.world.check_clean());
  return pair.world.trace_hash();
}

TEST(World, RepeatsARunFromItsSeed) {
  EXPECT_EQ(hash_of_run(7), hash_of_run(7));
  EXPECT_NE(hash_of_run(7), hash_of_run(8));
}

TEST(World, RunsTheSameWithAndWithoutVectorCode) {
  const wire::SumCode before = wire::sum_code();
  for (const std::uint64_t seed : {9U, 10U, 11U}) {
    wire::use_sum_code(wire::SumCode::Plain);
    const std::uint64_t plain = hash_of_run(seed);
    if (!wire::has_sum_code(wire::SumCode::Avx2)) {
      GTEST_SKIP() << "this processor has no vector code to compare with";
    }
    wire::use_sum_code(wire::SumCode::Avx2);
    EXPECT_EQ(hash_of_run(seed), plain) << seed;
  }
  wire::use_sum_code(before);
}

TEST(World, SwitchCarriesFramesBetweenManyHosts) {
  TestWorld world{5};
  sim::Switch& center = world.add_switch();
  std::vector<sim::Host*> hosts;
  for (std::uint8_t i = 1; i <= 5; ++i) {
    hosts.push_back(&world.add_host(host_with(i)));
    world.connect({.host = *hosts.back()}, center, delay_of(1ms), delay_of(1ms));
  }
  TransferServer server{
      hosts[0]->worker(),
      {.send_seed = 2, .receive_seed = 1, .send_bytes = 9'000, .receive_bytes = 8'000}};
  std::vector<std::unique_ptr<Transfer>> transfers;
  for (sim::Host* host : hosts) {
    ASSERT_TRUE(world.start(*host));
  }
  world.call(*hosts[0],
             [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, server)); });
  for (std::size_t i = 1; i < hosts.size(); ++i) {
    transfers.push_back(std::make_unique<Transfer>(
        hosts[i]->worker(),
        TransferPlan{
            .send_seed = 1, .receive_seed = 2, .send_bytes = 8'000, .receive_bytes = 9'000}));
    world.call(*hosts[i], [&](Worker& worker) {
      ASSERT_TRUE(worker.connect({.address = address_of(1), .port = Port{9}}, *transfers.back()));
    });
  }
  const auto clean = world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
  for (const auto& transfer : transfers) {
    EXPECT_EQ(transfer->verdict(), "");
  }
}

TEST(World, SaysWhatIsHeld) {
  Pair pair;
  std::optional<Buffer> kept;
  pair.world.call(pair.client, [&](Worker& worker) { kept = worker.allocate_buffer().value(); });
  const auto clean = pair.world.check_clean();
  ASSERT_FALSE(clean);
  EXPECT_EQ(clean.error(), "198.18.0.1 holds 1 packets; ");
  kept.reset();
  EXPECT_TRUE(pair.world.check_clean());
}

/// Keeps a reference to what it sends and writes into it afterwards.
class Vandal final : public device::Device {
 public:
  explicit Vandal(std::unique_ptr<device::Device> inner) : inner_{std::move(inner)} {}

  void rx_burst(packet::Burst& burst) noexcept override { inner_->rx_burst(burst); }
  void tx_burst(packet::Burst& burst) noexcept override {
    packet::Packet first = burst.take(0);
    const auto bytes = first.data();
    *burst.begin() = first.release();
    inner_->tx_burst(burst);
    bytes[bytes.size() - 1] ^= std::byte{1};
  }
  [[nodiscard]] const device::Capabilities& capabilities() const noexcept override {
    return inner_->capabilities();
  }

 private:
  std::unique_ptr<device::Device> inner_;
};

TEST(World, NoticesAFrameThatIsWrittenIntoAfterItWasSent) {
  TestWorld world{1};
  sim::HostSetup setup = host_with(1);
  setup.decorate = [](std::unique_ptr<device::Device> inner) {
    return std::make_unique<Vandal>(std::move(inner));
  };
  sim::Host& host = world.add_host(std::move(setup));
  ASSERT_TRUE(world.start(host));
  world.run_for(1s);
  EXPECT_EQ(world.failure(), "198.18.0.1: a frame was written into after it was sent");
  EXPECT_FALSE(world.check_clean());
}

}  // namespace
}  // namespace millrace::test
