// Tail losses: the last segments of what an application sends are lost, so that no later ones tell
// of it. They are mended by a probe within two round trips from it, and without a timeout (RFC 8985
// §7).
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/frame_view.hpp"
#include "simulation/network.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

struct Tail {
  Duration round_trip = 50ms;
  std::uint32_t segments = 10;  ///< Sent at once.
  std::uint32_t lost = 1;       ///< Of these, the last.
  bool has_timestamps = true;
  std::uint64_t seed = 1;
};

/// Sends so much as soon as it is connected, and no more.
class Sender final : public TcpHandler {
 public:
  explicit Sender(std::size_t bytes) : bytes_{bytes} {}
  void on_connected(TcpSocket socket) override {
    socket_ = socket;
    const std::vector<std::byte> data(bytes_, std::byte{7});
    if (bytes_ > 0) {
      EXPECT_EQ(socket.send(data), bytes_);
    }
  }
  [[nodiscard]] const std::optional<TcpSocket>& socket() const noexcept { return socket_; }

 private:
  std::size_t bytes_;
  std::optional<TcpSocket> socket_;
};

/// Counts what arrives.
class Receiver final : public TcpHandler {
 public:
  explicit Receiver(sim::World& world) : world_{world} {}
  void on_accepted(TcpSocket socket) override { socket_ = socket; }
  void on_readable(TcpSocket socket) override {
    while (const std::size_t bytes = socket.peek().size()) {
      received_ += bytes;
      EXPECT_TRUE(socket.consume(bytes));
    }
    last_at_ = world_.now();
  }
  [[nodiscard]] std::size_t received() const noexcept { return received_; }
  [[nodiscard]] Instant last_at() const noexcept { return last_at_; }
  [[nodiscard]] const std::optional<TcpSocket>& socket() const noexcept { return socket_; }

 private:
  sim::World& world_;
  std::size_t received_ = 0;
  Instant last_at_{};
  std::optional<TcpSocket> socket_;
};

/// Drops the first copy of each segment that lies in the tail, and notes when data leaves.
class Dropper {
 public:
  Dropper(Pair& net, const Tail& tail, std::size_t kept)
      : net_{net}, healthy_{delay_of(tail.round_trip / 2)}, dead_{healthy_}, kept_{kept} {
    dead_.loss_ppm = sim::kMillion;
    net.world.on_frame(
        [this](const sim::Host& host, const sim::Frame& frame) { look(host, frame); });
  }
  [[nodiscard]] unsigned dropped() const noexcept { return dropped_; }
  [[nodiscard]] Instant first_at() const noexcept { return first_at_; }
  /// When the first copy left.
  [[nodiscard]] std::optional<Instant> probe_at() const noexcept { return probe_at_; }

 private:
  void look(const sim::Host& host, const sim::Frame& frame) {
    const auto segment = sim::view_segment(std::span<const std::byte>{frame});
    if (&host != &net_.client || !segment || segment->payload_bytes == 0) {
      return;
    }
    if (!start_) {
      start_ = segment->tcp.seq;
      first_at_ = net_.world.now();
      end_ = *start_;
    }
    const wire::SeqNum end = segment->tcp.seq + static_cast<std::uint32_t>(segment->payload_bytes);
    const bool is_new = end.is_after(end_);
    const bool is_dropped = is_new && static_cast<std::size_t>(end - *start_) > kept_;
    end_ = is_new ? end : end_;
    if (!is_new && !probe_at_) {
      probe_at_ = net_.world.now();
    }
    dropped_ += is_dropped ? 1 : 0;
    net_.world.set_parameters({.host = net_.client}, is_dropped ? dead_ : healthy_);
  }

  Pair& net_;
  sim::LinkParameters healthy_;
  sim::LinkParameters dead_;
  std::size_t kept_;
  std::optional<wire::SeqNum> start_;
  wire::SeqNum end_{0};
  Instant first_at_{};
  std::optional<Instant> probe_at_;
  unsigned dropped_ = 0;
};

struct Outcome {
  bool is_done = false;
  unsigned dropped = 0;
  Duration to_probe{};     ///< From the last sign of life: the transmission, or its ACK.
  Duration after_probe{};  ///< Until the last octet had arrived.
  CoreStats stats;
};

/// Both know each other's hardware address from a connection before, so that the handshake measures
/// one round trip.
void meet(Pair& net, Duration round_trip) {
  Sender first{0};
  Receiver other{net.world};
  net.world.call(net.server,
                 [&](Worker& worker) { EXPECT_TRUE(worker.listen({.port = Port{8}}, other)); });
  net.world.call(net.client,
                 [&](Worker& worker) { EXPECT_TRUE(worker.connect(net.server_at(8), first)); });
  EXPECT_TRUE(net.world.run_until([&] { return first.socket().has_value(); }, 1s));
  net.world.call(net.client, [&](Worker&) { EXPECT_TRUE(first.socket()->abort()); });
  net.world.run_for(2 * round_trip);
}

