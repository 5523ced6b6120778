// AppTimers: the timers that the application sets, one bounded table and one wheel.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <millrace/error.hpp>
#include <millrace/function.hpp>
#include <millrace/time.hpp>

#include "base/slot_table.hpp"
#include "base/timer_wheel.hpp"

namespace millrace::stack {

class AppTimers {
 public:
  AppTimers(std::uint32_t capacity, Instant now) : timers_{capacity}, wheel_{now} {}

  [[nodiscard]] Result<base::SlotHandle> arm(Instant deadline, InlineFunction function) noexcept {
    AppTimer* const timer = timers_.emplace(std::move(function));
    if (timer == nullptr) {
      return fail(Error::OutOfTimers);
    }
    timer->node.owner = timers_.index_of(*timer);
    wheel_.arm(timer->node, deadline);
    return timers_.handle_of(*timer);
  }

  [[nodiscard]] Result<void> cancel(base::SlotHandle handle) noexcept {
    AppTimer* const timer = timers_.find(handle);
    if (timer == nullptr) {
      return fail(Error::StaleHandle);
    }
    wheel_.cancel(timer->node);
    timers_.erase(handle.index);
    return {};
  }

  /// Calls what is due, at most `calls_max`. What is called may arm and cancel.
  void advance(Instant now, std::uint32_t calls_max) {
    wheel_.advance(now, calls_max, [this](base::TimerNode& node) {
      InlineFunction function = std::move(timers_.at(node.owner).function);
      timers_.erase(node.owner);
      function();
    });
  }

  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept {
    return wheel_.next_deadline();
  }
  [[nodiscard]] std::uint32_t armed() const noexcept { return wheel_.armed(); }

  /// Forgets all of them.
  void clear() noexcept {
    timers_.for_each([this](AppTimer& timer) {
      wheel_.cancel(timer.node);
      timers_.erase(timer.node.owner);
    });
  }

 private:
  struct AppTimer {
    explicit AppTimer(InlineFunction call) noexcept : function{std::move(call)} {}
    base::TimerNode node;
    InlineFunction function;
  };

  base::SlotTable<AppTimer> timers_;
  base::TimerWheel wheel_;
};

}  // namespace millrace::stack
