#include "apps/sim/draw.hpp"

#include <array>

namespace swarm {

namespace {

/// Every fourth network has it, as far as nothing else forbids it.
constexpr std::uint32_t kUsualPercent = 25;
/// Some networks have nothing wrong with them.
constexpr std::uint32_t kCalmPercent = 8;

constexpr std::array kLinkFaults{
    Trait::Loss,        Trait::BurstLoss,   Trait::Jitter,     Trait::Reordering,
    Trait::Duplication, Trait::Corruption,  Trait::Truncation, Trait::Forgery,
    Trait::RateLimit,   Trait::ShortQueue,  Trait::ByteQueue,  Trait::Red,
    Trait::Policer,     Trait::AckThinning, Trait::Flaps,      Trait::Asymmetry};
constexpr std::array kOthers{Trait::SmallWindows,
                             Trait::LargeWindows,
                             Trait::FewReassembled,
                             Trait::FewPackets,
                             Trait::SingleSegment,
                             Trait::SmallInterface,
                             Trait::NoTimestamps,
                             Trait::NoSelectiveAcks,
                             Trait::Ecn,
                             Trait::SynCookies,
                             Trait::SlowReader,
                             Trait::StalledReader,
                             Trait::TinyWrites,
                             Trait::HalfClose,
                             Trait::Abort,
                             Trait::ManyConnections,
                             Trait::Urgent,
                             Trait::Keepalive,
                             Trait::FastOpen,
                             Trait::Cork,
                             Trait::Tuned,
                             Trait::Udp};

void draw_topology(Dice& dice, Plan& plan) {
  switch (dice.between(0, 3)) {
    case 0:
      plan.topology = Topology::Switch;
      plan.traits.add(Trait::Switched);
      plan.hosts.resize(dice.between(3, 5));
      break;
    case 1: plan.hosts.resize(2); break;
    default:
      plan.topology = Topology::Routed;
      plan.traits.add(Trait::Routed);
      plan.hosts.resize(std::size_t{2} * dice.between(1, 3));
      break;
  }
}

/// At most one of them, for they undo each other; only routers can tell.
void draw_mtu_traits(Dice& dice, Plan& plan) {
  const std::uint32_t pick = dice.between(0, 99);
  if (pick < 30 && plan.topology == Topology::Routed) {
    plan.traits.add(Trait::SmallMtu);
  } else if (pick >= 30 && pick < 45) {
    plan.traits.add(Trait::BlackHole);
  } else if (pick >= 45 && pick < 80 && plan.topology == Topology::Routed) {
    plan.traits.add(Trait::MtuChange);
  }
}

void draw_traits(Dice& dice, Plan& plan) {
  if (!dice.percent(kCalmPercent)) {
    for (const Trait trait : kLinkFaults) {
      if (dice.percent(kUsualPercent)) {
        plan.traits.add(trait);
      }
    }
    draw_mtu_traits(dice, plan);
  }
  // These need a queue to be anything.
  for (const Trait trait : {Trait::ShortQueue, Trait::ByteQueue, Trait::Red, Trait::AckThinning}) {
    if (plan.traits.has(trait)) {
      plan.traits.add(Trait::RateLimit);
    }
  }
  for (const Trait trait : kOthers) {
    if (dice.percent(kUsualPercent)) {
      plan.traits.add(trait);
    }
  }
  if (plan.traits.has(Trait::SmallWindows)) {
    plan.traits.remove(Trait::LargeWindows);
  }
  if (plan.traits.has(Trait::BlackHole)) {
    // The segment from which a cookie makes a connection would vanish, again and again.
    plan.traits.remove(Trait::SynCookies);
  }
}

}  // namespace

Plan draw_plan(std::uint64_t seed) {
  // Not the generator that the network runs on, which has the same seed.
  Dice dice{seed ^ 0x5eed'c0de'0000'0001ULL};
  Plan plan{.seed = seed};
  draw_topology(dice, plan);
  draw_traits(dice, plan);
  draw_links(dice, plan);
  draw_hosts(dice, plan);
  draw_flows(dice, plan);
  return plan;
}

}  // namespace swarm
