// What every Device must do, whatever it is made of: order, partial transmission, ownership,
// chains, honest offloads, bytes of the sender left alone. A new implementation adds a line to
// `kWires`.
#include <gtest/gtest.h>
#include <rte_dev.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <filesystem>
#include <functional>

#include "device/capture.hpp"
#include "device/device_bed.hpp"
#include "device/dpdk/dpdk_device.hpp"
#include "device/dpdk/shared_memory_device.hpp"
#include "device/fault_injector.hpp"
#include "device/holding.hpp"
#include "device/kernel_bed.hpp"
#include "device/ring.hpp"

namespace millrace::test {

namespace {

constexpr std::size_t kRingCapacity = 64;
constexpr device::Capabilities kPlain{.mac = MacAddress{{2, 0, 0, 0, 0, 2}}, .multi_segment = true};
constexpr device::Capabilities kWithChecksums{.mac = MacAddress{{2, 0, 0, 0, 0, 2}},
                                              .tx_ipv4_checksum = true,
                                              .tx_tcp_checksum = true,
                                              .multi_segment = true};

/// A sender, a receiver, and what they need. Devices go first, then what they use.
struct Wire {
  packet::CorePools sender_pools = make_core_pools();
  packet::CorePools receiver_pools = make_core_pools();
  std::unique_ptr<VethPair> veth;
  std::unique_ptr<device::CaptureFile> capture;
  std::uint64_t changed_frames = 0;
  std::uint32_t sender_keeps = 0;        // Sent frames that it frees only when it sends again.
  std::unique_ptr<device::Device> peer;  // Null where what is sent comes back.
  std::unique_ptr<device::Device> sender;

