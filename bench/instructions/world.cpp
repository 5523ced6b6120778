#include "instructions/world.hpp"

#include <array>
#include <chrono>
#include <span>

#include "base/contract.hpp"
#include "base/random.hpp"
#include "support/eal_environment.hpp"

namespace millrace::bench {

// C names, which callgrind can be told whatever the compiler makes of others. Behind the turn comes
// something more, lest a jump to it takes the place of the call and of the return that ends
// counting.
extern "C" {
void counted_turn(runtime::Worker& loop);
void warm_up_turn(runtime::Worker& loop);
[[gnu::noinline]] void counted_turn(runtime::Worker& loop) {
  static_cast<void>(loop.run_turn());
  asm volatile("" ::: "memory");
}
[[gnu::noinline]] void warm_up_turn(runtime::Worker& loop) {
  static_cast<void>(loop.run_turn());
  asm volatile("# uncounted" ::: "memory");
}
}

namespace {

using packet::Packet;

constexpr Port kServerPort{7};
constexpr std::uint16_t kFirstClientPort = 2'000;
// A turn of a busy core takes some microseconds. With a millisecond every timestamp differs from
// the one before it, ours and the peers', and every deadline moves by more than a tick.
constexpr std::chrono::milliseconds kTurn{1};
const IpAddress kStackAddress = IpAddress::v4(198, 18, 0, 2);
const IpAddress kPeerAddress = IpAddress::v4(198, 18, 0, 1);

// So that a segment with timestamps carries 1460 bytes.
constexpr std::uint16_t kMtu = wire::kIpv4HeaderSize + wire::kTcpHeaderSize + 12 +
                               static_cast<std::uint16_t>(World::kSegmentBytes);

Config make_config(std::uint32_t queued_segments) {
  Config config;
  config.max_connections = 4'096;
  config.background_threads = 0;
  config.tcp.send_buffer_bytes = queued_segments * packet::PacketBudget::kPacketCharge;
  config.tcp.send_buffer_initial_bytes = config.tcp.send_buffer_bytes;
  return config;
}

device::Capabilities make_capabilities(const MacAddress& mac) {
  return {.mac = mac,
          .mtu = kMtu,
          .tx_ipv4_checksum = true,
          .tx_tcp_checksum = true,
          .tx_udp_checksum = true,
          .rx_checksum = true,
          .multi_segment = true};
}

stack::InterfaceSetup make_setup(const device::Capabilities& capabilities) {
  stack::InterfaceSetup setup;
  setup.mac = capabilities.mac;
  setup.mtu = capabilities.mtu;
  setup.offloads = {.tx_ipv4_checksum = capabilities.tx_ipv4_checksum,
                    .tx_tcp_checksum = capabilities.tx_tcp_checksum,
                    .tx_udp_checksum = capabilities.tx_udp_checksum,
                    .multi_segment = capabilities.multi_segment};
  setup.addresses = {*IpPrefix::make(kStackAddress, 24)};
  return setup;
}

}  // namespace

World::World(TcpHandler& app, std::uint32_t queued_segments)
    : pools_{test::make_core_pools({.data = 16'383, .headers = 8'191, .references = 8'191})},
      config_{make_config(queued_segments)},
      wire_{.pool = pools_.data,
            .stack_mac = MacAddress{{0x02, 0, 0, 0, 0, 2}},
            .peer_mac = MacAddress{{0x02, 0, 0, 0, 0, 1}}},
      device_{make_capabilities(wire_.stack_mac)},
      stack_{config_, std::array{make_setup(device_.capabilities())}, pools_,
             base::Random::from_seed(1), clock_.now()},
      core_worker_{stack_, background_, 0U, [] {}},
      loop_{stack_, {&device_}, background_, clock_},
      next_port_{kFirstClientPort} {
  stack_.start(clock_.now());
  base::expects(worker().listen({.port = kServerPort}, app).has_value());
  warm_up_turn(loop_);
  // It learns who asks, asks back whether that is so, and hears it.
  for (const auto operation : {wire::ArpOperation::Request, wire::ArpOperation::Reply}) {
    device_.offer(Peer::make_arp(wire_, operation, kPeerAddress, kStackAddress));
    warm_up_turn(loop_);
  }
  device_.take_sent([](const Packet& /*frame*/) {});
}

World::~World() {
  stack_.shut_down();
  warm_up_turn(loop_);
}

void World::add_peers() {
  constexpr std::uint16_t kLastClientPort = 60'000;
  peers_.clear();
  next_port_ = next_port_ < kLastClientPort ? next_port_ : kFirstClientPort;
  for (std::uint32_t i = 0; i < kConnections; ++i) {
    const std::uint16_t port = next_port_++;
    peers_.emplace_back(wire_,
                        FourTuple{.local = {.address = kStackAddress, .port = kServerPort},
                                  .remote = {.address = kPeerAddress, .port = Port{port}}},
                        0x1000'0000U * port);
  }
}

void World::open_all() {
  add_peers();
  // A turn for each, so that the next word of a peer comes as many turns later as there are peers.
  for (Peer& peer : peers_) {
    offer(peer.make_syn(now()));
    turn();
  }
  for (Peer& peer : peers_) {
    offer(peer.make_segment(now(), 0, 0));
    turn();
  }
}

void World::turn() {
  run_turn();
  device_.take_sent([this](const Packet& frame) { hear(frame); });
}

void World::turn_unheard() {
  run_turn();
  device_.take_sent([](const Packet& /*frame*/) {});
}

void World::run_turn() {
  is_counting_ ? counted_turn(loop_) : warm_up_turn(loop_);
  clock_.time += kTurn;
}

void World::hear(packet::Burst& sent) {
  for (std::uint16_t i = 0; i < sent.size(); ++i) {
    const Packet frame = sent.take(i);
    hear(frame);
  }
  sent.clear();
}

void World::hear(const Packet& frame) {
  const auto segment = read_frame(frame);
  if (!segment) {
    // Announcements of its own address go unanswered; who asks hears the answer a turn later.
    device_.offer(Peer::make_arp(wire_, wire::ArpOperation::Reply, kPeerAddress, kStackAddress));
    return;
  }
  const std::size_t first = next_port_ - kConnections;
  peers_.at(segment->header.destination_port - first).hear(*segment);
}

}  // namespace millrace::bench
