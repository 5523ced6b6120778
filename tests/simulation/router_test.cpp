// Hosts behind simulated routers: they share a bottleneck, hear of what is too long or too old, or
// lose it in silence.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/frame_view.hpp"
#include "simulation/network.hpp"
#include "simulation/transfer.hpp"

namespace millrace::test {
namespace {

constexpr std::uint64_t kBytes = 300'000;

/// Pairs of hosts on both sides of two routers: 198.18.N.1 behind 198.18.N.254.
class Dumbbell {
 public:
  Dumbbell(unsigned pairs, bool sends_icmp, const sim::LinkParameters& middle)
      : left{world.add_router({.name = "left", .sends_icmp = sends_icmp})},
        right{world.add_router({.name = "right", .sends_icmp = sends_icmp})} {
    const sim::RouterPorts ports = world.connect(left, right, middle, middle);
    for (unsigned i = 0; i < 2 * pairs; ++i) {
      hosts.push_back(&world.add_host(host_on(static_cast<std::uint8_t>(i))));
      const bool is_left = i % 2 == 0;
      world.connect({.host = *hosts[i]}, is_left ? left : right, delay_of(1ms), delay_of(1ms));
      // The way to it from the other side.
      sim::Router& other = is_left ? right : left;
      other.add_route(*IpPrefix::make(hosts[i]->address(), 32), is_left ? ports.b : ports.a,
                      is_left ? left.port(ports.a).mac : right.port(ports.b).mac);
    }
    for (sim::Host* host : hosts) {
      EXPECT_TRUE(world.start(*host));
    }
  }

  /// Each left host sends to the right one beside it. Returns how long that took, or why not.
  Result<Duration, std::string> transfer_all(std::uint64_t bytes) {
    std::vector<std::unique_ptr<TransferServer>> servers;
    std::vector<std::unique_ptr<Transfer>> clients;
    const Instant begin = world.now();
    for (std::size_t i = 0; i < hosts.size(); i += 2) {
      servers.push_back(std::make_unique<TransferServer>(
          hosts[i + 1]->worker(),
          TransferPlan{.send_seed = 2, .receive_seed = 1, .receive_bytes = bytes}));
      clients.push_back(std::make_unique<Transfer>(
          hosts[i]->worker(),
          TransferPlan{.send_seed = 1, .receive_seed = 2, .send_bytes = bytes}));
      world.call(*hosts[i + 1], [&](Worker& worker) {
        EXPECT_TRUE(worker.listen({.port = Port{9}}, *servers.back()));
      });
      world.call(*hosts[i], [&](Worker& worker) {
        EXPECT_TRUE(
            worker.connect({.address = hosts[i + 1]->address(), .port = Port{9}}, *clients.back()));
      });
    }
    const bool is_done = world.run_until(
        [&] {
          return std::ranges::all_of(clients,
                                     [](const auto& one) { return one->outcome().has_value(); });
        },
        20min);
    const Duration took = world.now() - begin;
    for (const auto& client : clients) {
      if (!is_done || !client->verdict().empty()) {
        return fail(client->verdict());
      }
    }
    const auto clean = world.check_clean();
    return clean ? Result<Duration, std::string>{took} : fail(clean.error());
  }

  TestWorld world{1};
  sim::Router& left;
  sim::Router& right;
  std::vector<sim::Host*> hosts;

