// The cables of a plan: what each trait means in numbers. Each fault leaves enough through for the
// streams to arrive within some simulated minutes.
#include "apps/sim/draw.hpp"

namespace swarm {

namespace {

using millrace::sim::LinkParameters;
using namespace std::chrono_literals;

/// A timeout of a minute, as long as it may become, can meet a link that goes down in the same step
/// for hours on end. The network's time begins at one hour.
constexpr Duration kFlapsUntil = 1h + 10min;

void draw_queue(Dice& dice, const Traits& traits, LinkParameters& link) {
  if (!traits.has(Trait::RateLimit)) {
    return;
  }
  link.bits_per_second = dice.scaled(1'000'000, 200'000'000);
  link.queue_frames = traits.has(Trait::ShortQueue) ? dice.between(4, 20) : dice.between(50, 400);
  if (traits.has(Trait::ByteQueue)) {
    link.queue_bytes = dice.scaled(10'000, 400'000);
  }
  if (traits.has(Trait::Red)) {
    const bool is_step = dice.coin();
    link.red.min_bytes = dice.scaled(3'000, 60'000);
    link.red.max_bytes = is_step ? link.red.min_bytes : link.red.min_bytes * dice.between(2, 4);
    link.red.max_ppm = dice.between(20'000, 200'000);
    link.red.weight_shift = is_step ? 0 : dice.between(3, 9);
    link.queue_frames = 400;
  }
}

void draw_losses(Dice& dice, const Traits& traits, LinkParameters& link) {
  if (traits.has(Trait::Loss)) {
    link.loss_ppm = dice.scaled(200, 50'000);
  }
  if (traits.has(Trait::BurstLoss)) {
    link.bursts = {.enter_ppm = dice.scaled(500, 8'000),
                   .leave_ppm = dice.scaled(60'000, 500'000),
                   .loss_ppm = dice.between(300'000, 1'000'000)};
  }
  if (traits.has(Trait::Policer)) {
    link.policer = {.bits_per_second = dice.scaled(2'000'000, 50'000'000),
                    .burst_bytes = dice.scaled(15'000, 200'000)};
  }
  if (traits.has(Trait::Flaps)) {
    link.flaps = {.up = dice.microseconds(500'000, 20'000'000),
                  .down = dice.microseconds(20'000, 4'000'000),
                  .until = kFlapsUntil};
  }
}

void draw_damage(Dice& dice, const Traits& traits, LinkParameters& link) {
  if (traits.has(Trait::Corruption)) {
    link.corrupt_ppm = dice.scaled(500, 10'000);
  }
  if (traits.has(Trait::Truncation)) {
    link.truncate_ppm = dice.scaled(500, 10'000);
  }
  if (traits.has(Trait::Forgery)) {
    link.forge_ppm = dice.scaled(2'000, 50'000);
  }
  if (traits.has(Trait::Duplication)) {
    link.duplicate_ppm = dice.scaled(1'000, 50'000);
  }
  if (traits.has(Trait::Reordering)) {
    link.reorder_ppm = dice.scaled(1'000, 100'000);
  }
  link.reorder_delay = dice.microseconds(10, 50'000);
}

LinkParameters draw_link(Dice& dice, const Traits& traits) {
  LinkParameters link;
  link.delay = dice.microseconds(10, 100'000);
  if (traits.has(Trait::Jitter)) {
    link.jitter = dice.microseconds(10, 10'000);
  }
  draw_queue(dice, traits, link);
  draw_losses(dice, traits, link);
  draw_damage(dice, traits, link);
  return link;
}

/// ACKs pile up only where the way back is slow.
void draw_thinning(Dice& dice, Plan& plan) {
  if (!plan.traits.has(Trait::AckThinning)) {
    return;
  }
  for (LinkParameters* const link : {&plan.forth, &plan.back}) {
    link->thins_acks = true;
  }
  plan.back.bits_per_second = dice.scaled(250'000, 4'000'000);
}

void draw_mtus(Dice& dice, Plan& plan) {
  if (plan.traits.has(Trait::SmallMtu)) {
    plan.forth.mtu = dice.between(576, 1'450);
    plan.back.mtu = dice.coin() ? plan.forth.mtu : dice.between(576, 1'500);
  }
  if (plan.traits.has(Trait::BlackHole)) {
    // What the search falls back to (`mtu_probing_base`) has to pass.
    plan.routers_send_icmp = false;
    plan.forth.mtu = dice.between(1'100, 1'450);
    plan.back.mtu = dice.coin() ? 0 : plan.forth.mtu;
  }
  if (plan.traits.has(Trait::MtuChange)) {
    Duration at{};
    for (std::uint32_t left = dice.between(1, 3); left > 0; --left) {
      at += dice.microseconds(50'000, 10'000'000);
      plan.mtu_changes.push_back({.after = at, .mtu = dice.between(576, 1'450)});
    }
  }
}

}  // namespace

void draw_links(Dice& dice, Plan& plan) {
  plan.forth = draw_link(dice, plan.traits);
  plan.back = plan.traits.has(Trait::Asymmetry) ? draw_link(dice, plan.traits) : plan.forth;
  draw_thinning(dice, plan);
  draw_mtus(dice, plan);
}

}  // namespace swarm
