// Link: one direction of a cable: how long frames take, which of them wait for it, and what happens
// to them on the way. Both directions of a cable are two links, each with parameters of its own.
// Each fault is a part in a file of its own; here is their order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include <millrace/time.hpp>

#include "base/random.hpp"
#include "sim/burst_loss.hpp"
#include "sim/event_schedule.hpp"
#include "sim/frame.hpp"
#include "sim/link_parameters.hpp"
#include "sim/link_queue.hpp"
#include "sim/policer.hpp"
#include "sim/red.hpp"

namespace millrace::sim {

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
  /// What waits, without the frame in transmission.
  [[nodiscard]] const LinkQueue& queue() const noexcept { return queue_; }
  [[nodiscard]] bool is_down(Instant now) const noexcept;

 private:
  [[nodiscard]] bool is_let_in(Instant now, const Frame& frame);
  void enqueue(Instant now, Frame frame);
  void transmit(Instant now, Frame frame);
  void on_transmitted(Instant now, Frame frame);
  [[nodiscard]] Duration transmission_time(std::size_t bytes) noexcept;
  /// The frame has left the sender's end.
  void leave(Instant now, Frame frame);
  [[nodiscard]] bool is_lost(Instant now) noexcept;
  void damage(Frame& frame);
  [[nodiscard]] Instant arrival_of(Instant departure) noexcept;
  void deliver_at(Instant time, Frame frame);

  EventSchedule& schedule_;
  LinkParameters parameters_;
  base::Random random_;
  Sink sink_;
  LinkCounts counts_;
  LinkQueue queue_;
  RedState red_;
  Policer policer_;
  BurstLossState burst_loss_;
  bool is_transmitting_ = false;
  std::uint64_t rounding_ = 0;  // What the division for the last transmission has left over.
  Instant free_at_{};
  Instant last_arrival_{};
};

}  // namespace millrace::sim