 private:
  static sim::HostSetup host_on(std::uint8_t number) {
    sim::HostSetup setup = host_with(1);
    setup.name = "host" + std::to_string(number);
    setup.nics[0].addresses = {*IpPrefix::make(IpAddress::v4(198, 18, number, 1), 24)};
    setup.nics[0].gateway = IpAddress::v4(198, 18, number, 254);
    return setup;
  }
};

sim::LinkParameters with_mtu(std::uint32_t mtu) {
  sim::LinkParameters parameters = delay_of(5ms);
  parameters.mtu = mtu;
  return parameters;
}

TEST(Router, LetsHostsOfSeveralNetworksShareABottleneck) {
  sim::LinkParameters middle = delay_of(5ms);
  middle.bits_per_second = 10'000'000;
  middle.queue_frames = 50;
  Dumbbell one{1, true, middle};
  const auto alone = one.transfer_all(kBytes);
  ASSERT_TRUE(alone) << alone.error();
  Dumbbell four{4, true, middle};
  const auto together = four.transfer_all(kBytes);
  ASSERT_TRUE(together) << together.error();
  // Four times as much through the same link, whose own time for it is 0.96 s.
  EXPECT_GT(*together, Duration{960ms});
  EXPECT_GT(*together, *alone);
  EXPECT_GT(four.left.counts().forwarded, 4 * kBytes / 1'500);
}

TEST(Router, TellsHowLongADatagramMayBe) {
  Dumbbell network{1, true, with_mtu(900)};
  const auto took = network.transfer_all(kBytes);
  ASSERT_TRUE(took) << took.error();
  EXPECT_GT(network.left.counts().too_long, 0U);
  EXPECT_EQ(network.left.counts().icmp_sent, network.left.counts().too_long);
  EXPECT_EQ(network.hosts[0]->stack().stats().tcp_mtu_black_holes, 0U);
  EXPECT_LT(*took, Duration{2s});
}

TEST(Router, MayBeABlackHole) {
  Dumbbell network{1, false, with_mtu(900)};
  const auto took = network.transfer_all(kBytes);
  ASSERT_TRUE(took) << took.error();
  EXPECT_GT(network.left.counts().too_long, 0U);
  EXPECT_EQ(network.left.counts().icmp_sent, 0U);
}

TEST(Router, LowersTtlAndReportsItsEnd) {
  Dumbbell network{1, true, delay_of(5ms)};
  struct Errors final : UdpHandler {
    void on_error(UdpSocket, const UdpError& error) override { errors.push_back(error); }
    std::vector<UdpError> errors;
  } errors;
  network.world.call(*network.hosts[0], [&](Worker& worker) {
    const auto socket = worker.open_udp(
        {.peer = Endpoint{.address = network.hosts[1]->address(), .port = Port{7}}, .hop_limit = 1},
        errors);
    ASSERT_TRUE(socket);
    EXPECT_TRUE(socket->send("one router too far"));
    EXPECT_TRUE(socket->set_hop_limit(2));
    EXPECT_TRUE(socket->send("two of them"));
    EXPECT_TRUE(socket->set_hop_limit(3));
    EXPECT_TRUE(socket->send("arrives, where nobody listens"));
  });
  network.world.run_for(1s);
  ASSERT_EQ(errors.errors.size(), 3U);
  EXPECT_EQ(errors.errors[0].icmp_type, 11);
  EXPECT_EQ(errors.errors[0].reporter, IpAddress::v4(198, 18, 0, 254));
  EXPECT_EQ(errors.errors[1].icmp_type, 11);
  EXPECT_EQ(errors.errors[2].error, Error::ConnectionRefused);
  EXPECT_EQ(errors.errors[2].reporter, network.hosts[1]->address());
  EXPECT_EQ(network.left.counts().expired, 1U);
  EXPECT_EQ(network.right.counts().expired, 1U);
}

TEST(Router, CutsDatagramsThatMayBeCut) {
  Dumbbell network{1, true, with_mtu(600)};
  struct Sink final : UdpHandler {
    void on_readable(UdpSocket socket) override {
      while (const auto datagram = socket.receive()) {
        bytes += datagram->payload.total_size();
      }
    }
    std::size_t bytes = 0;
  } sink;
  network.world.call(*network.hosts[1], [&](Worker& worker) {
    ASSERT_TRUE(worker.open_udp({.port = Port{7}}, sink));
  });
  network.world.call(*network.hosts[0], [&](Worker& worker) {
    const auto socket = worker.open_udp({.fragmentation = Fragmentation::Allowed}, sink);
    ASSERT_TRUE(socket);
    const std::vector<std::byte> payload(1'400);
    ASSERT_TRUE(
        socket->send_to({.address = network.hosts[1]->address(), .port = Port{7}}, payload));
  });
  network.world.run_for(1s);
  EXPECT_EQ(sink.bytes, 1'400U);
  EXPECT_EQ(network.left.counts().fragmented, 1U);
  EXPECT_EQ(network.hosts[1]->stack().stats().ipv4_fragments_in, 3U);
}

TEST(Router, SaysThatThereIsNoRoute) {
  Dumbbell network{1, true, delay_of(5ms)};
  struct Ends final : TcpHandler {
    void on_soft_error(TcpSocket, Error error) override { soft = error; }
    std::optional<Error> soft;
  } ends;
  network.world.call(*network.hosts[0], [&](Worker& worker) {
    ASSERT_TRUE(worker.connect({.address = IpAddress::v4(203, 0, 113, 1), .port = Port{9}}, ends,
                               {.timeout = 5s}));
  });
  network.world.run_for(1s);
  EXPECT_EQ(ends.soft, Error::NetworkUnreachable);
  EXPECT_GT(network.left.counts().unroutable, 0U);
}

}  // namespace
}  // namespace millrace::test
