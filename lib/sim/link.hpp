// Link: one direction of a cable: how long frames take, how many may wait for it, and what it does
// to them on the way. Both directions of a cable are two links, each with parameters of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include <millrace/time.hpp>

#include "base/random.hpp"
#include "sim/event_schedule.hpp"

namespace millrace::sim {

/// A whole Ethernet frame on its way.
using Frame = std::vector<std::byte>;

/// Chances are in parts per million of the frames.
struct LinkParameters {
  Duration delay = std::chrono::milliseconds{1};
  Duration jitter{};                  ///< Up to so much is added to the delay; order is kept.
  std::uint64_t bits_per_second = 0;  ///< Zero: any rate.
  std::uint32_t queue_frames =
      1'000;  ///< Frames that may wait for their turn; what comes then is lost (drop-tail).
  std::uint32_t loss_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  std::uint32_t corrupt_ppm = 0;  ///< One bit is turned over.
  std::uint32_t reorder_ppm =
      0;  ///< The frame comes late by up to `reorder_delay`, and others pass it.
  Duration reorder_delay = std::chrono::milliseconds{5};
};

struct LinkCounts {
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  std::uint64_t overflowed = 0;  ///< The queue was full.
  std::uint64_t duplicated = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t reordered = 0;
};

/// `schedule` must outlive it, and it the schedule's last run.
class Link {
 public:
  using Sink = std::move_only_function<void(Frame)>;

  Link(EventSchedule& schedule, const LinkParameters& parameters, base::Random random, Sink sink);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() = default;

  void send(Instant now, Frame frame);
  /// From now on; frames on their way stay so.
  void set_parameters(const LinkParameters& parameters) noexcept { parameters_ = parameters; }
  [[nodiscard]] const LinkParameters& parameters() const noexcept { return parameters_; }
  [[nodiscard]] const LinkCounts& counts() const noexcept { return counts_; }

 private:
  [[nodiscard]] bool happens(std::uint32_t ppm) noexcept;
  [[nodiscard]] Duration up_to(Duration limit) noexcept;
  [[nodiscard]] Instant transmitted_at(Instant now, std::size_t bytes);
  void deliver_at(Instant time, Frame frame);
  void corrupt(Frame& frame) noexcept;

  EventSchedule& schedule_;
  LinkParameters parameters_;
  base::Random random_;
  Sink sink_;
  LinkCounts counts_;
  std::deque<Instant> waiting_;  // When each frame before has left the sender.
  Instant free_at_{};
  Instant last_arrival_{};
};

}  // namespace millrace::sim
