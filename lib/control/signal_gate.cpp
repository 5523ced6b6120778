// ppoll(2) swaps the mask and looks for signals in one step, so that none comes in between.
#include "control/signal_gate.hpp"

#include <poll.h>

#include <array>
#include <cerrno>
#include <ctime>

namespace millrace::control {

namespace {

constexpr std::array kNeverHeldBack{SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                    SIGTRAP, SIGABRT, SIGSYS, SIGPROF};

bool has_handler(int signal, struct sigaction& action) noexcept {
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_DFL &&
         action.sa_handler != SIG_IGN;
}

/// One for once is gone after it has run, but for what it was set with.
bool had_handler(int signal, struct sigaction& action) noexcept {
  return has_handler(signal, action) ||
         (action.sa_handler == SIG_DFL && (action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0);
}

}  // namespace

sigset_t SignalGate::handled() noexcept {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    struct sigaction action {};
    if (has_handler(signal, action)) {
      sigaddset(&signals, signal);
    }
  }
  return signals;
}

sigset_t SignalGate::held_back() const noexcept {
  sigset_t signals;
  sigfillset(&signals);
  for (const int signal : kNeverHeldBack) {
    sigdelset(&signals, signal);
  }
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (sigismember(&drivers_, signal) == 1) {
      sigdelset(&signals, signal);
    }
  }
  return signals;
}

void SignalGate::close() noexcept {
  if (is_closed_) {
    return;
  }
  const sigset_t signals = held_back();
  is_closed_ = ::pthread_sigmask(SIG_BLOCK, &signals, &previous_) == 0;
  sigorset(&in_sleep_, &previous_, &drivers_);
}

void SignalGate::open() noexcept {
  if (is_closed_) {
    is_closed_ = false;
    ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
  }
}

bool SignalGate::let_in() noexcept {
  constexpr timespec kNoTime{};
  return is_closed_ && ::ppoll(nullptr, 0, &kNoTime, &in_sleep_) < 0 && errno == EINTR;
}

bool SignalGate::do_calls_restart() const noexcept {
  const sigset_t signals = held_back();
  bool is_one_handled = false;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    struct sigaction action {};
    const bool can_have_run =
        sigismember(&signals, signal) == 1 && sigismember(&previous_, signal) == 0;
    if (!can_have_run || !had_handler(signal, action)) {
      continue;
    }
    if ((action.sa_flags & SA_RESTART) == 0) {
      return false;
    }
    is_one_handled = true;
  }
  return is_one_handled;
}

}  // namespace millrace::control
