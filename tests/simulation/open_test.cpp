// Opening: over a bad cable, against closed ports, absent and silent hosts, and from both sides at
// once.
#include <gtest/gtest.h>

#include <optional>

#include "simulation/network.hpp"
#include "simulation/transfer.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

/// Notes how an opening ended, and when.
class Opener final : public TcpHandler {
 public:
  explicit Opener(TestWorld& world) : world_{world}, begun_{world.now()} {}

  void on_connected(TcpSocket socket) override {
    connected_after = world_.now() - begun_;
    EXPECT_TRUE(socket.close());
  }
  void on_closed(TcpSocket, Result<void> result) override {
    outcome = result;
    closed_after = world_.now() - begun_;
  }

  std::optional<Duration> connected_after;
  std::optional<Duration> closed_after;
  std::optional<Result<void>> outcome;

 private:
  TestWorld& world_;
  Instant begun_;
};

void connect(Pair& pair, const Endpoint& to, Opener& opener, const ConnectOptions& options = {}) {
  pair.world.call(pair.client,
                  [&](Worker& worker) { ASSERT_TRUE(worker.connect(to, opener, options)); });
}

/// Lets both hosts learn each other's addresses.
void warm_up(Pair& pair) {
  Opener opener{pair.world};
  connect(pair, pair.server_at(1), opener);
  ASSERT_TRUE(pair.world.run_until([&] { return opener.outcome.has_value(); }, 5s));
}

void expect_clean(TestWorld& world) {
  const auto clean = world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

TEST(Open, ClosedPortRefusesWithinOneRoundTrip) {
  Pair pair;
  warm_up(pair);
  Opener opener{pair.world};
  connect(pair, pair.server_at(80), opener);
  ASSERT_TRUE(pair.world.run_until([&] { return opener.outcome.has_value(); }, 5s));
  EXPECT_EQ(*opener.outcome, Result<void>{fail(Error::ConnectionRefused)});
  EXPECT_EQ(*opener.closed_after, Duration{20ms});
  expect_clean(pair.world);
}

TEST(Open, AbsentHostIsUnreachableWithinThreeSeconds) {
  Pair pair;
  Opener opener{pair.world};
  connect(pair, {.address = address_of(77), .port = Port{80}}, opener);
  ASSERT_TRUE(pair.world.run_until([&] { return opener.outcome.has_value(); }, 10s));
  EXPECT_EQ(*opener.outcome, Result<void>{fail(Error::HostUnreachable)});
  EXPECT_LE(*opener.closed_after, Duration{3s});
  expect_clean(pair.world);
}

TEST(Open, SilentHostTimesOutAfterTheTimeConfigured) {
  test::covers({"MUST-22"});
  for (const Duration limit : {Duration{500ms}, Duration{5s}, Duration{60s}}) {
    PairSetup setup;
    setup.client.tcp.connect_timeout = limit;
    Pair pair{setup};
    warm_up(pair);
    sim::LinkParameters dead = setup.forth;
    dead.loss_ppm = 1'000'000;
    pair.world.set_parameters({.host = pair.client}, dead);
    Opener opener{pair.world};
    connect(pair, pair.server_at(80), opener);
    ASSERT_TRUE(pair.world.run_until([&] { return opener.outcome.has_value(); }, 5min));
    EXPECT_EQ(*opener.outcome, Result<void>{fail(Error::TimedOut)});
    EXPECT_GE(*opener.closed_after, limit);
    EXPECT_LE(*opener.closed_after, limit + Duration{1ms});
    expect_clean(pair.world);
  }
}

TEST(Open, TheCallersOwnTimeoutCounts) {
  Pair pair;
  warm_up(pair);
  sim::LinkParameters dead = delay_of(10ms);
  dead.loss_ppm = 1'000'000;
  pair.world.set_parameters({.host = pair.client}, dead);
  Opener opener{pair.world};
  connect(pair, pair.server_at(80), opener, {.timeout = 3s});
  ASSERT_TRUE(pair.world.run_until([&] { return opener.outcome.has_value(); }, 5min));
  EXPECT_EQ(*opener.outcome, Result<void>{fail(Error::TimedOut)});
  EXPECT_GE(*opener.closed_after, Duration{3s});
  EXPECT_LE(*opener.closed_after, Duration{3001ms});
  expect_clean(pair.world);
}

TEST(Open, SucceedsWhereThreeInTenFramesAreLost) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    PairSetup setup{.seed = seed};
    setup.forth.loss_ppm = setup.back.loss_ppm = 0;
    Pair pair{setup};
    warm_up(pair);
    sim::LinkParameters lossy = setup.forth;
    lossy.loss_ppm = 300'000;
    pair.world.set_parameters({.host = pair.client}, lossy);
    pair.world.set_parameters({.host = pair.server}, lossy);
    TransferServer server{pair.server.worker(), {}};
    pair.world.call(pair.server,
                    [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, server)); });
    Opener opener{pair.world};
    connect(pair, pair.server_at(9), opener);
    EXPECT_TRUE(pair.world.run_until([&] { return opener.connected_after.has_value(); }, 3min))
        << "seed " << seed;
    const auto clean = pair.world.check_clean();
    EXPECT_TRUE(clean) << "seed " << seed << ": " << clean.error();
  }
}

TEST(Open, FromBothSidesAtOnceMakesOneConnection) {
  test::covers({"MUST-10"});
  Pair pair;
  warm_up(pair);
  Transfer left{pair.client.worker(),
                {.send_seed = 1, .receive_seed = 2, .send_bytes = 5'000, .receive_bytes = 6'000}};
  Transfer right{pair.server.worker(),
                 {.send_seed = 2, .receive_seed = 1, .send_bytes = 6'000, .receive_bytes = 5'000}};
  pair.world.call(pair.client, [&](Worker& worker) {
    ASSERT_TRUE(worker.connect(pair.server_at(2'000), left, {.local_port = Port{1'000}}));
  });
  pair.world.call(pair.server, [&](Worker& worker) {
    ASSERT_TRUE(worker.connect({.address = address_of(1), .port = Port{1'000}}, right,
                               {.local_port = Port{2'000}}));
  });
  EXPECT_TRUE(pair.world.run_until([&] { return left.outcome() && right.outcome(); }, 30s));
  EXPECT_EQ(left.verdict(), "");
  EXPECT_EQ(right.verdict(), "");
  expect_clean(pair.world);
}

TEST(Open, WrongDestinationsAreRefusedAtOnce) {
  test::covers({"MUST-46"});
  Pair pair;
  Opener opener{pair.world};
  pair.world.call(pair.client, [&](Worker& worker) {
    const auto error_of = [&](const IpAddress& address, std::uint16_t port) {
      const auto socket = worker.connect({.address = address, .port = Port{port}}, opener);
      return socket ? std::optional<Error>{} : std::optional{socket.error()};
    };
    EXPECT_EQ(error_of(IpAddress::v4(8, 8, 8, 8), 80), Error::NetworkUnreachable);
    EXPECT_EQ(error_of(address_of(2), 0), Error::InvalidArgument);
    EXPECT_EQ(error_of(IpAddress::v4(224, 0, 0, 1), 80), Error::InvalidArgument);
    EXPECT_EQ(error_of(address_of(255), 80), Error::InvalidArgument);
    EXPECT_EQ(error_of(IpAddress{}, 80), Error::InvalidArgument);
  });
  expect_clean(pair.world);
}

}  // namespace
}  // namespace millrace::test