  device::Device& receiver() { return peer ? *peer : *sender; }
};

void plug_ring(Wire& wire, const device::Capabilities& capabilities) {
  auto [a, b] = device::make_ring_pair(kRingCapacity, {capabilities, wire.sender_pools.data},
                                       {capabilities, wire.receiver_pools.data});
  wire.sender = std::move(a);
  wire.peer = std::move(b);
}

void make_ring(Wire& wire) { plug_ring(wire, kPlain); }

void make_ring_with_checksums(Wire& wire) { plug_ring(wire, kWithChecksums); }

void make_plug(Wire& wire) {
  wire.sender = device::make_loopback_plug(kRingCapacity, {kPlain, wire.receiver_pools.data});
}

void make_holding(Wire& wire) {
  plug_ring(wire, kWithChecksums);
  wire.sender = std::make_unique<device::HoldingDevice>(
      std::move(wire.sender), wire.sender_pools.data, base::Random::from_seed(1),
      device::HoldingDevice::Options{.turns_max = 5, .capacity = 256},
      [&wire](const device::ChangedFrame&) noexcept { ++wire.changed_frames; });
}

void make_faultless_injector(Wire& wire) {
  plug_ring(wire, kWithChecksums);
  wire.sender = std::make_unique<device::FaultInjector>(
      std::move(wire.sender), wire.sender_pools.data, base::Random::from_seed(1), device::Faults{},
      device::Faults{});
  wire.peer = std::make_unique<device::FaultInjector>(
      std::move(wire.peer), wire.receiver_pools.data, base::Random::from_seed(2), device::Faults{},
      device::Faults{});
}

void make_capture(Wire& wire) {
  plug_ring(wire, kWithChecksums);
  const std::string path = ::testing::TempDir() + "millrace_device_suite.pcapng";
  auto file = device::CaptureFile::create(path, device::ClockAnchor{});
  ASSERT_TRUE(file.has_value()) << file.error();
  std::filesystem::remove(path);  // The open descriptor is enough.
  wire.capture = std::move(*file);
  wire.sender = std::make_unique<device::CaptureDevice>(
      std::move(wire.sender), *wire.capture, "suite", []() noexcept { return Instant{}; });
}

void make_net_ring(Wire& wire) {
  static unsigned made = 0;
  const std::string name = "net_ring" + std::to_string(made++);
  ASSERT_EQ(rte_eal_hotplug_add("vdev", name.c_str(), ""), 0);
  auto opened = device::DpdkDevice::open(eal(), {.port_name = name}, wire.receiver_pools.data);
  ASSERT_TRUE(opened.has_value()) << opened.error();
  wire.sender = std::move(*opened);
}

std::unique_ptr<device::Device> open_on(const char* interface, const std::string& driver,
                                        packet::PacketPool& pool) {
  static unsigned made = 0;
  const std::string name = driver + std::to_string(made++);
  const std::string arguments = std::string{"iface="} + interface;
  EXPECT_EQ(rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str()), 0);
  auto opened = device::DpdkDevice::open(eal(), {.port_name = name}, pool);
  EXPECT_TRUE(opened.has_value()) << opened.error();
  return opened ? std::move(*opened) : nullptr;
}

void plug_veth(Wire& wire, const std::string& driver) {
  if (namespace_obstacle()) {
    GTEST_SKIP() << *namespace_obstacle();
  }
  wire.veth = std::make_unique<VethPair>();
  wire.sender = open_on(VethPair::kOurs, driver, wire.sender_pools.data);
  wire.peer = open_on(VethPair::kPeer, driver, wire.receiver_pools.data);
  ASSERT_TRUE(wire.sender && wire.peer);
}

void make_af_packet(Wire& wire) { plug_veth(wire, "net_af_packet"); }

void make_af_xdp(Wire& wire) { plug_veth(wire, "net_af_xdp"); }
/// Opens one end; the other may not be there yet.
std::unique_ptr<device::SharedMemoryDevice> open_end(const std::string& text, unsigned index,
                                                     packet::CorePools& pools) {
  const auto spec = device::DeviceSpec::parse(text, index);
  EXPECT_TRUE(spec.has_value()) << spec.error();
  const MacAddress mac{{2, 0, 0, 0, 1, static_cast<std::uint8_t>(index)}};
  auto opened = device::SharedMemoryDevice::open(
      eal(), *spec, {.mac = mac, .link_wait = Duration::zero()}, pools.data);
  EXPECT_TRUE(opened.has_value()) << opened.error();
  return opened ? *std::move(opened) : nullptr;
}

/// Opens the end that serves a socket and then the other, and turns both until they have met.
void plug_shared_memory(Wire& wire, const std::string& serving, const std::string& connecting,
                        bool server_sends) {
  static unsigned made = 0;
  const std::string socket = ::testing::TempDir() + "millrace_device_suite_" +
                             std::to_string(::getpid()) + "_" + std::to_string(made) + ".sock";
  const auto text = [&socket](std::string form) { return form.replace(form.find('@'), 1, socket); };
  packet::CorePools& server_pools = server_sends ? wire.sender_pools : wire.receiver_pools;
  packet::CorePools& client_pools = server_sends ? wire.receiver_pools : wire.sender_pools;
  auto server = open_end(text(serving), made++, server_pools);
  auto client = open_end(text(connecting), made++, client_pools);
  ASSERT_TRUE(server && client);
  constexpr unsigned kTurnsMax = 1U << 28U;  // They end with the link; this only ends a hang.
  for (unsigned turn = 0; turn < kTurnsMax; ++turn) {
    packet::Burst burst;
    server->rx_burst(burst);
    client->rx_burst(burst);
    if (server->is_link_up() && client->is_link_up()) {
      break;
    }
  }
  ASSERT_TRUE(server->is_link_up() && client->is_link_up());
  wire.sender = server_sends ? std::move(server) : std::move(client);
  wire.peer = server_sends ? std::move(client) : std::move(server);
}

void make_memif_from_client(Wire& wire) {
  plug_shared_memory(wire, "memif:@,server", "memif:@", false);
}

void make_memif_from_server(Wire& wire) {
  plug_shared_memory(wire, "memif:@,server", "memif:@", true);
}

void make_vhost_to_virtio_user(Wire& wire) {
  plug_shared_memory(wire, "vhost:@", "virtio-user:@", true);
}

void make_virtio_user_to_vhost(Wire& wire) {
  wire.sender_keeps = packet::Burst::kCapacity * 4;  // A chain is up to four buffers.
  plug_shared_memory(wire, "vhost:@", "virtio-user:@", false);
}

struct WireKind {
  const char* name;
  void (*make)(Wire&);
};

constexpr std::array kWires{
    WireKind{"Ring", make_ring},
    WireKind{"RingWithChecksums", make_ring_with_checksums},
    WireKind{"LoopbackPlug", make_plug},
    WireKind{"Holding", make_holding},
    WireKind{"FaultlessInjector", make_faultless_injector},
    WireKind{"Capture", make_capture},
    WireKind{"DpdkNetRing", make_net_ring},
    WireKind{"AfPacket", make_af_packet},
    WireKind{"AfXdp", make_af_xdp},
    WireKind{"MemifFromClient", make_memif_from_client},
    WireKind{"MemifFromServer", make_memif_from_server},
    WireKind{"VhostToVirtioUser", make_vhost_to_virtio_user},
    WireKind{"VirtioUserToVhost", make_virtio_user_to_vhost},
};

class DeviceSuite : public ::testing::TestWithParam<WireKind> {
 protected:
  void SetUp() override {
    GetParam().make(wire_);
    if (HasFatalFailure() || IsSkipped()) {
      return;
    }
    // What a device holds of its own (a receive ring) is there from the start.
    sender_start_ = wire_.sender_pools.in_use();
    receiver_start_ = wire_.receiver_pools.in_use();
  }

