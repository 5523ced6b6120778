// CoreLoop: one worker's life on its thread: turns without end, sleep when there is nothing to do,
// and an orderly end. What a turn does is runtime::Worker's.
#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include <millrace/program.hpp>
#include <millrace/stats.hpp>
#include <millrace/time.hpp>

#include "base/mailbox.hpp"
#include "control/idle_sleep.hpp"
#include "control/instance.hpp"
#include "control/page_line.hpp"
#include "control/stall_monitor.hpp"
#include "control/stop_switch.hpp"
#include "control/wake_event.hpp"
#include "net/arp.hpp"
#include "stack/offload_watch.hpp"

namespace millrace::control {

/// The main thread asks a core for a Snapshot.
struct SnapshotRequest {};

/// What a core had counted and held when it was asked.
struct Snapshot {
  unsigned worker = 0;
  CoreStats stats;
  CoreUsage usage;
};

/// A device whose interface is gone.
struct DeviceLoss {
  std::size_t device = 0;  ///< By index in `Core::devices`.
};

/// What a core has to tell people; the main thread words it.
using CoreMessage =
    std::variant<StallReport, net::Conflict, stack::UnfinishedFrames, DeviceLoss, Snapshot>;

/// How a core reaches the main thread, and the main thread a core. A message that finds the mailbox
/// full is lost.
struct MainLine {
  base::Mailbox<CoreMessage>& mailbox;
  WakeEvent& wake;
  base::Mailbox<SnapshotRequest>& requests;
  WakeEvent& request_wake;  ///< Wakes the core for a request.
  PageLine& pages;          ///< Who looks from outside asks for sockets here.
};

/// Used on the worker's thread alone.
class CoreLoop {
 public:
  /// Turns without work before a core goes to sleep: sleeping and waking cost some microseconds
  /// each.
  static constexpr std::uint32_t kEmptyTurnsBeforeSleep = 64;
  /// Turns that had work and could do none of it (a device that takes nothing, no free packet)
  /// before a core that may sleep pauses between them, and for how long.
  static constexpr std::uint32_t kFruitlessTurnsBeforePause = 1'024;
  static constexpr Duration kPause = std::chrono::microseconds{500};
  /// How long the end may take to send what is queued.
  static constexpr Duration kFlushLimit = std::chrono::milliseconds{100};

  /// `may_sleep`: the idle policy allows it. `on_stop` may be empty. All that is referred to must
  /// outlive this.
  CoreLoop(Core& core, unsigned worker, bool may_sleep, const StopSwitch& stop,
           const MainLine& main_line, Program::OnStop& on_stop);

  /// Returns when a stop was requested and carried out.
  void run();

  // Turned from outside, instead of `run`, by a thread that is the core's and has work of its own.
  /// What a step came to.
  enum class Step : std::uint8_t { Turned, Slept, Interrupted };
  /// One turn and no sleep. Returns whether there was anything to do.
  bool turn_once();
  /// One turn. After enough of them without work the thread sleeps before it: until `wake_at`, or
  /// until `beside` is readable, at the latest. `signals`: as IdleSleep::sleep has it.
  Step step(Instant wake_at = Instant::max(), int beside = -1, const sigset_t* signals = nullptr);
  /// Whether the next step begins with a sleep.
  [[nodiscard]] bool is_about_to_sleep() const noexcept;
  /// Aborts what is left and sends what is queued.
  void end();

 private:
  void pause_if_stuck();
  void begin_drain();
  [[nodiscard]] bool is_drained() const noexcept;
  void watch();
  void tell_conflict();
  void answer_requests();
  [[nodiscard]] bool sleep(Instant wake_at, int beside, const sigset_t* signals);
  void send(const CoreMessage& message) noexcept;

  Core& core_;
  const StopSwitch& stop_;
  MainLine main_line_;
  Program::OnStop& on_stop_;
  std::optional<Instant> drain_deadline_;  // Set once the drain has begun.
  IdleSleep sleep_;
  StallMonitor stalls_;
  unsigned worker_;
  bool may_sleep_;
  std::optional<Instant> conflict_told_at_;
  std::uint32_t empty_turns_ = 0;
  std::uint32_t fruitless_turns_ = 0;
  std::uint64_t last_progress_ = 0;
};

}  // namespace millrace::control
