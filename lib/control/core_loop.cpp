// Nothing in here allocates, and nothing blocks but `sleep`.
#include "control/core_loop.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <optional>
#include <thread>

#include "base/deadline.hpp"

namespace millrace::control {

namespace {

IdleSleep make_sleep(const Core& core, const StopSwitch& stop, const MainLine& main_line) {
  const std::array descriptors{core.background->wake_descriptor(), stop.descriptor(),
                               main_line.request_wake.descriptor()};
  return IdleSleep{core.loop->devices(), descriptors};
}

}  // namespace

CoreLoop::CoreLoop(Core& core, unsigned worker, bool may_sleep, const StopSwitch& stop,
                   const MainLine& main_line, Program::OnStop& on_stop)
    : core_{core},
      stop_{stop},
      main_line_{main_line},
      on_stop_{on_stop},
      sleep_{make_sleep(core, stop, main_line)},
      stalls_{worker},
      worker_{worker},
      may_sleep_{may_sleep && sleep_.is_possible()} {}

void CoreLoop::run() {
  while (!stop_.is_stop_requested() && !is_drained()) {
    if (stop_.is_drain_requested() && !drain_deadline_) {
      begin_drain();
      continue;  // Nothing may be left to wait for, and a turn might sleep until the deadline.
    }
    static_cast<void>(step());
  }
  // Connections that the end aborts may make handlers ask for the end once more; that is too late.
  core_.exit_status = core_.face->exit_status();
  end();
  core_.stack->stats().clock_steps_back = core_.clock.steps_back();
}

bool CoreLoop::turn_once() {
  answer_requests();
  const bool was_busy = core_.loop->run_turn();
  if (was_busy) {
    empty_turns_ = 0;
    watch();
  }
  return was_busy;
}

CoreLoop::Step CoreLoop::step(Instant wake_at, int beside, const sigset_t* signals) {
  // First the sleep, then the turn: whoever steps looks at what a turn has made happen before the
  // next sleep.
  Step result = Step::Turned;
  if (is_about_to_sleep()) {
    result = sleep(wake_at, beside, signals) ? Step::Interrupted : Step::Slept;
  } else if (!may_sleep_ && empty_turns_ >= kEmptyTurnsBeforeSleep) {
    // Whoever shares the processor may be the very peer that is to send something; if nobody does,
    // this returns at once.
    ::sched_yield();
    empty_turns_ = 0;
    result = Step::Slept;
  }
  if (turn_once()) {
    pause_if_stuck();
  } else {
    ++empty_turns_;
  }
  return result;
}

bool CoreLoop::is_about_to_sleep() const noexcept {
  // Between the turns a handler is called, or the program: what that leaves goes first.
  return may_sleep_ && empty_turns_ >= kEmptyTurnsBeforeSleep && !core_.stack->has_work();
}

/// The cause lies elsewhere, and polling faster does not help: whoever is to take the frames may
/// even wait for this processor.
void CoreLoop::pause_if_stuck() {
  const CoreStats& stats = core_.stack->stats();
  const std::uint64_t progress =
      stats.rx_frames + stats.tx_frames + static_cast<std::uint64_t>(stats.handler_time.count());
  if (!may_sleep_ || progress != last_progress_) {
    last_progress_ = progress;
    fruitless_turns_ = 0;
  } else if (++fruitless_turns_ >= kFruitlessTurnsBeforePause) {
    fruitless_turns_ = kFruitlessTurnsBeforePause - 1;
    std::this_thread::sleep_for(kPause);
  }
}

void CoreLoop::begin_drain() {
  // The core may have slept: a turn brings its time up to date before the program is called.
  static_cast<void>(core_.loop->run_turn());
  const Duration granted = on_stop_ ? on_stop_(*core_.face) : Duration::zero();
  drain_deadline_ = base::later(core_.clock.now(), std::max(granted, Duration::zero()));
}

bool CoreLoop::is_drained() const noexcept {
  if (!drain_deadline_) {
    return false;
  }
  // A job's completion is the program's, an access log's last lines for instance.
  return core_.clock.now() >= *drain_deadline_ ||
         (core_.stack->is_empty() && core_.background->outstanding() == 0);
}

void CoreLoop::watch() {
  const Duration handler_time = core_.stack->stats().handler_time;
  if (const auto stall = stalls_.on_turn(core_.stack->now(), core_.clock.now(), handler_time)) {
    send(*stall);
  }
  tell_conflict();
  if (const auto unfinished = core_.stack->take_unfinished()) {
    send(*unfinished);
  }
}

void CoreLoop::tell_conflict() {
  const Instant now = core_.stack->now();
  if (conflict_told_at_ && now - *conflict_told_at_ < net::Arp::kDefendInterval) {
    return;
  }
  if (const auto conflict = core_.stack->take_conflict()) {
    conflict_told_at_ = now;
    send(*conflict);
  }
}

void CoreLoop::answer_requests() {
  SnapshotRequest request;
  while (main_line_.requests.try_pop(request)) {
    send(Snapshot{.worker = worker_, .stats = core_.stack->stats(), .usage = core_.stack->usage()});
  }
  main_line_.pages.answer([this](stack::SocketCursor from, const stack::PageLimits& limits) {
    return core_.stack->list(core_.clock.now(), from, limits);
  });
}

bool CoreLoop::sleep(Instant wake_at, int beside, const sigset_t* signals) {
  std::optional<Instant> deadline = core_.loop->next_deadline();
  if (wake_at != Instant::max()) {
    deadline = std::min(deadline.value_or(wake_at), wake_at);
  }
  if (drain_deadline_) {
    deadline = std::min(deadline.value_or(*drain_deadline_), *drain_deadline_);
  }
  const bool was_interrupted = sleep_.sleep(
      deadline ? std::optional{*deadline - core_.clock.now()} : std::nullopt, beside, signals);
  // Before the requests are looked at: what is asked from here on raises it again.
  main_line_.request_wake.lower();
  if (const auto device = sleep_.take_failed_device()) {
    send(DeviceLoss{*device});
  }
  // One turn finds out what woke it; if that was nothing, the next step sleeps again.
  empty_turns_ = kEmptyTurnsBeforeSleep - 1;
  return was_interrupted;
}

void CoreLoop::end() {
  // Resets of aborted connections are sent within the next turns; a device that is full gets a
  // little time.
  constexpr unsigned kQuietTurns = 16;
  core_.stack->shut_down();
  const Instant limit = core_.clock.now() + kFlushLimit;
  unsigned quiet_turns = 0;
  while (quiet_turns < kQuietTurns && core_.clock.now() < limit &&
         !stop_.is_quick_stop_requested()) {
    quiet_turns = core_.loop->run_turn() || !core_.stack->is_empty() ? 0 : quiet_turns + 1;
  }
}

void CoreLoop::send(const CoreMessage& message) noexcept {
  if (main_line_.mailbox.try_push(CoreMessage{message})) {
    main_line_.wake.raise();
  }
}

}  // namespace millrace::control
