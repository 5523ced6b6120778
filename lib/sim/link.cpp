#include "sim/link.hpp"

#include <algorithm>
#include <utility>

#include "sim/chance.hpp"
#include "sim/frame_damage.hpp"
#include "sim/frame_view.hpp"

namespace millrace::sim {

Link::Link(EventSchedule& schedule, const LinkParameters& parameters, base::Random random,
           Sink sink)
    : schedule_{schedule},
      parameters_{parameters},
      random_{std::move(random)},
      sink_{std::move(sink)} {}

void Link::send(Instant now, Frame frame) {
  ++counts_.sent;
  if (!is_let_in(now, frame)) {
    return;
  }
  if (parameters_.bits_per_second == 0 && !is_transmitting_) {
    leave(now, std::move(frame));
  } else {
    enqueue(now, std::move(frame));
  }
}

bool Link::is_let_in(Instant now, const Frame& frame) {
  if (is_down(now)) {
    counts_.count(Fault::Down);
    return false;
  }
  if (parameters_.mtu != 0 && datagram_bytes(frame) > parameters_.mtu) {
    counts_.count(Fault::TooLong);
    return false;
  }
  if (!policer_.admits(parameters_.policer, now, frame.size())) {
    counts_.count(Fault::Policed);
    return false;
  }
  return true;
}

bool Link::is_down(Instant now) const noexcept {
  const FlapParameters& flaps = parameters_.flaps;
  const Duration time = now.time_since_epoch();
  return flaps.down > Duration{} && time < flaps.until &&
         time % (flaps.up + flaps.down) >= flaps.up;
}

void Link::enqueue(Instant now, Frame frame) {
  if (red_.strikes(parameters_.red, queue_.bytes(), random_)) {
    const bool is_marked = mark_congested(frame);
    const bool is_dropped = !is_marked && !parameters_.red.marks_only;
    if (is_marked || is_dropped) {
      counts_.count(is_marked ? Fault::Marked : Fault::EarlyDrop);
    }
    if (is_dropped) {
      return;
    }
  }
  if (!queue_.has_room(parameters_, frame.size(), is_transmitting_ ? 1 : 0)) {
    counts_.count(Fault::Overflow);
    return;
  }
  if (!is_transmitting_) {
    transmit(now, std::move(frame));
    return;
  }
  const std::uint32_t thinned = queue_.push(parameters_, std::move(frame));
  counts_.faults[static_cast<std::size_t>(Fault::Thinned)] += thinned;
}

void Link::transmit(Instant now, Frame frame) {
  is_transmitting_ = true;
  free_at_ = std::max(free_at_, now) + transmission_time(frame.size());
  schedule_.at(free_at_, [this, frame = std::move(frame)]() mutable {
    on_transmitted(free_at_, std::move(frame));
  });
}

void Link::on_transmitted(Instant now, Frame frame) {
  is_transmitting_ = false;
  leave(now, std::move(frame));
  if (!queue_.empty()) {
    transmit(now, queue_.pop());
  }
}

Duration Link::transmission_time(std::size_t bytes) noexcept {
  if (parameters_.bits_per_second == 0) {
    return {};
  }
  // Preamble, check sequence and gap take their time, too.
  constexpr std::uint64_t kGapBytes = 24;
  constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
  const std::uint64_t bits = (bytes + kGapBytes) * 8 * kNanosecondsPerSecond + rounding_;
  rounding_ = bits % parameters_.bits_per_second;
  return Duration{static_cast<Duration::rep>(bits / parameters_.bits_per_second)};
}

void Link::leave(Instant now, Frame frame) {
  if (is_lost(now)) {
    return;
  }
  const std::size_t whole = frame.size();
  const std::uint64_t damaged = counts_.of(Fault::Corrupted);
  damage(frame);
  const Instant arrival = arrival_of(now);
  if (happens(random_, parameters_.duplicate_ppm)) {
    counts_.count(Fault::Duplicated);
    deliver_at(arrival + up_to(random_, parameters_.reorder_delay), frame.clone());
  }
  std::optional<Frame> forged;
  if (happens(random_, parameters_.forge_ppm) && frame.size() == whole &&
      counts_.of(Fault::Corrupted) == damaged) {
    forged = forge(frame, random_);
  }
  deliver_at(arrival, std::move(frame));
  if (forged) {
    counts_.count(Fault::Forged);
    deliver_at(arrival, std::move(*forged));
  }
}

bool Link::is_lost(Instant now) noexcept {
  if (happens(random_, parameters_.loss_ppm)) {
    counts_.count(Fault::Loss);
    return true;
  }
  if (burst_loss_.loses(parameters_.bursts, now, random_)) {
    counts_.count(Fault::BurstLoss);
    return true;
  }
  return false;
}

void Link::damage(Frame& frame) {
  if (happens(random_, parameters_.corrupt_ppm) && corrupt(frame, random_)) {
    counts_.count(Fault::Corrupted);
  }
  if (happens(random_, parameters_.truncate_ppm) && truncate(frame, random_)) {
    counts_.count(Fault::Truncated);
  }
}

Instant Link::arrival_of(Instant departure) noexcept {
  Instant arrival = departure + parameters_.delay + up_to(random_, parameters_.jitter);
  if (happens(random_, parameters_.reorder_ppm)) {
    counts_.count(Fault::Reordered);
    return arrival + up_to(random_, parameters_.reorder_delay);
  }
  arrival = std::max(arrival, last_arrival_);
  last_arrival_ = arrival;
  return arrival;
}

void Link::deliver_at(Instant time, Frame frame) {
  schedule_.at(time, [this, frame = std::move(frame)]() mutable { sink_(std::move(frame)); });
}

}  // namespace millrace::sim
