// EmbeddedCore: Millrace inside of a thread that has work of its own: an instance of one core,
// whose loop that thread turns when it comes by. What Program and Launch are for programs that hand
// over their thread.
#pragma once

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include <spdlog/logger.h>

#include "base/mailbox.hpp"
#include "control/command_line.hpp"
#include "control/core_loop.hpp"
#include "control/instance.hpp"
#include "control/options.hpp"
#include "control/page_line.hpp"
#include "control/stop_switch.hpp"
#include "control/telemetry.hpp"
#include "control/wake_event.hpp"

namespace millrace::control {

/// Made, used and destroyed on one thread, which is the core's; one at a time, and once, in a
/// process.
class EmbeddedCore {
 public:
  /// `arguments` are a program's name and the options that all programs share. An error ends the
  /// attempt: its status is 0 where an option asked for a text, and else as that of a program.
  [[nodiscard]] static Result<std::unique_ptr<EmbeddedCore>, Stop> start(
      const std::vector<std::string>& arguments);
  EmbeddedCore(const EmbeddedCore&) = delete;
  EmbeddedCore& operator=(const EmbeddedCore&) = delete;
  /// Aborts what is left and sends what is queued.
  ~EmbeddedCore();

  [[nodiscard]] Core& core() noexcept { return *instance_->cores().front(); }
  [[nodiscard]] const Config& config() const noexcept { return instance_->config(); }

  /// Signals that drivers have taken for themselves.
  [[nodiscard]] const sigset_t& drivers_signals() const noexcept { return drivers_signals_; }

  /// As CoreLoop's.
  bool turn_once() { return loop_->turn_once(); }
  CoreLoop::Step step(Instant wake_at, int beside, const sigset_t* signals = nullptr);
  [[nodiscard]] bool is_about_to_sleep() const noexcept { return loop_->is_about_to_sleep(); }
  /// Turns until what was sent has arrived, or for `limit`.
  void deliver(Duration limit);

 private:
  static constexpr std::size_t kMailboxCapacity = 64;

  struct Events {
    WakeEvent wake;
    WakeEvent request_wake;
    WakeEvent answered;
  };

  EmbeddedCore(const std::string& name, const Settings& settings, StopSwitch stop, Events events);
  void show_messages();

  Settings settings_;
  sigset_t drivers_signals_{};
  spdlog::logger log_;
  StopSwitch stop_;
  WakeEvent wake_;
  WakeEvent request_wake_;
  base::Mailbox<CoreMessage> mailbox_{kMailboxCapacity};
  base::Mailbox<SnapshotRequest> requests_{kMailboxCapacity};
  PageLine pages_;
  Program::OnStop on_stop_;
  std::unique_ptr<Instance> instance_;
  std::unique_ptr<CoreLoop> loop_;
  std::optional<Telemetry> telemetry_;
};

}  // namespace millrace::control
