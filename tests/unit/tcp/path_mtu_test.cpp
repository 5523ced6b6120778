// How large segments may be: RFC 1191, RFC 4821.
#include "tcp/path_mtu.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;
using test::covers;

constexpr Instant kStart{1'000s};
constexpr PathMtu::Supply kPlenty{
    .unsent = 1'000'000, .window = 1'000'000, .in_network = 0, .cwnd = 1'000'000};

struct ClaimCase {
  const char* name;
  std::uint32_t next_hop;
  std::uint16_t datagram;
  std::optional<std::uint16_t> mtu;
};

TEST(PathMtu, AClaimIsLessThanTheDatagramAndNoLessThanTheMinimum) {
  covers({"RFC 1191 §3", "RFC 1191 §5", "RFC 1191 §7.1"});
  const ClaimCase cases[] = {
      {"usual", 1'400, 1'500, 1'400},
      {"one less", 1'499, 1'500, 1'499},
      {"the same", 1'500, 1'500, std::nullopt},
      {"more", 9'000, 1'500, std::nullopt},
      {"below the minimum", 100, 1'500, 552},
      {"at the minimum", 552, 1'500, 552},
      {"below the minimum, of a small datagram", 100, 552, std::nullopt},
      {"above the minimum, of a small datagram", 552, 553, 552},
      {"none, Ethernet's", 0, 1'500, 1'492},
      {"none, just above a plateau", 0, 1'493, 1'492},
      {"none, at a plateau", 0, 1'492, 1'006},
      {"none, below it", 0, 1'491, 1'006},
      {"none, next plateau below the minimum", 0, 1'006, 552},
      {"none, jumbo", 0, 9'000, 8'166},
      {"none, smallest", 0, 60, std::nullopt},
      {"none, nothing", 0, 0, std::nullopt},
  };
  for (const ClaimCase& each : cases) {
    SCOPED_TRACE(each.name);
    EXPECT_EQ(claimed_mtu(each.next_hop, each.datagram, 552), each.mtu);
  }
  EXPECT_EQ(claimed_mtu(0, 400, 88), 296);
  EXPECT_EQ(claimed_mtu(0, 100, 88), 88) << "68 is less than the minimum";
  EXPECT_EQ(claimed_mtu(0, 88, 88), std::nullopt);
}

TEST(PathMtu, TheSmallerOfCeilingAndPathCounts) {
  covers({"RFC 1191 §3"});
  PathMtu path;
  EXPECT_FALSE(path.is_started());
  path.start(kStart, 1'460, 0, {});
  EXPECT_TRUE(path.is_started());
  EXPECT_EQ(path.mss(), 1'460);
  path.set_path(1'200);
  EXPECT_EQ(path.mss(), 1'200);
  path.set_path(2'000);
  EXPECT_EQ(path.mss(), 1'460);
  path.set_path(PathMtu::kUnknown);
  EXPECT_EQ(path.mss(), 1'460);
  PathMtu known{900};
  known.start(kStart, 1'460, 0, {});
  EXPECT_EQ(known.mss(), 900) << "what was known before the connection";
}

TEST(PathMtu, TimeoutsOfLargeSegmentsMakeABlackHole) {
  covers({"RFC 4821 §7.7"});
  const TcpConfig config;
  PathMtu path;
  path.start(kStart, 1'460, 0, config);
  EXPECT_FALSE(path.on_timeout(kStart, 1, 1'460, config));
  EXPECT_FALSE(path.on_timeout(kStart, 2, 1'460, config));
  EXPECT_EQ(path.mss(), 1'460);
  EXPECT_TRUE(path.on_timeout(kStart, 3, 1'460, config));
  EXPECT_EQ(path.mss(), 1'024);
  EXPECT_TRUE(path.on_timeout(kStart, 4, 1'024, config));
  EXPECT_EQ(path.mss(), 512);
  EXPECT_FALSE(path.on_timeout(kStart, 5, 512, config)) << "no less than that";
  EXPECT_EQ(path.mss(), 512);
}

TEST(PathMtu, ASmallSegmentTellsNothingOfABlackHole) {
  covers({"RFC 4821 §7.7"});
  const TcpConfig config;
  PathMtu path;
  path.start(kStart, 1'460, 0, config);
  EXPECT_FALSE(path.on_timeout(kStart, 9, 1'024, config));
  EXPECT_TRUE(path.on_timeout(kStart, 9, 1'025, config));
}

TEST(PathMtu, WhoStartsBelowTheBaseHalvesAtOnce) {
  covers({"RFC 4821 §7.7"});
  TcpConfig config;
  config.path_mtu_min = 88;
  PathMtu path;
  path.start(kStart, 536, 0, config);
  EXPECT_TRUE(path.on_timeout(kStart, 3, 536, config));
  EXPECT_EQ(path.mss(), 268);
}

TEST(PathMtu, ProbingCanBeOff) {
  TcpConfig config;
  config.mtu_probing = MtuProbing::Off;
  PathMtu path;
  path.start(kStart, 1'460, 0, config);
  EXPECT_FALSE(path.on_timeout(kStart, 30, 1'460, config));
  EXPECT_EQ(path.next_probe(kStart, kPlenty, config), std::nullopt);
}

TEST(PathMtu, WithoutABlackHoleThereIsNoProbe) {
  const TcpConfig config;
  PathMtu path;
  path.start(kStart, 1'460, 0, config);
  EXPECT_EQ(path.next_probe(kStart + 1h, kPlenty, config), std::nullopt);
}

/// Probing always, with a ceiling of 1,460.
struct Searching {
  Searching() {
    config.mtu_probing = MtuProbing::Always;
    path.start(kStart, 1'460, 0, config);
  }
  std::optional<std::uint16_t> probe(const PathMtu::Supply& supply = kPlenty,
                                     Instant now = kStart) {
    return path.next_probe(now, supply, config);
  }
  TcpConfig config;
  PathMtu path;
};

TEST(PathMtu, ASearchHalvesTheIntervalUntilItIsNotWorthwhile) {
  covers({"RFC 4821 §7.2", "RFC 4821 §7.3", "RFC 4821 §7.6.1", "RFC 4821 §7.6.2"});
  // The path takes 1,300.
  Searching s;
  EXPECT_EQ(s.path.mss(), 1'024);
  SeqNum seq{0xffff'fc00};
  std::uint16_t last = 0;
  unsigned probes = 0;
  for (auto size = s.probe(); size; size = s.probe()) {
    ++probes;
    ASSERT_LT(probes, 20U);
    EXPECT_GT(*size, s.path.mss());
    s.path.on_probe_sent(seq, *size);
    EXPECT_EQ(s.probe(), std::nullopt) << "one at a time";
    last = *size;
    if (last <= 1'300) {
      EXPECT_FALSE(s.path.on_ack(seq + last - 1));
      EXPECT_TRUE(s.path.on_ack(seq + last));
      EXPECT_EQ(s.path.mss(), last);
    } else {
      EXPECT_FALSE(s.path.on_loss(seq + 1)) << "something else";
      EXPECT_TRUE(s.path.on_loss(seq));
      EXPECT_LT(s.path.mss(), last);
    }
    seq += last;
  }
  EXPECT_GT(s.path.mss(), 1'300 - 8);
  EXPECT_LE(s.path.mss(), 1'300);
}

TEST(PathMtu, TheSearchIsRepeatedAfterAWhile) {
  covers({"RFC 4821 §7.3"});
  Searching s;
  for (auto size = s.probe(); size; size = s.probe()) {
    s.path.on_probe_sent(SeqNum{1}, *size);
    EXPECT_TRUE(s.path.on_loss(SeqNum{1}));
  }
  EXPECT_EQ(s.path.mss(), 1'024);
  EXPECT_EQ(s.probe(kPlenty, kStart + 10min - 1s), std::nullopt);
  EXPECT_EQ(s.probe(kPlenty, kStart + 10min), 1'242);
}

struct SupplyCase {
  const char* name;
  PathMtu::Supply supply;
  bool is_enough;
};

TEST(PathMtu, AProbeNeedsSegmentsBehindItAndAWindowToSpare) {
  covers({"RFC 4821 §7.4"});
  constexpr std::uint32_t kNeeded = 1'242 + 4 * 1'024;
  constexpr std::uint32_t kWindow = 11 * 1'024;
  const SupplyCase cases[] = {
      {"just enough",
       {.unsent = kNeeded, .window = kNeeded, .in_network = kWindow - 1'242, .cwnd = kWindow},
       true},
      {"too little to send",
       {.unsent = kNeeded - 1, .window = kNeeded, .in_network = 0, .cwnd = kWindow},
       false},
      {"too little window",
       {.unsent = kNeeded, .window = kNeeded - 1, .in_network = 0, .cwnd = kWindow},
       false},
      {"too little congestion window",
       {.unsent = kNeeded, .window = kNeeded, .in_network = 0, .cwnd = kWindow - 1},
       false},
      {"a full network",
       {.unsent = kNeeded, .window = kNeeded, .in_network = kWindow - 1'241, .cwnd = kWindow},
       false},
  };
  for (const SupplyCase& each : cases) {
    SCOPED_TRACE(each.name);
    Searching s;
    EXPECT_EQ(s.probe(each.supply).has_value(), each.is_enough);
  }
}

TEST(PathMtu, ARetransmissionOrTimeoutMakesAProbeInconclusive) {
  covers({"RFC 4821 §7.6.4"});
  Searching s;
  s.path.on_probe_sent(SeqNum{1}, 1'242);
  s.path.on_retransmission();
  EXPECT_FALSE(s.path.on_loss(SeqNum{1}));
  EXPECT_FALSE(s.path.on_ack(SeqNum{5'000}));
  EXPECT_EQ(s.probe(), 1'242) << "the same again";
  s.path.on_probe_sent(SeqNum{1}, 1'242);
  EXPECT_FALSE(s.path.on_timeout(kStart, 1, 1'242, s.config));
  EXPECT_EQ(s.probe(), 1'242);
}

TEST(PathMtu, ARoutersWordBoundsTheSearch) {
  Searching s;
  s.path.on_probe_sent(SeqNum{1}, 1'242);
  s.path.set_path(1'200);
  EXPECT_EQ(s.path.mss(), 1'024);
  EXPECT_FALSE(s.path.on_ack(SeqNum{5'000})) << "that probe was too large";
  EXPECT_EQ(s.probe(), 1'112);
  s.path.set_path(800);
  EXPECT_EQ(s.path.mss(), 800);
  EXPECT_EQ(s.probe(), std::nullopt);
  s.path.set_path(PathMtu::kUnknown);
  EXPECT_EQ(s.path.mss(), 800) << "the search will tell";
  EXPECT_EQ(s.probe(kPlenty, kStart + 10min), 1'130);
}

TEST(PathMtu, OptionsTakeTheirRoomFromThePayload) {
  covers({"RFC 6691 §2", "RFC 1191 §3"});
  const TcpConfig config;
  PathMtu path;
  path.start(kStart, 1'460, 12, config);
  EXPECT_EQ(path.mss(), 1'448);
  path.set_path(960);
  EXPECT_EQ(path.mss(), 948);
  EXPECT_EQ(path.most(), 948);
  path.set_path(PathMtu::kUnknown);
  EXPECT_EQ(path.mss(), 1'448);
  EXPECT_TRUE(path.on_timeout(kStart, 3, 1'448, config));
  EXPECT_EQ(path.mss(), 1'024);
  EXPECT_EQ(path.most(), 1'448);
  EXPECT_EQ(path.next_probe(kStart, kPlenty, config), 1'236);
  EXPECT_TRUE(path.on_timeout(kStart, 4, 1'024, config));
  EXPECT_FALSE(path.on_timeout(kStart, 5, 512, TcpConfig{.path_mtu_min = 564}));
  EXPECT_TRUE(path.on_timeout(kStart, 5, 512, config)) << "552 leaves 500";
  EXPECT_EQ(path.mss(), 500);
}

TEST(PathMtu, TheBaseIsNoMoreThanTheCeiling) {
  TcpConfig config;
  config.mtu_probing = MtuProbing::Always;
  PathMtu path;
  path.start(kStart, 536, 0, config);
  EXPECT_EQ(path.mss(), 536);
}

}  // namespace

}  // namespace millrace::tcp
