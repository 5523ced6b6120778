#include "simulation/network.hpp"

#include <cstdio>

#include "simulation/frame_text.hpp"
#include "simulation/options.hpp"
#include "support/eal_environment.hpp"

namespace millrace::test {

namespace {

std::uint64_t with_eal(std::uint64_t seed) {
  start_eal();
  return seed;
}

}  // namespace

IpAddress address_of(std::uint8_t last) { return IpAddress::v4(198, 18, 0, last); }

sim::NicSetup nic_with(std::uint8_t last) {
  sim::NicSetup nic;
  nic.addresses.push_back(*IpPrefix::make(address_of(last), 24));
  return nic;
}

sim::HostSetup host_with(std::uint8_t last, Config config) {
  sim::HostSetup setup;
  setup.name = address_of(last).to_string();
  setup.nics.push_back(nic_with(last));
  setup.config = std::move(config);
  return setup;
}

sim::LinkParameters delay_of(Duration delay) {
  sim::LinkParameters parameters;
  parameters.delay = delay;
  return parameters;
}

TestWorld::TestWorld(std::uint64_t seed) : World{with_eal(seed)} {
  if (simulation_options().trace) {
    on_frame([this](const sim::Host& host, const sim::Frame& frame) {
      const auto microseconds =
          std::chrono::duration_cast<std::chrono::microseconds>(now() - Instant{1h}).count();
      std::printf("%12.6f %s: %s\n", static_cast<double>(microseconds) / 1e6, host.name().c_str(),
                  to_text(frame).c_str());
    });
  }
}

Pair::Pair(const PairSetup& setup)
    : world{setup.seed},
      client{world.add_host(host_with(1, setup.client))},
      server{world.add_host(host_with(2, setup.server))} {
  world.connect({.host = client}, {.host = server}, setup.forth, setup.back);
  static_cast<void>(world.start(client));
  static_cast<void>(world.start(server));
}

}  // namespace millrace::test
