#include "instructions/traces.hpp"

#include <array>
#include <cstddef>
#include <utility>

#include <millrace/buffer.hpp>

#include "base/contract.hpp"
#include "instructions/world.hpp"

namespace millrace::bench {

namespace {

using wire::TcpFlags;

constexpr std::uint32_t kConnections = World::kConnections;
constexpr std::uint32_t kMessageBytes = 64;
// Turns before counting starts: windows have opened, pools' caches and round-trip times settled.
constexpr std::uint32_t kWarmUpTurns = 16 * kConnections;

/// Runs `turn(number)` uncounted, then counted.
template <class F>
void run_turns(World& world, std::uint32_t turns, F&& turn) {
  for (std::uint32_t i = 0; i < kWarmUpTurns; ++i) {
    turn(i);
  }
  world.start_counting();
  for (std::uint32_t i = 0; i < turns; ++i) {
    turn(kWarmUpTurns + i);
  }
}

/// Sends back what it receives in the packets it came in, as millrace-echo does.
class EchoByBuffer final : public TcpHandler {
 public:
  void on_readable(TcpSocket socket) override {
    while (socket.readable() > 0 && socket.writable() > 0) {
      if (!socket.send(*socket.receive_buffer())) {
        static_cast<void>(socket.abort());
        return;
      }
    }
  }
};

/// Sends back what it receives by way of memory of its own.
class EchoByCopy final : public TcpHandler {
 public:
  void on_readable(TcpSocket socket) override {
    std::array<std::byte, 4'096> bytes;  // Clearing it would count as much as the echo.
    if (const auto got = socket.receive(bytes)) {
      static_cast<void>(socket.send(std::span{bytes}.first(*got)));
    }
  }
};

/// Each turn a message to each connection, whose answer to the one before it acknowledges.
std::uint64_t run_echo(TcpHandler& app, std::uint32_t turns) {
  World world{app};
  world.open_all();
  run_turns(world, turns, [&](std::uint32_t number) {
    for (Peer& peer : world.peers()) {
      world.offer(peer.make_segment(world.now(), kMessageBytes, TcpFlags::kPsh));
    }
    world.turn();
    for (const Peer& peer : world.peers()) {
      base::expects(peer.bytes_heard() == std::uint64_t{kMessageBytes} * (number + 1));
      base::expects(peer.is_all_acknowledged());
    }
  });
  return std::uint64_t{turns} * kConnections;
}

std::uint64_t echo(std::uint32_t turns) {
  EchoByBuffer app;
  return run_echo(app, turns);
}

std::uint64_t echo_copied(std::uint32_t turns) {
  EchoByCopy app;
  return run_echo(app, turns);
}

/// Reads and forgets.
class Sink final : public TcpHandler {
 public:
  void on_readable(TcpSocket socket) override {
    const std::size_t bytes = socket.readable();
    received += bytes;
    static_cast<void>(socket.consume(bytes));
  }
  std::uint64_t received = 0;
};

/// Each turn a burst of full segments to one connection after the other.
std::uint64_t receive(std::uint32_t turns) {
  Sink app;
  World world{app};
  world.open_all();
  run_turns(world, turns, [&](std::uint32_t number) {
    Peer& peer = world.peers()[number % kConnections];
    for (std::uint32_t i = 0; i < World::kQueuedSegments; ++i) {
      world.offer(peer.make_segment(world.now(), World::kSegmentBytes, 0));
    }
    world.turn();
    base::expects(peer.is_all_acknowledged());
    base::expects(app.received ==
                  std::uint64_t{World::kQueuedSegments} * World::kSegmentBytes * (number + 1));
  });
  return std::uint64_t{turns} * World::kQueuedSegments;
}

/// Each turn a burst with one full segment to each connection.
std::uint64_t receive_mixed(std::uint32_t turns) {
  Sink app;
  World world{app};
  world.open_all();
  run_turns(world, turns, [&](std::uint32_t number) {
    for (Peer& peer : world.peers()) {
      world.offer(peer.make_segment(world.now(), World::kSegmentBytes, 0));
    }
    world.turn();
    base::expects(app.received ==
                  std::uint64_t{kConnections} * World::kSegmentBytes * (number + 1));
  });
  return std::uint64_t{turns} * kConnections;
}

/// Keeps the send buffers full: with packets that it fills in place, or from memory of its own.
class Source final : public TcpHandler {
 public:
  enum class By : std::uint8_t { Buffer, Copy };

  explicit Source(By by) noexcept : by_{by} {}
  void use(Worker& worker) noexcept { worker_ = &worker; }
  void on_accepted(TcpSocket socket) override { fill(socket); }
  void on_writable(TcpSocket socket) override { fill(socket); }

