// Streams both ways over perfect and slow links, with every way to write, read and finish.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "simulation/network.hpp"
#include "simulation/transfer.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

struct Case {
  const char* name;
  TransferPlan client;
  TransferPlan server;
  sim::LinkParameters link = delay_of(5ms);
  bool multi_segment = true;
  std::uint32_t tx_ring = 512;
  CongestionKind congestion = CongestionKind::Cubic;
  bool pacing = false;
  bool cuts_segments = false;
  std::uint16_t mtu = 1'500;
};

/// Two plans of which each expects what the other sends.
void match(Case& test) {
  test.client.send_seed = 11;
  test.client.receive_seed = 22;
  test.server.send_seed = 22;
  test.server.receive_seed = 11;
  test.client.receive_bytes = test.server.send_bytes;
  test.server.receive_bytes = test.client.send_bytes;
}

sim::LinkParameters slow_link() {
  sim::LinkParameters link = delay_of(5ms);
  link.bits_per_second = 10'000'000;
  link.queue_frames = 40;
  return link;
}

std::vector<Case> cases_of_slow_links() {
  std::vector<Case> all;
  for (const auto& [name, kind] : {std::pair{"slow_link_by_reno", CongestionKind::Reno},
                                   std::pair{"slow_link_by_dctcp", CongestionKind::Dctcp},
                                   std::pair{"slow_link_by_bbr", CongestionKind::Bbr}}) {
    all.push_back({.name = name,
                   .client = {.send_bytes = 1'000'000},
                   .server = {.send_bytes = 1'000'000},
                   .link = slow_link(),
                   .congestion = kind});
  }
  all.push_back({.name = "slow_link_paced",
                 .client = {.send_bytes = 1'000'000},
                 .server = {.send_bytes = 1'000'000},
                 .link = slow_link(),
                 .pacing = true});
  return all;
}

