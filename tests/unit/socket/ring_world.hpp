// What the tests of `socket` share: two hosts, each a whole worker, joined by an in-process ring,
// and a clock that moves when the test says so.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <millrace/config.hpp>
#include <millrace/tcp.hpp>
#include <millrace/worker.hpp>

#include "base/random.hpp"
#include "device/ring.hpp"
#include "runtime/background_pool.hpp"
#include "runtime/clock.hpp"
#include "runtime/worker.hpp"
#include "socket/core_worker.hpp"
#include "stack/stack.hpp"
#include "support/eal_environment.hpp"

namespace millrace::socket {

using namespace std::chrono_literals;

class ManualClock final : public runtime::Clock {
 public:
  [[nodiscard]] Instant now() noexcept override { return time; }
  Instant time{1'000s};
};

/// Notes what it hears, and does on the way what the test wants done.
class Recorder : public TcpHandler {
 public:
  void on_accepted(TcpSocket socket) override { hear("accepted", socket); }
  void on_connected(TcpSocket socket) override { hear("connected", socket); }
  void on_readable(TcpSocket socket) override { hear("readable", socket); }
  void on_writable(TcpSocket socket) override { hear("writable", socket); }
  void on_peer_finished(TcpSocket socket) override { hear("finished", socket); }
  void on_urgent(TcpSocket socket) override { hear("urgent", socket); }
  void on_soft_error(TcpSocket socket, Error error) override {
    soft_errors.push_back(error);
    hear("soft error", socket);
  }
  void on_closed(TcpSocket socket, Result<void> outcome) override {
    outcomes.push_back(outcome);
    hear("closed", socket);
  }

  [[nodiscard]] std::size_t count(std::string_view event) const {
    return static_cast<std::size_t>(std::ranges::count(heard, event));
  }

  std::vector<std::string> heard;
  std::vector<Result<void>> outcomes;
  std::vector<Error> soft_errors;
  TcpSocket last;  ///< Of the last event.
  std::function<void(std::string_view event, TcpSocket socket)> react;

 private:
  void hear(std::string_view event, TcpSocket socket) {
    heard.emplace_back(event);
    last = socket;
    if (react) {
      react(event, socket);
    }
  }
};

/// One host at its end of the ring.
class Host {
 public:
  Host(const Config& its_config, std::uint8_t number, packet::CorePools& pools,
       device::Device& device, runtime::Clock& clock, std::uint32_t background_threads)
      : config{its_config},
        address{IpAddress::v4(198, 18, 0, number)},
        setup{.mac = device.capabilities().mac,
              .offloads = {.tx_ipv4_checksum = device.capabilities().tx_ipv4_checksum,
                           .tx_tcp_checksum = device.capabilities().tx_tcp_checksum,
                           .tx_udp_checksum = device.capabilities().tx_udp_checksum,
                           .multi_segment = device.capabilities().multi_segment},
              .addresses = {IpPrefix::make(address, 24).value()},
              .gateway = {}},
        stack{config, std::span{&setup, 1}, pools, base::Random::from_seed(number), clock.now()},
        background{background_threads},
        loop{stack, {&device}, background, clock},
        core_worker{stack, background, number, [this] { ++stops; }} {
    stack.start(clock.now());
  }

  Config config;
  IpAddress address;
  stack::InterfaceSetup setup;
  stack::Stack stack;
  runtime::BackgroundPool background;
  runtime::Worker loop;
  int stops = 0;
  CoreWorker core_worker;
  Worker& worker = core_worker;
};

/// The pools of both hosts; packets cross the ring from one into the other's hands.
inline packet::CorePools& shared_pools() {
  static packet::CorePools pools =
      test::make_core_pools({.data = 4'095, .headers = 4'095, .references = 4'095});
  return pools;
}

class RingWorld : public ::testing::Test {
 protected:
  RingWorld() {
    config.max_connections = 256;
    config.max_time_wait = 64;
    config.max_listeners = 4;
    config.max_timers = 16;
    config.max_neighbors = 16;
  }

  void TearDown() override {
    server.reset();
    client.reset();
    cable.first.reset();
    cable.second.reset();
    held.clear();
    EXPECT_EQ(shared_pools().in_use(), 0U) << "packets leaked";
  }

  /// Puts both hosts on the cable, with `config` as it is now.
  void start(packet::CorePools& client_pools = shared_pools(),
             std::uint32_t background_threads = 0) {
    const auto end = [this](std::uint8_t number, packet::CorePools& pools) {
      return device::RingEnd{.capabilities = {.mac = MacAddress{{0x02, 0, 0, 0, 0, number}},
                                              .tx_ipv4_checksum = offloads,
                                              .tx_tcp_checksum = offloads,
                                              .tx_udp_checksum = offloads,
                                              .multi_segment = offloads},
                             .receive_pool = pools.data};
    };
    cable = device::make_ring_pair(1'024, end(1, client_pools), end(2, shared_pools()));
    client.emplace(config, 1, client_pools, *cable.first, clock, background_threads);
    server.emplace(config, 2, shared_pools(), *cable.second, clock, background_threads);
  }

  /// One turn of each host, a little later.
  bool turn() {
    clock.time += 10us;
    const bool client_was_busy = client->loop.run_turn();
    const bool server_was_busy = server->loop.run_turn();
    return client_was_busy || server_was_busy;
  }
  /// Turns until both are quiet. The clock moves on a little, but to no deadline.
  void settle() {
    for (int i = 0; i < 10'000; ++i) {
      if (!turn()) {
        return;
      }
    }
    ADD_FAILURE() << "never quiet";
  }
  /// Lets time pass, from deadline to deadline.
  void wait(Duration duration) {
    const Instant end = clock.time + duration;
    settle();
    while (clock.time < end) {
      const Instant next = std::min(client->loop.next_deadline().value_or(end),
                                    server->loop.next_deadline().value_or(end));
      clock.time = std::clamp(next, clock.time, end);
      settle();
    }
  }

  TcpListener listen(TcpHandler& handler, std::uint32_t backlog = 511) {
    const auto listener = server->worker.listen({.port = Port{80}, .backlog = backlog}, handler);
    EXPECT_TRUE(listener.has_value());
    return listener.value_or(TcpListener{});
  }
  TcpSocket connect(TcpHandler& handler, Port port = Port{80}) {
    const auto socket = client->worker.connect({.address = server->address, .port = port}, handler);
    EXPECT_TRUE(socket.has_value());
    return socket.value_or(TcpSocket{});
  }
  /// Both ends of a new connection, established. `at_server` has a listener already.
  std::pair<TcpSocket, TcpSocket> join(Recorder& at_client, Recorder& at_server) {
    const TcpSocket ours = connect(at_client);
    settle();
    EXPECT_EQ(at_client.heard.back(), "connected");
    EXPECT_EQ(at_server.heard.back(), "accepted");
    return {ours, at_server.last};
  }

  Config config;
  bool offloads = false;
  ManualClock clock;
  std::pair<std::unique_ptr<device::RingDevice>, std::unique_ptr<device::RingDevice>> cable;
  std::optional<Host> client;
  std::optional<Host> server;
  std::vector<packet::Packet> held;  ///< Packets taken to exhaust a pool.
};

}  // namespace millrace::socket
