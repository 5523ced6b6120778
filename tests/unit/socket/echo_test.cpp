// The echo program of apps/echo, from its source as it is, between two hosts on a ring.
#include <array>
#include <string>

#include <millrace/program.hpp>

#include "socket/ring_world.hpp"

/// In apps/echo/main.cpp, which is compiled into this test.
millrace::Result<void, std::string> start_echo(millrace::Worker& worker);

namespace millrace::socket {
namespace {

class EchoTest : public RingWorld, public ::testing::WithParamInterface<bool> {
 protected:
  EchoTest() {
    offloads = GetParam();
    start();
    EXPECT_TRUE(start_echo(server->worker).has_value());
  }
};

/// Sends `total` bytes and counts those that come back right.
class Caller final : public TcpHandler {
 public:
  explicit Caller(std::size_t total) : total_{total} {}

  void on_connected(TcpSocket socket) override { send(socket); }
  void on_writable(TcpSocket socket) override { send(socket); }
  void on_readable(TcpSocket socket) override {
    std::array<std::byte, 4'096> bytes;
    while (const auto received = socket.receive(bytes)) {
      for (const std::byte each : std::span{bytes}.first(*received)) {
        wrong += each == byte_at(returned++) ? 0 : 1;
      }
    }
  }
  void on_peer_finished(TcpSocket) override { has_peer_finished = true; }
  void on_closed(TcpSocket, Result<void> outcome) override { has_closed = outcome.has_value(); }

  std::size_t returned = 0;
  std::size_t wrong = 0;
  bool has_peer_finished = false;
  bool has_closed = false;

 private:
  static std::byte byte_at(std::size_t place) {
    return static_cast<std::byte>(place * 31 + place / 251);
  }
  void send(TcpSocket socket) {
    while (sent_ < total_) {
      std::array<std::byte, 3'000> bytes;
      const std::size_t size = std::min(bytes.size(), total_ - sent_);
      for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = byte_at(sent_ + i);
      }
      const auto taken = socket.send(std::span{bytes}.first(size));
      if (!taken) {
        return;
      }
      sent_ += *taken;
    }
    EXPECT_TRUE(socket.shutdown().has_value());
  }

  std::size_t total_;
  std::size_t sent_ = 0;
};

TEST_P(EchoTest, SendsBackWhatItReceives) {
  Caller caller{3'000'000};
  TcpSocket socket = connect(caller, Port{7});
  for (int i = 0; i < 1'000 && !caller.has_peer_finished; ++i) {
    wait(10ms);
  }
  EXPECT_EQ(caller.returned, 3'000'000U);
  EXPECT_EQ(caller.wrong, 0U);
  EXPECT_TRUE(caller.has_peer_finished);
  EXPECT_TRUE(socket.close().has_value() || caller.has_closed);
  wait(1s);
  EXPECT_TRUE(caller.has_closed);
  EXPECT_TRUE(server->stack.is_empty());
}

TEST_P(EchoTest, ServesManyAtOnce) {
  std::vector<std::unique_ptr<Caller>> callers;
  for (std::size_t i = 0; i < 50; ++i) {
    connect(*callers.emplace_back(std::make_unique<Caller>(1 + i * 1'000)), Port{7});
  }
  wait(5s);
  for (std::size_t i = 0; i < callers.size(); ++i) {
    EXPECT_EQ(callers[i]->returned, 1 + i * 1'000);
    EXPECT_EQ(callers[i]->wrong, 0U);
    EXPECT_TRUE(callers[i]->has_closed);
  }
  EXPECT_TRUE(server->stack.is_empty());
}

TEST_P(EchoTest, SaysThatItsPortIsTaken) {
  const auto again = start_echo(server->worker);
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.error().find("port 7"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(, EchoTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& chosen) {
                           return chosen.param ? "with_offloads" : "without_offloads";
                         });

}  // namespace
}  // namespace millrace::socket
