// Whole stacks: an echo there and back over an in-process ring, and bulk transfer one way. Segments
// by themselves are segment_bench's.
#include "stack/stack.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "cycles.hpp"
#include "device/ring.hpp"
#include "runtime/background_pool.hpp"
#include "runtime/clock.hpp"
#include "runtime/worker.hpp"
#include "socket/core_worker.hpp"
#include "support/eal_environment.hpp"

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;

class ManualClock final : public runtime::Clock {
 public:
  [[nodiscard]] Instant now() noexcept override { return time; }
  Instant time{1'000s};
};

Config small_config() {
  Config config;
  config.max_connections = 256;
  config.max_time_wait = 256;
  config.max_timers = 16;
  config.max_neighbors = 16;
  return config;
}

packet::CorePools& pools() {
  static packet::CorePools made =
      test::make_core_pools({.data = 8'191, .headers = 4'095, .references = 4'095});
  return made;
}

/// One host at its end of the ring.
struct Host {
  Host(std::uint8_t number, device::Device& device, ManualClock& clock)
      : address{IpAddress::v4(198, 18, 0, number)},
        setup{.mac = device.capabilities().mac,
              .offloads = {.multi_segment = device.capabilities().multi_segment},
              .addresses = {IpPrefix::make(address, 24).value()},
              .gateway = {}},
        stack{config, std::span{&setup, 1}, pools(), base::Random::from_seed(number), clock.now()},
        loop{stack, {&device}, background, clock},
        core_worker{stack, background, number, [] {}} {
    stack.start(clock.now());
  }

  Config config = small_config();
  IpAddress address;
  stack::InterfaceSetup setup;
  stack::Stack stack;
  runtime::BackgroundPool background{0};
  runtime::Worker loop;
  socket::CoreWorker core_worker;
  Worker& worker = core_worker;
};

/// Two hosts and one connection between them.
class World {
 public:
  World(TcpHandler& at_client, TcpHandler& at_server, bool multi_segment) {
    const auto end = [multi_segment](std::uint8_t number) {
      return device::RingEnd{.capabilities = {.mac = MacAddress{{0x02, 0, 0, 0, 0, number}},
                                              .multi_segment = multi_segment},
                             .receive_pool = pools().data};
    };
    cable_ = device::make_ring_pair(1'024, end(1), end(2));
    client_.emplace(1, *cable_.first, clock_);
    server_.emplace(2, *cable_.second, clock_);
    static_cast<void>(server_->worker.listen({.port = Port{7}}, at_server));
    socket_ = client_->worker.connect({.address = server_->address, .port = Port{7}}, at_client)
                  .value_or(TcpSocket{});
    for (int i = 0; i < 100; ++i) {
      turn();
    }
  }

  void turn() {
    clock_.time += 1us;
    client_->loop.run_turn();
    server_->loop.run_turn();
  }
  [[nodiscard]] TcpSocket socket() const noexcept { return socket_; }
  [[nodiscard]] Host& client() noexcept { return *client_; }
  [[nodiscard]] Host& server() noexcept { return *server_; }

 private:
  ManualClock clock_;
  std::pair<std::unique_ptr<device::RingDevice>, std::unique_ptr<device::RingDevice>> cable_;
  std::optional<Host> client_;
  std::optional<Host> server_;
  TcpSocket socket_;
};

/// Sends back what it receives, in the packets it came in.
class Echo final : public TcpHandler {
 public:
  void on_readable(TcpSocket socket) override {
    while (auto packet = socket.receive_buffer()) {
      static_cast<void>(socket.send(std::move(*packet)));
    }
  }
};

/// Throws away what it receives and counts it.
class Sink final : public TcpHandler {
 public:
  void on_readable(TcpSocket socket) override {
    const std::size_t bytes = socket.readable();
    received += bytes;
    static_cast<void>(socket.consume(bytes));
  }
  std::uint64_t received = 0;
};

void echo_round_trip(benchmark::State& state) {
  Sink client;
  Echo server;
  World world{client, server, false};
  const std::string message(static_cast<std::size_t>(state.range(0)), 'x');
  TcpSocket socket = world.socket();
  const Cycles cycles{state};
  for (auto _ : state) {
    const std::uint64_t wanted = client.received + message.size();
    static_cast<void>(socket.send(message));
    for (int turns = 0; client.received < wanted; ++turns) {
      if (turns == 1'000) {
        state.SkipWithError("the echo does not come back");
        return;
      }
      world.turn();
    }
  }
}
BENCHMARK(echo_round_trip)->Name("StackEchoRoundTrip")->Arg(1)->Arg(64)->Arg(1'400);

/// Bulk one way, both hosts' work counted, with payload copied into frames and referenced from
/// them.
void bulk(benchmark::State& state) {
  Sink client;
  Sink server;
  World world{client, server, state.range(0) != 0};
  const std::string block(64 * 1'024, 'x');
  TcpSocket socket = world.socket();
  const std::uint64_t frames_before = world.client().stack.stats().tx_frames;
  for (auto _ : state) {
    static_cast<void>(socket.send(block));
    world.turn();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(server.received));
  state.counters["frames"] = benchmark::Counter(
      static_cast<double>(world.client().stack.stats().tx_frames - frames_before),
      benchmark::Counter::kIsRate);
}
BENCHMARK(bulk)->Name("StackBulk")->ArgName("references")->Arg(0)->Arg(1);

}  // namespace
}  // namespace millrace::bench
