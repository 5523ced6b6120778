// A reader that pauses: its window closes, the sender probes, and nothing is lost or given up,
// however long it takes.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "simulation/network.hpp"
#include "simulation/transfer.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

/// Reads nothing for a while, then all.
class PausingReader final : public TcpHandler {
 public:
  PausingReader(Worker& worker, Duration pause) : worker_{worker}, pause_{pause} {}

  void on_readable(TcpSocket socket) override {
    if (!has_paused_) {
      has_paused_ = true;
      EXPECT_TRUE(worker_.after(pause_, [this, socket] {
        may_read_ = true;
        read(socket);
      }));
    } else if (may_read_) {
      read(socket);
    }
  }
  void on_peer_finished(TcpSocket socket) override { EXPECT_TRUE(socket.close()); }

  std::uint64_t received = 0;
  bool is_right = true;

 private:
  void read(TcpSocket socket) {
    std::array<std::byte, 3'000> bytes;
    while (const auto count = socket.receive(bytes)) {
      const auto piece = std::span{bytes}.first(*count);
      is_right = is_right && swarm::first_wrong(1, received, piece) == *count;
      received += *count;
    }
  }

  Worker& worker_;
  Duration pause_;
  bool has_paused_ = false;
  bool may_read_ = false;
};

struct Case {
  Duration pause;
  std::uint32_t loss_ppm;
  bool no_delay;
  std::uint32_t piece_max;
};

void run(const Case& test) {
  PairSetup setup;
  setup.server.tcp.receive_buffer_bytes = 65'536;
  setup.forth.loss_ppm = setup.back.loss_ppm = test.loss_ppm;
  if (test.loss_ppm > 0) {
    // Probes come as rarely as once a minute: by default two lost ones in a row are a dead peer.
    setup.client.tcp.user_timeout = 20min;
  }
  Pair pair{setup};
  constexpr std::uint64_t kBytes = 500'000;
  PausingReader reader{pair.server.worker(), test.pause};
  Transfer sender{pair.client.worker(),
                  {.send_seed = 1,
                   .send_bytes = kBytes,
                   .piece_max = test.piece_max,
                   .no_delay = test.no_delay}};
  pair.world.call(pair.server,
                  [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, reader)); });
  pair.world.call(pair.client,
                  [&](Worker& worker) { ASSERT_TRUE(worker.connect(pair.server_at(9), sender)); });
  const Instant begin = pair.world.now();
  EXPECT_TRUE(
      pair.world.run_until([&] { return sender.outcome().has_value(); }, test.pause + 10min));
  EXPECT_GE(pair.world.now() - begin, test.pause);
  // The next probe opens the rest: no later than the largest interval between probes, plus the
  // transfer.
  EXPECT_LE(pair.world.now() - begin, test.pause + 130s);
  EXPECT_EQ(sender.verdict(), "");
  EXPECT_EQ(reader.received, kBytes);
  EXPECT_TRUE(reader.is_right);
  if (test.pause > 10s) {
    EXPECT_GT(pair.client.stack().stats().tcp_zero_window_probes, 3U);
  }
  const auto clean = pair.world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

TEST(ZeroWindow, ReaderThatPausesForMinutesLosesNothing) {
  test::covers({"MUST-36", "MUST-37", "MAY-8"});
  for (const Duration pause : {Duration{300ms}, Duration{5s}, Duration{150s}, Duration{30min}}) {
    for (const std::uint32_t loss_ppm : {0U, 30'000U}) {
      for (const std::uint32_t piece_max : {100U, 4'000U}) {
        for (const bool no_delay : {false, true}) {
          SCOPED_TRACE("pause of " + std::to_string(pause.count() / 1'000'000) + " ms, loss " +
                       std::to_string(loss_ppm) + " ppm, pieces of " + std::to_string(piece_max));
          run({.pause = pause, .loss_ppm = loss_ppm, .no_delay = no_delay, .piece_max = piece_max});
        }
      }
    }
  }
}

}  // namespace
}  // namespace millrace::test
