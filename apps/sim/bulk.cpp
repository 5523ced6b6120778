#include "apps/sim/bulk.hpp"

#include <algorithm>

#include <millrace/congestion.hpp>

#include "sim/host.hpp"

namespace swarm {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kFewestPackets = 8'191;
constexpr std::uint64_t kBufferMax = 1U << 30U;
/// What a pool takes for each: data, header and reference together.
constexpr std::uint64_t kPoolBytesPerPacket = 4'096;
constexpr std::uint16_t kFirstPort = 1'000;

/// What all flows together may have under way. A window reaches no further than half of a buffer.
std::uint64_t in_flight_of(const Cell& cell) noexcept {
  return std::min(cell.bdp_bytes() + cell.buffer_bytes(), kBufferMax / 2);
}

/// What is under way takes packets of the sender's, and a window four times its size of the
/// receiver's budget.
std::uint64_t packets_for(const BulkPlan& plan) noexcept {
  const std::uint64_t segments = in_flight_of(plan.cell) / kSegmentPayload;
  // Each flow's own buffers are small beside that.
  constexpr std::uint64_t kFlowsPerShare = 4;
  return kFewestPackets * (1 + plan.flows / kFlowsPerShare) + 4 * segments;
}

HostPlan host_for(const BulkPlan& plan) {
  HostPlan host;
  host.config = millrace::sim::small_config();
  host.config.packets = static_cast<std::uint32_t>(packets_for(plan));
  host.rx_ring = 4'096;
  // Neither buffer may be what holds a transfer back: by size, half of one is payload, and the
  // window is half of that again.
  const auto buffer = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(8 * in_flight_of(plan.cell), 1U << 20U, kBufferMax));
  millrace::TcpConfig& tcp = host.config.tcp;
  tcp.congestion_control =
      millrace::congestion_kind(plan.cell.controller).value_or(tcp.congestion_control);
  tcp.send_buffer_bytes = tcp.send_buffer_initial_bytes = buffer;
  tcp.receive_buffer_bytes = tcp.receive_buffer_initial_bytes = buffer;
  tcp.reassembly_segments_max = 65'535;
  tcp.user_timeout = 1h;
  return host;
}

FlowPlan flow_for(const BulkPlan& plan, std::size_t number) {
  FlowPlan flow{.port = static_cast<std::uint16_t>(kFirstPort + number),
                .start_after = 10ms + number * plan.stagger};
  flow.from_client.send_bytes = flow.from_server.receive_bytes = std::uint64_t{1} << 50U;
  flow.from_client.send_seed = flow.from_server.receive_seed = 1;
  flow.from_client.piece_max = flow.from_server.piece_max = 65'536;
  flow.from_client.uses_buffers = false;
  return flow;
}

Plan network_for(const BulkPlan& plan) {
  const Cell& cell = plan.cell;
  Plan network{.seed = plan.seed};
  network.hosts = {host_for(plan), host_for(plan)};
  network.forth.delay = cell.round_trip / 2;
  network.forth.jitter = plan.jitter;
  network.forth.bits_per_second = cell.bits_per_second;
  network.forth.queue_frames = 0xffff'ffff;
  network.forth.queue_bytes = cell.buffer_bytes();
  network.back = network.forth;
  network.forth.loss_ppm = cell.loss_ppm;
  // RFC 8257 §3.1: a step. A SYN or a retransmission is not ECN-capable, and would be lost where
  // data is marked.
  network.forth.red = {.min_bytes = cell.mark_bytes(),
                       .max_bytes = cell.mark_bytes(),
                       .weight_shift = 0,
                       .marks_only = true};
  for (std::size_t i = 0; i < plan.flows; ++i) {
    network.flows.push_back(flow_for(plan, i));
  }
  return network;
}

}  // namespace

Bulk::Bulk(const BulkPlan& plan)
    : plan_{network_for(plan)}, network_{plan_, {}}, observer_{network_.world()} {
  for (const FlowPlan& flow : plan_.flows) {
    flows_.push_back(std::make_unique<Flow>(flow, network_.host(0), network_.host(1), observer_));
    flows_.back()->start(network_.world());
  }
}

Bulk::~Bulk() {
  millrace::sim::World& world = network_.world();
  for (const auto& flow : flows_) {
    flow->for_each_talker([&](const Talker& one, std::size_t host) {
      world.call(network_.host(host),
                 [&](millrace::Worker&) { static_cast<void>(one.socket().abort()); });
    });
  }
  world.run_for(1s);
}

millrace::TcpSocket Bulk::sender(std::size_t flow) const {
  millrace::TcpSocket found;
  flows_[flow]->for_each_talker([&](const Talker& one, std::size_t host) {
    if (host == plan_.flows[flow].client) {
      found = one.socket();
    }
  });
  return found;
}

LossCounts Bulk::losses() noexcept {
  const millrace::CoreStats& stats = network_.host(0).stats();
  return {.recoveries = stats.tcp_fast_recoveries,
          .timeouts = stats.tcp_retransmission_timeouts,
          .marks = stats.tcp_ecn_reductions};
}

std::uint64_t Bulk::queue_bytes() noexcept {
  return network_.world().uplink({.host = network_.host(0)}).queue().bytes();
}

std::string Bulk::problem() {
  std::string text = network_.world().failure().value_or(observer_.problem());
  for (std::size_t i = 0; i < flows_.size() && text.empty(); ++i) {
    if (!sender(i).is_open()) {
      text = "flow " + std::to_string(i) + " has ended: " + flows_[i]->verdict();
    }
  }
  return text;
}

std::uint64_t Bulk::memory_for(const BulkPlan& plan) noexcept {
  constexpr std::uint64_t kBesidesPools = 64ULL << 20U;
  // Pools of another size may have been there before: half as much again for what lies between.
  return kBesidesPools + 3 * packets_for(plan) * kPoolBytesPerPacket;
}

}  // namespace swarm
