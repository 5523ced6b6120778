// SignalGate: holds signals back while a thread does work in which it would not notice that one
// came, and lets them in where it does: in a sleep that they end, or in a look at whether there are
// any.
#pragma once

#include <csignal>

namespace millrace::control {

/// Used on one thread. Not held back are signals that tell of a fault in the program itself, and
/// SIGPROF, whose handlers are to see what runs.
class SignalGate {
 public:
  SignalGate() noexcept { sigemptyset(&drivers_); }
  SignalGate(const SignalGate&) = delete;
  SignalGate& operator=(const SignalGate&) = delete;
  ~SignalGate() { open(); }

  /// Signals that have a handler now.
  [[nodiscard]] static sigset_t handled() noexcept;
  /// These are not the program's, but a driver's to itself, a TAP's for instance: they are never
  /// held back, nor do they end anything. Before the first `close`.
  void leave_alone(const sigset_t& signals) noexcept { drivers_ = signals; }

  /// From here on they wait. Threads that are started meanwhile never get any.
  void close() noexcept;
  /// Those that wait come in, and from here on again at any time.
  void open() noexcept;
  [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

  /// What a sleep of the thread is to leave blocked: what was before `close`, and what is to be
  /// left alone. Null while open.
  [[nodiscard]] const sigset_t* mask_of_sleep() const noexcept {
    return is_closed_ ? &in_sleep_ : nullptr;
  }
  /// While closed: lets those in that wait. Returns whether a handler has run.
  [[nodiscard]] bool let_in() noexcept;
  /// Whether every handler that can have run asks for calls to go on (SA_RESTART). Which one has
  /// run nobody tells, so one that does not ask for it speaks for all.
  [[nodiscard]] bool do_calls_restart() const noexcept;

 private:
  [[nodiscard]] sigset_t held_back() const noexcept;

  sigset_t drivers_{};
  sigset_t previous_{};
  sigset_t in_sleep_{};
  bool is_closed_ = false;
};

}  // namespace millrace::control
