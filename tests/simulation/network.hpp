// The network that most simulation tests take: a client and a server on one cable.
#pragma once

#include <cstdint>

#include <millrace/endpoint.hpp>

#include "sim/world.hpp"

namespace millrace::test {

using namespace std::chrono_literals;

/// 198.18.0.`last`, and that on /24.
[[nodiscard]] IpAddress address_of(std::uint8_t last);
[[nodiscard]] sim::NicSetup nic_with(std::uint8_t last);
[[nodiscard]] sim::HostSetup host_with(std::uint8_t last, Config config = sim::small_config());

/// A perfect cable of the delay that is given.
[[nodiscard]] sim::LinkParameters delay_of(Duration delay);

/// Starts the EAL on first use, and prints frames if the command line asks for it.
class TestWorld : public sim::World {
 public:
  explicit TestWorld(std::uint64_t seed);
};

struct PairSetup {
  std::uint64_t seed = 1;
  Config client = sim::small_config();
  Config server = sim::small_config();
  sim::LinkParameters forth = delay_of(10ms);
  sim::LinkParameters back = delay_of(10ms);
};

/// 198.18.0.1 and 198.18.0.2, started without applications and with their addresses announced.
struct Pair {
  Pair() : Pair{PairSetup{}} {}
  explicit Pair(const PairSetup& setup);

  TestWorld world;
  sim::Host& client;
  sim::Host& server;

  [[nodiscard]] Endpoint server_at(std::uint16_t port) const {
    return {.address = address_of(2), .port = Port{port}};
  }
};

}  // namespace millrace::test