  void TearDown() override {
    // Every packet comes home: those in the receiver's hands first, then what devices hold.
    EXPECT_EQ(wire_.changed_frames, 0U);
    wire_.sender.reset();
    wire_.peer.reset();
    EXPECT_EQ(wire_.sender_pools.in_use(), 0U);
    EXPECT_EQ(wire_.receiver_pools.in_use(), 0U);
  }

  [[nodiscard]] device::Device& sender() { return *wire_.sender; }
  [[nodiscard]] device::Device& receiver() { return wire_.receiver(); }
  [[nodiscard]] packet::CorePools& pools() { return wire_.sender_pools; }

  /// A kernel carries frames in its own time, and drops what nobody takes.
  [[nodiscard]] bool is_carried_by_kernel() const { return wire_.veth != nullptr; }

  /// Turns of both ends until nothing more arrives. A kernel is given time for `expected` frames.
  std::vector<packet::Packet> drain(std::size_t expected = 1) {
    std::vector<packet::Packet> all;
    const unsigned quiet_turns = is_carried_by_kernel() ? 2 : 16;
    for (unsigned quiet = 0; quiet < quiet_turns;) {
      if (is_carried_by_kernel()) {
        await_frames(receiver(), all.size() < expected ? 500 : 1);
      }
      std::vector<packet::Packet> some = receive_all(receiver(), 1);
      quiet = some.empty() ? quiet + 1 : 0;
      std::move(some.begin(), some.end(), std::back_inserter(all));
      if (wire_.peer) {
        EXPECT_TRUE(receive_all(sender(), 1)
                        .empty());  // Nobody sends this way; a turn releases what is held.
      }
    }
    return all;
  }

  /// Sends one frame and returns what arrives.
  packet::Packet send_one(packet::Packet frame) {
    packet::Burst burst;
    burst.push_back(std::move(frame));
    sender().tx_burst(burst);
    EXPECT_TRUE(burst.empty());
    std::vector<packet::Packet> received = drain();
    EXPECT_EQ(received.size(), 1U);
    return received.empty() ? packet::Packet{} : std::move(received.front());
  }