 private:
  void fill(TcpSocket socket) {
    if (by_ == By::Copy) {
      for (std::uint32_t i = 0; i < World::kQueuedSegments; ++i) {
        static_cast<void>(socket.send(bytes_));
      }
      return;
    }
    while (socket.writable() > 0) {
      auto buffer = worker_->allocate_buffer();
      base::expects(buffer.has_value());
      buffer->extend(World::kSegmentBytes);
      base::expects(socket.send(std::move(*buffer)).has_value());
    }
  }

  By by_;
  Worker* worker_ = nullptr;
  std::array<std::byte, World::kSegmentBytes> bytes_{};
};

/// Each turn one connection's last burst is acknowledged, by an ACK for every `segments_per_ack`,
/// and the next one leaves.
std::uint64_t run_send(Source::By by, std::uint32_t segments_per_ack, std::uint32_t turns) {
  Source app{by};
  World world{app};
  app.use(world.worker());
  world.open_all();
  const std::uint32_t bytes_per_ack = segments_per_ack * World::kSegmentBytes;
  std::uint64_t full_segments = 0;
  run_turns(world, turns, [&](std::uint32_t number) {
    Peer& peer = world.peers()[number % kConnections];
    const std::uint64_t before = peer.full_segments_heard();
    while (peer.unacknowledged() > bytes_per_ack) {
      world.offer(peer.make_partial_ack(world.now(), bytes_per_ack));
    }
    world.offer(peer.make_segment(world.now(), 0, 0));
    world.turn();
    full_segments = peer.full_segments_heard() - before;
    base::expects(number < kWarmUpTurns || full_segments == World::kQueuedSegments);
    base::expects(peer.unacknowledged() == full_segments * World::kSegmentBytes);
  });
  return std::uint64_t{turns} * World::kQueuedSegments;
}

std::uint64_t send(std::uint32_t turns) {
  return run_send(Source::By::Buffer, World::kQueuedSegments, turns);
}

std::uint64_t send_acked_twice(std::uint32_t turns) {
  return run_send(Source::By::Buffer, 2, turns);
}

std::uint64_t send_copied(std::uint32_t turns) {
  return run_send(Source::By::Copy, World::kQueuedSegments, turns);
}

/// Answers a request and closes first.
class OneAnswer final : public TcpHandler {
 public:
  void on_readable(TcpSocket socket) override {
    static constexpr std::array<std::byte, kMessageBytes> kAnswer{};
    static_cast<void>(socket.consume(socket.readable()));
    static_cast<void>(socket.send(kAnswer));
    static_cast<void>(socket.close());
  }
  void on_closed(TcpSocket /*socket*/, Result<void> outcome) override {
    closed += outcome.has_value() ? 1U : 0U;
  }
  std::uint64_t closed = 0;
};

/// Three turns make a connection each of 32 ports: SYN; ACK with request, answered with FIN; FIN.
std::uint64_t crr(std::uint32_t turns) {
  OneAnswer app;
  World world{app};
  const auto round = [&] {
    world.add_peers();
    for (Peer& peer : world.peers()) {
      world.offer(peer.make_syn(world.now()));
    }
    world.turn();
    for (Peer& peer : world.peers()) {
      world.offer(peer.make_segment(world.now(), kMessageBytes, TcpFlags::kPsh));
    }
    world.turn();
    for (Peer& peer : world.peers()) {
      base::expects(peer.bytes_heard() == kMessageBytes && peer.has_heard_fin());
      world.offer(peer.make_segment(world.now(), 0, TcpFlags::kFin));
    }
    world.turn();
    for (const Peer& peer : world.peers()) {
      base::expects(peer.is_all_acknowledged());
    }
  };
  constexpr std::uint32_t kTurnsPerRound = 3;
  const std::uint32_t rounds = turns / kTurnsPerRound;
  for (std::uint32_t i = 0; i < kConnections; ++i) {
    round();
  }
  world.start_counting();
  for (std::uint32_t i = 0; i < rounds; ++i) {
    round();
  }
  base::expects(app.closed >= std::uint64_t{rounds} * kConnections);
  return std::uint64_t{rounds} * kConnections;
}

constexpr std::array kTraces{
    Trace{.name = "echo", .unit = "message", .run = echo},
    Trace{.name = "echo-copied", .unit = "message", .run = echo_copied},
    Trace{.name = "receive", .unit = "segment", .run = receive},
    Trace{.name = "receive-mixed", .unit = "segment", .run = receive_mixed},
    Trace{.name = "send", .unit = "segment", .run = send},
    Trace{.name = "send-acked-twice", .unit = "segment", .run = send_acked_twice},
    Trace{.name = "send-copied", .unit = "segment", .run = send_copied},
    Trace{.name = "crr", .unit = "connection", .run = crr},
};

}  // namespace

std::span<const Trace> traces() noexcept { return kTraces; }

}  // namespace millrace::bench
