// What the applications of a plan do: who talks to whom, how much, how fast, and how it ends. The
// first connection is a plain one that carries most of the payload; the others have the oddities.
#include <algorithm>
#include <array>

#include "apps/sim/draw.hpp"

namespace swarm {

namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kFirstPort = 1'000;

/// Two different hosts; in a routed network on different sides.
void draw_ends(Dice& dice, const Plan& plan, FlowPlan& flow) {
  flow.client = dice.index(plan.hosts.size());
  do {
    flow.server = dice.index(plan.hosts.size());
  } while (flow.server == flow.client ||
           (plan.topology == Topology::Routed && flow.server % 2 == flow.client % 2));
}

Ending draw_ending(Dice& dice, const Traits& traits) {
  constexpr std::array kEndings{Ending::CloseWhenDone, Ending::CloseAfterSend,
                                Ending::CloseAfterPeer};
  return traits.has(Trait::HalfClose) ? Ending::Shutdown : kEndings[dice.index(kEndings.size())];
}

void draw_manners(Dice& dice, const Traits& traits, EndPlan& end) {
  end.seed = dice.seed();
  end.piece_max = dice.scaled(100, 20'000);
  end.uses_buffers = dice.coin();
  end.no_delay = dice.coin();
  end.ending = draw_ending(dice, traits);
  if (traits.has(Trait::Keepalive) && dice.coin()) {
    // Lasts for longer than any link is down.
    end.keepalive =
        millrace::KeepaliveOptions{.idle = std::chrono::seconds{dice.between(1, 30)},
                                   .interval = std::chrono::seconds{dice.between(5, 20)},
                                   .count = 100};
  }
  if (traits.has(Trait::Tuned) && dice.coin()) {
    millrace::TcpTuning& tuning = end.tuning;
    tuning.max_segment_bytes =
        dice.coin() ? static_cast<std::uint16_t>(dice.between(88, 1'400)) : std::uint16_t{0};
    tuning.window_clamp_bytes = dice.coin() ? dice.scaled(1'152, 100'000) : 0;
    tuning.unsent_limit_bytes = dice.coin() ? dice.scaled(1'000, 50'000) : 0;
    tuning.receive_buffer_bytes = dice.percent(30) ? dice.scaled(4'608, 200'000) : 0;
    tuning.send_buffer_bytes = dice.percent(30) ? dice.scaled(8'192, 200'000) : 0;
  }
}

/// What makes a connection slow is for those that carry little.
void draw_oddities(Dice& dice, const Traits& traits, EndPlan& end) {
  if (traits.has(Trait::SlowReader) && dice.coin()) {
    end.read_pause = dice.microseconds(1'000, 200'000);
  }
  if (traits.has(Trait::StalledReader) && dice.coin()) {
    end.stall_at = 1 + dice.between(0, static_cast<std::uint32_t>(end.receive_bytes / 2));
    end.stall = dice.microseconds(500'000, 60'000'000);
  }
  if (traits.has(Trait::TinyWrites) && dice.coin()) {
    end.piece_max = dice.between(1, 50);
    end.write_pause = dice.coin() ? Duration{} : dice.microseconds(100, 20'000);
  }
  if (traits.has(Trait::Urgent) && dice.coin()) {
    end.urgent_percent = dice.between(1, 20);
  }
  end.cork = traits.has(Trait::Cork) && dice.coin();
}

void set_streams(Dice& dice, FlowPlan& flow, std::uint32_t forth, std::uint32_t back) {
  EndPlan& client = flow.from_client;
  EndPlan& server = flow.from_server;
  client.send_seed = server.receive_seed = dice.seed();
  server.send_seed = client.receive_seed = dice.seed();
  client.send_bytes = server.receive_bytes = forth;
  server.send_bytes = client.receive_bytes = back;
}

/// Both may be waiting for the other to close first only if one of them does not.
void settle_endings(FlowPlan& flow) {
  if (flow.from_client.ending == Ending::CloseAfterPeer &&
      flow.from_server.ending == Ending::CloseAfterPeer) {
    flow.from_client.ending = Ending::CloseAfterSend;
  }
}

FlowPlan draw_main_flow(Dice& dice, const Plan& plan) {
  FlowPlan flow{.port = kFirstPort};
  draw_ends(dice, plan, flow);
  const std::uint32_t total = dice.between(kPayloadMin, kPayloadMin + 500'000);
  const std::uint32_t forth = dice.coin() ? total : dice.between(0, total);
  set_streams(dice, flow, forth, total - forth);
  draw_manners(dice, plan.traits, flow.from_client);
  draw_manners(dice, plan.traits, flow.from_server);
  settle_endings(flow);
  return flow;
}

void draw_abort(Dice& dice, FlowPlan& flow) {
  EndPlan& aborting = dice.coin() ? flow.from_client : flow.from_server;
  EndPlan& other = &aborting == &flow.from_client ? flow.from_server : flow.from_client;
  aborting.ending = Ending::Abort;
  aborting.abort_after =
      aborting.receive_bytes == 0
          ? 0
          : dice.between(0, static_cast<std::uint32_t>(aborting.receive_bytes - 1));
  // Should the reset be lost, nobody else tells it.
  other.keepalive = millrace::KeepaliveOptions{.idle = 30s, .interval = 10s, .count = 60};
}

FlowPlan draw_side_flow(Dice& dice, const Plan& plan, std::uint16_t port) {
  const Traits& traits = plan.traits;
  FlowPlan flow{.port = port, .start_after = dice.microseconds(1, 5'000'000)};
  draw_ends(dice, plan, flow);
  set_streams(dice, flow, dice.scaled(1, 40'000), dice.scaled(1, 40'000));
  for (EndPlan* const end : {&flow.from_client, &flow.from_server}) {
    draw_manners(dice, traits, *end);
    draw_oddities(dice, traits, *end);
  }
  settle_endings(flow);
  if (traits.has(Trait::FastOpen) && dice.coin()) {
    flow.fast_open = true;
    flow.data_in_syn =
        std::min(static_cast<std::uint32_t>(flow.from_client.send_bytes), dice.scaled(1, 4'000));
  } else if (traits.has(Trait::Abort) && dice.coin()) {
    draw_abort(dice, flow);
  }
  return flow;
}

bool has_oddities(const Traits& traits) {
  constexpr std::array kOdd{Trait::SlowReader, Trait::StalledReader, Trait::TinyWrites,
                            Trait::Urgent,     Trait::Cork,          Trait::FastOpen,
                            Trait::Abort,      Trait::Tuned};
  return std::ranges::any_of(kOdd, [&](Trait trait) { return traits.has(trait); });
}

void draw_datagrams(Dice& dice, Plan& plan) {
  for (std::uint32_t i = dice.between(1, 2); i > 0; --i) {
    FlowPlan ends;
    draw_ends(dice, plan, ends);
    plan.datagrams.push_back({.from = ends.client,
                              .to = ends.server,
                              .port = static_cast<std::uint16_t>(500 + i),
                              .datagrams = dice.between(10, 200),
                              .bytes_max = dice.scaled(16, 6'000),
                              .pause = dice.microseconds(100, 100'000),
                              .seed = dice.seed(),
                              .may_be_cut = dice.coin()});
  }
}

}  // namespace

void draw_flows(Dice& dice, Plan& plan) {
  plan.flows.push_back(draw_main_flow(dice, plan));
  std::uint32_t others = has_oddities(plan.traits) ? dice.between(2, 5) : 0;
  if (plan.traits.has(Trait::ManyConnections)) {
    others = dice.between(20, 50);
  }
  for (std::uint32_t i = 0; i < others; ++i) {
    plan.flows.push_back(
        draw_side_flow(dice, plan, static_cast<std::uint16_t>(kFirstPort + 1 + i)));
  }
  if (plan.traits.has(Trait::Udp)) {
    draw_datagrams(dice, plan);
  }
}

}  // namespace swarm
