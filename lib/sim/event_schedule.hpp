// EventSchedule: what is going to happen in a simulated network, and when. Events of one time
// happen in the order in which they were scheduled, so that a run repeats itself exactly.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <millrace/time.hpp>

namespace millrace::sim {

class EventSchedule {
 public:
  using Action = std::move_only_function<void()>;

  void at(Instant time, Action action);
  /// When the first event is due.
  [[nodiscard]] std::optional<Instant> next_time() const noexcept;
  /// Lets everything happen that is due, what becomes due meanwhile included. Returns how many
  /// events that were.
  std::uint32_t run_due(Instant now);
  [[nodiscard]] bool empty() const noexcept { return events_.empty(); }

 private:
  // Small, for a heap moves its elements about; the action stays where it is.
  struct Event {
    Instant time;
    std::uint64_t number;
    std::uint32_t slot;
  };

  [[nodiscard]] static bool is_later(const Event& a, const Event& b) noexcept;

  std::vector<Event> events_;  // A heap, the first event on top.
  std::vector<Action> actions_;
  std::vector<std::uint32_t> free_slots_;
  std::uint64_t scheduled_ = 0;
};

}  // namespace millrace::sim
