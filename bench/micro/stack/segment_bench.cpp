// Segments at the stack, without a device: bursts that arrive, of text in order, ACKs and text
// behind a hole; bursts that leave; handshakes. Peers are those of instructions/. Only the stack's
// work is timed, and each row's time is that of one segment, or of one handshake.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include <millrace/buffer.hpp>

#include "instructions/world.hpp"
#include "packet/burst.hpp"

namespace millrace::bench {
namespace {

using wire::TcpFlags;

constexpr std::uint32_t kBurst = packet::Burst::kCapacity;

/// Sums the time that parts of an iteration take, and gives it out for each thing that they did.
class Stopwatch {
 public:
  explicit Stopwatch(benchmark::State& state) noexcept : state_{state} {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    state_.counters["cycles"] = static_cast<double>(cycles_) / static_cast<double>(things_);
  }

  template <class F>
  void time(F&& work) {
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t start_cycles = rte_rdtsc();
    work();
    cycles_ += rte_rdtsc() - start_cycles;
    seconds_ += std::chrono::steady_clock::now() - start;
  }
  /// The iteration is over, and did so many.
  void end_iteration(std::uint32_t things) {
    state_.SetIterationTime(seconds_.count() / things);
    seconds_ = {};
    things_ += things;
  }

 private:
  benchmark::State& state_;
  std::uint64_t cycles_ = 0;
  std::uint64_t things_ = 0;
  std::chrono::duration<double> seconds_{};
};

/// Reads and forgets; knows its sockets.
class Sink final : public TcpHandler {
 public:
  void on_accepted(TcpSocket socket) override { sockets.push_back(socket); }
  void on_readable(TcpSocket socket) override {
    static_cast<void>(socket.consume(socket.readable()));
  }
  std::vector<TcpSocket> sockets;
};

/// Queues full segments, in packets as they are to leave.
void queue_segments(World& world, TcpSocket socket, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    auto buffer = world.worker().allocate_buffer();
    base::expects(buffer.has_value());
    buffer->extend(World::kSegmentBytes);
    base::expects(socket.send(std::move(*buffer)).has_value());
  }
}

/// One connection's whole burst of full segments; the first one of it goes missing, if told so.
void input_text(benchmark::State& state, bool has_hole) {
  Sink app;
  World world{app};
  world.open_all();
  packet::Burst burst;
  packet::Packet missing;
  Stopwatch watch{state};
  std::size_t next = 0;
  for (auto _ : state) {
    Peer& peer = world.peers()[next++ % World::kConnections];
    if (has_hole) {
      missing = peer.make_segment(world.now(), World::kSegmentBytes, 0);
    }
    while (!burst.full()) {
      burst.push_back(peer.make_segment(world.now(), World::kSegmentBytes, 0));
    }
    watch.time([&] { world.stack().receive(world.now(), 0, burst); });
    watch.end_iteration(kBurst);
    world.turn();
    if (has_hole) {
      base::expects(!peer.is_all_acknowledged());
      world.offer(std::move(missing));
      world.turn();
    }
    base::expects(peer.is_all_acknowledged());
  }
}
BENCHMARK_CAPTURE(input_text, in_order, false)->Name("SegmentInput/in_order")->UseManualTime();
BENCHMARK_CAPTURE(input_text, behind_hole, true)
    ->Name("SegmentInput/out_of_order")
    ->UseManualTime();

/// ACKs of two full segments each, as many as a window of 32 brings.
void input_acks(benchmark::State& state) {
  constexpr std::uint32_t kAcks = World::kQueuedSegments / 2;
  Sink app;
  World world{app};
  world.open_all();
  packet::Burst burst;
  Stopwatch watch{state};
  std::size_t next = 0;
  // The window has to grow before it holds them all.
  for (int lap = 0; lap < 16; ++lap) {
    for (Peer& peer : world.peers()) {
      if (peer.unacknowledged() <= 1) {
        queue_segments(world, app.sockets[next++ % World::kConnections], World::kQueuedSegments);
      }
      world.offer(peer.make_segment(world.now(), 0, 0));
      world.turn();
    }
  }
  while (world.peers().front().unacknowledged() > 0) {
    for (Peer& peer : world.peers()) {
      world.offer(peer.make_segment(world.now(), 0, 0));
      world.turn();
    }
  }
  next = 0;
  for (auto _ : state) {
    const std::size_t at = next++ % World::kConnections;
    Peer& peer = world.peers()[at];
    queue_segments(world, app.sockets[at], World::kQueuedSegments);
    world.turn();
    base::expects(peer.unacknowledged() == World::kQueuedSegments * World::kSegmentBytes);
    for (std::uint32_t i = 0; i < kAcks; ++i) {
      burst.push_back(peer.make_partial_ack(world.now(), 2 * World::kSegmentBytes));
    }
    watch.time([&] { world.stack().receive(world.now(), 0, burst); });
    watch.end_iteration(kAcks);
    world.turn();
    base::expects(app.sockets[at].unacknowledged() == 0);
  }
}
BENCHMARK(input_acks)->Name("SegmentInput/pure_ack")->UseManualTime();

/// Full segments from the send buffers to frames: one of each connection, or 40 of one.
void output(benchmark::State& state) {
  const auto each = static_cast<std::uint32_t>(state.range(0));
  const std::uint32_t connections = each == 1 ? World::kConnections : 1;
  Sink app;
  World world{app, 2 * each};
  world.open_all();
  // Windows that have grown, as far as they are used.
  for (int lap = 0; lap < 32; ++lap) {
    for (std::uint32_t i = 0; i < World::kConnections; ++i) {
      Peer& peer = world.peers()[i];
      queue_segments(world, app.sockets[i], each);
      world.turn();
      while (app.sockets[i].unacknowledged() > 0) {
        world.offer(peer.make_segment(world.now(), 0, 0));
        world.turn();
      }
    }
  }
  packet::Burst burst;
  Stopwatch watch{state};
  std::uint32_t first = 0;
  for (auto _ : state) {
    for (std::uint32_t i = first; i < first + connections; ++i) {
      queue_segments(world, app.sockets[i], each);
    }
    std::uint32_t sent = 0;
    do {
      watch.time([&] { world.stack().transmit(world.now(), 0, burst); });
      sent += burst.size();
      world.hear(burst);
    } while (sent < connections * each && sent % kBurst == 0);
    base::expects(sent == connections * each);
    watch.end_iteration(sent);
    for (std::uint32_t i = first; i < first + connections; ++i) {
      world.offer(world.peers()[i].make_segment(world.now(), 0, 0));
    }
    world.turn();
    first = (first + connections) % World::kConnections;
  }
}
BENCHMARK(output)->Name("SegmentOutput")->Arg(1)->Arg(40)->UseManualTime();

/// SYN in, SYN,ACK out, ACK in, and the listener's handler hears of it.
void handshake(benchmark::State& state) {
  Sink app;
  World world{app};
  packet::Burst burst;
  packet::Burst answers;
  Stopwatch watch{state};
  for (auto _ : state) {
    world.add_peers();
    for (Peer& peer : world.peers()) {
      burst.push_back(peer.make_syn(world.now()));
    }
    watch.time([&] {
      world.stack().receive(world.now(), 0, burst);
      world.stack().transmit(world.now(), 0, answers);
    });
    world.hear(answers);
    for (Peer& peer : world.peers()) {
      burst.push_back(peer.make_segment(world.now(), 0, 0));
    }
    watch.time([&] {
      world.stack().receive(world.now(), 0, burst);
      world.stack().dispatch_events(world.now());
    });
    watch.end_iteration(World::kConnections);
    base::expects(app.sockets.size() == World::kConnections);
    for (const TcpSocket& socket : app.sockets) {
      static_cast<void>(socket.abort());
    }
    app.sockets.clear();
    world.turn_unheard();
  }
}
BENCHMARK(handshake)->Name("Handshake")->UseManualTime();

}  // namespace
}  // namespace millrace::bench
