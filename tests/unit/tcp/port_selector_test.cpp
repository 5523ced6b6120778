// Source ports: RFC 6056 §3.2, §3.3.4 and §3.3.5.
#include "tcp/port_selector.hpp"

#include <array>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

constexpr IpAddress kLocal = IpAddress::v4(198, 18, 0, 1);

base::KeyedHash hash(unsigned key) {
  std::array<std::byte, base::KeyedHash::kKeyBytes> bytes{};
  bytes[3] = static_cast<std::byte>(key);
  return base::KeyedHash{bytes};
}

Endpoint remote(std::uint8_t host, std::uint16_t port = 80) {
  return {.address = IpAddress::v4(198, 18, 0, host), .port = Port{port}};
}

constexpr auto kAny = [](Port) { return true; };

/// Distance of two ports in the circle of 28'232.
std::uint32_t step(Port from, Port to) { return (to.number() + 28'232U - from.number()) % 28'232U; }

class PortSelectorTest : public testing::Test {
 protected:
  base::Random random = base::Random::from_seed(1);
  PortSelector ports{{.first = 32'768, .last = 60'999}, hash(1), random};
};

TEST_F(PortSelectorTest, StaysInItsRangeAndReachesAllOfIt) {
  test::covers({"RFC 6056 §3.2"});
  std::set<std::uint16_t> used;
  const auto is_free = [&](Port port) { return !used.contains(port.number()); };
  for (std::uint32_t i = 0; i < 28'232; ++i) {
    const auto port = ports.choose(kLocal, remote(2), is_free);
    ASSERT_TRUE(port.has_value()) << i;
    ASSERT_GE(port->number(), 32'768);
    ASSERT_LE(port->number(), 60'999);
    ASSERT_TRUE(used.insert(port->number()).second);
  }
  EXPECT_EQ(ports.choose(kLocal, remote(2), is_free), std::nullopt);
}

TEST_F(PortSelectorTest, WhatThePredicateRefusesIsNeverGiven) {
  test::covers({"RFC 6056 §3.3.4"});
  // As if the device's hash led one of eight ports to this core.
  const auto comes_back_here = [](Port port) { return port.number() % 8U == 5U; };
  std::set<std::uint16_t> used;
  for (unsigned i = 0; i < 1'000; ++i) {
    const auto port = ports.choose(kLocal, remote(2), comes_back_here);
    ASSERT_TRUE(port.has_value());
    ASSERT_EQ(port->number() % 8U, 5U);
    used.insert(port->number());
  }
  EXPECT_GT(used.size(), 900U) << "and all of that set is used, not its beginning";
}

TEST_F(PortSelectorTest, OneDestinationGetsAscendingPortsInRandomSteps) {
  test::covers({"RFC 6056 §3.3.4", "RFC 6056 §3.3.5"});
  std::set<std::uint32_t> steps;
  Port before = ports.choose(kLocal, remote(2), kAny).value();
  for (unsigned i = 0; i < 200; ++i) {
    const Port port = ports.choose(kLocal, remote(2), kAny).value();
    const std::uint32_t moved = step(before, port);
    ASSERT_GE(moved, 1U);
    ASSERT_LE(moved, 8U);
    steps.insert(moved);
    before = port;
  }
  EXPECT_EQ(steps.size(), 8U);
}

TEST_F(PortSelectorTest, PortsTowardsOneDestinationTellNothingOfAnother) {
  test::covers({"RFC 6056 §3.3.4"});
  // From each of 100 destinations the next one is as far as chance has it.
  std::set<std::uint16_t> firsts;
  unsigned near = 0;
  Port before = ports.choose(kLocal, remote(1), kAny).value();
  for (std::uint8_t host = 2; host < 102; ++host) {
    const Port port = ports.choose(kLocal, remote(host), kAny).value();
    near += step(before, port) < 100 ? 1 : 0;
    firsts.insert(port.number());
    before = port;
  }
  EXPECT_LT(near, 5U);
  EXPECT_GT(firsts.size(), 95U);
}

TEST_F(PortSelectorTest, EveryPartOfThePairAndTheSecretMatter) {
  test::covers({"RFC 6056 §3.3.4"});
  std::set<std::uint16_t> seen;
  for (const unsigned key : {1U, 2U}) {
    base::Random same = base::Random::from_seed(9);
    PortSelector fresh{{.first = 1, .last = 65'535}, hash(key), same};
    seen.insert(fresh.choose(kLocal, remote(2), kAny)->number());
    seen.insert(fresh.choose(IpAddress::v4(198, 18, 0, 9), remote(2), kAny)->number());
    seen.insert(fresh.choose(kLocal, remote(3), kAny)->number());
    seen.insert(fresh.choose(kLocal, remote(2, 81), kAny)->number());
  }
  EXPECT_EQ(seen.size(), 8U);
}

TEST_F(PortSelectorTest, TheSearchGoesAroundTheEndOfTheRange) {
  PortSelector three{{.first = 65'533, .last = 65'535}, hash(1), random};
  for (unsigned i = 0; i < 20; ++i) {
    for (const std::uint16_t only : std::initializer_list<std::uint16_t>{65'533, 65'534, 65'535}) {
      EXPECT_EQ(three.choose(kLocal, remote(2), [=](Port port) { return port.number() == only; }),
                Port{only});
    }
  }
}

TEST_F(PortSelectorTest, ARangeOfOnePortHasOne) {
  PortSelector one{{.first = 5'000, .last = 5'000}, hash(1), random};
  EXPECT_EQ(one.choose(kLocal, remote(2), kAny), Port{5'000});
  EXPECT_EQ(one.choose(kLocal, remote(2), [](Port) { return false; }), std::nullopt);
}

}  // namespace

}  // namespace millrace::tcp
