// A thousand connections at once, from several hosts to one, over a cable with a rate and a queue.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "simulation/network.hpp"
#include "simulation/transfer.hpp"

namespace millrace::test {
namespace {

constexpr unsigned kClients = 4;
constexpr unsigned kConnectionsEach = 250;

struct Plans {
  TransferPlan client;
  TransferPlan server;
};

void run(const Plans& plans, const sim::LinkParameters& link) {
  TestWorld world{9};
  sim::Switch& center = world.add_switch();
  Config server_config = sim::small_config();
  server_config.packets = 8'191;
  sim::Host& server = world.add_host(host_with(1, server_config));
  world.connect({.host = server}, center, link, link);
  TransferServer acceptor{server.worker(), plans.server};
  ASSERT_TRUE(world.start(server));
  world.call(server, [&](Worker& worker) {
    ASSERT_TRUE(worker.listen({.port = Port{9}, .backlog = 2'000}, acceptor));
  });
  std::vector<std::unique_ptr<Transfer>> transfers;
  for (std::uint8_t i = 0; i < kClients; ++i) {
    sim::Host& host = world.add_host(host_with(static_cast<std::uint8_t>(i + 2)));
    world.connect({.host = host}, center, link, link);
    ASSERT_TRUE(world.start(host));
    for (unsigned k = 0; k < kConnectionsEach; ++k) {
      transfers.push_back(std::make_unique<Transfer>(host.worker(), plans.client));
      world.call(host, [&](Worker& worker) {
        ASSERT_TRUE(worker.connect({.address = address_of(1), .port = Port{9}}, *transfers.back()));
      });
    }
  }
  const auto are_all_begun = [&] {
    return std::ranges::all_of(transfers,
                               [](const auto& transfer) { return transfer->has_begun(); });
  };
  EXPECT_TRUE(world.run_until(are_all_begun, 5min));
  const auto clean = world.check_clean(1h);
  EXPECT_TRUE(clean) << clean.error();
  unsigned failures = 0;
  for (const auto& transfer : transfers) {
    failures += transfer->verdict().empty() ? 0 : 1;
    if (!transfer->verdict().empty() && failures < 5) {
      ADD_FAILURE() << transfer->verdict();
    }
  }
  EXPECT_EQ(failures, 0U);
  EXPECT_EQ(acceptor.transfers().size(), kClients * kConnectionsEach);
  for (const auto& transfer : acceptor.transfers()) {
    EXPECT_EQ(transfer->problem(), "");
  }
}

TEST(Concurrency, AThousandConnectionsExchangeStreams) {
  run({.client = {.send_seed = 1, .receive_seed = 2, .send_bytes = 3'000, .receive_bytes = 5'000},
       .server = {.send_seed = 2, .receive_seed = 1, .send_bytes = 5'000, .receive_bytes = 3'000}},
      delay_of(2ms));
}

TEST(Concurrency, MorePayloadThanPacketsIsBackPressureNotAStall) {
  // 20 KB each way and connection wait for 2,047 packets on each client: five times what they hold.
  sim::LinkParameters link = delay_of(2ms);
  link.bits_per_second = 1'000'000'000;
  link.queue_frames = 2'000;
  run({.client = {.send_seed = 1, .receive_seed = 2, .send_bytes = 20'000, .receive_bytes = 20'000},
       .server =
           {.send_seed = 2, .receive_seed = 1, .send_bytes = 20'000, .receive_bytes = 20'000}},
      link);
}

}  // namespace
}  // namespace millrace::test
