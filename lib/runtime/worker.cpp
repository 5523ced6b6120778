#include "runtime/worker.hpp"

#include <algorithm>
#include <utility>

namespace millrace::runtime {

Worker::Worker(stack::Stack& stack, std::vector<device::Device*> devices,
               BackgroundPool& background, Clock& clock, const TurnBudget& budget)
    : stack_{stack},
      devices_{std::move(devices)},
      background_{background},
      clock_{clock},
      budget_{budget} {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    to_send_.push_back(std::make_unique<packet::Burst>());
  }
}

bool Worker::run_turn() {
  const Instant now = clock_.now();
  const bool has_received = receive(now);
  stack_.advance(now);
  const bool has_dispatched = dispatch(now);
  const bool has_sent = transmit(now);
  stack_.end_turn();
  ++stack_.stats().turns;
  // Frames that the device did not take are work, too: nothing else may come to wake the loop for
  // them.
  const bool has_unsent =
      std::ranges::any_of(to_send_, [](const auto& burst) { return !burst->empty(); });
  const bool was_busy =
      has_received || has_dispatched || has_sent || has_unsent || stack_.has_work();
  if (was_busy) {
    note_turn(now);
  }
  return was_busy;
}

bool Worker::receive(Instant now) {
  bool has_received = false;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    for (unsigned burst = 0; burst < budget_.rx_bursts; ++burst) {
      devices_[i]->rx_burst(received_);
      const bool was_full = received_.full();
      has_received = has_received || !received_.empty();
      stack_.receive(now, static_cast<std::uint32_t>(i), received_);
      if (!was_full) {
        break;
      }
    }
  }
  return has_received;
}

bool Worker::dispatch(Instant now) {
  // The clock is read around the handlers only when there are any to call: that is what costs time
  // here.
  const bool has_news = stack_.has_news(now) || background_.has_news();
  if (!has_news) {
    return false;
  }
  const Instant before = clock_.now();
  const bool has_completed = background_.deliver() > 0;
  stack_.dispatch_events(now);
  stack_.stats().handler_time += clock_.now() - before;
  return has_completed;
}

bool Worker::transmit(Instant now) {
  bool has_sent = false;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    packet::Burst& burst = *to_send_[i];
    for (unsigned sent = 0; sent < budget_.tx_bursts; ++sent) {
      stack_.transmit(now, static_cast<std::uint32_t>(i), burst);
      if (burst.empty()) {
        break;
      }
      const std::uint16_t offered = burst.size();
      devices_[i]->tx_burst(burst);
      has_sent = has_sent || burst.size() < offered;
      if (!burst.empty()) {
        // The device is full: the rest goes first in the next turn.
        break;
      }
    }
  }
  return has_sent;
}

void Worker::note_turn(Instant start) {
  const Duration took = clock_.now() - start;
  CoreStats& stats = stack_.stats();
  stats.longest_turn = std::max(stats.longest_turn, took);
  stats.turns_over_1ms += took > std::chrono::milliseconds{1} ? 1 : 0;
}

}  // namespace millrace::runtime
