// Worker: a turn is bounded, so that a flood starves nothing; a device that takes few frames or
// none loses none and keeps their order.
#include "runtime/worker.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/eal_environment.hpp"
#include "wire/arp.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmp.hpp"
#include "wire/ipv4.hpp"

namespace millrace::runtime {
namespace {

using namespace std::chrono_literals;

constexpr IpAddress kOurs = IpAddress::v4(198, 18, 0, 2);
constexpr IpAddress kPeer = IpAddress::v4(198, 18, 0, 1);
constexpr MacAddress kOurMac{{0x02, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeerMac{{0x02, 0, 0, 0, 0, 2}};

packet::CorePools& pools() {
  static packet::CorePools made =
      test::make_core_pools({.data = 2'047, .headers = 1'023, .references = 63});
  return made;
}

packet::Packet packet_of(std::span<const std::byte> bytes) {
  packet::Packet made = pools().data.allocate();
  EXPECT_TRUE(made);
  std::memcpy(made.append(static_cast<std::uint16_t>(bytes.size())).data(), bytes.data(),
              bytes.size());
  return made;
}

/// An echo request with this sequence number.
packet::Packet ping(std::uint16_t number) {
  std::vector<std::byte> bytes(wire::kEthernetHeaderSize + wire::kIpv4HeaderSize +
                               wire::kIcmpHeaderSize);
  const std::span all{bytes};
  wire::emit_ethernet(all, {.destination = kOurMac, .source = kPeerMac});
  wire::emit_ipv4(all.subspan(wire::kEthernetHeaderSize),
                  {.source = kPeer,
                   .destination = kOurs,
                   .protocol = wire::IpProtocol::Icmp,
                   .total_length = wire::kIpv4HeaderSize + wire::kIcmpHeaderSize},
                  true);
  wire::emit_icmp(all.subspan(wire::kEthernetHeaderSize + wire::kIpv4HeaderSize),
                  {.type = wire::IcmpType::EchoRequest, .code = 0, .rest = number});
  return packet_of(bytes);
}

packet::Packet who_has_us() {
  std::vector<std::byte> bytes(60);
  wire::emit_ethernet(
      bytes,
      {.destination = MacAddress::broadcast(), .source = kPeerMac, .type = wire::EtherType::Arp});
  wire::emit_arp(std::span{bytes}.subspan(wire::kEthernetHeaderSize),
                 {.operation = wire::ArpOperation::Request,
                  .sender_mac = kPeerMac,
                  .sender_ip = kPeer,
                  .target_mac = {},
                  .target_ip = kOurs});
  return packet_of(bytes);
}

/// Gives what the test makes, takes as many frames a call as the test says.
class ScriptedDevice final : public device::Device {
 public:
  void rx_burst(packet::Burst& burst) noexcept override {
    ++rx_calls;
    while (!burst.full() && next) {
      packet::Packet packet = next();
      if (!packet) {
        return;
      }
      burst.push_back(std::move(packet));
    }
  }
  void tx_burst(packet::Burst& burst) noexcept override {
    ++tx_calls;
    const auto taken = std::min<std::uint16_t>(burst.size(), takes);
    for (std::uint16_t i = 0; i < taken; ++i) {
      const packet::Packet frame = burst.take(i);
      const auto bytes = frame.data();
      sent.emplace_back(bytes.begin(), bytes.end());
    }
    burst.drop_front(taken);
  }
  [[nodiscard]] const device::Capabilities& capabilities() const noexcept override {
    return capabilities_;
  }

  std::function<packet::Packet()> next;
  std::uint16_t takes = packet::Burst::kCapacity;
  unsigned rx_calls = 0;
  unsigned tx_calls = 0;
  std::vector<std::vector<std::byte>> sent;

 private:
  device::Capabilities capabilities_{.mac = kOurMac};
};

class ManualClock final : public Clock {
 public:
  [[nodiscard]] Instant now() noexcept override {
    time += step;
    return time;
  }
  Instant time{1'000s};
  Duration step{};
};

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() {
    config.max_connections = 16;
    config.max_time_wait = 16;
    config.max_timers = 16;
    config.max_neighbors = 16;
    setup.mac = kOurMac;
    setup.addresses = {IpPrefix::make(kOurs, 24).value()};
    stack.emplace(config, std::span{&setup, 1}, pools(), base::Random::from_seed(1), clock.time);
    stack->start(clock.time);
    worker.emplace(*stack, std::vector<device::Device*>{&device}, background, clock,
                   TurnBudget{.rx_bursts = 3, .tx_bursts = 5});
    // The peer is a known neighbor from the start.
    give({who_has_us});
    settle();
    device.sent.clear();
  }
  void TearDown() override {
    worker.reset();
    stack.reset();
    EXPECT_EQ(pools().in_use(), 0U) << "packets leaked";
  }

  void give(std::vector<std::function<packet::Packet()>> frames) {
    device.next = [frames = std::move(frames), at = std::size_t{0}]() mutable {
      return at < frames.size() ? frames[at++]() : packet::Packet{};
    };
  }
  void give_pings(std::uint16_t count) {
    device.next = [count, at = std::uint16_t{0}]() mutable {
      return at < count ? ping(at++) : packet::Packet{};
    };
  }
  void settle() {
    for (int i = 0; i < 1'000 && worker->run_turn(); ++i) {
    }
  }
  /// The sequence numbers of the echo replies sent, in order.
  [[nodiscard]] std::vector<std::uint16_t> replies() const {
    std::vector<std::uint16_t> numbers;
    for (const std::vector<std::byte>& frame : device.sent) {
      const auto message =
          std::span{frame}.subspan(wire::kEthernetHeaderSize + wire::kIpv4HeaderSize);
      const auto icmp = wire::parse_icmp(message);
      if (icmp && icmp->type == wire::IcmpType::EchoReply) {
        numbers.push_back(static_cast<std::uint16_t>(icmp->rest));
      }
    }
    return numbers;
  }
  static std::vector<std::uint16_t> up_to(std::uint16_t count) {
    std::vector<std::uint16_t> numbers(count);
    for (std::uint16_t i = 0; i < count; ++i) {
      numbers[i] = i;
    }
    return numbers;
  }

  ManualClock clock;
  Config config;
  stack::InterfaceSetup setup;
  ScriptedDevice device;
  BackgroundPool background{0};
  std::optional<stack::Stack> stack;
  std::optional<Worker> worker;
};

TEST_F(WorkerTest, AQuietTurnDoesNothing) {
  EXPECT_FALSE(worker->run_turn());
  EXPECT_TRUE(device.sent.empty());
  EXPECT_EQ(worker->devices().size(), 1U);
}

TEST_F(WorkerTest, AFloodStarvesNeitherTimersNorCompletionsNorOutput) {
  std::uint64_t flooded = 0;
  device.next = [&flooded] {
    ++flooded;
    return packet_of(std::vector<std::byte>(60, std::byte{0x01}));  // Nothing anybody wants.
  };
  int timer_calls = 0;
  int completions = 0;
  for (int turn = 1; turn <= 20; ++turn) {
    ASSERT_TRUE(stack->timers().arm(clock.time + 1ms, [&timer_calls] { ++timer_calls; }));
    ASSERT_TRUE(background.submit([] {}, [&completions] { ++completions; }).has_value());
    clock.time += 2ms;
    EXPECT_TRUE(worker->run_turn());
    EXPECT_EQ(timer_calls, turn);
    EXPECT_EQ(completions, turn);
    EXPECT_EQ(flooded, static_cast<std::uint64_t>(turn) * 3 * packet::Burst::kCapacity);
  }
}

TEST_F(WorkerTest, AsksADeviceAgainOnlyAfterAFullBurst) {
  give_pings(packet::Burst::kCapacity + 1);
  device.rx_calls = 0;
  worker->run_turn();
  EXPECT_EQ(device.rx_calls, 2U);
  EXPECT_EQ(replies(), up_to(packet::Burst::kCapacity + 1));
}

TEST_F(WorkerTest, ADeviceThatTakesNothingLosesNothing) {
  device.takes = 0;
  give_pings(500);
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(worker->run_turn()) << "frames are waiting";
  }
  EXPECT_TRUE(device.sent.empty());
  device.takes = packet::Burst::kCapacity;
  settle();
  EXPECT_EQ(replies(), up_to(500));
}

TEST_F(WorkerTest, ADeviceThatTakesFewKeepsOrder) {
  base::Random random = base::Random::from_seed(5);
  give_pings(700);
  for (int i = 0; i < 2'000; ++i) {
    device.takes = static_cast<std::uint16_t>(random.below(5));
    worker->run_turn();
  }
  EXPECT_EQ(replies(), up_to(700));
}

TEST_F(WorkerTest, OutputIsBoundedPerTurn) {
  device.takes = 0;
  give_pings(96);  // What three bursts bring in one turn.
  worker->run_turn();
  give_pings(96);
  worker->run_turn();
  device.takes = packet::Burst::kCapacity;
  device.tx_calls = 0;
  worker->run_turn();
  EXPECT_EQ(device.tx_calls, 5U);
  EXPECT_EQ(device.sent.size(), 5U * packet::Burst::kCapacity);
  settle();
  EXPECT_EQ(device.sent.size(), 192U);
}

TEST_F(WorkerTest, MeasuresItsTurns) {
  const std::uint64_t before = stack->stats().turns;
  clock.step = 600us;  // Each reading of the clock.
  give_pings(1);
  worker->run_turn();
  EXPECT_EQ(stack->stats().turns, before + 1);
  EXPECT_EQ(stack->stats().longest_turn, 600us);
  EXPECT_EQ(stack->stats().turns_over_1ms, 0U);
  ASSERT_TRUE(stack->timers().arm(clock.time, [] {}).has_value());
  give_pings(1);
  worker->run_turn();
  EXPECT_EQ(stack->stats().handler_time, 600us);
  EXPECT_EQ(stack->stats().turns_over_1ms, 1U);
}

TEST_F(WorkerTest, KnowsWhenItIsDueAgain) {
  settle();
  const auto first = worker->next_deadline();
  ASSERT_TRUE(first.has_value()) << "the announcements of our address";
  ASSERT_TRUE(stack->timers().arm(clock.time + 10us, [] {}).has_value());
  const auto sooner = worker->next_deadline();
  ASSERT_TRUE(sooner.has_value());
  EXPECT_LT(*sooner, *first);
}

}  // namespace
}  // namespace millrace::runtime
