// A TAP interface against the kernel, in a network namespace of the test's own: made, reached,
// woken by, removed.
#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <rte_dev.h>

#include <array>
#include <optional>

#include "device/device_bed.hpp"
#include "device/dpdk/device_spec.hpp"
#include "device/dpdk/dpdk_device.hpp"
#include "device/kernel_bed.hpp"

namespace millrace::test {

namespace {

constexpr const char* kInterface = "mrtest0";

/// Why no TAP can be made here, once per process; a namespace of our own is entered if all is well.
const std::optional<std::string>& obstacle() {
  static const std::optional<std::string> reason = []() -> std::optional<std::string> {
    const auto spec = device::DeviceSpec::parse(std::string{"tap:"} + kInterface);
    if (const auto checked = spec->check_surroundings(); !checked) {
      return checked.error();
    }
    return namespace_obstacle();
  }();
  return reason;
}

class Tap : public ::testing::Test {
 protected:
  void SetUp() override {
    if (obstacle()) {
      GTEST_SKIP() << *obstacle();
    }
    pools_.emplace(make_core_pools());
    static unsigned made = 0;
    port_name_ = "net_tap" + std::to_string(made++);
    const std::string arguments = std::string{"iface="} + kInterface;
    ASSERT_EQ(rte_eal_hotplug_add("vdev", port_name_.c_str(), arguments.c_str()), 0);
    open(1'400);
  }
  void TearDown() override {
    if (!pools_) {
      return;
    }
    device_.reset();
    EXPECT_EQ(pools_->in_use(), 0U);
    EXPECT_EQ(::if_nametoindex(kInterface), 0U) << "the interface outlives its device";
  }

  void open(std::uint16_t mtu) {
    auto opened =
        device::DpdkDevice::open(eal(), {.port_name = port_name_, .mtu = mtu}, pools_->data);
    ASSERT_TRUE(opened.has_value()) << opened.error();
    device_ = std::move(*opened);
    RecordProperty("agreement", device_->agreement().to_string());
  }

  /// Frames of our EtherType among those that the kernel sends (it also speaks IPv6 on its own).
  std::vector<Bytes> receive(std::size_t count) {
    std::vector<Bytes> frames;
    for (unsigned turn = 0; turn < 100 && frames.size() < count; ++turn) {
      await_frames(*device_, 10);
      for (const packet::Packet& packet : receive_all(*device_, 1)) {
        Bytes frame = bytes_of(packet.get());
        if (frame[12] == std::byte{0x88} && frame[13] == std::byte{0xb5}) {
          frames.push_back(std::move(frame));
        }
      }
    }
    return frames;
  }

  std::optional<packet::CorePools> pools_;
  std::string port_name_;
  std::unique_ptr<device::DpdkDevice> device_;
};

TEST_F(Tap, AgreesOnWhatItCanDo) {
  const device::Capabilities& capabilities = device_->capabilities();
  const KernelEnd kernel{kInterface};
  EXPECT_EQ(device_->agreement().driver, "net_tap");
  EXPECT_TRUE(device_->agreement().is_link_up);
  EXPECT_TRUE(device_->agreement().has_wake);
  EXPECT_EQ(device_->agreement().interface_index, static_cast<int>(::if_nametoindex(kInterface)));
  EXPECT_EQ(kernel.mtu(), 1'400);
  EXPECT_TRUE(capabilities.multi_segment);
  EXPECT_FALSE(capabilities.tx_tcp_checksum);
  EXPECT_NE(capabilities.mac, kernel.mac()) << "both ends would answer to it";
  EXPECT_FALSE(capabilities.mac.is_multicast());
  EXPECT_NE(capabilities.mac.bytes()[0] & 2U, 0U) << "must be locally administered";
  EXPECT_EQ(device_->held_packets(), pools_->in_use());
}

TEST_F(Tap, FramesCrossBothWays) {
  const KernelEnd kernel{kInterface};
  ASSERT_TRUE(kernel.is_bound());
  for (std::uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(kernel.send(numbered_frame(i, 60 + i)));
  }
  const std::vector<Bytes> received = receive(100);
  ASSERT_EQ(received.size(), 100U);
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(received[i], numbered_frame(i, 60 + i));
  }
  const Bytes whole = numbered_frame(500, 1'400);
  const packet::Packet payload = packet_of(std::span{whole}.subspan(60), pools_->data);
  const std::array<std::uint32_t, 2> cuts{7, 300};
  packet::Burst burst;
  burst.push_back(packet_of(numbered_frame(499, 60), pools_->data));
  burst.push_back(chain_of(std::span{whole}.first(60), payload, cuts, *pools_));
  device_->tx_burst(burst);
  EXPECT_TRUE(burst.empty());
  EXPECT_EQ(kernel.receive(), numbered_frame(499, 60));
  EXPECT_EQ(kernel.receive(), whole);
  EXPECT_EQ(pools_->headers.in_use(), 0U);
  EXPECT_EQ(pools_->references.in_use(), 0U);
}

TEST_F(Tap, ChecksumsAreRightWhoeverMakesThem) {
  const KernelEnd kernel{kInterface, ETH_P_IP};
  for (const std::size_t payload_size : {1U, 2U, 3U, 700U, 1'001U}) {
    const TcpFrame sent{payload_size, device_->capabilities(), *pools_};
    packet::Burst burst;
    burst.push_back(sent.packet(*pools_));
    device_->tx_burst(burst);
    EXPECT_EQ(sent.flaw_in(kernel.receive()), "") << payload_size;
  }
}

TEST_F(Tap, FrameTooLongDoesNotStopThoseBehindIt) {
  const KernelEnd kernel{kInterface};
  packet::Burst burst;
  burst.push_back(packet_of(numbered_frame(1, 1'900), pools_->data));
  burst.push_back(packet_of(numbered_frame(2, 60), pools_->data));
  device_->tx_burst(burst);
  EXPECT_TRUE(burst.empty());
  EXPECT_EQ(kernel.receive(), numbered_frame(2, 60));
  EXPECT_EQ(device_->refused(), 1U);
}

TEST_F(Tap, SleeperIsWokenByAFrame) {
  const KernelEnd kernel{kInterface};
  static_cast<void>(receive(1));  // What the kernel says when the link comes up.
  ASSERT_GE(device_->wake_descriptor(), 0);
  ASSERT_TRUE(device_->arm_wake());
  ASSERT_TRUE(kernel.send(numbered_frame(1, 60)));
  pollfd waiting{.fd = device_->wake_descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&waiting, 1, 1'000), 1);
  device_->disarm_wake();
  EXPECT_EQ(receive(1).size(), 1U);
}

TEST_F(Tap, MoreFramesThanABurstAreAllReceived) {
  const KernelEnd kernel{kInterface};
  constexpr std::uint32_t kFrames = 300;
  for (std::uint32_t i = 0; i < kFrames; ++i) {
    ASSERT_TRUE(kernel.send(numbered_frame(i, 100)));
  }
  EXPECT_EQ(receive(kFrames).size(), kFrames);
}

}  // namespace

}  // namespace millrace::test
