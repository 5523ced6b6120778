#include "apps/sim/network.hpp"

#include <utility>

namespace swarm {

using millrace::Instant;
using millrace::IpAddress;
using millrace::IpPrefix;
namespace device = millrace::device;
namespace sim = millrace::sim;

namespace {

constexpr unsigned kPrefixLength = 24;
constexpr std::uint8_t kGateway = 254;

/// Of the cables that are not the plan's: they are short and sound.
sim::LinkParameters sound_cable() {
  sim::LinkParameters link;
  link.delay = std::chrono::microseconds{20};
  return link;
}

}  // namespace

Network::Network(const Plan& plan, const std::string& capture_folder)
    : plan_{plan}, capture_folder_{capture_folder}, world_{plan.seed} {
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    hosts_.push_back(&world_.add_host(setup_of(plan.hosts[i], i)));
  }
  switch (plan.topology) {
    case Topology::Cable: connect_directly(); break;
    case Topology::Switch: connect_by_switch(); break;
    case Topology::Routed: connect_by_routers(); break;
  }
  plan_mtu_changes();
  for (sim::Host* const host : hosts_) {
    static_cast<void>(world_.start(*host));
  }
}

sim::HostSetup Network::setup_of(const HostPlan& host, std::size_t number) {
  const auto index = static_cast<std::uint8_t>(number);
  const bool is_routed = plan_.topology == Topology::Routed;
  sim::NicSetup nic;
  const auto own = static_cast<std::uint8_t>(index + 1);
  nic.addresses.push_back(*IpPrefix::make(
      is_routed ? IpAddress::v4(198, 18, own, 1) : IpAddress::v4(198, 18, 0, own), kPrefixLength));
  if (is_routed) {
    nic.gateway = IpAddress::v4(198, 18, own, kGateway);
  }
  nic.mtu = host.mtu;
  nic.multi_segment = host.multi_segment;
  nic.rx_ring = host.rx_ring;
  sim::HostSetup setup;
  setup.name = nic.addresses.front().address().to_string();
  setup.nics.push_back(std::move(nic));
  setup.config = host.config;
  if (!capture_folder_.empty()) {
    add_capture(setup);
  }
  return setup;
}

void Network::add_capture(sim::HostSetup& setup) {
  // The same run gives the same file, so the wall's clock stays out of it.
  const device::ClockAnchor anchor{.steady = Instant{std::chrono::hours{1}}, .since_epoch = {}};
  auto file = device::CaptureFile::create(
      capture_folder_ + "/" + std::to_string(plan_.seed) + "-" + setup.name + ".pcapng", anchor);
  if (!file) {
    problem_ = file.error();
    return;
  }
  captures_.push_back(std::move(*file));
  setup.decorate = [this, file = captures_.back().get(),
                    name = setup.name](std::unique_ptr<device::Device> inner) {
    return std::make_unique<device::CaptureDevice>(std::move(inner), *file, name,
                                                   [this]() noexcept { return world_.now(); });
  };
}

void Network::connect_directly() {
  world_.connect({.host = host(0)}, {.host = host(1)}, plan_.forth, plan_.back);
}

void Network::connect_by_switch() {
  sim::Switch& center = world_.add_switch();
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    world_.connect({.host = host(i)}, center, i % 2 == 0 ? plan_.forth : plan_.back, sound_cable());
  }
}

void Network::connect_by_routers() {
  constexpr unsigned kWholeAddress = 32;
  sim::Router& left = world_.add_router({.name = "left", .sends_icmp = plan_.routers_send_icmp});
  sim::Router& right = world_.add_router({.name = "right", .sends_icmp = plan_.routers_send_icmp});
  const sim::RouterPorts ports = world_.connect(left, right, plan_.forth, plan_.back);
  main_cable_ = {&left.out(ports.a), &right.out(ports.b)};
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    const bool is_left = i % 2 == 0;
    world_.connect({.host = host(i)}, is_left ? left : right, sound_cable(), sound_cable());
    // The way to it from the other side.
    sim::Router& other = is_left ? right : left;
    other.add_route(*IpPrefix::make(host(i).address(), kWholeAddress), is_left ? ports.b : ports.a,
                    is_left ? left.port(ports.a).mac : right.port(ports.b).mac);
  }
}

void Network::plan_mtu_changes() {
  for (const MtuChange& change : plan_.mtu_changes) {
    world_.at(change.after, [this, mtu = change.mtu] {
      for (sim::Link* const link : main_cable_) {
        sim::LinkParameters parameters = link->parameters();
        parameters.mtu = mtu;
        link->set_parameters(parameters);
      }
    });
  }
}

}  // namespace swarm
