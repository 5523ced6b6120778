#include "sim/event_schedule.hpp"

#include <algorithm>
#include <utility>

namespace millrace::sim {

void EventSchedule::at(Instant time, Action action) {
  auto slot = static_cast<std::uint32_t>(actions_.size());
  if (free_slots_.empty()) {
    actions_.push_back(std::move(action));
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
    actions_[slot] = std::move(action);
  }
  events_.push_back(Event{.time = time, .number = scheduled_++, .slot = slot});
  std::ranges::push_heap(events_, is_later);
}

std::optional<Instant> EventSchedule::next_time() const noexcept {
  return events_.empty() ? std::nullopt : std::optional{events_.front().time};
}

std::uint32_t EventSchedule::run_due(Instant now) {
  std::uint32_t count = 0;
  while (!events_.empty() && events_.front().time <= now) {
    std::ranges::pop_heap(events_, is_later);
    const std::uint32_t slot = events_.back().slot;
    events_.pop_back();
    Action action = std::move(actions_[slot]);
    free_slots_.push_back(slot);
    action();
    ++count;
  }
  return count;
}

bool EventSchedule::is_later(const Event& a, const Event& b) noexcept {
  return a.time == b.time ? a.number > b.number : a.time > b.time;
}

}  // namespace millrace::sim
