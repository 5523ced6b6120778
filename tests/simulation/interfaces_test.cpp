// Hosts with several NICs and VLANs: whole transfers over each at once, each by its own way, and
// none by another's.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "net/link_header.hpp"
#include "simulation/network.hpp"
#include "simulation/transfer.hpp"

namespace millrace::test {
namespace {

constexpr std::uint64_t kBytes = 400'000;
constexpr std::array<std::uint8_t, 3> kNetworks{1, 2, 3};
constexpr std::array<std::uint16_t, 3> kVlans{0, 2, 3};

IpAddress on_network(std::uint8_t network, std::uint8_t last) {
  return IpAddress::v4(198, 18, network, last);
}
IpPrefix prefix_of(std::uint8_t network, std::uint8_t last) {
  return *IpPrefix::make(on_network(network, last), 24);
}

/// A host with one NIC: network 1 without tag, networks 2 and 3 in VLANs of those numbers.
sim::HostSetup trunk_host(std::uint8_t last) {
  sim::HostSetup setup;
  setup.name = on_network(1, last).to_string();
  sim::NicSetup nic;
  nic.addresses = {prefix_of(1, last)};
  nic.vlans = {{.vlan = 2, .addresses = {prefix_of(2, last)}},
               {.vlan = 3, .addresses = {prefix_of(3, last)}}};
  setup.nics.push_back(std::move(nic));
  return setup;
}

/// Transfers in both directions between two hosts, one for each network, all at once.
class Transfers {
 public:
  Transfers(sim::World& world, sim::Host& client, sim::Host& server)
      : world_{world}, client_{client}, server_app_{server.worker(), plan(2, 1)} {
    world.call(server,
               [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, server_app_)); });
  }

  void open(const IpAddress& to, const ConnectOptions& options = {}) {
    transfers_.push_back(std::make_unique<Transfer>(client_.worker(), plan(1, 2)));
    world_.call(client_, [&](Worker& worker) {
      ASSERT_TRUE(worker.connect({.address = to, .port = Port{9}}, *transfers_.back(), options));
    });
  }

  void expect_complete() {
    const auto clean = world_.check_clean();
    EXPECT_TRUE(clean) << clean.error();
    ASSERT_EQ(server_app_.transfers().size(), transfers_.size());
    for (std::size_t i = 0; i < transfers_.size(); ++i) {
      EXPECT_EQ(transfers_[i]->verdict(), "");
      EXPECT_EQ(server_app_.transfers()[i]->verdict(), "");
    }
  }

 private:
  static TransferPlan plan(std::uint64_t sends, std::uint64_t receives) {
    return {.send_seed = sends,
            .receive_seed = receives,
            .send_bytes = kBytes,
            .receive_bytes = kBytes};
  }

  sim::World& world_;
  sim::Host& client_;
  TransferServer server_app_;
  std::vector<std::unique_ptr<Transfer>> transfers_;
};

class Trunk : public testing::Test {
 protected:
  /// Cables that lose one frame in a hundred, and mix up some.
  static sim::LinkParameters rough() {
    sim::LinkParameters parameters = delay_of(2ms);
    parameters.loss_ppm = 10'000;
    parameters.reorder_ppm = 10'000;
    return parameters;
  }
};

TEST_F(Trunk, TransfersCrossEveryVlanOfACableAtOnce) {
  TestWorld world{11};
  sim::Host& client = world.add_host(trunk_host(1));
  sim::Host& server = world.add_host(trunk_host(2));
  world.connect({.host = client}, {.host = server}, rough(), rough());
  std::map<std::uint16_t, unsigned> frames;  // By VLAN.
  world.on_frame([&](const sim::Host&, const sim::Frame& frame) {
    ++frames[net::parse_link_header(frame)->vlan];
  });
  ASSERT_TRUE(world.start(client));
  ASSERT_TRUE(world.start(server));
  Transfers transfers{world, client, server};
  for (const std::uint8_t network : kNetworks) {
    transfers.open(on_network(network, 2));
  }
  transfers.expect_complete();
  EXPECT_EQ(frames.size(), 3U);
  constexpr unsigned kFewest = 2 * kBytes / 1'500;
  for (const std::uint16_t vlan : kVlans) {
    EXPECT_GT(frames[vlan], kFewest) << "VLAN " << vlan;
  }
  for (sim::Host* host : {&client, &server}) {
    EXPECT_EQ(host->stack().stats().dropped(DropReason::VlanUnknown), 0U);
    EXPECT_EQ(host->nic().dropped(), 0U) << "a full frame has no room for its tag";
  }
}

