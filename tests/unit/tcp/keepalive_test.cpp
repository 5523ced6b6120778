// Keepalive: ranges, when it asks, when it gives up.
#include "tcp/keepalive.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {
namespace {

using namespace std::chrono_literals;
using test::covers;
using Verdict = Keepalive::Verdict;

constexpr Instant kStart{1'000s};
constexpr KeepaliveOptions kQuick{.idle = 10s, .interval = 3s, .count = 2};

TEST(Keepalive, DefaultsAreLinuxs) {
  covers({"MUST-28"});
  const KeepaliveOptions defaults;
  EXPECT_EQ(defaults.idle, 2h);
  EXPECT_EQ(defaults.interval, 75s);
  EXPECT_EQ(defaults.count, 9U);
  EXPECT_TRUE(Keepalive::is_valid(defaults));
}

TEST(Keepalive, HoldsValuesToTheirRanges) {
  covers({"MUST-27", "MUST-29"});
  EXPECT_TRUE(Keepalive::is_valid({.idle = 32'767s, .interval = 32'767s, .count = 127}));
  EXPECT_TRUE(Keepalive::is_valid({.idle = 1ns, .interval = 1ns, .count = 2}));
  EXPECT_FALSE(Keepalive::is_valid({.idle = 0s}));
  EXPECT_FALSE(Keepalive::is_valid({.idle = -1s}));
  EXPECT_FALSE(Keepalive::is_valid({.idle = 32'767s + 1ns}));
  EXPECT_FALSE(Keepalive::is_valid({.interval = 0s}));
  EXPECT_FALSE(Keepalive::is_valid({.interval = 32'768s}));
  EXPECT_FALSE(Keepalive::is_valid({.count = 1}));
  EXPECT_FALSE(Keepalive::is_valid({.count = 128}));
}

TEST(Keepalive, IsOffUntilStarted) {
  covers({"MUST-25"});
  Keepalive keepalive;
  EXPECT_FALSE(keepalive.is_on());
  keepalive.on_segment(kStart);
  EXPECT_EQ(keepalive.deadline(), Instant::max());
  keepalive.start(kQuick, kStart);
  EXPECT_TRUE(keepalive.is_on());
  keepalive.stop();
  EXPECT_FALSE(keepalive.is_on());
  EXPECT_EQ(keepalive.deadline(), Instant::max());
}

TEST(Keepalive, CountsProbesUntilThePeerIsHeard) {
  covers({"MUST-26", "MUST-29"});
  Keepalive keepalive;
  keepalive.start(kQuick, kStart);
  EXPECT_EQ(keepalive.deadline(), kStart + 10s);
  EXPECT_EQ(keepalive.on_timer(kStart + 10s, false, std::nullopt), Verdict::Probe);
  EXPECT_EQ(keepalive.unanswered(), 1U);
  EXPECT_EQ(keepalive.deadline(), kStart + 13s);
  keepalive.on_segment(kStart + 11s);
  EXPECT_EQ(keepalive.unanswered(), 0U);
  EXPECT_EQ(keepalive.deadline(), kStart + 21s);
  EXPECT_EQ(keepalive.on_timer(kStart + 21s, false, std::nullopt), Verdict::Probe);
  EXPECT_EQ(keepalive.on_timer(kStart + 24s, false, std::nullopt), Verdict::Probe);
  EXPECT_EQ(keepalive.on_timer(kStart + 27s, false, std::nullopt), Verdict::Gone);
  EXPECT_EQ(keepalive.deadline(), Instant::max());
}

TEST(Keepalive, LeavesItToRetransmissionWhileAnythingIsOutstanding) {
  covers({"MUST-26"});
  Keepalive keepalive;
  keepalive.start(kQuick, kStart);
  static_cast<void>(keepalive.on_timer(kStart + 10s, false, std::nullopt));
  EXPECT_EQ(keepalive.on_timer(kStart + 13s, true, std::nullopt), Verdict::Wait);
  EXPECT_EQ(keepalive.unanswered(), 0U);
  EXPECT_EQ(keepalive.deadline(), kStart + 23s);
}

TEST(Keepalive, ChosenUserTimeoutTakesThePlaceOfTheCount) {
  covers({"MUST-29"});
  Keepalive keepalive;
  keepalive.start({.idle = 10s, .interval = 3s, .count = 127}, kStart);
  EXPECT_EQ(keepalive.on_timer(kStart + 10s, false, 15s), Verdict::Probe);
  EXPECT_EQ(keepalive.on_timer(kStart + 13s, false, 15s), Verdict::Probe);
  EXPECT_EQ(keepalive.on_timer(kStart + 16s, false, 15s), Verdict::Gone);
}

TEST(Keepalive, CountNeverWrapsAround) {
  Keepalive keepalive;
  keepalive.start({.idle = 1s, .interval = 1s, .count = 2}, kStart);
  for (unsigned i = 0; i < 1'000; ++i) {
    ASSERT_EQ(keepalive.on_timer(kStart + 1s, false, 24h), Verdict::Probe);
  }
  EXPECT_EQ(keepalive.unanswered(), 255U);
}

}  // namespace
}  // namespace millrace::tcp
