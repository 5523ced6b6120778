// A player comes to its end whatever the other one does, or does not do.
#include "pressure/player.hpp"

#include <algorithm>
#include <chrono>

#include <gtest/gtest.h>

#include "pressure/ledger.hpp"
#include "pressure/plan.hpp"

namespace pressure {
namespace {

using std::chrono::seconds;

constexpr millrace::Instant kStart{seconds{1'000}};

/// What nobody sends anything to, and which takes all that is sent.
class SilentWire final : public Wire {
 public:
  std::size_t send(std::span<const std::byte> bytes) override { return bytes.size(); }
  std::size_t receive(std::span<std::byte> /*into*/) override { return 0; }
  void finish_sending() override {}
  void close() override { is_closed = true; }
  void abort() override { is_aborted = true; }

  bool is_closed = false;
  bool is_aborted = false;
};

TEST(Player, GivesUpAGuestOfWhomNothingIsHeard) {
  Ledger ledger;
  SilentWire wire;
  Player player{ledger, 1, kStart};
  ASSERT_LE(player.next_wake(), kStart + seconds{60});
  player.pump(wire, player.next_wake());
  EXPECT_TRUE(wire.is_aborted);
  EXPECT_TRUE(ledger.violations.empty());
}

TEST(Player, WantsNoWakingBehindItsOwnEnd) {
  // Every kind of plan: some end at once, some while reading pauses, some by giving up.
  for (std::uint64_t conversation = 0; conversation < 200; ++conversation) {
    Ledger ledger;
    SilentWire wire;
    Player player{ledger, 1, conversation, kStart};
    millrace::Instant now = kStart;
    for (int step = 0; step < 10'000 && !wire.is_closed && !wire.is_aborted; ++step) {
      player.pump(wire, now);
      now = std::max(now, std::min(player.next_wake(), now + seconds{200}));
    }
    ASSERT_TRUE(wire.is_closed || wire.is_aborted) << conversation;
    player.pump(wire, now);
    ASSERT_EQ(player.next_wake(), millrace::Instant::max()) << conversation;
  }
}

}  // namespace
}  // namespace pressure
