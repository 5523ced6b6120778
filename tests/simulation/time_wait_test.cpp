// TIME-WAIT: how long it lasts, and that its port may be used again, by the peer at once and by us
// afterwards.
#include <gtest/gtest.h>

#include "simulation/network.hpp"
#include "simulation/transfer.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

constexpr std::uint16_t kLocalPort = 40'000;

struct Exchange {
  Exchange(Pair& pair, Ending client_ending)
      : transfer{pair.client.worker(),
                 {.send_seed = 1,
                  .receive_seed = 2,
                  .send_bytes = 2'000,
                  .receive_bytes = 2'000,
                  .ending = client_ending}} {}
  Transfer transfer;
};

/// One connection from a fixed port; the side whose plan is CloseAfterSend closes first.
void exchange(Pair& pair, Ending client_ending) {
  Exchange run{pair, client_ending};
  pair.world.call(pair.client, [&](Worker& worker) {
    ASSERT_TRUE(worker.connect(pair.server_at(9), run.transfer, {.local_port = Port{kLocalPort}}));
  });
  ASSERT_TRUE(pair.world.run_until([&] { return run.transfer.outcome().has_value(); }, 10s));
  EXPECT_EQ(run.transfer.verdict(), "");
  pair.world.run_for(100ms);
}

TransferPlan server_plan(Ending ending) {
  return {.send_seed = 2,
          .receive_seed = 1,
          .send_bytes = 2'000,
          .receive_bytes = 2'000,
          .ending = ending};
}

TEST(TimeWait, LastsTwiceTheSegmentLifetime) {
  test::covers({"MUST-13"});
  for (const Duration msl : {Duration{30s}, Duration{1s}}) {
    PairSetup setup;
    setup.client.tcp.msl = msl;
    Pair pair{setup};
    TransferServer server{pair.server.worker(), server_plan(Ending::CloseAfterPeer)};
    pair.world.call(pair.server,
                    [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, server)); });
    const Instant begin = pair.world.now();
    exchange(pair, Ending::CloseAfterSend);
    EXPECT_EQ(pair.client.stack().usage().time_wait, 1U);
    EXPECT_EQ(pair.server.stack().usage().time_wait, 0U);
    EXPECT_EQ(pair.client.stack().usage().connections, 0U);
    const Duration spent = pair.world.now() - begin;
    pair.world.run_for(2 * msl - spent - 1ms);
    EXPECT_EQ(pair.client.stack().usage().time_wait, 1U);
    pair.world.run_for(spent + 2ms);
    EXPECT_EQ(pair.client.stack().usage().time_wait, 0U);
    const auto clean = pair.world.check_clean();
    EXPECT_TRUE(clean) << clean.error();
  }
}

TEST(TimeWait, OfOursKeepsThePortForItsTime) {
  Pair pair;
  TransferServer server{pair.server.worker(), server_plan(Ending::CloseAfterPeer)};
  pair.world.call(pair.server,
                  [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, server)); });
  exchange(pair, Ending::CloseAfterSend);
  pair.world.call(pair.client, [&](Worker& worker) {
    Transfer unused{worker, {}};
    EXPECT_EQ(worker.connect(pair.server_at(9), unused, {.local_port = Port{kLocalPort}}).error(),
              Error::AddressInUse);
  });
  pair.world.run_for(61s);
  exchange(pair, Ending::CloseAfterSend);
  const auto clean = pair.world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

TEST(TimeWait, OfTheServersLetsANewConnectionIn) {
  test::covers({"MAY-2"});
  Pair pair;
  TransferServer server{pair.server.worker(), server_plan(Ending::CloseAfterSend)};
  pair.world.call(pair.server,
                  [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, server)); });
  for (int i = 0; i < 20; ++i) {
    exchange(pair, Ending::CloseAfterPeer);
    EXPECT_EQ(pair.server.stack().usage().time_wait, 1U);
    EXPECT_EQ(pair.client.stack().usage().time_wait, 0U);
  }
  const auto clean = pair.world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

TEST(TimeWait, TableThatIsFullGivesUpTheOldest) {
  PairSetup setup;
  setup.client.max_time_wait = 3;
  Pair pair{setup};
  TransferServer server{pair.server.worker(), server_plan(Ending::CloseAfterPeer)};
  pair.world.call(pair.server,
                  [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, server)); });
  for (std::uint16_t i = 0; i < 8; ++i) {
    Exchange run{pair, Ending::CloseAfterSend};
    pair.world.call(pair.client, [&](Worker& worker) {
      ASSERT_TRUE(worker.connect(pair.server_at(9), run.transfer));
    });
    ASSERT_TRUE(pair.world.run_until([&] { return run.transfer.outcome().has_value(); }, 10s));
    pair.world.run_for(100ms);
  }
  EXPECT_EQ(pair.client.stack().usage().time_wait, 3U);
  EXPECT_EQ(pair.client.stack().stats().tcp_time_wait_recycled, 5U);
  const auto clean = pair.world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

}  // namespace
}  // namespace millrace::test
