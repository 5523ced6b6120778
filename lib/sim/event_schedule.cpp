#include "sim/event_schedule.hpp"

#include <algorithm>
#include <utility>

namespace millrace::sim {

void EventSchedule::at(Instant time, Action action) {
  events_.push_back(Event{.time = time, .number = scheduled_++, .action = std::move(action)});
  std::ranges::push_heap(events_, is_later);
}

std::optional<Instant> EventSchedule::next_time() const noexcept {
  return events_.empty() ? std::nullopt : std::optional{events_.front().time};
}

std::uint32_t EventSchedule::run_due(Instant now) {
  std::uint32_t count = 0;
  while (!events_.empty() && events_.front().time <= now) {
    std::ranges::pop_heap(events_, is_later);
    Action action = std::move(events_.back().action);
    events_.pop_back();
    action();
    ++count;
  }
  return count;
}

bool EventSchedule::is_later(const Event& a, const Event& b) noexcept {
  return a.time == b.time ? a.number > b.number : a.time > b.time;
}

}  // namespace millrace::sim
