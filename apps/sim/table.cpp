#include "apps/sim/table.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "apps/sim/bounds.hpp"
#include "apps/sim/flow.hpp"
#include "apps/sim/network.hpp"
#include "apps/sim/wire_observer.hpp"
#include "sim/host.hpp"

namespace swarm {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kFullFrame = 1'514;
constexpr std::uint64_t kPayload = 1'448;
constexpr std::uint64_t kFewestPackets = 2'047;
constexpr std::uint32_t kBufferMax = 1U << 30U;
/// Of data, header and reference together.
constexpr std::uint64_t kPoolBytesPerPacket = 4'096;

/// Packets that a host's queues may need.
std::uint64_t packets_for(const Cell& cell) noexcept {
  return std::max(kFewestPackets, 3 * (cell.bdp_bytes() + cell.buffer_bytes()) / kPayload + 1'024);
}

HostPlan host_for(const Cell& cell) {
  HostPlan host;
  host.config = millrace::sim::small_config();
  host.config.packets = static_cast<std::uint32_t>(packets_for(cell));
  host.rx_ring = 4'096;
  // By buffer size: about half of it is payload, and the window is half of that again.
  const std::uint64_t in_flight = cell.bdp_bytes() + cell.buffer_bytes();
  const auto buffer =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(5 * in_flight, 1U << 20U, kBufferMax));
  millrace::TcpConfig& tcp = host.config.tcp;
  tcp.send_buffer_bytes = tcp.send_buffer_initial_bytes = buffer;
  tcp.receive_buffer_bytes = tcp.receive_buffer_initial_bytes = buffer;
  tcp.reassembly_segments_max = 65'535;
  tcp.user_timeout = 1h;
  return host;
}

Plan plan_for(const Cell& cell, std::uint64_t seed) {
  Plan plan{.seed = seed};
  plan.hosts = {host_for(cell), host_for(cell)};
  plan.forth.delay = cell.round_trip / 2;
  plan.forth.bits_per_second = cell.bits_per_second;
  plan.forth.queue_frames = 0xffff'ffff;
  plan.forth.queue_bytes = cell.buffer_bytes();
  plan.back = plan.forth;
  plan.forth.loss_ppm = cell.loss_ppm;
  FlowPlan flow{.start_after = 10ms};
  flow.from_client.send_bytes = flow.from_server.receive_bytes = std::uint64_t{1} << 50U;
  flow.from_client.send_seed = flow.from_server.receive_seed = 1;
  flow.from_client.piece_max = flow.from_server.piece_max = 65'536;
  flow.from_client.uses_buffers = false;
  flow.from_client.congestion_control = cell.controller;
  plan.flows.push_back(flow);
  return plan;
}

/// Long enough for slow start, and under loss for many periods between two of them.
struct Phases {
  Duration warm_up;
  Duration measured;
};

Phases phases_of(const Cell& cell) noexcept {
  const Duration trip = cell.round_trip;
  return {.warm_up = std::clamp<Duration>(40 * trip, 1s, 10s),
          .measured = std::clamp<Duration>(200 * trip, 2s, 40s)};
}

CellPath path_of(const Cell& cell) noexcept {
  return {.rate = static_cast<double>(cell.bits_per_second),
          .round_trip = std::chrono::duration<double>(cell.round_trip).count(),
          .loss = static_cast<double>(cell.loss_ppm) / 1e6,
          .payload = static_cast<double>(kPayload)};
}

double rate_of(std::uint64_t bytes, Duration time) noexcept {
  return static_cast<double>(bytes) * 8 / std::chrono::duration<double>(time).count();
}

/// The sender's socket, once there is one.
millrace::TcpSocket sender_of(const Flow& flow) {
  millrace::TcpSocket found;
  flow.for_each_talker([&](const Talker& one, std::size_t host) {
    if (host == flow.plan().client) {
      found = one.socket();
    }
  });
  return found;
}

class CellRun {
 public:
  CellRun(const Cell& cell, const Plan& plan)
      : cell_{cell},
        network_{plan, {}},
        observer_{network_.world()},
        flow_{plan.flows[0], network_.host(0), network_.host(1), observer_} {}

  [[nodiscard]] CellResult play(bool with_samples) {
    CellResult result{.cell = cell_};
    const Phases phases = phases_of(cell_);
    millrace::sim::World& world = network_.world();
    flow_.start(world);
    pass(phases.warm_up, with_samples, result);
    const std::uint64_t before = flow_.received();
    pass(phases.measured, with_samples, result);
    result.goodput = rate_of(flow_.received() - before, phases.measured);
    const millrace::TcpSocket sender = sender_of(flow_);
    result.controller = sender.congestion_control().value_or("");
    result.bound = goodput_bound(path_of(cell_), result.controller);
    if (const auto info = sender.info()) {
      result.retransmitted = info->total_retransmitted;
    }
    result.problem = world.failure().value_or(observer_.problem());
    if (!sender.is_open() && result.problem.empty()) {
      result.problem = flow_.verdict();
    }
    end_connections();
    return result;
  }

