// Two devices on one port with a loopback plug: what one sends, the other receives.
#include "device/plug_share.hpp"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "device/device_bed.hpp"
#include "device/ring.hpp"

namespace millrace::test {
namespace {

constexpr MacAddress kFirst{{2, 0, 0, 0, 0, 2}};  // numbered_frame's sender.
constexpr MacAddress kSecond{{2, 0, 0, 0, 0, 9}};

class PlugShareTest : public testing::Test {
 protected:
  PlugShareTest() {
    device::Capabilities capabilities;
    capabilities.mac = kFirst;
    auto sides = device::PlugShare::split(
        device::make_loopback_plug(1'024, {capabilities, pools_.data}), kSecond);
    first_ = std::move(sides.first);
    second_ = std::move(sides.second);
  }

  void send(device::Device& from, std::uint32_t number) {
    Bytes frame = numbered_frame(number, 60);
    for (std::size_t i = 0; i < MacAddress::kSize; ++i) {
      frame[MacAddress::kSize + i] = std::byte{from.capabilities().mac.bytes()[i]};
    }
    packet::Burst burst;
    burst.push_back(packet_of(frame, pools_.data));
    from.tx_burst(burst);
    EXPECT_TRUE(burst.empty());
  }

  packet::CorePools pools_ = make_core_pools();
  std::unique_ptr<device::Device> first_;
  std::unique_ptr<device::Device> second_;
};

TEST_F(PlugShareTest, EachHearsTheOtherAndNotItself) {
  EXPECT_EQ(first_->capabilities().mac, kFirst);
  EXPECT_EQ(second_->capabilities().mac, kSecond);
  EXPECT_FALSE(first_->capabilities().reflects);
  send(*first_, 1);
  send(*second_, 2);
  send(*second_, 3);
  EXPECT_EQ(receive_all(*second_).size(), 1U);
  EXPECT_EQ(receive_all(*first_).size(), 2U);
  EXPECT_TRUE(receive_all(*second_).empty());
}

TEST_F(PlugShareTest, WhatWaitsForOneThatDoesNotLookIsBounded) {
  constexpr std::uint32_t kMany = 600;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    send(*first_, i);
  }
  EXPECT_TRUE(receive_all(*first_, 40).empty());
  EXPECT_LE(second_->held_packets(), device::PlugShare::kWaitingMax);
  EXPECT_EQ(receive_all(*second_, 40).size(), kMany) << "the rest waits in the port";
}

TEST_F(PlugShareTest, TheLastOfTheTwoTakesThePortWithIt) {
  send(*first_, 1);
  send(*second_, 1);
  first_.reset();
  EXPECT_EQ(receive_all(*second_).size(), 1U);
  second_.reset();
  EXPECT_EQ(pools_.in_use(), 0U);
}

}  // namespace
}  // namespace millrace::test
