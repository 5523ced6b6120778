// The drivers that borrow an interface of the kernel, AF_PACKET and AF_XDP, on one end of a veth in
// a network namespace of the test's own: agreed, reached, woken by, and left as it was.
#include <gtest/gtest.h>
#include <poll.h>
#include <rte_dev.h>

#include <array>
#include <optional>

#include "device/device_bed.hpp"
#include "device/dpdk/dpdk_device.hpp"
#include "device/dpdk/kernel_interface.hpp"
#include "device/kernel_bed.hpp"

namespace millrace::test {

namespace {

class Veth : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (namespace_obstacle()) {
      GTEST_SKIP() << *namespace_obstacle();
    }
    pools_.emplace(make_core_pools());
    pair_.emplace();
    before_ = settings();
  }
  void TearDown() override {
    if (!pools_) {
      return;
    }
    device_.reset();
    EXPECT_EQ(pools_->in_use(), 0U);
    if (pair_) {
      EXPECT_EQ(settings(), before_) << "the interface is not as it was";
    }
  }

  /// Of our end: MTU, MAC address, promiscuity, XDP program; not its link, which comes and goes.
  static std::string settings() {
    return run(std::string{"ip -d link show "} + VethPair::kOurs +
               " | sed -e 's/<[^>]*>//' -e 's/ state [A-Z]*//'");
  }
  [[nodiscard]] bool is_xdp() const { return std::string_view{GetParam()} == "net_af_xdp"; }

  void open(device::DpdkConfig config = {}) {
    static unsigned made = 0;
    config.port_name = GetParam() + std::to_string(made++);
    const std::string arguments = std::string{"iface="} + VethPair::kOurs;
    ASSERT_EQ(rte_eal_hotplug_add("vdev", config.port_name.c_str(), arguments.c_str()), 0);
    auto opened = device::DpdkDevice::open(eal(), config, pools_->data);
    ASSERT_TRUE(opened.has_value()) << opened.error();
    device_ = std::move(*opened);
    RecordProperty("agreement", device_->agreement().to_string());
  }

  std::vector<Bytes> receive(std::size_t count) {
    std::vector<Bytes> frames;
    for (unsigned turn = 0; turn < 100 && frames.size() < count; ++turn) {
      await_frames(*device_, 10);
      for (const packet::Packet& packet : receive_all(*device_, 1)) {
        frames.push_back(bytes_of(packet.get()));
      }
    }
    return frames;
  }
  void send(packet::Packet frame) {
    packet::Burst burst;
    burst.push_back(std::move(frame));
    device_->tx_burst(burst);
    EXPECT_TRUE(burst.empty());
  }
  /// Sleeps as a core does; whether something woke it within that time.
  bool is_woken_within(int milliseconds) {
    EXPECT_TRUE(device_->arm_wake());
    pollfd waiting{.fd = device_->wake_descriptor(), .events = POLLIN, .revents = 0};
    const bool is_woken = ::poll(&waiting, 1, milliseconds) == 1;
    device_->disarm_wake();
    return is_woken;
  }

  std::optional<packet::CorePools> pools_;
  std::optional<VethPair> pair_;
  std::string before_;
  std::unique_ptr<device::DpdkDevice> device_;
};

