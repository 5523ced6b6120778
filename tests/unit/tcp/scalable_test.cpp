// The example of docs/congestion.md: a controller of one's own behind Congestion.
#include "unit/tcp/scalable.hpp"

#include <variant>

#include <gtest/gtest.h>

#include "tcp/congestion_impl.hpp"
#include "unit/tcp/path_bed.hpp"

namespace millrace::tcp {

namespace {

using test::ack_of;
using test::kMss;
using test::path_with;

using Own = BasicCongestion<std::variant<Scalable, Reno>>;
static_assert(CongestionController<Scalable>);

Own started(std::uint32_t window) {
  Own congestion;
  EXPECT_TRUE(congestion.start(CongestionKind{0}, window));
  return congestion;
}

TEST(Scalable, HasAllThatCongestionGivesToAController) {
  Own congestion = started(10'000);
  EXPECT_EQ(congestion.name(), "scalable");
  EXPECT_FALSE(congestion.hears_of_sent(0)) << "it has no `on_sent`";
  congestion.on_ack(ack_of(2'000), path_with(10'000));
  EXPECT_EQ(congestion.window(), 12'000U) << "slow start";
  congestion.on_timeout(path_with(12'000), true);
  EXPECT_EQ(congestion.window(), kMss);
  congestion.on_undo(path_with(1'000));
  EXPECT_EQ(congestion.window(), 12'000U);
  congestion.on_congestion_echo(path_with(12'000));
  EXPECT_EQ(congestion.window(), 10'500U);
  congestion.on_idle_restart(4'000);
  EXPECT_EQ(congestion.window(), 4'000U);
}

TEST(Scalable, AddsAHundredthAndTakesAnEighth) {
  Own congestion = started(80'000);
  congestion.on_loss(path_with(80'000));
  congestion.on_recovery_end(path_with(0));
  EXPECT_EQ(congestion.window(), 70'000U);
  for (unsigned i = 0; i < 70; ++i) {
    congestion.on_ack(ack_of(1'010), path_with(70'000));
  }
  EXPECT_EQ(congestion.window(), 70'707U);
}

}  // namespace

}  // namespace millrace::tcp
