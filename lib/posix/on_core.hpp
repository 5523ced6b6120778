// OnCore: the first way of waiting: the thread that calls is the core, and turns the loop itself
// whenever a call has to wait.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <millrace/error.hpp>

#include "control/command_line.hpp"
#include "control/embedded_core.hpp"
#include "control/signal_gate.hpp"
#include "posix/lifeline.hpp"
#include "posix/sockets.hpp"
#include "posix/waiting.hpp"

namespace millrace::posix {

class OnCore final : public Waiting {
 public:
  /// How long the end waits for what was sent to arrive.
  static constexpr Duration kDeliveryLimit = std::chrono::seconds{3};

  /// As EmbeddedCore::start.
  [[nodiscard]] static Result<std::unique_ptr<OnCore>, control::Stop> start(
      const std::vector<std::string>& arguments);
  OnCore(const OnCore&) = delete;
  OnCore& operator=(const OnCore&) = delete;
  /// Closes what is open, as the end of a process does. Not for one that is cut off, whose numbers
  /// may name other files by now.
  ~OnCore() override;

  [[nodiscard]] Sockets& sockets() noexcept { return sockets_; }
  [[nodiscard]] const Sockets& sockets() const noexcept { return sockets_; }
  /// The native interface of the same core.
  [[nodiscard]] Worker& worker() noexcept { return *core_->core().face; }
  /// Whether a turn is under way: a handler calls.
  [[nodiscard]] bool is_in_turn() const noexcept { return is_in_turn_; }
  /// Whether the program has closed descriptors that are not its own. A system call.
  [[nodiscard]] bool is_cut_off() noexcept { return is_cut_off_ || lifeline_.is_cut(); }

  [[nodiscard]] int wait(Instant until, int descriptor) override;
  void turn() override;
  [[nodiscard]] Instant now() noexcept override { return core_->core().clock.now(); }
  /// The program goes on: signals come in again at any time.
  void end_call() noexcept {
    if (!is_in_turn_) {
      steps_ = 0;
      signals_.open();
    }
  }

 private:
  // Of one call that waits, before signals are held back, and between looks at whether there are
  // any: each is a system call. One that comes before that came before the call, as the program
  // sees it.
  static constexpr unsigned kStepsBetweenLooks = 64;

  // Of all calls, between looks at whether the descriptors are still there.
  static constexpr unsigned kTurnsBetweenChecks = 64;

  [[nodiscard]] bool finds_itself_cut_off() noexcept;
  void hold_signals_back() noexcept;
  [[nodiscard]] int interruption() const noexcept;

  explicit OnCore(std::unique_ptr<control::EmbeddedCore> core);

  std::unique_ptr<control::EmbeddedCore> core_;
  bool is_in_turn_ = false;
  control::SignalGate signals_;
  unsigned steps_ = 0;  // Of the call under way.
  Lifeline lifeline_;
  unsigned turns_ = 0;
  bool is_cut_off_ = false;
  Sockets sockets_;
};

}  // namespace millrace::posix
