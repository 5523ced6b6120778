// A listener whose application does not accept: the backlog fills, further handshakes stay open,
// nobody is lost.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "simulation/network.hpp"
#include "simulation/transfer.hpp"

namespace millrace::test {
namespace {

struct Crowd {
  Crowd(Pair& pair, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<Transfer>(
          pair.client.worker(),
          TransferPlan{
              .send_seed = 1, .receive_seed = 2, .send_bytes = 3'000, .receive_bytes = 4'000}));
      pair.world.call(pair.client, [&](Worker& worker) {
        EXPECT_TRUE(worker.connect(pair.server_at(9), *clients.back()));
      });
    }
  }
  [[nodiscard]] unsigned over() const {
    unsigned count = 0;
    for (const auto& client : clients) {
      count += client->outcome() ? 1 : 0;
    }
    return count;
  }

  std::vector<std::unique_ptr<Transfer>> clients;
};

const TransferPlan kServerPlan{
    .send_seed = 2, .receive_seed = 1, .send_bytes = 4'000, .receive_bytes = 3'000};

TEST(Accept, FullBacklogLeavesHandshakesOpenUntilTheApplicationAccepts) {
  Pair pair;
  TransferServer server{pair.server.worker(), kServerPlan};
  TcpListener listener;
  pair.world.call(pair.server, [&](Worker& worker) {
    listener = worker.listen({.port = Port{9}, .backlog = 2}, server).value();
    EXPECT_TRUE(listener.pause());
  });
  const Crowd crowd{pair, 10};
  pair.world.run_for(10s);
  EXPECT_EQ(server.transfers().size(), 0U);
  EXPECT_GT(pair.server.stack().stats().dropped(DropReason::TcpAcceptQueueFull), 0U);
  // Linux lets one more wait than the backlog says.
  EXPECT_EQ(pair.server.stack().stats().tcp_passive_opens, 3U);
  pair.world.call(pair.server, [&](Worker&) { EXPECT_TRUE(listener.resume()); });
  EXPECT_TRUE(pair.world.run_until([&] { return crowd.over() == crowd.clients.size(); }, 3min));
  for (const auto& client : crowd.clients) {
    EXPECT_EQ(client->verdict(), "");
  }
  EXPECT_EQ(server.transfers().size(), 10U);
  const auto clean = pair.world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

TEST(Accept, ClosingTheListenerResetsThoseThatWait) {
  Pair pair;
  TransferServer server{pair.server.worker(), kServerPlan};
  TcpListener listener;
  pair.world.call(pair.server, [&](Worker& worker) {
    listener = worker.listen({.port = Port{9}, .backlog = 2}, server).value();
    EXPECT_TRUE(listener.pause());
  });
  const Crowd crowd{pair, 6};
  pair.world.run_for(500ms);
  pair.world.call(pair.server, [&](Worker&) {
    EXPECT_TRUE(listener.close());
    EXPECT_EQ(listener.close(), Result<void>{fail(Error::StaleHandle)});
  });
  EXPECT_TRUE(pair.world.run_until([&] { return crowd.over() == crowd.clients.size(); }, 3min));
  for (const auto& client : crowd.clients) {
    ASSERT_TRUE(client->outcome());
    EXPECT_FALSE(*client->outcome());
  }
  const auto clean = pair.world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

TEST(Accept, PortIsTakenOnceAndFreeAfterwards) {
  Pair pair;
  TransferServer server{pair.server.worker(), {}};
  pair.world.call(pair.server, [&](Worker& worker) {
    auto listener = worker.listen({.port = Port{9}}, server);
    ASSERT_TRUE(listener);
    EXPECT_EQ(worker.listen({.port = Port{9}}, server).error(), Error::AddressInUse);
    EXPECT_EQ(worker.listen({.port = Port{}}, server).error(), Error::InvalidArgument);
    EXPECT_EQ(worker.listen({.port = Port{10}, .address = address_of(7)}, server).error(),
              Error::AddressNotAvailable);
    EXPECT_TRUE(listener->close());
    EXPECT_TRUE(worker.listen({.port = Port{9}}, server));
  });
}

}  // namespace
}  // namespace millrace::test
