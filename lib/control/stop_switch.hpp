// StopSwitch: how a signal or a handler tells every worker to end, and to end faster.
#pragma once

#include <stop_token>
#include <string>
#include <utility>

#include <millrace/error.hpp>

#include "control/wake_event.hpp"

namespace millrace::control {

/// May be used by all threads. No request is ever taken back.
class StopSwitch {
 public:
  /// Error: the reason in words.
  [[nodiscard]] static Result<StopSwitch, std::string> make() {
    Result<WakeEvent, std::string> event = WakeEvent::make();
    if (!event) {
      return fail(std::move(event).error());
    }
    return StopSwitch{*std::move(event)};
  }

  /// The program's own end: each core hands over to `Program::on_stop`. Cores that sleep are to be
  /// woken by their own events, because this one would keep them awake for as long as they go on.
  void request_drain() noexcept { drain_.request_stop(); }
  /// The orderly end: connections are aborted, what is queued still leaves.
  void request_stop() noexcept {
    stop_.request_stop();
    event_.raise();
  }
  /// The quick end: nothing more is sent.
  void request_quick_stop() noexcept {
    quick_stop_.request_stop();
    request_stop();
  }

  [[nodiscard]] bool is_drain_requested() const noexcept { return drain_.stop_requested(); }
  [[nodiscard]] bool is_stop_requested() const noexcept { return stop_.stop_requested(); }
  [[nodiscard]] bool is_quick_stop_requested() const noexcept {
    return quick_stop_.stop_requested();
  }
  /// Readable from the first `request_stop` on, for threads that sleep.
  [[nodiscard]] int descriptor() const noexcept { return event_.descriptor(); }

 private:
  explicit StopSwitch(WakeEvent event) noexcept : event_{std::move(event)} {}

  std::stop_source drain_;
  std::stop_source stop_;
  std::stop_source quick_stop_;
  WakeEvent event_;
};

}  // namespace millrace::control
