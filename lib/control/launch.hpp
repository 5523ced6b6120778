// Launch: starts one thread for each worker of an instance, waits for the end, and shows what the
// workers have to tell.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <millrace/error.hpp>
#include <millrace/program.hpp>

#include <spdlog/logger.h>

#include "base/mailbox.hpp"
#include "control/core_loop.hpp"
#include "control/core_thread.hpp"
#include "control/instance.hpp"
#include "control/stop_signals.hpp"
#include "control/stop_switch.hpp"
#include "control/telemetry.hpp"
#include "control/wake_event.hpp"

namespace millrace::control {

/// Used on the main thread, once.
class Launch {
 public:
  struct Parts {
    Instance& instance;
    StopSwitch& stop;
    StopSignals& signals;
    WakeEvent& main_wake;  ///< Raised by workers that have something to tell or are done.
    spdlog::logger& log;
    Program::OnStop& on_stop;  ///< May be empty.
  };

  /// All that is referred to must outlive this.
  explicit Launch(const Parts& parts) : parts_{parts} {}
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;
  /// Asks the workers to end quickly if they still run, and waits for them.
  ~Launch();

  /// Starts the workers one after the other and calls `start` on each; none runs before `wait`.
  /// Error: what `start` said, or why there is no thread; every worker has ended then.
  [[nodiscard]] Result<void, std::string> start_workers(Program::Start& start);

  /// Lets the workers run. Returns when a signal or a worker has asked for the end and all workers
  /// have carried it out. Each further signal shortens that; the last ends the process at once, for
  /// handlers that never return.
  void wait();

 private:
  struct Thread {
    static constexpr std::size_t kMailboxCapacity = 64;

    Thread(WakeEvent event, WakeEvent answered) noexcept
        : request_wake{std::move(event)}, pages{std::move(answered)} {}

    base::Mailbox<CoreMessage> mailbox{kMailboxCapacity};
    base::Mailbox<SnapshotRequest> requests{kMailboxCapacity};
    WakeEvent request_wake;
    PageLine pages;
    std::promise<Result<void, std::string>> started;
    std::promise<void> ended;
    std::jthread thread;
  };

  [[nodiscard]] Result<void, std::string> start_worker(unsigned index, const Affinity& affinity,
                                                       Program::Start& start);
  void run_worker(unsigned index, Thread& thread, const Affinity& affinity,
                  Program::Start& start) noexcept;
  void let_run();
  [[nodiscard]] bool all_ended();
  void sleep_until_something_happens();
  void handle_signals();
  void handle_stop_signal();
  void request_drain();
  void request_snapshots();
  void show_messages();

  Parts parts_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<std::future<void>> ends_;
  std::atomic_flag may_run_;
  unsigned signals_taken_ = 0;
  std::optional<Telemetry> telemetry_;  // Its questions go to the threads: it goes first.
};

}  // namespace millrace::control
