// Datagrams between two hosts over bad cables, in fragments and whole: what arrives is right, what
// is lost is lost whole, nothing stays behind. Each network is drawn from its seed; `--seed=N` runs
// one of them.
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "simulation/network.hpp"
#include "simulation/options.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

constexpr std::uint64_t kSeeds = 100;
constexpr std::uint32_t kDatagrams = 60;
constexpr Port kPort{9};

/// A datagram's bytes follow from its number, which it starts with, and its size.
std::vector<std::byte> contents_of(std::uint32_t number, std::size_t bytes) {
  std::vector<std::byte> made(bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    made[i] = static_cast<std::byte>((i * 31 + number * 7 + i / 251) & 0xffU);
  }
  std::memcpy(made.data(), &number, std::min(bytes, sizeof number));
  return made;
}

/// Sends datagrams, a few at a time, and notes which of them come back.
class Sender final : public UdpHandler {
 public:
  Sender(Worker& worker, base::Random& random) : worker_{worker}, random_{random} {}

  void start(const Endpoint& peer) {
    auto opened = worker_.open_udp({.peer = peer}, *this);
    ASSERT_TRUE(opened.has_value());
    socket_ = *opened;
    // Its neighbor's address is known by the time of the large ones.
    sizes[next_] = sizeof next_;
    ASSERT_TRUE(socket_.send(contents_of(next_++, sizeof next_)).has_value());
    ASSERT_TRUE(worker_.after(3s, [this] { go_on(); }).has_value());
  }
  void on_writable(UdpSocket) override { is_blocked_ = false; }
  void on_readable(UdpSocket socket) override {
    while (auto datagram = socket.receive()) {
      std::vector<std::byte> bytes(datagram->payload.total_size());
      datagram->payload.copy_to(bytes);
      ASSERT_GE(bytes.size(), 4U);
      std::uint32_t number = 0;
      std::memcpy(&number, bytes.data(), sizeof number);
      ASSERT_TRUE(sizes.contains(number)) << "a datagram that nobody sent";
      ASSERT_EQ(bytes, contents_of(number, sizes[number]));
      ++echoed[number];
    }
  }

  std::map<std::uint32_t, std::size_t> sizes;
  std::map<std::uint32_t, unsigned> echoed;

 private:
  void go_on() {
    for (unsigned i = 0; i < 3 && next_ < kDatagrams && !is_blocked_; ++i) {
      const std::size_t bytes =
          4 + (random_.one_in(3) ? random_.below(30'000) : random_.below(1'000));
      const auto sent = socket_.send(contents_of(next_, bytes));
      if (!sent) {
        ASSERT_EQ(sent.error(), Error::WouldBlock);
        is_blocked_ = true;
        break;
      }
      sizes[next_++] = bytes;
    }
    if (next_ < kDatagrams) {
      ASSERT_TRUE(worker_.after(20ms, [this] { go_on(); }).has_value());
    }
  }

  Worker& worker_;
  base::Random& random_;
  UdpSocket socket_;
  std::uint32_t next_ = 0;
  bool is_blocked_ = false;
};

/// Sends each back as it came.
struct Echo final : UdpHandler {
  void on_readable(UdpSocket socket) override {
    while (auto datagram = socket.receive()) {
      // What finds the device too busy is lost, as the network may lose it.
      static_cast<void>(socket.send_to(datagram->source, std::move(datagram->payload)));
    }
  }
};