Outcome run(const Tail& tail) {
  constexpr std::size_t kSegmentBytes = 1'448;
  const std::size_t payload = kSegmentBytes + (tail.has_timestamps ? 0 : 12);
  PairSetup setup;
  setup.seed = tail.seed;
  setup.client.tcp.timestamps = tail.has_timestamps;
  setup.forth = setup.back = delay_of(tail.round_trip / 2);
  Pair net{setup};
  const std::size_t bytes = payload * tail.segments;
  meet(net, tail.round_trip);
  Dropper dropper{net, tail, payload * (tail.segments - tail.lost)};
  Sender sender{bytes};
  Receiver receiver{net.world};
  net.world.call(net.server,
                 [&](Worker& worker) { EXPECT_TRUE(worker.listen({.port = Port{9}}, receiver)); });
  net.world.call(net.client,
                 [&](Worker& worker) { EXPECT_TRUE(worker.connect(net.server_at(9), sender)); });
  Outcome outcome;
  outcome.is_done =
      net.world.run_until([&] { return receiver.received() >= bytes; }, 20 * tail.round_trip + 5s);
  outcome.dropped = dropper.dropped();
  if (dropper.probe_at()) {
    outcome.to_probe = *dropper.probe_at() - dropper.first_at();
    outcome.after_probe = receiver.last_at() - *dropper.probe_at();
  }
  outcome.stats = net.client.stack().stats();
  net.world.call(net.client, [&](Worker&) { EXPECT_TRUE(sender.socket()->abort()); });
  net.world.run_for(tail.round_trip);
  EXPECT_TRUE(net.world.check_clean());
  return outcome;
}

std::string name(const Tail& tail) {
  return std::to_string(tail.lost) + " of " + std::to_string(tail.segments) + ", round trip " +
         std::to_string(tail.round_trip / 1us) + " us, seed " + std::to_string(tail.seed) +
         (tail.has_timestamps ? "" : ", no timestamps");
}

constexpr Duration kRoundTrips[] = {1ms, 10ms, 50ms, 200ms};

TEST(TailLoss, IsMendedWithinTwoRoundTripsAndTheProbesTime) {
  covers({"RFC 8985 §7.2", "RFC 8985 §7.4"});
  for (const Duration round_trip : kRoundTrips) {
    for (std::uint32_t segments = 1; segments <= 10; ++segments) {
      for (std::uint32_t lost = 1; lost <= std::min(segments, 2U); ++lost) {
        for (std::uint64_t seed = 1; seed <= 4; ++seed) {
          const Tail tail{.round_trip = round_trip,
                          .segments = segments,
                          .lost = lost,
                          .has_timestamps = seed % 2 == 0,
                          .seed = seed};
          const Outcome outcome = run(tail);
          ASSERT_TRUE(outcome.is_done) << name(tail);
          ASSERT_EQ(outcome.dropped, lost) << name(tail);
          EXPECT_EQ(outcome.stats.tcp_retransmission_timeouts, 0U) << name(tail);
          EXPECT_GE(outcome.stats.tcp_tail_loss_probes, 1U) << name(tail);
          // The first ACKs come after one round trip, and two more are the probe's time (RFC 8985
          // §7.2); a lone segment's receiver may have kept its ACK.
          const Duration kept = segments - lost <= 1 || lost == 1 ? 200ms + 40ms : 40ms;
          EXPECT_LE(outcome.to_probe, 3 * round_trip + kept + 2ms) << name(tail);
          EXPECT_LE(outcome.after_probe, 2 * round_trip) << name(tail);
        }
      }
    }
  }
}

TEST(TailLoss, OfManySegmentsCostsNoTimeoutEither) {
  covers({"RFC 8985 §7.4", "RFC 9937 §6.2"});
  for (const Duration round_trip : kRoundTrips) {
    for (std::uint32_t lost = 3; lost <= 8; ++lost) {
      const Tail tail{.round_trip = round_trip, .segments = 10, .lost = lost, .seed = lost};
      const Outcome outcome = run(tail);
      ASSERT_TRUE(outcome.is_done) << name(tail);
      ASSERT_EQ(outcome.dropped, lost) << name(tail);
      EXPECT_EQ(outcome.stats.tcp_retransmission_timeouts, 0U) << name(tail);
      // One arrives with the probe, and from there on each round trip mends twice as much.
      EXPECT_LE(outcome.after_probe, 5 * round_trip) << name(tail);
    }
  }
}

}  // namespace
}  // namespace millrace::test
