#include "sim/link.hpp"

#include <algorithm>
#include <utility>

#include "wire/ethernet.hpp"

namespace millrace::sim {

Link::Link(EventSchedule& schedule, const LinkParameters& parameters, base::Random random,
           Sink sink)
    : schedule_{schedule},
      parameters_{parameters},
      random_{std::move(random)},
      sink_{std::move(sink)} {}

void Link::send(Instant now, Frame frame) {
  ++counts_.sent;
  while (!waiting_.empty() && waiting_.front() <= now) {
    waiting_.pop_front();
  }
  if (waiting_.size() >= parameters_.queue_frames) {
    ++counts_.overflowed;
    return;
  }
  const Instant departure = transmitted_at(now, frame.size());
  if (happens(parameters_.loss_ppm)) {
    ++counts_.lost;
    return;
  }
  if (happens(parameters_.corrupt_ppm)) {
    ++counts_.corrupted;
    corrupt(frame);
  }
  Instant arrival = departure + parameters_.delay + up_to(parameters_.jitter);
  if (happens(parameters_.reorder_ppm)) {
    ++counts_.reordered;
    arrival += up_to(parameters_.reorder_delay);
  } else {
    arrival = std::max(arrival, last_arrival_);
    last_arrival_ = arrival;
  }
  if (happens(parameters_.duplicate_ppm)) {
    ++counts_.duplicated;
    deliver_at(arrival + up_to(parameters_.reorder_delay), frame);
  }
  deliver_at(arrival, std::move(frame));
}

Instant Link::transmitted_at(Instant now, std::size_t bytes) {
  if (parameters_.bits_per_second == 0) {
    return now;
  }
  // Preamble, check sequence and gap take their time, too.
  constexpr std::uint64_t kGapBytes = 24;
  constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
  const std::uint64_t bits = (bytes + kGapBytes) * 8;
  const Duration duration{
      static_cast<Duration::rep>(bits * kNanosecondsPerSecond / parameters_.bits_per_second)};
  free_at_ = std::max(free_at_, now) + duration;
  waiting_.push_back(free_at_);
  return free_at_;
}

void Link::deliver_at(Instant time, Frame frame) {
  schedule_.at(time, [this, frame = std::move(frame)]() mutable { sink_(std::move(frame)); });
}

void Link::corrupt(Frame& frame) noexcept {
  // ARP has no checksum: what a real link's check sequence catches there, no host could.
  const auto header = wire::parse_ethernet(frame);
  if (!header || header->type == wire::EtherType::Arp) {
    return;
  }
  const std::uint32_t at = random_.below(static_cast<std::uint32_t>(frame.size()));
  frame[at] ^= static_cast<std::byte>(1U << random_.below(8));
}

bool Link::happens(std::uint32_t ppm) noexcept {
  constexpr std::uint32_t kMillion = 1'000'000;
  return ppm != 0 && random_.below(kMillion) < ppm;
}

Duration Link::up_to(Duration limit) noexcept {
  // In microseconds, which fit the generator for more than an hour.
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(limit).count();
  return microseconds <= 0 ? Duration{}
                           : Duration{std::chrono::microseconds{
                                 random_.below(static_cast<std::uint32_t>(microseconds) + 1)}};
}

}  // namespace millrace::sim
