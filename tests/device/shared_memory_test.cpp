// Devices of shared memory beside what the suite asks of every device: what their specifications
// mean, what is said about their sockets, and a link that goes and comes with the peer.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "device/device_bed.hpp"
#include "device/dpdk/shared_memory_device.hpp"
#include "device/dpdk/shared_memory_spec.hpp"

namespace millrace::test {

namespace {

using device::DeviceKind;
using device::DeviceSpec;
using device::SharedMemoryDevice;

TEST(SharedMemorySpec, ReadsWhatIsOffered) {
  struct Good {
    const char* text;
    DeviceKind kind;
    const char* port_name;
    bool serves;
    bool lends_memory;
  };
  constexpr std::array kGood{
      Good{"memif:/run/a.sock", DeviceKind::Memif, "net_memif2", false, false},
      Good{"memif:/run/a.sock,server", DeviceKind::Memif, "net_memif2", true, false},
      Good{"memif:/run/./b/../a.sock", DeviceKind::Memif, "net_memif2", false, false},
      Good{"vhost:/run/a.sock", DeviceKind::Vhost, "net_vhost2", true, false},
      Good{"virtio-user:/run/a.sock", DeviceKind::VirtioUser, "net_virtio_user2", false, true},
      Good{"vhost:/run/a.sock,tso", DeviceKind::Vhost, "net_vhost2", true, false},
      Good{"virtio-user:/run/a.sock,tso", DeviceKind::VirtioUser, "net_virtio_user2", false, true},
  };
  for (const Good& good : kGood) {
    const auto spec = DeviceSpec::parse(good.text, 2);
    ASSERT_TRUE(spec.has_value()) << good.text << ": " << spec.error();
    EXPECT_EQ(spec->kind, good.kind) << good.text;
    EXPECT_EQ(spec->text, good.text);
    EXPECT_EQ(spec->name, "/run/a.sock");
    EXPECT_EQ(spec->port_name, good.port_name);
    EXPECT_EQ(spec->serves_socket, good.serves) << good.text;
    EXPECT_EQ(spec->lends_memory(), good.lends_memory) << good.text;
    EXPECT_EQ(spec->joins_segments, spec->text.ends_with(",tso"));
    EXPECT_TRUE(spec->is_shared_memory());
    EXPECT_FALSE(spec->is_kernel_device());
    EXPECT_TRUE(spec->eal_arguments.empty()) << "its port is made later than the EAL";
  }
  EXPECT_EQ(DeviceSpec::parse("memif:a.sock")->name, std::filesystem::current_path() / "a.sock");
}

TEST(SharedMemorySpec, SaysWhatIsWrongInOneLine) {
  struct Bad {
    std::string text;
    const char* words;
  };
  const std::array kBad{
      Bad{"memif", "lacks the socket's path: write memif:/run/millrace.sock"},
      Bad{"memif:", "lacks the socket's path"},
      Bad{"memif:,server", "lacks the socket's path"},
      Bad{"vhost:/run/", "lacks the socket's path: write vhost:"},
      Bad{"vhost:/run/a,server", "vhost takes no ',server'"},
      Bad{"virtio-user:/run/a,server", "virtio-user takes no ',server'"},
      Bad{"memif:/run/a,tso", "memif takes no ',tso'; vhost and virtio-user do"},
      Bad{"vhost:,tso", "lacks the socket's path"},
      Bad{"vhost:/run/a,gso", "',tso' at the end joins segments"},
      Bad{"memif:/run/a,client", "neither commas nor brackets"},
      Bad{"virtio-user:/run/[a]", "neither commas nor brackets"},
      Bad{"vhost:/run/a\n", "neither commas nor brackets"},
      Bad{"memif:/" + std::string(107, 'a'), "has 108 characters; a socket's has at most 107"},
  };
  for (const Bad& bad : kBad) {
    const auto spec = DeviceSpec::parse(bad.text);
    ASSERT_FALSE(spec.has_value()) << bad.text;
    EXPECT_NE(spec.error().find(bad.words), std::string::npos) << spec.error();
  }
  EXPECT_TRUE(DeviceSpec::parse("memif:/" + std::string(106, 'a')).has_value());
}

/// A folder of its own, which must be empty at the end.
class SharedMemory : public ::testing::Test {
 protected:
  SharedMemory() {
    std::string name = ::testing::TempDir() + "millrace_shm_XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~SharedMemory() override {
    EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "a socket was left";
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string path() const { return folder_ / "link.sock"; }
  [[nodiscard]] DeviceSpec spec(const std::string& kind, const std::string& ending = "",
                                unsigned index = 0) const {
    return *DeviceSpec::parse(kind + ":" + path() + ending, index);
  }

  /// A socket in `path()`, served by this process as long as the descriptor is open.
  [[nodiscard]] int listen() const {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(descriptor, 1), 0);
    return descriptor;
  }