TEST_F(Trunk, ATaggedInterfaceAloneServes) {
  TestWorld world{12};
  std::array<sim::Host*, 2> hosts{};
  for (std::uint8_t i = 0; i < 2; ++i) {
    const auto last = static_cast<std::uint8_t>(i + 1);
    sim::HostSetup setup = trunk_host(last);
    setup.nics[0].addresses.clear();
    setup.nics[0].vlans.pop_back();
    hosts[i] = &world.add_host(std::move(setup));
  }
  world.connect({.host = *hosts[0]}, {.host = *hosts[1]}, rough(), rough());
  ASSERT_TRUE(world.start(*hosts[0]));
  ASSERT_TRUE(world.start(*hosts[1]));
  Transfers transfers{world, *hosts[0], *hosts[1]};
  transfers.open(on_network(2, 2));
  transfers.expect_complete();
}

TEST_F(Trunk, AVlanThatTheOtherHostLacksLeadsNowhere) {
  TestWorld world{13};
  sim::Host& client = world.add_host(trunk_host(1));
  sim::HostSetup other = trunk_host(2);
  other.nics[0].vlans.clear();
  sim::Host& server = world.add_host(std::move(other));
  world.connect({.host = client}, {.host = server}, delay_of(2ms), delay_of(2ms));
  ASSERT_TRUE(world.start(client));
  ASSERT_TRUE(world.start(server));
  Transfer transfer{client.worker(), {.send_bytes = 1}};
  world.call(client, [&](Worker& worker) {
    ASSERT_TRUE(worker.connect({.address = on_network(2, 2), .port = Port{9}}, transfer));
  });
  EXPECT_TRUE(world.check_clean());
  ASSERT_TRUE(transfer.outcome().has_value());
  EXPECT_EQ(transfer.outcome()->error(), Error::HostUnreachable);
  EXPECT_GT(server.stack().stats().dropped(DropReason::VlanUnknown), 0U);
}

/// Two hosts with two NICs each, cable beside cable.
class TwoCables : public testing::Test {
 protected:
  static sim::HostSetup host(std::uint8_t last) {
    sim::HostSetup setup;
    setup.name = on_network(1, last).to_string();
    for (const std::uint8_t network : {std::uint8_t{1}, std::uint8_t{2}}) {
      sim::NicSetup nic;
      nic.addresses = {prefix_of(network, last)};
      nic.gateway = on_network(network, static_cast<std::uint8_t>(3 - last));
      setup.nics.push_back(std::move(nic));
    }
    return setup;
  }

  TwoCables() {
    world.connect({.host = client, .nic = 0}, {.host = server, .nic = 0}, delay_of(1ms),
                  delay_of(1ms));
    world.connect({.host = client, .nic = 1}, {.host = server, .nic = 1}, delay_of(5ms),
                  delay_of(5ms));
    EXPECT_TRUE(world.start(client));
    EXPECT_TRUE(world.start(server));
  }

  TestWorld world{21};
  sim::Host& client = world.add_host(host(1));
  sim::Host& server = world.add_host(host(2));
};

TEST_F(TwoCables, TransfersCrossBothAtOnceEachByItsOwn) {
  std::map<IpAddress, unsigned> nics;  // Frames by address.
  world.on_frame([&](const sim::Host& host, const sim::Frame& frame) {
    if (net::parse_link_header(frame)->type == wire::EtherType::Ipv4) {
      const auto source = IpAddress::v4(
          std::to_integer<std::uint8_t>(frame[26]), std::to_integer<std::uint8_t>(frame[27]),
          std::to_integer<std::uint8_t>(frame[28]), std::to_integer<std::uint8_t>(frame[29]));
      // The simulator numbers NICs in the last byte of the MAC address.
      const auto nic = std::to_integer<std::uint8_t>(frame[11]);
      EXPECT_EQ(source.v4_bytes()[2], nic + 1) << host.name() << " sent by the wrong NIC";
      ++nics[source];
    }
  });
  Transfers transfers{world, client, server};
  transfers.open(on_network(1, 2));
  transfers.open(on_network(2, 2));
  transfers.expect_complete();
  EXPECT_EQ(nics.size(), 4U);
}

TEST_F(TwoCables, AnAddressBehindOneCableIsNotReachedByTheOther) {
  // From the address of the first cable the second network is beyond the first gateway, which is
  // the other host; but its address there belongs to its other NIC.
  Transfer transfer{client.worker(), {.send_bytes = 1}};
  world.call(client, [&](Worker& worker) {
    ASSERT_TRUE(worker.connect({.address = on_network(2, 2), .port = Port{9}}, transfer,
                               {.local_address = on_network(1, 1), .timeout = 3s}));
  });
  EXPECT_TRUE(world.check_clean());
  ASSERT_TRUE(transfer.outcome().has_value());
  EXPECT_EQ(transfer.outcome()->error(), Error::TimedOut);
  EXPECT_GT(server.stack().stats().dropped(DropReason::Ipv4NotForUs), 0U);
}

}  // namespace
}  // namespace millrace::test