TEST_P(Veth, AgreesOnWhatItCanDo) {
  ASSERT_NO_FATAL_FAILURE(open());
  const device::DpdkAgreement& agreement = device_->agreement();
  const auto interface = device::KernelInterface::find(std::string{VethPair::kOurs});
  ASSERT_TRUE(interface.has_value());
  EXPECT_EQ(agreement.driver, GetParam());
  EXPECT_TRUE(agreement.is_link_up);
  EXPECT_TRUE(agreement.has_wake);
  EXPECT_EQ(agreement.interface_index, static_cast<int>(interface->index));
  EXPECT_EQ(agreement.capabilities.mac, KernelEnd{VethPair::kOurs}.mac());
  EXPECT_EQ(agreement.capabilities.mtu, 1'500);
  EXPECT_EQ(agreement.capabilities.multi_segment, !is_xdp());
  EXPECT_FALSE(agreement.capabilities.tx_tcp_checksum);
  EXPECT_FALSE(agreement.is_promiscuous);
  EXPECT_EQ(device_->held_packets(), 0U);
}

TEST_P(Veth, ASmallerMtuLeavesTheInterfacesOwn) {
  ASSERT_NO_FATAL_FAILURE(open({.mtu = 1'280}));
  EXPECT_EQ(device_->capabilities().mtu, 1'280);
  EXPECT_EQ(KernelEnd{VethPair::kOurs}.mtu(), 1'500);
}

TEST_P(Veth, AnInterfacesSmallerMtuIsOurs) {
  run(std::string{"ip link set mtu 1300 dev "} + VethPair::kOurs);
  ASSERT_NO_FATAL_FAILURE(open());
  EXPECT_EQ(device_->capabilities().mtu, 1'300);
  EXPECT_EQ(KernelEnd{VethPair::kOurs}.mtu(), 1'300);
  device_.reset();
  run(std::string{"ip link set mtu 1500 dev "} + VethPair::kOurs);
}

TEST_P(Veth, AnotherMacAddressLeavesTheInterfacesOwn) {
  const MacAddress own = KernelEnd{VethPair::kOurs}.mac();
  const MacAddress other{{2, 0, 0, 0, 0, 0x77}};
  ASSERT_NO_FATAL_FAILURE(open({.mac = other}));
  EXPECT_EQ(device_->capabilities().mac, other);
  EXPECT_EQ(KernelEnd{VethPair::kOurs}.mac(), own);
  EXPECT_TRUE(device_->agreement().is_promiscuous);
  EXPECT_NE(run(std::string{"ip -d link show "} + VethPair::kOurs).find("promiscuity 1"),
            std::string::npos);
}

TEST_P(Veth, FramesCrossBothWays) {
  ASSERT_NO_FATAL_FAILURE(open());
  const KernelEnd kernel{VethPair::kPeer};
  ASSERT_TRUE(kernel.is_bound());
  for (std::uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(kernel.send(numbered_frame(i, 60 + i)));
  }
  const std::vector<Bytes> received = receive(100);
  ASSERT_EQ(received.size(), 100U);
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(received[i], numbered_frame(i, 60 + i));
  }
  for (std::uint32_t i = 0; i < 100; ++i) {
    send(packet_of(numbered_frame(i, 60 + i), pools_->data));
    EXPECT_EQ(kernel.receive(), numbered_frame(i, 60 + i));
  }
}

TEST_P(Veth, HoldsNoPacketOnceItHasSentIt) {
  ASSERT_NO_FATAL_FAILURE(open());
  for (std::uint32_t i = 0; i < 100; ++i) {
    send(packet_of(numbered_frame(i, 1'000), pools_->data));
    EXPECT_EQ(pools_->in_use(), 0U) << i;
  }
}

TEST_P(Veth, MoreFramesThanABurstAreAllReceived) {
  ASSERT_NO_FATAL_FAILURE(open());
  const KernelEnd kernel{VethPair::kPeer};
  constexpr std::uint32_t kFrames = 300;
  for (std::uint32_t i = 0; i < kFrames; ++i) {
    ASSERT_TRUE(kernel.send(numbered_frame(i, 100)));
  }
  EXPECT_EQ(receive(kFrames).size(), kFrames);
}

TEST_P(Veth, RingsGoRoundManyTimes) {
  ASSERT_NO_FATAL_FAILURE(open());
  const KernelEnd kernel{VethPair::kPeer};
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    send(packet_of(numbered_frame(i, 60), pools_->data));
    ASSERT_EQ(kernel.receive(), numbered_frame(i, 60));
    ASSERT_TRUE(kernel.send(numbered_frame(i, 60)));
    ASSERT_EQ(receive(1), std::vector<Bytes>{numbered_frame(i, 60)});
  }
}

TEST_P(Veth, FrameTooLongDoesNotStopThoseBehindIt) {
  ASSERT_NO_FATAL_FAILURE(open());
  const KernelEnd kernel{VethPair::kPeer};
  packet::Burst burst;
  burst.push_back(packet_of(numbered_frame(1, 60), pools_->data));
  // One byte more than an MTU of 1,500 in a VLAN takes.
  burst.push_back(packet_of(numbered_frame(2, 1'519), pools_->data));
  burst.push_back(packet_of(numbered_frame(3, 1'514), pools_->data));
  device_->tx_burst(burst);
  EXPECT_TRUE(burst.empty());
  EXPECT_EQ(kernel.receive(), numbered_frame(1, 60));
  EXPECT_EQ(kernel.receive(), numbered_frame(3, 1'514));
  EXPECT_EQ(device_->refused(), 1U);
}

TEST_P(Veth, SleeperIsWokenByAFrame) {
  ASSERT_NO_FATAL_FAILURE(open());
  const KernelEnd kernel{VethPair::kPeer};
  EXPECT_FALSE(is_woken_within(50)) << "nothing waits, and still the core would not sleep";
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(device_->arm_wake());
    ASSERT_TRUE(kernel.send(numbered_frame(i, 60)));
    ASSERT_TRUE(is_woken_within(1'000)) << i;
    ASSERT_EQ(receive(1).size(), 1U);
    ASSERT_FALSE(is_woken_within(0)) << i;
  }
}

// Between the last look into the ring and the sleep.
TEST_P(Veth, FrameBeforeTheSleepEndsItAtOnce) {
  ASSERT_NO_FATAL_FAILURE(open());
  const KernelEnd kernel{VethPair::kPeer};
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(receive_all(*device_, 1).empty());
    ASSERT_TRUE(kernel.send(numbered_frame(i, 60)));
    ASSERT_TRUE(is_woken_within(1'000)) << i;
    EXPECT_EQ(receive(1).size(), 1U);
  }
}

// What a burst had no room for keeps the core awake.
TEST_P(Veth, FramesThatAreLeftInTheRingEndTheSleep) {
  ASSERT_NO_FATAL_FAILURE(open());
  const KernelEnd kernel{VethPair::kPeer};
  for (std::uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(kernel.send(numbered_frame(i, 60)));
  }
  await_frames(*device_, 1'000);
  for (std::uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(is_woken_within(1'000));
    packet::Burst burst;
    while (burst.room() > 1) {
      burst.push_back(packet_of(numbered_frame(1'000, 64), pools_->data));
    }
    device_->rx_burst(burst);
    ASSERT_TRUE(burst.full());
    EXPECT_EQ(bytes_of(burst.peek(packet::Burst::kCapacity - 1)), numbered_frame(i, 60));
  }
  EXPECT_FALSE(is_woken_within(0));
}

TEST_P(Veth, InterfaceThatGoesDownAndUpLeavesTheCoreAsleepAndWorksAgain) {
  ASSERT_NO_FATAL_FAILURE(open());
  const KernelEnd kernel{VethPair::kPeer};
  run(std::string{"ip link set down dev "} + VethPair::kOurs);
  static_cast<void>(is_woken_within(10));  // It may be told of that once.
  EXPECT_FALSE(is_woken_within(50));
  for (std::uint32_t i = 0; i < 100; ++i) {
    send(packet_of(numbered_frame(i, 60), pools_->data));
  }
  EXPECT_TRUE(receive_all(*device_, 1).empty());
  run(std::string{"ip link set up dev "} + VethPair::kOurs);
  ASSERT_TRUE(kernel.send(numbered_frame(1, 60)));
  EXPECT_EQ(receive(1).size(), 1U);
  send(packet_of(numbered_frame(200, 60), pools_->data));
  Bytes last = kernel.receive();
  while (!last.empty() && last != numbered_frame(200, 60)) {
    last = kernel.receive();
  }
  EXPECT_EQ(last, numbered_frame(200, 60));
}

TEST_P(Veth, InterfaceThatIsDeletedLeavesTheCoreAsleep) {
  ASSERT_NO_FATAL_FAILURE(open());
  pair_.reset();
  static_cast<void>(is_woken_within(10));
  EXPECT_FALSE(is_woken_within(50));
  send(packet_of(numbered_frame(1, 60), pools_->data));
  EXPECT_TRUE(receive_all(*device_, 1).empty());
}

TEST_P(Veth, GoesOnWithoutALink) {
  run(std::string{"ip link set down dev "} + VethPair::kPeer);
  ASSERT_NO_FATAL_FAILURE(open({.link_wait = std::chrono::milliseconds{20}}));
  EXPECT_FALSE(device_->agreement().is_link_up);
  EXPECT_NE(device_->agreement().to_string().find("link down"), std::string::npos);
}

TEST_P(Veth, WaitsForALink) {
  run(std::string{"ip link set down dev "} + VethPair::kPeer);
  run("(sleep 0.1; ip link set up dev " + std::string{VethPair::kPeer} + ") >/dev/null 2>&1 &");
  ASSERT_NO_FATAL_FAILURE(open());
  EXPECT_TRUE(device_->agreement().is_link_up);
}

TEST_P(Veth, ASecondProgramOnTheInterface) {
  ASSERT_NO_FATAL_FAILURE(open());
  static unsigned made = 100;
  const std::string name = GetParam() + std::to_string(made++);
  const std::string arguments = std::string{"iface="} + VethPair::kOurs;
  ASSERT_EQ(rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str()), 0);
  auto second = device::DpdkDevice::open(eal(), {.port_name = name}, pools_->data);
  EXPECT_EQ(second.has_value(), !is_xdp()) << "AF_PACKET shares, AF_XDP does not";
  if (!second) {
    EXPECT_NE(second.error().find("another program has it"), std::string::npos) << second.error();
    EXPECT_EQ(second.error().find('\n'), std::string::npos) << second.error();
  }
}

INSTANTIATE_TEST_SUITE_P(All, Veth, ::testing::Values("net_af_packet", "net_af_xdp"),
                         [](const auto& driver) { return std::string{driver.param}; });

}  // namespace

}  // namespace millrace::test
