// A crowd that takes nothing of what it is sent fills the server's queues; a newcomer is still
// heard and answered.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "simulation/network.hpp"

namespace millrace::test {
namespace {

constexpr std::string_view kFlood = "flood";
constexpr std::size_t kAnswerBytes = 160;

/// "flood" is answered without end, everything else with a short answer.
class Server final : public TcpHandler {
 public:
  void on_readable(TcpSocket socket) override {
    std::array<char, 64> bytes{};
    const auto count = socket.receive(std::as_writable_bytes(std::span{bytes}));
    ASSERT_TRUE(count);
    if (std::string_view{bytes.data(), *count} == kFlood) {
      flood(socket);
    } else {
      answered += socket.send(std::string(kAnswerBytes, 'a')) == kAnswerBytes ? 1 : 0;
    }
  }
  void on_writable(TcpSocket socket) override { flood(socket); }

  std::uint64_t answered = 0;
  std::uint64_t woken = 0;

 private:
  void flood(TcpSocket socket) {
    ++woken;
    static const std::string kPiece(8'192, 'x');
    while (socket.send(kPiece)) {
    }
  }
};

/// Asks once and, if it is one of the crowd, never reads.
class Client final : public TcpHandler {
 public:
  explicit Client(std::string_view request) : request_{request} {}
  void on_connected(TcpSocket socket) override { EXPECT_TRUE(socket.send(request_)); }
  void on_readable(TcpSocket socket) override {
    if (request_ != kFlood) {
      std::array<std::byte, 256> bytes;
      received += socket.receive(bytes).value_or(0);
    }
  }
  std::size_t received = 0;

 private:
  std::string_view request_;
};

TEST(Starvation, CrowdThatDoesNotReadShutsNobodyOut) {  // decision 5
  PairSetup setup;
  setup.client.packets = 32'767;
  setup.client.tcp.receive_buffer_bytes = 16 * 1'024;
  Pair pair{setup};
  Server server;
  Client crowd{kFlood};
  Client newcomer{"a question of 27 characters"};
  pair.world.call(pair.server,
                  [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, server)); });
  constexpr unsigned kCrowd = 80;
  for (unsigned i = 0; i < kCrowd; ++i) {
    pair.world.call(pair.client,
                    [&](Worker& worker) { ASSERT_TRUE(worker.connect(pair.server_at(9), crowd)); });
  }
  pair.world.run_for(5s);
  const CoreStats& stats = pair.server.stack().stats();
  const auto& budget = pair.server.stack().tcp().resources().budget;
  ASSERT_EQ(budget.left(packet::BudgetUse::Bulk), 0U) << "the crowd has filled what it may";
  const std::uint64_t refused = stats.dropped(DropReason::TcpReceiveFull);

  pair.world.call(pair.client, [&](Worker& worker) {
    ASSERT_TRUE(worker.connect(pair.server_at(9), newcomer));
  });
  pair.world.run_for(200ms);
  EXPECT_EQ(server.answered, 1U);
  EXPECT_EQ(newcomer.received, kAnswerBytes);
  EXPECT_EQ(stats.dropped(DropReason::TcpReceiveFull), refused);

  // Connections that wait for packets are not woken for nothing.
  const std::uint64_t woken = server.woken;
  pair.world.run_for(1s);
  EXPECT_LE(server.woken - woken, kCrowd);
}

}  // namespace
}  // namespace millrace::test