  [[nodiscard]] static std::unique_ptr<SharedMemoryDevice> open(const DeviceSpec& spec,
                                                                packet::CorePools& pools) {
    const bool serves = spec.serves_socket;
    const MacAddress mac{{2, 0, 0, 0, 2, static_cast<std::uint8_t>(serves ? 1 : 2)}};
    auto opened = SharedMemoryDevice::open(eal(), spec, {.mac = mac, .link_wait = {}}, pools.data);
    EXPECT_TRUE(opened.has_value()) << opened.error();
    return opened ? *std::move(opened) : nullptr;
  }

  /// Turns until `is_true`; the number of turns only ends a hang.
  template <class Condition>
  [[nodiscard]] static bool turn_until(Condition is_true, SharedMemoryDevice* a,
                                       SharedMemoryDevice* b) {
    constexpr std::uint64_t kTurnsMax = 1ULL << 31U;
    for (std::uint64_t turn = 0; turn < kTurnsMax; ++turn) {
      for (SharedMemoryDevice* const device : {a, b}) {
        packet::Burst burst;
        if (device != nullptr) {
          device->rx_burst(burst);
        }
      }
      if (is_true()) {
        return true;
      }
    }
    return false;
  }

  /// Long enough for a device to look after its link.
  static void turn(SharedMemoryDevice& device) {
    for (unsigned i = 0; i < 200'000; ++i) {
      packet::Burst burst;
      device.rx_burst(burst);
    }
  }

  [[nodiscard]] static bool meet(SharedMemoryDevice& a, SharedMemoryDevice& b) {
    return turn_until([&] { return a.is_link_up() && b.is_link_up(); }, &a, &b);
  }

