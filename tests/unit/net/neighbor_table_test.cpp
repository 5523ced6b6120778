// Neighbors: states and their times, parking, eviction, what others can and cannot make the table
// forget.
#include "net/neighbor_table.hpp"

#include <utility>

#include <gtest/gtest.h>

#include "net/net_host.hpp"
#include "net/transmit_queue.hpp"

namespace millrace::net {
namespace {

class NeighborTableTest : public NetHost {
 protected:
  static constexpr std::uint32_t kCapacity = 8;

  NeighborTableTest() : NetHost(kCapacity) {}

  /// A frame without destination, told apart by `mark`.
  packet::Packet frame(std::uint8_t mark = 0) {
    std::vector<std::byte> bytes(60, std::byte{mark});
    wire::emit_ethernet(
        bytes, {.destination = MacAddress{}, .source = kOurMac, .type = wire::EtherType::Ipv4});
    return packet_of(bytes);
  }
  Result<void, DropReason> park(const IpAddress& address, std::uint8_t mark = 0) {
    return neighbors->park(now, key(address), frame(mark));
  }
  void use(const IpAddress& address) {
    EXPECT_TRUE(neighbors->resolve(now, key(address)).has_value());
  }

  struct Asked {
    Duration after;
    Solicitation question;
  };
  /// What the table asks during `duration`, and when.
  std::vector<Asked> watch(Duration duration) {
    std::vector<Asked> asked;
    const Instant start = now;
    for (; now <= start + duration; now += 1ms) {
      neighbors->advance(now);
      while (const auto question = neighbors->next_solicitation()) {
        asked.push_back({now - start, *question});
      }
    }
    return asked;
  }
};

TEST_F(NeighborTableTest, UnknownNeighborResolvesToNothing) {
  EXPECT_FALSE(neighbors->resolve(now, key(kPeer)).has_value());
  EXPECT_EQ(neighbors->size(), 0U);
  EXPECT_FALSE(neighbors->next_deadline().has_value());
}

TEST_F(NeighborTableTest, AnswerReleasesFramesInOrderToTheRightAddress) {
  ASSERT_TRUE(park(kPeer, 1));
  ASSERT_TRUE(park(kPeer, 2));
  EXPECT_EQ(state(kPeer), NeighborState::Incomplete);
  EXPECT_EQ(neighbors->parked(), 2U);
  EXPECT_TRUE(neighbors->learn(now, link(), kPeer, kPeerMac, Creation::Forbidden));
  EXPECT_EQ(state(kPeer), NeighborState::Reachable);
  for (const unsigned mark : {1U, 2U}) {
    const std::vector<std::byte> sent = next_frame();
    ASSERT_EQ(sent.size(), 60U);
    EXPECT_EQ(sent.back(), static_cast<std::byte>(mark));
    const auto ethernet = wire::parse_ethernet(sent);
    EXPECT_EQ(ethernet->destination, kPeerMac);
    EXPECT_EQ(ethernet->source, kOurMac);
    EXPECT_EQ(ethernet->type, wire::EtherType::Ipv4);
  }
  EXPECT_EQ(neighbors->parked(), 0U);
  EXPECT_EQ(neighbors->resolve(now, key(kPeer)), kPeerMac);
}

// RFC 1122 §2.3.2.1
TEST_F(NeighborTableTest, AsksThreeTimesByBroadcastAndFailsWithinThreeSeconds) {
  ASSERT_TRUE(park(kPeer));
  ASSERT_TRUE(park(kPeer));
  const Instant start = now;
  const auto asked = watch(2'690ms);
  ASSERT_EQ(asked.size(), 3U);
  const Duration expected[] = {0ms, 900ms, 1'800ms};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_GE(asked[i].after, expected[i]);
    EXPECT_LE(asked[i].after, expected[i] + 2ms);
    EXPECT_TRUE(asked[i].question.destination.is_broadcast());
    EXPECT_EQ(asked[i].question.target, key(kPeer));
  }
  EXPECT_EQ(state(kPeer), NeighborState::Incomplete);
  EXPECT_TRUE(neighbors->failed().empty());
  EXPECT_TRUE(watch(20ms).empty());
  EXPECT_LT(now - start, 3s);
  EXPECT_EQ(neighbors->failed().size(), 2U);
  EXPECT_EQ(dropped(DropReason::NeighborUnresolved), 2U);
  EXPECT_EQ(neighbors->size(), 0U) << "no negative entry is kept";
  const packet::Packet given_up = neighbors->failed().pop_front();
  EXPECT_TRUE(wire::parse_ethernet(given_up.data())->destination.is_zero());
  EXPECT_EQ(given_up.note().interface_index, 0U);
  ASSERT_TRUE(park(kPeer)) << "the next packet asks again";
  EXPECT_EQ(watch(1ms).size(), 1U);
}

TEST_F(NeighborTableTest, LateAnswerStopsTheQuestions) {
  ASSERT_TRUE(park(kPeer));
  EXPECT_EQ(watch(2s).size(), 3U);
  know(kPeer, kPeerMac);
  EXPECT_TRUE(watch(40s).empty());
  EXPECT_EQ(dropped_in_all(), 0U);
}

TEST_F(NeighborTableTest, AnswerBeforeTheQuestionWasSentWithdrawsIt) {
  ASSERT_TRUE(park(kPeer));
  know(kPeer, kPeerMac);
  EXPECT_FALSE(neighbors->next_solicitation().has_value());
}

TEST_F(NeighborTableTest, KeepsTheLatestFramesOfANeighbor) {
  constexpr std::uint8_t kMax = NeighborTable::kParkedPerNeighborMax;
  for (std::uint8_t mark = 0; mark < kMax + 3; ++mark) {
    ASSERT_TRUE(park(kPeer, mark));
  }
  EXPECT_EQ(dropped(DropReason::NeighborQueueFull), 3U);
  EXPECT_EQ(neighbors->parked(), kMax);
  know(kPeer, kPeerMac);
  EXPECT_EQ(next_frame().back(), std::byte{3}) << "the oldest were dropped";
  EXPECT_EQ(link().tx.size(), kMax - 1U);
}

TEST_F(NeighborTableTest, ReleaseIntoAFullTransmitQueueIsCounted) {
  ASSERT_TRUE(park(kPeer));
  for (std::uint32_t i = 0; i < kMaxQueuedFrames; ++i) {
    ASSERT_TRUE(enqueue_frame(link(), pools.headers.allocate()));
  }
  know(kPeer, kPeerMac);
  EXPECT_EQ(dropped(DropReason::TransmitQueueFull), 1U);
  EXPECT_EQ(neighbors->parked(), 0U);
}

TEST_F(NeighborTableTest, UsedEntryIsRefreshedByUnicastBeforeItExpires) {
  know(kPeer, kPeerMac);
  now += 10s;
  use(kPeer);
  const auto asked = watch(36s);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_GE(asked[0].after, 35s);
  EXPECT_EQ(asked[0].question.destination, kPeerMac);
  EXPECT_EQ(state(kPeer), NeighborState::Probing);
  use(kPeer);  // Still good while it is probed.
  know(kPeer, kPeerMac);
  EXPECT_EQ(state(kPeer), NeighborState::Reachable);
  EXPECT_TRUE(watch(44s).empty());
}

TEST_F(NeighborTableTest, UnansweredProbesRemoveTheEntry) {
  know(kPeer, kPeerMac);
  now += 10s;
  use(kPeer);
  const auto asked = watch(50s);
  ASSERT_EQ(asked.size(), 3U);
  for (const Asked& one : asked) {
    EXPECT_EQ(one.question.destination, kPeerMac);
  }
  EXPECT_GE(asked[2].after - asked[1].after, 1s);
  EXPECT_EQ(state(kPeer), std::nullopt);
  EXPECT_EQ(neighbors->size(), 0U);
}

TEST_F(NeighborTableTest, IdleEntryExpiresUnasked) {
  know(kPeer, kPeerMac);
  EXPECT_TRUE(watch(59'900ms).empty());
  EXPECT_EQ(state(kPeer), NeighborState::Reachable);
  EXPECT_TRUE(watch(200ms).empty());
  EXPECT_EQ(state(kPeer), std::nullopt);
}

TEST_F(NeighborTableTest, EntryUnusedSinceItWasConfirmedIsNotProbed) {
  know(kPeer, kPeerMac);
  now += 1s;
  use(kPeer);
  now += 1s;
  neighbors->confirm(now, key(kPeer));
  EXPECT_TRUE(watch(61s).empty());
  EXPECT_EQ(state(kPeer), std::nullopt);
}

TEST_F(NeighborTableTest, UseAfterTheRefreshWasDueProbesAtOnce) {
  know(kPeer, kPeerMac);
  EXPECT_TRUE(watch(50s).empty());
  use(kPeer);
  EXPECT_EQ(watch(2ms).size(), 1U);
  EXPECT_EQ(state(kPeer), NeighborState::Probing);
}

TEST_F(NeighborTableTest, ForwardProgressTakesThePlaceOfProbes) {
  know(kPeer, kPeerMac);
  for (int i = 0; i < 10; ++i) {
    use(kPeer);
    EXPECT_TRUE(watch(30s).empty());
    neighbors->confirm(now, key(kPeer));
  }
  EXPECT_EQ(state(kPeer), NeighborState::Reachable);
}

TEST_F(NeighborTableTest, ForwardProgressEndsProbing) {
  know(kPeer, kPeerMac);
  now += 1s;
  use(kPeer);
  EXPECT_EQ(watch(44'500ms).size(), 1U);
  neighbors->confirm(now, key(kPeer));
  EXPECT_EQ(state(kPeer), NeighborState::Reachable);
  EXPECT_TRUE(watch(40s).empty());
}

TEST_F(NeighborTableTest, ConfirmingTheUnknownDoesNothing) {
  neighbors->confirm(now, key(kPeer));
  EXPECT_EQ(neighbors->size(), 0U);
  ASSERT_TRUE(park(kPeer));
  neighbors->confirm(now, key(kPeer));
  EXPECT_EQ(state(kPeer), NeighborState::Incomplete);
}

TEST_F(NeighborTableTest, DoubtAsksAtOnceByUnicast) {  // RFC 9293 §3.8.3, R1
  know(kPeer, kPeerMac);
  now += 1s;
  neighbors->doubt(now, key(kPeer));
  EXPECT_EQ(state(kPeer), NeighborState::Probing);
  neighbors->doubt(now, key(kPeer));
  const auto asked = watch(0s);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].question.destination, kPeerMac);
  EXPECT_TRUE(neighbors->resolve(now, key(kPeer)).has_value()) << "meanwhile it is believed";
  EXPECT_TRUE(neighbors->learn(now, link(), kPeer, kOtherMac, Creation::Forbidden));
  EXPECT_EQ(neighbors->resolve(now, key(kPeer)), kOtherMac);
}

TEST_F(NeighborTableTest, DoubtedNeighborThatDoesNotAnswerIsForgotten) {
  know(kPeer, kPeerMac);
  neighbors->doubt(now, key(kPeer));
  EXPECT_EQ(watch(4s).size(), 3U);
  EXPECT_EQ(state(kPeer), std::nullopt);
}

TEST_F(NeighborTableTest, DoubtingTheUnknownDoesNothing) {
  neighbors->doubt(now, key(kPeer));
  EXPECT_EQ(neighbors->size(), 0U);
  ASSERT_TRUE(park(kPeer));
  neighbors->doubt(now, key(kPeer));
  EXPECT_EQ(state(kPeer), NeighborState::Incomplete);
}

TEST_F(NeighborTableTest, NewAddressReplacesTheOld) {
  know(kPeer, kPeerMac);
  EXPECT_TRUE(neighbors->learn(now, link(), kPeer, kOtherMac, Creation::Forbidden));
  EXPECT_EQ(neighbors->resolve(now, key(kPeer)), kOtherMac);
  EXPECT_FALSE(neighbors->learn(now, link(), kGateway, kOtherMac, Creation::Forbidden));
  EXPECT_EQ(neighbors->size(), 1U);
}

TEST_F(NeighborTableTest, InterfacesKeepTheirNeighborsApart) {
  know(kPeer, kPeerMac);
  EXPECT_FALSE(neighbors->resolve(now, {.interface_index = 1, .address = kPeer}).has_value());
}

TEST_F(NeighborTableTest, FullTableGivesUpTheLeastRecentlyUsed) {
  for (unsigned i = 0; i < kCapacity; ++i) {
    know(neighbor_address(i), kPeerMac);
    now += 1ms;
    use(neighbor_address(i));
  }
  now += 1ms;
  use(neighbor_address(0));
  ASSERT_TRUE(park(kPeer));
  neighbors->check_invariants();
  EXPECT_EQ(state(neighbor_address(0)), NeighborState::Reachable);
  EXPECT_EQ(state(neighbor_address(1)), std::nullopt);
  EXPECT_EQ(neighbors->size(), kCapacity);
}

TEST_F(NeighborTableTest, EntriesThatNobodyUsedGoFirst) {
  know(neighbor_address(0), kPeerMac);
  use(neighbor_address(0));
  for (unsigned i = 1; i < kCapacity; ++i) {
    now += 1ms;
    know(neighbor_address(i), kPeerMac);
  }
  ASSERT_TRUE(park(kPeer));
  EXPECT_EQ(state(neighbor_address(0)), NeighborState::Reachable);
  EXPECT_EQ(state(neighbor_address(1)), std::nullopt);
}

TEST_F(NeighborTableTest, WhatOthersSayNeverDisplacesWhatIsInUse) {
  for (unsigned i = 0; i < kCapacity; ++i) {
    know(neighbor_address(i), kPeerMac);
    use(neighbor_address(i));
  }
  EXPECT_FALSE(neighbors->learn(now, link(), kPeer, kPeerMac, Creation::Allowed));
  for (unsigned i = 0; i < kCapacity; ++i) {
    EXPECT_EQ(state(neighbor_address(i)), NeighborState::Reachable);
  }
}

TEST_F(NeighborTableTest, AbsentNeighborsTakeHalfOfTheTableAtMost) {
  for (unsigned i = 0; i < kCapacity / 2; ++i) {
    ASSERT_TRUE(park(neighbor_address(i)));
  }
  const auto refused = park(neighbor_address(100));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), DropReason::NeighborTableFull);
  know(kPeer, kPeerMac);
  EXPECT_EQ(state(kPeer), NeighborState::Reachable);
  watch(3s);
  EXPECT_TRUE(park(neighbor_address(100)).has_value()) << "room again once they have failed";
}

TEST_F(NeighborTableTest, FramesStillWaitingAreFreedWithTheTable) {
  ASSERT_TRUE(park(kPeer));  // NetHost checks the pool.
}

TEST_F(NeighborTableTest, ClockThatJumpsFailsAndExpiresAtOnce) {
  ASSERT_TRUE(park(kPeer));
  know(kGateway, kPeerMac);
  for (int i = 0; i < 8; ++i) {
    now += 24h;
    neighbors->advance(now);
    neighbors->check_invariants();
  }
  EXPECT_EQ(neighbors->size(), 0U);
  EXPECT_EQ(neighbors->failed().size(), 1U);
}

class LargeNeighborTableTest : public NeighborTableTest {
 protected:
  LargeNeighborTableTest() {
    icmp.reset();
    output.reset();
    arp.reset();
    neighbors.emplace(256U, random, now, stats);
    arp.emplace(interfaces, *neighbors, pools.headers, stats, random);
  }
};

TEST_F(LargeNeighborTableTest, FramesThatWaitAreBoundedInAll) {
  constexpr unsigned kNeighbors = NeighborTable::kParkedMax / NeighborTable::kParkedPerNeighborMax;
  for (unsigned i = 0; i < kNeighbors; ++i) {
    for (std::uint32_t n = 0; n < NeighborTable::kParkedPerNeighborMax; ++n) {
      ASSERT_TRUE(park(neighbor_address(i)));
    }
  }
  const auto refused = park(kPeer);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), DropReason::NeighborQueueFull);
  EXPECT_EQ(state(kPeer), NeighborState::Incomplete)
      << "asked for all the same, so that the next try succeeds";
  EXPECT_TRUE(park(neighbor_address(0)).has_value()) << "in place of its own oldest";
  EXPECT_EQ(neighbors->parked(), NeighborTable::kParkedMax);
  watch(3s);
  EXPECT_EQ(neighbors->failed().size(), NeighborTable::kParkedMax);
  EXPECT_FALSE(park(kPeer).has_value()) << "failed frames that nobody took count too";
  neighbors->failed().clear();
  EXPECT_TRUE(park(kPeer).has_value());
}

TEST_F(LargeNeighborTableTest, EachResolvesToItsOwnAddressHoweverManyThereAre) {
  constexpr unsigned kNeighbors = 240;
  const auto mac_of = [](unsigned n, std::uint8_t generation) {
    return MacAddress{{0x02, 0, 0, 1, generation, static_cast<std::uint8_t>(n)}};
  };
  const auto learn = [&](unsigned n, std::uint8_t generation) {
    neighbors->learn(now, link(), neighbor_address(n), mac_of(n, generation), Creation::Allowed);
  };
  for (std::uint8_t generation = 0; generation < 3; ++generation) {
    for (unsigned n = 0; n < kNeighbors; ++n) {
      learn(n, generation);
    }
    for (const unsigned step : {1U, 7U, 1U}) {
      for (unsigned i = 0; i < kNeighbors; ++i) {
        const unsigned n = i * step % kNeighbors;
        ASSERT_EQ(neighbors->resolve(now, key(neighbor_address(n))), mac_of(n, generation));
        ASSERT_EQ(neighbors->resolve(now, key(neighbor_address(n))), mac_of(n, generation));
      }
    }
    neighbors->check_invariants();
    if (generation == 1) {
      // Nobody answers any more, and all of them are forgotten.
      watch(70s);
      neighbors->check_invariants();
      EXPECT_EQ(neighbors->size(), 0U);
      for (unsigned n = 0; n < kNeighbors; ++n) {
        ASSERT_FALSE(neighbors->resolve(now, key(neighbor_address(n))).has_value());
      }
    }
  }
  // The same address on another link is somebody else's.
  NeighborKey elsewhere = key(neighbor_address(0));
  elsewhere.interface_index = 1;
  EXPECT_FALSE(neighbors->resolve(now, elsewhere).has_value());
}

TEST_F(LargeNeighborTableTest, RandomUseKeepsTheInvariants) {
  for (int step = 0; step < 20'000; ++step) {
    const IpAddress address = neighbor_address(random.below(240));
    const std::uint32_t choice = random.below(100);
    if (choice < 40) {
      if (!neighbors->resolve(now, key(address))) {
        static_cast<void>(park(address));
      }
    } else if (choice < 70) {
      neighbors->learn(now, link(), address, kPeerMac,
                       random.one_in(2) ? Creation::Allowed : Creation::Forbidden);
    } else if (choice < 80) {
      neighbors->confirm(now, key(address));
    } else {
      now += Duration{random.below(500'000'000)};
      neighbors->advance(now);
      while (neighbors->next_solicitation()) {
      }
      link().tx.clear();
      neighbors->failed().clear();
    }
    neighbors->check_invariants();
  }
}

}  // namespace
}  // namespace millrace::net
