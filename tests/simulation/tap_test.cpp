// A host behind a TAP in a simulated world, and the driver that lets the world's time pass with a
// clock: here with a socket pair in place of the TAP, and a clock that the test moves.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/real_time.hpp"
#include "sim/tap_host.hpp"
#include "simulation/network.hpp"
#include "wire/arp.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"

namespace millrace::test {
namespace {

const MacAddress kKernelMac{{2, 0, 0, 2, 0, 1}};

/// The kernel's side of what stands for a TAP. Frames are packets of a socket pair.
class FakeKernel {
 public:
  FakeKernel() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends_.data()), 0);
  }
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;
  ~FakeKernel() { close(); }

  [[nodiscard]] sim::Tap tap() { return sim::Tap{std::exchange(ends_[1], -1)}; }
  [[nodiscard]] bool send(std::span<const std::byte> frame) const {
    return ::send(ends_[0], frame.data(), frame.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(frame.size());
  }
  [[nodiscard]] std::vector<std::byte> receive() const {
    std::vector<std::byte> frame(2'048);
    const ssize_t bytes = ::recv(ends_[0], frame.data(), frame.size(), 0);
    frame.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    return frame;
  }
  void close() {
    for (int& end : ends_) {
      if (end >= 0) {
        ::close(std::exchange(end, -1));
      }
    }
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

std::vector<std::byte> arp_request_for(std::uint8_t last) {
  std::vector<std::byte> frame(wire::kEthernetHeaderSize + wire::kArpPacketSize);
  wire::emit_ethernet(
      frame,
      {.destination = MacAddress::broadcast(), .source = kKernelMac, .type = wire::EtherType::Arp});
  wire::emit_arp(std::span{frame}.subspan(wire::kEthernetHeaderSize),
                 {.operation = wire::ArpOperation::Request,
                  .sender_mac = kKernelMac,
                  .sender_ip = address_of(1),
                  .target_mac = {},
                  .target_ip = address_of(last)});
  return frame;
}

/// A clock that passes where it is waited for, and more where the test makes it late.
struct FakeClock {
  Instant now{5s};
  std::deque<Duration> overslept{};  // By one wait each.
  std::vector<Duration> waits{};
  std::size_t descriptors = 0;
  std::optional<Duration> woken_after{};  // The next wait, by a descriptor.

  [[nodiscard]] sim::Watch watch() {
    return {.now = [this] { return now; },
            .wait =
                [this](Instant until, std::span<pollfd> polled) {
                  descriptors = polled.size();
                  waits.push_back(until - now);
                  now = std::max(now, woken_after ? now + *woken_after : until);
                  woken_after.reset();
                  if (!overslept.empty()) {
                    now += overslept.front();
                    overslept.pop_front();
                  }
                }};
  }
};

/// 198.18.0.1 behind the TAP and 198.18.0.2, a whole host, on one switch; 10 ms to it and back.
struct Scene {
  Scene() {
    sim::Switch& center = world.add_switch();
    world.connect(tap_host, center, delay_of(3ms), delay_of(4ms));
    world.connect({.host = host}, center, delay_of(2ms), delay_of(1ms));
    EXPECT_TRUE(world.start(host));
  }

  FakeKernel kernel;
  FakeClock clock;
  TestWorld world{1};
  sim::TapHost& tap_host = world.add_tap_host(
      kernel.tap(),
      {.name = "fake", .mac = kKernelMac, .address = *IpPrefix::make(address_of(1), 24)});
  sim::Host& host = world.add_host(host_with(2));
  sim::RealTime time{world, 2ms, clock.watch()};

  /// The host announces itself at the start, too.
  void skip_announcements() {
    ASSERT_TRUE(time.run_until([] { return false; }, 20ms));
    while (!kernel.receive().empty()) {
    }
  }
};

TEST(TapHost, IsAnsweredAfterTheDelaysOfItsPath) {
  Scene scene;
  scene.skip_announcements();
  ASSERT_TRUE(scene.kernel.send(arp_request_for(2)));
  const Instant begin = scene.clock.now;
  std::vector<std::byte> answer;
  const auto came =
      scene.time.run_until([&] { return !(answer = scene.kernel.receive()).empty(); }, 1s);
  ASSERT_TRUE(came);
  EXPECT_TRUE(*came);
  EXPECT_EQ(scene.clock.now - begin, 10ms);
  const auto arp = wire::parse_arp(std::span{answer}.subspan(wire::kEthernetHeaderSize));
  ASSERT_TRUE(arp);
  EXPECT_EQ(arp->operation, wire::ArpOperation::Reply);
  EXPECT_EQ(arp->sender_ip, address_of(2));
  EXPECT_EQ(scene.tap_host.counts().sent, 1U);
}

TEST(TapHost, BehindARouterHearsItsGateway) {
  FakeKernel kernel;
  FakeClock clock;
  TestWorld world{1};
  sim::Router& router = world.add_router({});
  sim::TapHost& host =
      world.add_tap_host(kernel.tap(), {.name = "fake",
                                        .mac = kKernelMac,
                                        .address = *IpPrefix::make(address_of(1), 24),
                                        .gateway = address_of(254)});
  EXPECT_EQ(world.connect(host, router, delay_of(3ms), delay_of(4ms)), 0U);
  sim::RealTime time{world, 2ms, clock.watch()};
  ASSERT_TRUE(kernel.send(arp_request_for(254)));
  ASSERT_TRUE(time.run_until([] { return false; }, 8ms));
  const std::vector<std::byte> answer = kernel.receive();
  ASSERT_FALSE(answer.empty());
  const auto arp = wire::parse_arp(std::span{answer}.subspan(wire::kEthernetHeaderSize));
  ASSERT_TRUE(arp);
  EXPECT_EQ(arp->sender_mac, router.port(0).mac);
  EXPECT_EQ(arp->target_mac, kKernelMac);
}

TEST(TapHost, ReachesAnotherByARouterAtOnceWhereNothingTakesTime) {
  std::array<FakeKernel, 2> kernels;
  FakeClock clock;
  TestWorld world{1};
  sim::Router& router = world.add_router({});
  const std::array macs{kKernelMac, MacAddress{{2, 0, 0, 2, 0, 2}}};
  for (std::uint8_t i = 0; i < 2; ++i) {
    sim::TapHost& host = world.add_tap_host(
        kernels[i].tap(), {.name = "fake",
                           .mac = macs[i],
                           .address = *IpPrefix::make(IpAddress::v4(198, 18, i, 1), 24),
                           .gateway = IpAddress::v4(198, 18, i, 254)});
    static_cast<void>(world.connect(host, router, delay_of({}), delay_of({})));
  }
  std::vector<std::byte> frame(wire::kEthernetHeaderSize + wire::kIpv4HeaderSize);
  wire::emit_ethernet(
      frame, {.destination = router.port(0).mac, .source = macs[0], .type = wire::EtherType::Ipv4});
  wire::emit_ipv4(std::span{frame}.subspan(wire::kEthernetHeaderSize),
                  {.source = IpAddress::v4(198, 18, 0, 1),
                   .destination = IpAddress::v4(198, 18, 1, 1),
                   .total_length = wire::kIpv4HeaderSize},
                  true);
  ASSERT_TRUE(kernels[0].send(frame));
  sim::RealTime time{world, 2ms, clock.watch()};
  std::vector<std::byte> arrived;
  ASSERT_TRUE(time.run_until([&] { return !(arrived = kernels[1].receive()).empty(); }, 1s));
  EXPECT_TRUE(clock.waits.empty()) << "it took more than one look";
  const auto ethernet = wire::parse_ethernet(arrived);
  ASSERT_TRUE(ethernet);
  EXPECT_EQ(ethernet->destination, macs[1]);
  EXPECT_EQ(ethernet->source, router.port(1).mac);
}

TEST(TapHost, LosesWhatTheKernelHasNoRoomForAndGoesOn) {
  Scene scene;
  sim::Frame frame{1'514};
  constexpr unsigned kMany = 100'000;
  for (unsigned i = 0; i < kMany && scene.tap_host.counts().refused == 0; ++i) {
    scene.tap_host.arrive(frame);
  }
  EXPECT_EQ(scene.tap_host.counts().refused, 1U);
  EXPECT_FALSE(scene.tap_host.failure());
  while (!scene.kernel.receive().empty()) {
  }
  const std::uint64_t before = scene.tap_host.counts().received;
  scene.tap_host.arrive(frame);
  EXPECT_EQ(scene.tap_host.counts().received, before + 1);
}

TEST(TapHost, LosesWhatIsLongerThanItsMtuInBothDirections) {
  Scene scene;
  scene.skip_announcements();
  const std::uint64_t before = scene.world.link_counts().sent;
  scene.tap_host.arrive(sim::Frame{1'519});
  EXPECT_TRUE(scene.kernel.receive().empty());
  ASSERT_TRUE(scene.kernel.send(std::vector<std::byte>(1'519)));
  ASSERT_TRUE(scene.kernel.send(std::vector<std::byte>(1'518)));
  ASSERT_TRUE(scene.time.run_until([] { return false; }, 1ms));
  EXPECT_EQ(scene.tap_host.counts().too_long, 2U);
  EXPECT_EQ(scene.world.link_counts().sent, before + 1);
}

TEST(TapHost, EndsTheRunWhenItIsGone) {
  Scene scene;
  scene.skip_announcements();
  scene.kernel.close();
  const auto ended = scene.time.run_until([] { return false; }, 1s);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error(), "fake: the TAP is gone");
}

TEST(TapHost, TakesInAFewFramesAtATime) {
  Scene scene;
  scene.skip_announcements();
  unsigned sent = 0;
  while (sent < 400 && scene.kernel.send(arp_request_for(9))) {
    ++sent;
  }
  ASSERT_GT(sent, 256U);
  EXPECT_TRUE(scene.tap_host.take_in());
  EXPECT_EQ(scene.tap_host.counts().sent, 256U);
  EXPECT_FALSE(scene.tap_host.take_in());
  EXPECT_EQ(scene.tap_host.counts().sent, sent);
}

TEST(RealTime, LooksAtLeastEveryMillisecondAndWheneverSomethingIsDue) {
  Scene scene;
  scene.skip_announcements();
  scene.clock.waits.clear();
  bool has_happened = false;
  scene.world.at(2'500us, [&] { has_happened = true; });
  const auto came = scene.time.run_until([&] { return has_happened; }, 1s);
  ASSERT_TRUE(came);
  EXPECT_TRUE(*came);
  ASSERT_EQ(scene.clock.waits, (std::vector<Duration>{1ms, 1ms, 500us}));
  EXPECT_EQ(scene.clock.descriptors, 1U);
}

TEST(RealTime, EndsAtItsLimitOnBothClocks) {
  Scene scene;
  const Instant world_begin = scene.world.now();
  const Instant begin = scene.clock.now;
  const auto came = scene.time.run_until([] { return false; }, 30ms);
  ASSERT_TRUE(came);
  EXPECT_FALSE(*came);
  EXPECT_EQ(scene.world.now() - world_begin, 30ms);
  EXPECT_EQ(scene.clock.now - begin, 30ms);
}

TEST(RealTime, TimeWithoutItIsNotMadeUpFor) {
  Scene scene;
  ASSERT_TRUE(scene.time.run_until([] { return false; }, 10ms));
  const Instant before = scene.world.now();
  scene.clock.now += 1h;
  ASSERT_TRUE(scene.time.run_until([] { return false; }, 10ms));
  EXPECT_EQ(scene.world.now() - before, 10ms);
  EXPECT_TRUE(scene.time.is_in_time());
}

TEST(RealTime, MeasuresHowLateItWasAndCountsWhatIsBeyondTheLimit) {
  Scene scene;
  scene.clock.overslept = {500us, 2ms, 3ms};
  ASSERT_TRUE(scene.time.run_until([] { return false; }, 20ms));
  EXPECT_EQ(scene.time.lateness().worst, 3ms);
  EXPECT_EQ(scene.time.lateness().sum, 5'500us);
  EXPECT_EQ(scene.time.lateness().late_looks, 1U);
  EXPECT_FALSE(scene.time.is_in_time());
  EXPECT_GT(scene.time.lateness().mean(), Duration{});
}

TEST(RealTime, GivesUpAWorldThatWillNotCatchUp) {
  Scene scene;
  scene.skip_announcements();
  const Instant begin = scene.world.now();
  // Each of the world's milliseconds takes a second, as if there were too much to do.
  for (unsigned i = 1; i <= 100; ++i) {
    scene.world.at(i * 1ms, [&] { scene.clock.now += 1s; });
  }
  const auto came = scene.time.run_until([] { return false; }, 50ms);
  ASSERT_TRUE(came);
  EXPECT_FALSE(*came);
  EXPECT_FALSE(scene.time.is_in_time());
  EXPECT_LT(scene.world.now() - begin, 10ms);
}

TEST(RealTime, AnEarlyLookIsNotLate) {
  Scene scene;
  scene.skip_announcements();
  scene.clock.woken_after = 200us;
  ASSERT_TRUE(scene.time.run_until([] { return false; }, 5ms));
  EXPECT_EQ(scene.time.lateness().worst, Duration{});
}

TEST(RealTime, WhatIsDueHappensAtItsOwnTimeAlsoWhenTheLookIsLate) {
  Scene scene;
  scene.skip_announcements();
  std::vector<Duration> happened;
  const Instant begin = scene.world.now();
  for (const Duration after : {1ms, 2ms, 3ms}) {
    scene.world.at(after, [&] { happened.push_back(scene.world.now() - begin); });
  }
  scene.clock.overslept = {4ms};
  ASSERT_TRUE(scene.time.run_until([] { return false; }, 10ms));
  EXPECT_EQ(happened, (std::vector<Duration>{1ms, 2ms, 3ms}));
}

TEST(RealTime, HeedsFurtherDescriptors) {
  Scene scene;
  scene.time.heed(0);
  ASSERT_TRUE(scene.time.run_until([] { return false; }, 2ms));
  EXPECT_EQ(scene.clock.descriptors, 2U);
}

TEST(Tap, RefusesWhatCannotBeAName) {
  for (const char* name : {"", "sixteen-letters-"}) {
    const auto tap = sim::Tap::open({.name = name});
    ASSERT_FALSE(tap) << name;
    EXPECT_NE(tap.error().find("1 to 15 characters"), std::string::npos);
  }
}

TEST(Tap, NamesTheNamespaceThatIsNotThere) {
  const auto tap = sim::Tap::open({.name = "fake", .network_namespace = "none-such"});
  ASSERT_FALSE(tap);
  EXPECT_NE(tap.error().find("/run/netns/none-such"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