 private:
  static constexpr unsigned kSamplesPerPhase = 200;

  void pass(Duration time, bool with_samples, CellResult& result) {
    millrace::sim::World& world = network_.world();
    const Duration step = with_samples ? time / kSamplesPerPhase : time;
    for (Duration passed{}; passed + step <= time; passed += step) {
      const std::uint64_t before = flow_.received();
      world.run_for(step);
      if (with_samples) {
        const auto info = sender_of(flow_).info();
        result.samples.push_back(
            {.seconds = std::chrono::duration<double>(world.now() - begin_).count(),
             .cwnd = info ? info->cwnd : 0,
             .bits_per_second = rate_of(flow_.received() - before, step),
             .queue_bytes = world.uplink({.host = network_.host(0)}).queue().bytes()});
      }
    }
  }

  /// Their handlers go with this run.
  void end_connections() {
    millrace::sim::World& world = network_.world();
    flow_.for_each_talker([&](const Talker& one, std::size_t host) {
      world.call(network_.host(host),
                 [&](millrace::Worker&) { static_cast<void>(one.socket().abort()); });
    });
    world.run_for(1s);
  }

  Cell cell_;
  Network network_;
  WireObserver observer_;
  Flow flow_;
  Instant begin_ = network_.world().now();
};

}  // namespace

std::uint64_t Cell::bdp_bytes() const noexcept {
  return bits_per_second / 8 * static_cast<std::uint64_t>(round_trip.count()) / 1'000'000;
}

std::uint64_t Cell::buffer_bytes() const noexcept {
  return std::max(static_cast<std::uint64_t>(static_cast<double>(bdp_bytes()) * buffer_bdp),
                  20 * kFullFrame);
}

std::vector<Cell> table_cells(const std::vector<std::string>& controllers, std::uint64_t bdp_max,
                              bool is_quick) {
  constexpr std::array<std::uint32_t, 5> kLosses{0, 100, 1'000, 10'000, 30'000};
  constexpr std::array kTrips{100us, 1'000us, 10'000us, 50'000us, 200'000us};
  constexpr std::array<std::uint64_t, 3> kRates{10'000'000, 1'000'000'000, 10'000'000'000};
  constexpr std::array kBuffers{0.1, 1.0, 4.0};
  // Thirty: slow links at every loss, and those without much in flight.
  constexpr std::uint64_t kQuickBdp = 300'000;
  std::vector<Cell> cells;
  for (const std::string& controller : controllers) {
    for (const std::uint64_t rate : kRates) {
      for (const auto trip : kTrips) {
        for (const double buffer : kBuffers) {
          for (const std::uint32_t loss : kLosses) {
            const Cell cell{.controller = controller,
                            .loss_ppm = loss,
                            .round_trip = trip,
                            .bits_per_second = rate,
                            .buffer_bdp = buffer};
            const bool is_chosen = !is_quick || (rate == kRates[0] && trip >= kTrips[2] &&
                                                 buffer < 2 && cell.bdp_bytes() <= kQuickBdp);
            if (cell.bdp_bytes() <= bdp_max && is_chosen) {
              cells.push_back(cell);
            }
          }
        }
      }
    }
  }
  return cells;
}

CellResult run_cell(const Cell& cell, std::uint64_t seed, bool with_samples) {
  const Plan plan = plan_for(cell, seed);
  return CellRun{cell, plan}.play(with_samples);
}

std::uint64_t memory_for(const std::vector<Cell>& cells) noexcept {
  std::uint64_t most = 0;
  for (const Cell& cell : cells) {
    most = std::max(most, packets_for(cell));
  }
  return (64ULL << 20U) + 2 * most * kPoolBytesPerPacket;
}

std::string to_json(const std::vector<CellResult>& results) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const CellResult& one : results) {
    nlohmann::ordered_json row{{"controller", one.controller},
                               {"loss_percent", static_cast<double>(one.cell.loss_ppm) / 1e4},
                               {"rtt_ms", static_cast<double>(one.cell.round_trip.count()) / 1e3},
                               {"rate_mbps", one.cell.bits_per_second / 1'000'000},
                               {"buffer_bdp", one.cell.buffer_bdp},
                               {"goodput_mbps", one.goodput / 1e6},
                               {"bound_mbps", one.bound / 1e6},
                               {"share", one.goodput / one.bound},
                               {"retransmitted_segments", one.retransmitted}};
    if (!one.problem.empty()) {
      row["problem"] = one.problem;
    }
    for (const Sample& sample : one.samples) {
      row["samples"].push_back({{"s", sample.seconds},
                                {"cwnd", sample.cwnd},
                                {"mbps", sample.bits_per_second / 1e6},
                                {"queue", sample.queue_bytes}});
    }
    list.push_back(std::move(row));
  }
  return list.dump(1) + "\n";
}

}  // namespace swarm