  static void expect_frame_crosses(SharedMemoryDevice& from, SharedMemoryDevice& to,
                                   packet::CorePools& pools) {
    packet::Burst burst;
    burst.push_back(packet_of(numbered_frame(1, 700), pools.data));
    from.tx_burst(burst);
    const auto received = receive_all(to, 1'000);
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(bytes_of(received.front().get()), numbered_frame(1, 700));
  }

  /// Whichever end goes, the other one stays, and meets the next.
  void expect_ends_come_back(const DeviceSpec& serving, const DeviceSpec& connecting) {
    packet::CorePools pools = make_core_pools();
    {
      auto server = open(serving, pools);
      auto client = open(connecting, pools);
      ASSERT_TRUE(meet(*server, *client));
      expect_frame_crosses(*server, *client, pools);
      client.reset();
      EXPECT_TRUE(turn_until([&] { return !server->is_link_up(); }, server.get(), nullptr));
      client = open(connecting, pools);
      ASSERT_TRUE(meet(*server, *client));
      expect_frame_crosses(*client, *server, pools);
      server.reset();
      EXPECT_TRUE(turn_until([&] { return !client->is_link_up(); }, client.get(), nullptr));
      server = open(serving, pools);
      ASSERT_TRUE(meet(*server, *client));
      expect_frame_crosses(*server, *client, pools);
      expect_frame_crosses(*client, *server, pools);
    }
    EXPECT_EQ(pools.in_use(), 0U);
  }

  std::filesystem::path folder_;
};

TEST_F(SharedMemory, NamesAFolderThatIsMissing) {
  folder_ /= "none";
  for (const DeviceSpec& spec : {spec("memif"), spec("memif", ",server"), spec("vhost")}) {
    const auto possible = spec.check_surroundings();
    ASSERT_FALSE(possible.has_value());
    EXPECT_NE(possible.error().find("mkdir -p " + folder_.string()), std::string::npos);
  }
  folder_ = folder_.parent_path();
}

TEST_F(SharedMemory, LeavesAFileThatIsNoSocketAlone) {
  std::ofstream{path()} << "mine";
  for (const DeviceSpec& spec : {spec("memif"), spec("memif", ",server"), spec("vhost")}) {
    const auto possible = make_way_for(spec);
    ASSERT_FALSE(possible.has_value());
    EXPECT_NE(possible.error().find("is no socket"), std::string::npos);
  }
  EXPECT_TRUE(std::filesystem::remove(path()));
}

TEST_F(SharedMemory, ASocketThatSomebodyServesIsInUse) {
  const int listener = listen();
  EXPECT_TRUE(is_served(spec("virtio-user")));
  EXPECT_TRUE(spec("virtio-user").check_surroundings().has_value());
  for (const DeviceSpec& spec : {spec("memif", ",server"), spec("vhost")}) {
    const auto possible = make_way_for(spec);
    ASSERT_FALSE(possible.has_value());
    EXPECT_NE(possible.error().find("is in use"), std::string::npos) << possible.error();
  }
  ::close(listener);
  EXPECT_TRUE(std::filesystem::exists(path())) << "as a killed process leaves it";
  EXPECT_FALSE(is_served(spec("virtio-user")));
  EXPECT_TRUE(spec("vhost").check_surroundings().has_value());
  EXPECT_TRUE(std::filesystem::exists(path())) << "a check changes nothing";
  EXPECT_TRUE(make_way_for(spec("vhost")).has_value());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SharedMemory, DropsFramesWhileNobodyIsThere) {
  packet::CorePools pools = make_core_pools();
  const auto device = open(spec("memif"), pools);
  EXPECT_FALSE(device->is_link_up());
  EXPECT_EQ(device->driver(), "net_memif, waits for a peer to serve the socket");
  packet::Burst burst;
  while (!burst.full()) {
    burst.push_back(packet_of(numbered_frame(0, 100), pools.data));
  }
  device->tx_burst(burst);
  EXPECT_TRUE(burst.empty());
  EXPECT_EQ(device->dropped(), packet::Burst::kCapacity);
  EXPECT_EQ(pools.data.in_use(), device->held_packets());
}

TEST_F(SharedMemory, VisitorsWhoHangUpDoNoHarm) {
  packet::CorePools pools = make_core_pools();
  const auto server = open(spec("memif", ",server"), pools);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path().copy(address.sun_path, sizeof(address.sun_path) - 1);
  for (unsigned visit = 0; visit < 20; ++visit) {
    const int visitor = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
    // The driver's own thread may not have run for a while, and then the visitors queue.
    while (::connect(visitor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      ASSERT_EQ(errno, EAGAIN);
      turn(*server);
    }
    // Half of them say something that is no introduction.
    if (visit % 2 == 0) {
      EXPECT_EQ(::send(visitor, "hello", 5, 0), 5);
    }
    turn(*server);
    ::close(visitor);
    turn(*server);
  }
  const auto client = open(spec("memif", "", 1), pools);
  ASSERT_TRUE(meet(*server, *client));
  expect_frame_crosses(*client, *server, pools);
}

TEST_F(SharedMemory, APeerThatNeverAnswersDoesNotHoldTheStart) {
  packet::CorePools pools = make_core_pools();
  const int silent = listen();
  const auto opened = SharedMemoryDevice::open(eal(), spec("virtio-user"),
                                               {.mac = MacAddress{{2, 0, 0, 0, 2, 2}},
                                                .link_wait = {},
                                                .answer_limit = std::chrono::milliseconds{20}},
                                               pools.data);
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().find("cannot make the port of virtio-user:"), std::string::npos)
      << opened.error();
  ::close(silent);
  std::filesystem::remove(path());
}

TEST_F(SharedMemory, MemifEndsComeBack) {
  expect_ends_come_back(spec("memif", ",server", 0), spec("memif", "", 1));
}

TEST_F(SharedMemory, VhostAndVirtioUserEndsComeBack) {
  expect_ends_come_back(spec("vhost", "", 0), spec("virtio-user", "", 1));
}

}  // namespace

}  // namespace millrace::test
