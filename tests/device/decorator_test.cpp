// What the decorators are for: faults as often as asked, repeatable by seed; writes after hand-over
// found.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "device/device_bed.hpp"
#include "device/fault_injector.hpp"
#include "device/holding.hpp"
#include "device/ring.hpp"

namespace millrace::test {

namespace {

constexpr device::Capabilities kCapabilities{.mac = {},
                                             .mtu = 1'500,
                                             .tx_ipv4_checksum = true,
                                             .tx_tcp_checksum = true,
                                             .multi_segment = true};
constexpr std::uint32_t kFrames = 20'000;

std::uint32_t number_of(const Bytes& frame) {
  std::uint32_t number = 0;
  std::memcpy(&number, frame.data() + 14, sizeof(number));
  return number;
}

/// Sends numbered frames of 64 bytes through an injector with `faults` on the side chosen and
/// returns what arrives.
struct FaultRun {
  packet::CorePools pools = make_core_pools();
  device::FaultCounts counts;
  std::vector<Bytes> received;

  FaultRun(const device::Faults& faults, bool on_receive, std::uint64_t seed) {
    auto [a, b] =
        device::make_ring_pair(64, {kCapabilities, pools.data}, {kCapabilities, pools.data});
    device::FaultInjector injector{
        std::move(on_receive ? b : a), pools.data, base::Random::from_seed(seed),
        on_receive ? faults : device::Faults{}, on_receive ? device::Faults{} : faults};
    device::Device& sender = on_receive ? static_cast<device::Device&>(*a) : injector;
    device::Device& receiver = on_receive ? static_cast<device::Device&>(injector) : *b;
    const auto take = [&](unsigned turns) {
      for (const packet::Packet& packet : receive_all(receiver, turns)) {
        received.push_back(bytes_of(packet.get()));
      }
      static_cast<void>(receive_all(sender, 1));
    };
    for (std::uint32_t sent = 0; sent < kFrames;) {
      packet::Burst burst;
      while (!burst.full() && sent < kFrames) {
        burst.push_back(packet_of(numbered_frame(sent++, 64), pools.data));
      }
      while (!burst.empty()) {
        sender.tx_burst(burst);
        take(1);
      }
    }
    for (unsigned turn = 0; turn < 2 * device::FaultInjector::kTurnsHeldMax; ++turn) {
      take(1);
    }
    EXPECT_EQ(injector.held_packets(), 0U);
    counts = on_receive ? injector.rx_counts() : injector.tx_counts();
  }
};

class FaultInjector : public ::testing::TestWithParam<bool> {};

TEST_P(FaultInjector, DropsAsOftenAsAsked) {
  const FaultRun run{{.drop_ppm = 20'000}, GetParam(), 1};
  EXPECT_NEAR(static_cast<double>(run.counts.dropped), kFrames * 0.02, 100);
  EXPECT_EQ(run.received.size() + run.counts.dropped, kFrames);
  EXPECT_TRUE(std::ranges::is_sorted(run.received, {}, number_of));
  EXPECT_EQ(run.pools.in_use(), 0U);
}

TEST_P(FaultInjector, DuplicatesAreWholeAndCounted) {
  const FaultRun run{{.duplicate_ppm = 50'000}, GetParam(), 2};
  EXPECT_NEAR(static_cast<double>(run.counts.duplicated), kFrames * 0.05, 150);
  EXPECT_EQ(run.received.size(), kFrames + run.counts.duplicated);
  for (const Bytes& frame : run.received) {
    ASSERT_EQ(frame, numbered_frame(number_of(frame), 64));
  }
  EXPECT_EQ(run.pools.in_use(), 0U);
}

TEST_P(FaultInjector, CorruptsOneBitOfTheFramesItCounts) {
  const FaultRun run{{.corrupt_ppm = 30'000}, GetParam(), 3};
  ASSERT_EQ(run.received.size(), kFrames);
  std::uint64_t damaged = 0;
  for (std::uint32_t i = 0; i < kFrames; ++i) {
    const Bytes sent = numbered_frame(i, 64);
    int bits = 0;
    for (std::size_t at = 0; at < sent.size(); ++at) {
      bits += std::popcount(std::to_integer<unsigned>(sent[at] ^ run.received[i][at]));
    }
    ASSERT_LE(bits, 1);
    damaged += bits == 1 ? 1 : 0;
  }
  EXPECT_EQ(damaged, run.counts.corrupted);
  EXPECT_NEAR(static_cast<double>(damaged), kFrames * 0.03, 120);
  EXPECT_EQ(run.pools.in_use(), 0U);
}

TEST_P(FaultInjector, ReorderedFramesComeLateButNotTooLate) {
  const FaultRun run{{.reorder_ppm = 50'000, .reorder_frames_max = 5}, GetParam(), 4};
  ASSERT_EQ(run.received.size(), kFrames);
  EXPECT_GT(run.counts.reordered, kFrames / 40);
  std::vector<bool> is_seen(kFrames);
  std::uint32_t late = 0;
  std::uint32_t highest = 0;
  for (const Bytes& frame : run.received) {
    const std::uint32_t number = number_of(frame);
    ASSERT_FALSE(is_seen[number]);
    is_seen[number] = true;
    late += number < highest ? 1 : 0;
    // Frames pass it, and so do others that were held back before.
    ASSERT_LT(highest, number + 5 + 12) << "passed by too many";
    highest = std::max(highest, number);
  }
  EXPECT_GT(late, run.counts.reordered / 2);
  EXPECT_EQ(run.pools.in_use(), 0U);
}

TEST_P(FaultInjector, SameSeedSameFaults) {
  const device::Faults faults{
      .drop_ppm = 20'000, .duplicate_ppm = 20'000, .corrupt_ppm = 20'000, .reorder_ppm = 20'000};
  const FaultRun first{faults, GetParam(), 5};
  const FaultRun second{faults, GetParam(), 5};
  const FaultRun other{faults, GetParam(), 6};
  EXPECT_EQ(first.received, second.received);
  EXPECT_NE(first.received, other.received);
}

std::string direction_of(const ::testing::TestParamInfo<bool>& on_receive) {
  return on_receive.param ? "Rx" : "Tx";
}

INSTANTIATE_TEST_SUITE_P(BothWays, FaultInjector, ::testing::Bool(), direction_of);

TEST(FaultInjectorOffload, NoChecksumIsOfferedThatWouldSealDamage) {
  packet::CorePools pools = make_core_pools();
  const auto offered = [&pools](const device::Faults& tx) {
    device::FaultInjector injector{device::make_loopback_plug(4, {kCapabilities, pools.data}),
                                   pools.data, base::Random::from_seed(1), device::Faults{}, tx};
    return injector.capabilities().tx_tcp_checksum;
  };
  EXPECT_TRUE(offered({.drop_ppm = 1}));
  EXPECT_FALSE(offered({.corrupt_ppm = 1}));
}

/// Hands over a chain, writes into its payload at `turn`, and returns how many changes were found.
std::uint64_t changes_found(bool writes, unsigned turns_before) {
  packet::CorePools pools = make_core_pools();
  std::uint64_t reported = 0;
  {
    device::HoldingDevice holding{device::make_loopback_plug(64, {kCapabilities, pools.data}),
                                  pools.data,
                                  base::Random::from_seed(8),
                                  {.turns_max = 20, .capacity = 64},
                                  [&reported](const device::ChangedFrame& changed) noexcept {
                                    ++reported;
                                    EXPECT_EQ(changed.size, 164U);
                                  }};
    const packet::Packet payload = packet_of(numbered_frame(1, 104), pools.data);
    const std::vector<std::uint32_t> none;
    packet::Burst burst;
    while (!burst.full()) {
      burst.push_back(chain_of(numbered_frame(0, 60), payload, none, pools));
    }
    holding.tx_burst(burst);
    EXPECT_TRUE(burst.empty());
    EXPECT_EQ(receive_all(holding, turns_before).size(), 32U) << "a copy went on at once";
    if (writes) {
      payload.data()[50] ^= std::byte{1};
    }
    static_cast<void>(receive_all(holding, 21));
    EXPECT_EQ(holding.held_packets(), 0U);
    EXPECT_EQ(holding.changed(), reported);
  }
  EXPECT_EQ(pools.in_use(), 0U);
  return reported;
}

TEST(HoldingDevice, FindsAWriteAfterHandOver) {
  EXPECT_EQ(changes_found(false, 1), 0U);
  EXPECT_GT(changes_found(true, 1), 20U) << "nearly all are held at first";
  const std::uint64_t later = changes_found(true, 10);
  EXPECT_GT(later, 2U);
  EXPECT_LT(later, 30U) << "some had been released before the write";
}

TEST(HoldingDevice, ChecksWhatIsHeldAtTheEnd) {
  packet::CorePools pools = make_core_pools();
  std::uint64_t reported = 0;
  const packet::Packet payload = packet_of(numbered_frame(1, 104), pools.data);
  {
    device::HoldingDevice holding{
        device::make_loopback_plug(64, {kCapabilities, pools.data}),
        pools.data,
        base::Random::from_seed(8),
        {},
        [&reported](const device::ChangedFrame&) noexcept { ++reported; }};
    packet::Burst burst;
    const std::vector<std::uint32_t> none;
    burst.push_back(chain_of(numbered_frame(0, 60), payload, none, pools));
    holding.tx_burst(burst);
    payload.data()[0] ^= std::byte{1};
  }
  EXPECT_EQ(reported, 1U);
}

TEST(Ring, UnpluggedCableLosesFrames) {
  packet::CorePools pools = make_core_pools();
  auto [a, b] = device::make_ring_pair(4, {kCapabilities, pools.data}, {kCapabilities, pools.data});
  b.reset();
  packet::Burst burst;
  burst.push_back(packet_of(numbered_frame(0, 60), pools.data));
  a->tx_burst(burst);
  EXPECT_TRUE(burst.empty());
  EXPECT_EQ(pools.in_use(), 0U);
}

TEST(Ring, ExclusiveFrameCrossesWithoutCopy) {
  packet::CorePools pools = make_core_pools();
  auto [a, b] = device::make_ring_pair(4, {kCapabilities, pools.data}, {kCapabilities, pools.data});
  packet::Burst burst;
  burst.push_back(packet_of(numbered_frame(0, 60), pools.data));
  rte_mbuf* const sent = burst.peek(0);
  a->tx_burst(burst);
  EXPECT_EQ(a->held_packets(), 1U);
  const std::vector<packet::Packet> received = receive_all(*b);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].get(), sent);
}

TEST(Ring, FrameBeyondTheMtuIsDroppedAndCounted) {
  packet::CorePools pools = make_core_pools();
  auto [a, b] = device::make_ring_pair(4, {kCapabilities, pools.data}, {kCapabilities, pools.data});
  packet::Burst burst;
  burst.push_back(packet_of(numbered_frame(0, 1'515), pools.data));
  burst.push_back(packet_of(numbered_frame(1, 1'514), pools.data));
  a->tx_burst(burst);
  EXPECT_EQ(receive_all(*b).size(), 1U);
  EXPECT_EQ(b->dropped(), 1U);
  EXPECT_EQ(b->losses().rx_errors, 1U);
  EXPECT_EQ(b->losses().rx_no_buffer, 0U);
}

}  // namespace

}  // namespace millrace::test