sim::LinkParameters draw_link(base::Random& random) {
  sim::LinkParameters link;
  link.delay = std::chrono::microseconds{100 + random.below(20'000)};
  link.jitter = std::chrono::microseconds{random.below(5'000)};
  link.loss_ppm = random.one_in(2) ? random.below(20'001) : 0;
  link.reorder_ppm = random.below(100'001);
  link.reorder_delay = std::chrono::microseconds{1 + random.below(10'000)};
  link.duplicate_ppm = random.one_in(2) ? random.below(20'001) : 0;
  link.corrupt_ppm = random.one_in(4) ? random.below(5'001) : 0;
  return link;
}

sim::HostSetup draw_host(std::uint8_t last, base::Random& random) {
  sim::HostSetup setup = host_with(last);
  setup.config.reassembly.timeout = 2s;
  setup.nics[0].multi_segment = !random.one_in(3);
  return setup;
}

void run_one(std::uint64_t seed) {
  SCOPED_TRACE("--seed=" + std::to_string(seed));
  TestWorld world{seed};
  base::Random random = base::Random::from_seed(seed * 7 + 1);
  const auto mtu =
      random.one_in(3) ? static_cast<std::uint16_t>(576 + random.below(925)) : std::uint16_t{1500};
  sim::HostSetup first = draw_host(1, random);
  sim::HostSetup second = draw_host(2, random);
  first.nics[0].mtu = second.nics[0].mtu = mtu;
  sim::Host& client = world.add_host(std::move(first));
  sim::Host& server = world.add_host(std::move(second));
  const sim::LinkParameters forth = draw_link(random);
  const sim::LinkParameters back = draw_link(random);
  world.connect({client}, {server}, forth, back);
  Echo echo;
  Sender sender{client.worker(), random};
  UdpSocket listening;
  ASSERT_TRUE(world.start(server, [&](Worker& worker) -> Result<void, std::string> {
    listening = worker.open_udp({.port = kPort}, echo).value();
    return {};
  }));
  ASSERT_TRUE(world.start(client, [&](Worker&) -> Result<void, std::string> {
    sender.start({.address = address_of(2), .port = kPort});
    return {};
  }));
  world.run_for(30s);
  EXPECT_EQ(sender.sizes.size(), kDatagrams);
  const bool is_lossless = forth.loss_ppm + back.loss_ppm + forth.corrupt_ppm + back.corrupt_ppm +
                               forth.duplicate_ppm + back.duplicate_ppm ==
                           0;
  if (is_lossless) {
    EXPECT_EQ(sender.echoed.size(), kDatagrams) << "nothing was lost on the way";
  }
  EXPECT_GT(sender.echoed.size(), kDatagrams / 6) << "the network was not that bad";
  EXPECT_EQ(world.check_clean(), (Result<void, std::string>{}));
}

TEST(Udp, ManyBadNetworks) {
  covers({"RFC 1122 §4.1.2", "RFC 791 §3.2", "RFC 1122 §3.3.2"});
  const auto& options = simulation_options();
  if (options.seed) {
    run_one(*options.seed);
    return;
  }
  for (std::uint64_t seed = 1; seed <= options.seeds.value_or(kSeeds); ++seed) {
    run_one(seed);
    if (::testing::Test::HasFailure()) {
      return;
    }
  }
}

struct Deaf final : UdpHandler {};

struct Source final : TcpHandler {
  void on_accepted(TcpSocket socket) override { on_writable(socket); }
  void on_writable(TcpSocket socket) override {
    while (left > 0) {
      const auto taken = socket.send(std::string(std::min<std::size_t>(left, 10'000), 'x'));
      if (!taken) {
        return;
      }
      left -= *taken;
    }
    socket.close();
  }
  std::size_t left = 2'000'000;
};

struct Sink final : TcpHandler {
  void on_connected(TcpSocket socket) override { socket.shutdown(); }
  void on_readable(TcpSocket socket) override {
    for (auto bytes = socket.peek(); !bytes.empty(); bytes = socket.peek()) {
      count += bytes.size();
      socket.consume(bytes.size());
    }
  }
  void on_peer_finished(TcpSocket socket) override { socket.close(); }
  std::size_t count = 0;
};

struct Flooder final : UdpHandler {
  void on_writable(UdpSocket of) override {
    while (of.send(std::string(100, 'f'))) {
    }
  }
};

TEST(Udp, AFloodForASocketThatNobodyReadsLeavesTcpAlone) {
  Deaf deaf;
  Source source;
  Sink sink;
  Flooder flooder;
  Pair pair;
  UdpSocket socket;
  UdpSocket flood;
  pair.world.call(pair.server, [&](Worker& worker) {
    socket = worker.open_udp({.port = kPort}, deaf).value();
    ASSERT_TRUE(worker.listen({.port = Port{80}}, source).has_value());
  });
  pair.world.call(pair.client, [&](Worker& worker) {
    flood = worker.open_udp({.peer = pair.server_at(kPort.number())}, flooder).value();
    ASSERT_TRUE(worker.connect(pair.server_at(80), sink).has_value());
  });
  for (int round = 0; round < 200; ++round) {
    pair.world.call(pair.client, [&](Worker&) { static_cast<void>(flood.send("f")); });
    pair.world.call(pair.client, [&](Worker&) {
      for (int i = 0; i < 50; ++i) {
        static_cast<void>(flood.send("f"));
      }
    });
    pair.world.run_for(10ms);
  }
  EXPECT_TRUE(pair.world.run_until([&] { return sink.count == 2'000'000; }, 60s));
  EXPECT_GT(pair.server.stack().stats().dropped(DropReason::UdpReceiveFull) +
                pair.server.stack().stats().dropped(DropReason::UdpQueueFull),
            1'000U);
  pair.world.call(pair.server, [&](Worker&) { socket.close().value(); });
  EXPECT_EQ(pair.world.check_clean(), (Result<void, std::string>{}));
}

}  // namespace
}  // namespace millrace::test