/// TSO, and frames that no packet holds: each with what makes segments long, small, few or lost.
std::vector<Case> cases_of_long_frames() {
  const Case kinds[] = {
      {.name = "copies",
       .client = {.send_bytes = 3'000'000, .piece_max = 200'000, .uses_buffers = false},
       .server = {.send_bytes = 3'000'000, .piece_max = 200'000, .uses_buffers = false}},
      {.name = "buffers",
       .client = {.send_bytes = 2'000'000},
       .server = {.send_bytes = 500'000, .piece_max = 900}},
      {.name = "slow_link",
       .client = {.send_bytes = 1'000'000},
       .server = {.send_bytes = 1'000'000, .uses_buffers = false},
       .link = slow_link()},
      {.name = "full_device",
       .client = {.send_bytes = 300'000},
       .server = {.send_bytes = 300'000},
       .tx_ring = 2},
  };
  std::vector<Case> all;
  for (Case test : kinds) {
    for (const auto& [mtu, cuts] :
         {std::pair{1'500, true}, std::pair{9'000, false}, std::pair{9'000, true}}) {
      test.mtu = static_cast<std::uint16_t>(mtu);
      test.cuts_segments = cuts;
      all.push_back(test);
    }
  }
  return all;
}

std::vector<Case> cases() {
  std::vector<Case> all{
      {.name = "both_ways", .client = {.send_bytes = 300'000}, .server = {.send_bytes = 500'000}},
      {.name = "one_way", .client = {.send_bytes = 1'000'000}, .server = {}},
      {.name = "nothing_at_all", .client = {}, .server = {}},
      {.name = "single_byte", .client = {.send_bytes = 1}, .server = {.send_bytes = 1}},
      {.name = "tiny_pieces",
       .client = {.send_bytes = 20'000, .piece_max = 7},
       .server = {.send_bytes = 20'000, .piece_max = 7}},
      {.name = "tiny_pieces_without_nagle",
       .client = {.send_bytes = 20'000, .piece_max = 7, .no_delay = true},
       .server = {.send_bytes = 20'000, .piece_max = 7, .no_delay = true}},
      {.name = "huge_pieces",
       .client = {.send_bytes = 2'000'000, .piece_max = 200'000, .uses_buffers = false},
       .server = {.send_bytes = 1'000'000, .piece_max = 200'000}},
      {.name = "copies_alone",
       .client = {.send_bytes = 300'000, .uses_buffers = false},
       .server = {.send_bytes = 300'000, .uses_buffers = false}},
      {.name = "device_without_chains",
       .client = {.send_bytes = 300'000},
       .server = {.send_bytes = 300'000},
       .multi_segment = false},
      {.name = "device_that_is_often_full",
       .client = {.send_bytes = 300'000},
       .server = {.send_bytes = 300'000},
       .tx_ring = 2},
      {.name = "close_when_done",
       .client = {.send_bytes = 100'000, .ending = Ending::CloseWhenDone},
       .server = {.send_bytes = 100'000, .ending = Ending::CloseWhenDone}},
      {.name = "client_closes_after_send",
       .client = {.send_bytes = 100'000, .ending = Ending::CloseAfterSend},
       .server = {.send_bytes = 100'000}},
      {.name = "slow_link_with_short_queue",
       .client = {.send_bytes = 1'000'000},
       .server = {.send_bytes = 1'000'000},
       .link = slow_link()},
      {.name = "long_delay",
       .client = {.send_bytes = 2'000'000},
       .server = {.send_bytes = 10'000},
       .link = delay_of(150ms)},
  };
  for (const auto& more : {cases_of_slow_links(), cases_of_long_frames()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  for (Case& test : all) {
    match(test);
  }
  return all;
}

class TransferCase : public testing::TestWithParam<Case> {};

TEST_P(TransferCase, ArrivesByteForByteAndLeavesNothingBehind) {
  const Case& test = GetParam();
  TestWorld world{3};
  sim::HostSetup client_setup = host_with(1);
  sim::HostSetup server_setup = host_with(2);
  client_setup.nics[0].multi_segment = test.multi_segment;
  server_setup.nics[0].multi_segment = test.multi_segment;
  for (sim::HostSetup* const setup : {&client_setup, &server_setup}) {
    setup->config.tcp.congestion_control = test.congestion;
    setup->config.tcp.pacing = test.pacing;
  }
  for (sim::HostSetup* const setup : {&client_setup, &server_setup}) {
    setup->nics[0].cuts_segments = test.cuts_segments;
    setup->nics[0].mtu = test.mtu;
  }
  client_setup.nics[0].tx_ring = test.tx_ring;
  server_setup.nics[0].tx_ring = test.tx_ring;
  sim::Host& client = world.add_host(std::move(client_setup));
  sim::Host& server = world.add_host(std::move(server_setup));
  world.connect({.host = client}, {.host = server}, test.link, test.link);
  TransferServer acceptor{server.worker(), test.server};
  Transfer transfer{client.worker(), test.client};
  ASSERT_TRUE(world.start(server, [&](Worker& worker) -> Result<void, std::string> {
    return worker.listen({.port = Port{9}}, acceptor) ? Result<void, std::string>{}
                                                      : fail(std::string{"listen"});
  }));
  ASSERT_TRUE(world.start(client, [&](Worker& worker) -> Result<void, std::string> {
    const Endpoint there{.address = address_of(2), .port = Port{9}};
    return worker.connect(there, transfer) ? Result<void, std::string>{}
                                           : fail(std::string{"connect"});
  }));
  const bool is_done = world.run_until(
      [&] {
        return transfer.outcome() && !acceptor.transfers().empty() &&
               acceptor.transfers()[0]->outcome();
      },
      std::chrono::minutes{5});
  EXPECT_TRUE(is_done) << world.failure().value_or("not finished in time");
  EXPECT_EQ(transfer.verdict(), "");
  ASSERT_EQ(acceptor.transfers().size(), 1U);
  EXPECT_EQ(acceptor.transfers()[0]->verdict(), "");
  if (test.link.bits_per_second == 0) {
    // Nothing was lost, so nothing may be sent twice.
    EXPECT_EQ(client.stack().stats().tcp_retransmitted_segments, 0U);
    EXPECT_EQ(server.stack().stats().tcp_retransmitted_segments, 0U);
  }
  const auto clean = world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

INSTANTIATE_TEST_SUITE_P(Streams, TransferCase, testing::ValuesIn(cases()), [](const auto& test) {
  return std::string{test.param.name} + (test.param.cuts_segments ? "_tso" : "") +
         (test.param.mtu != 1'500 ? "_long_frames" : "");
});

TEST(Transfers, GoOnByCubicWhereACoreHasNoModelForBbr) {
  TestWorld world{3};
  sim::HostSetup client_setup = host_with(1);
  client_setup.config.tcp.congestion_control = CongestionKind::Bbr;
  client_setup.config.tcp.bbr_connections = 0;
  sim::Host& client = world.add_host(std::move(client_setup));
  sim::Host& server = world.add_host(host_with(2));
  world.connect({.host = client}, {.host = server}, delay_of(5ms), delay_of(5ms));
  TransferServer acceptor{server.worker(), {.receive_seed = 1, .receive_bytes = 12'000}};
  Transfer transfer{client.worker(), {.send_seed = 1, .send_bytes = 12'000}};
  ASSERT_TRUE(world.start(client));
  ASSERT_TRUE(world.start(server));
  world.call(server,
             [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, acceptor)); });
  world.call(client, [&](Worker& worker) {
    ASSERT_TRUE(worker.connect({.address = address_of(2), .port = Port{9}}, transfer));
  });
  EXPECT_TRUE(world.run_until([&] { return transfer.outcome().has_value(); }, 1min));
  EXPECT_EQ(acceptor.transfers()[0]->received(), 12'000U);
  EXPECT_EQ(client.stack().stats().tcp_bbr_fallbacks, 1U);
  const auto clean = world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

TEST(FullDevice, IsOfferedTheRestAsSoonAsItHasRoom) {
  TestWorld world{3};
  sim::HostSetup client_setup = host_with(1);
  client_setup.nics[0].tx_ring = 1;
  sim::Host& client = world.add_host(std::move(client_setup));
  sim::Host& server = world.add_host(host_with(2));
  world.connect({.host = client}, {.host = server}, delay_of(100ms), delay_of(100ms));
  TransferServer acceptor{server.worker(), {.receive_seed = 1, .receive_bytes = 12'000}};
  Transfer transfer{client.worker(), {.send_seed = 1, .send_bytes = 12'000}};
  ASSERT_TRUE(world.start(client));
  ASSERT_TRUE(world.start(server));
  world.call(server,
             [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, acceptor)); });
  world.call(client, [&](Worker& worker) {
    ASSERT_TRUE(worker.connect({.address = address_of(2), .port = Port{9}}, transfer));
  });
  const Instant begin = world.now();
  EXPECT_TRUE(world.run_until(
      [&] {
        return !acceptor.transfers().empty() && acceptor.transfers()[0]->received() == 12'000;
      },
      10s));
  // Address resolution and handshake take a round trip each; the first flight follows at once.
  EXPECT_LT(world.now() - begin, Duration{510ms});
  const auto clean = world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

TEST(Abort, MidwayReachesThePeerAsAReset) {
  test::covers({"MUST-12"});
  Pair pair;
  TransferServer acceptor{
      pair.server.worker(),
      {.send_seed = 2, .receive_seed = 1, .send_bytes = 400'000, .receive_bytes = 900'000}};
  Transfer transfer{pair.client.worker(),
                    {.send_seed = 1,
                     .receive_seed = 2,
                     .send_bytes = 900'000,
                     .receive_bytes = 400'000,
                     .ending = Ending::Abort,
                     .abort_after = 200'000}};
  pair.world.call(pair.server,
                  [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, acceptor)); });
  pair.world.call(pair.client, [&](Worker& worker) {
    ASSERT_TRUE(worker.connect(pair.server_at(9), transfer));
  });
  ASSERT_TRUE(pair.world.run_until([&] { return transfer.outcome().has_value(); }, 10s));
  EXPECT_EQ(*transfer.outcome(), Result<void>{fail(Error::ConnectionAborted)});
  ASSERT_TRUE(pair.world.run_until(
      [&] {
        return !acceptor.transfers().empty() && acceptor.transfers()[0]->outcome().has_value();
      },
      10s));
  EXPECT_EQ(*acceptor.transfers()[0]->outcome(), Result<void>{fail(Error::ConnectionReset)});
  EXPECT_EQ(acceptor.transfers()[0]->problem(), "");
  const auto clean = pair.world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

}  // namespace
}  // namespace millrace::test