  Wire wire_;
  std::uint32_t sender_start_ = 0;
  std::uint32_t receiver_start_ = 0;
};

TEST_P(DeviceSuite, FramesArriveOnceInOrder) {
  constexpr std::uint32_t kFrames = 2'000;
  std::uint32_t next = 0;
  for (std::uint32_t sent = 0; sent < kFrames;) {
    packet::Burst burst;
    while (!burst.full() && sent < kFrames) {
      burst.push_back(packet_of(numbered_frame(sent, 60 + sent % 1'000), pools().data));
      ++sent;
    }
    while (!burst.empty()) {
      sender().tx_burst(burst);
      for (const packet::Packet& frame : drain(sent - next)) {
        ASSERT_EQ(bytes_of(frame.get()), numbered_frame(next, 60 + next % 1'000))
            << "frame " << next;
        ++next;
      }
    }
  }
  EXPECT_EQ(next, kFrames);
}

TEST_P(DeviceSuite, WhatIsNotTakenStaysInOrder) {
  if (is_carried_by_kernel()) {
    GTEST_SKIP() << "a kernel drops what nobody takes";
  }
  // Nobody receives: the device must stop taking frames before the pool is empty, and lose none.
  std::uint32_t sent = 0;
  packet::Burst burst;
  while (burst.empty() && sent < 4'000) {
    while (!burst.full()) {
      burst.push_back(packet_of(numbered_frame(sent++, 100), pools().data));
    }
    sender().tx_burst(burst);
  }
  ASSERT_FALSE(burst.empty()) << "the device takes without end";
  std::vector<packet::Packet> received = drain();
  while (!burst.empty()) {
    sender().tx_burst(burst);
    std::vector<packet::Packet> more = drain();
    ASSERT_FALSE(more.empty());
    std::move(more.begin(), more.end(), std::back_inserter(received));
  }
  ASSERT_EQ(received.size(), sent);
  for (std::uint32_t i = 0; i < sent; ++i) {
    ASSERT_EQ(bytes_of(received[i].get()), numbered_frame(i, 100)) << "frame " << i;
  }
}

TEST_P(DeviceSuite, PacketsReturnToTheirPools) {
  for (std::uint32_t round = 0; round < 20; ++round) {
    packet::Burst burst;
    while (!burst.full()) {
      burst.push_back(packet_of(numbered_frame(round, 64), pools().data));
    }
    sender().tx_burst(burst);
    burst.clear();
    drain(packet::Burst::kCapacity).clear();
  }
  drain().clear();
  EXPECT_GE(wire_.sender_pools.in_use(), sender_start_);
  EXPECT_LE(wire_.sender_pools.in_use(), sender_start_ + wire_.sender_keeps);
  EXPECT_EQ(wire_.receiver_pools.in_use(), receiver_start_);
}

TEST_P(DeviceSuite, PacketsOnTheirWayAreFreedWithTheDevice) {
  packet::Burst burst;
  while (!burst.full()) {
    burst.push_back(packet_of(numbered_frame(0, 64), pools().data));
  }
  sender().tx_burst(burst);
  // TearDown counts, with the frames still on their way.
}

TEST_P(DeviceSuite, EverySizeUpToTheMtuArrives) {
  const std::size_t longest = sender().capabilities().mtu + 14U;
  for (std::size_t size = 18; size <= longest; size += size < 100 || size + 20 > longest ? 1 : 97) {
    const packet::Packet received = send_one(packet_of(numbered_frame(7, size), pools().data));
    ASSERT_TRUE(received);
    ASSERT_EQ(bytes_of(received.get()), numbered_frame(7, size));
  }
}

TEST_P(DeviceSuite, ReceivesBehindWhatTheBurstHolds) {
  packet::Burst to_send;
  for (std::uint32_t i = 0; i < 4; ++i) {
    to_send.push_back(packet_of(numbered_frame(i, 64), pools().data));
  }
  sender().tx_burst(to_send);
  packet::Burst burst;
  while (burst.room() > 1) {
    burst.push_back(packet_of(numbered_frame(1'000, 64), pools().data));
  }
  for (unsigned turn = 0; turn < 16 && !burst.full(); ++turn) {
    if (is_carried_by_kernel()) {
      await_frames(receiver(), 500);
    }
    receiver().rx_burst(burst);
  }
  ASSERT_TRUE(burst.full());
  EXPECT_EQ(bytes_of(burst.peek(30)), numbered_frame(1'000, 64));
  EXPECT_EQ(bytes_of(burst.peek(31)), numbered_frame(0, 64));
  receiver().rx_burst(burst);
  EXPECT_EQ(burst.size(), packet::Burst::kCapacity);
  EXPECT_EQ(drain().size(), 3U);
}

TEST_P(DeviceSuite, ChainArrivesInOnePiece) {
  if (!sender().capabilities().multi_segment) {
    GTEST_SKIP() << "this device does not take chains";
  }
  const Bytes whole = numbered_frame(3, 1'200);
  const packet::Packet payload = packet_of(std::span{whole}.subspan(60), pools().data);
  for (const std::array<std::uint32_t, 2>& cuts :
       {std::array<std::uint32_t, 2>{1, 3}, {500, 501}, {333, 1'139}}) {
    packet::Packet frame = chain_of(std::span{whole}.first(60), payload, cuts, pools());
    const packet::Packet received = send_one(std::move(frame));
    ASSERT_TRUE(received);
    EXPECT_TRUE(received.is_contiguous());
    EXPECT_EQ(bytes_of(received.get()), whole);
  }
}

TEST_P(DeviceSuite, WhatArrivesBelongsToTheReceiverAlone) {
  if (!sender().capabilities().multi_segment) {
    GTEST_SKIP() << "this device does not take chains";
  }
  const Bytes whole = numbered_frame(4, 600);
  const packet::Packet payload = packet_of(std::span{whole}.subspan(60), pools().data);
  const std::array<std::uint32_t, 1> cuts{100};
  packet::Packet received = send_one(chain_of(std::span{whole}.first(60), payload, cuts, pools()));
  ASSERT_TRUE(received);
  ASSERT_TRUE(received.is_exclusive());
  std::ranges::fill(received.data(), std::byte{0xee});
  EXPECT_EQ(bytes_of(payload.get()), Bytes(whole.begin() + 60, whole.end()));
}

TEST_P(DeviceSuite, FrameThatTheSenderKeepsIsNotHandedOver) {
  const Bytes whole = numbered_frame(5, 300);
  const packet::Packet kept = packet_of(whole, pools().data);
  packet::Packet again = pools().references.reference(kept.get(), 0, kept.size());
  packet::Packet received = send_one(std::move(again));
  ASSERT_TRUE(received);
  ASSERT_TRUE(received.is_exclusive());
  std::ranges::fill(received.data(), std::byte{0xee});
  EXPECT_EQ(bytes_of(kept.get()), whole);
}

TEST_P(DeviceSuite, ChecksumsAreRightWhoeverMakesThem) {
  for (const std::size_t payload_size : {1U, 2U, 3U, 700U, 1'001U, 1'460U}) {
    const TcpFrame sent{payload_size, sender().capabilities(), pools()};
    const packet::Packet received = send_one(sent.packet(pools()));
    ASSERT_TRUE(received);
    const Bytes bytes = bytes_of(received.get());
    EXPECT_EQ(sent.flaw_in(bytes), "") << payload_size;
    EXPECT_NE(received.ip_checksum_verdict(), packet::ChecksumVerdict::Bad);
    EXPECT_NE(received.l4_checksum_verdict(), packet::ChecksumVerdict::Bad);
    EXPECT_EQ(received.get()->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK, 0U)
        << "a received frame asks for nothing";
  }
}

TEST_P(DeviceSuite, NoVerdictOnWrongChecksumsUnlessPromised) {
  Bytes frame = TcpFrame{100, device::Capabilities{}, pools()}.bytes();
  frame[24] ^= std::byte{1};
  frame[50] ^= std::byte{1};
  const packet::Packet received = send_one(packet_of(frame, pools().data));
  ASSERT_TRUE(received);
  const auto expected = receiver().capabilities().rx_checksum ? packet::ChecksumVerdict::Bad
                                                              : packet::ChecksumVerdict::Unknown;
  EXPECT_EQ(received.ip_checksum_verdict(), expected);
  EXPECT_EQ(received.l4_checksum_verdict(), expected);
}

std::string name_of(const ::testing::TestParamInfo<WireKind>& wire) { return wire.param.name; }

INSTANTIATE_TEST_SUITE_P(All, DeviceSuite, ::testing::ValuesIn(kWires), name_of);

}  // namespace

}  // namespace millrace::test
