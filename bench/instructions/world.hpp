// World: a stack, its worker and its sockets on a fake device, and the peers of a trace. A turn of
// the worker passes through `counted_turn`, which is what callgrind is told to count, or through
// `warm_up_turn`.
#pragma once

#include <cstdint>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/tcp.hpp>

#include "instructions/fake_device.hpp"
#include "instructions/peer.hpp"
#include "runtime/background_pool.hpp"
#include "runtime/clock.hpp"
#include "runtime/worker.hpp"
#include "socket/core_worker.hpp"
#include "stack/stack.hpp"

namespace millrace::bench {

/// Stands still in a turn.
class TraceClock final : public runtime::Clock {
 public:
  [[nodiscard]] Instant now() noexcept override { return time; }
  Instant time{std::chrono::seconds{1'000}};
};

class World {
 public:
  /// Connections of a trace.
  static constexpr std::uint32_t kConnections = 32;
  static constexpr std::uint32_t kSegmentBytes = 1'460;
  /// What the application may have queued, unless told otherwise: packets for this many segments.
  static constexpr std::uint32_t kQueuedSegments = 32;

  /// `app` must outlive it.
  explicit World(TcpHandler& app, std::uint32_t queued_segments = kQueuedSegments);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  /// New peers, as many as `kConnections`; their ports are new ones.
  void add_peers();
  /// Peers and their handshakes, uncounted: one peer a turn, so that the round trip is that of
  /// traces in which one of them is heard in a turn.
  void open_all();
  /// Lets the time of one turn pass, runs the turn on what was offered, and lets the peers hear
  /// what was sent.
  void turn();

  /// As `turn`, but nobody hears what was sent.
  void turn_unheard();
  /// Lets the peers hear what was sent without a device, and empties `sent`.
  void hear(packet::Burst& sent);

  /// From now on turns are counted.
  void start_counting() noexcept { is_counting_ = true; }
  void offer(packet::Packet frame) noexcept { device_.offer(std::move(frame)); }

  [[nodiscard]] std::vector<Peer>& peers() noexcept { return peers_; }
  [[nodiscard]] Instant now() const noexcept { return clock_.time; }
  [[nodiscard]] Worker& worker() noexcept { return core_worker_; }
  [[nodiscard]] stack::Stack& stack() noexcept { return stack_; }

 private:
  void run_turn();
  void hear(const packet::Packet& frame);

  packet::CorePools pools_;
  Config config_;
  Wire wire_;
  FakeDevice device_;
  TraceClock clock_;
  stack::Stack stack_;
  runtime::BackgroundPool background_{0};
  socket::CoreWorker core_worker_;
  runtime::Worker loop_;
  std::vector<Peer> peers_;
  std::uint16_t next_port_;
  bool is_counting_ = false;
};

}  // namespace millrace::bench
