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

sigset_t all_held_back() noexcept {
  sigset_t signals;
  sigfillset(&signals);
  for (const int signal : kNeverHeldBack) {
    sigdelset(&signals, signal);
  }
  return signals;
}

}  // namespace

void SignalGate::close() noexcept {
  if (is_closed_) {
    return;
  }
  const sigset_t signals = all_held_back();
  is_closed_ = ::pthread_sigmask(SIG_BLOCK, &signals, &previous_) == 0;
}

void SignalGate::open() noexcept {
  if (is_closed_) {
    is_closed_ = false;
    ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
  }
}

bool SignalGate::let_in() noexcept {
  constexpr timespec kNoTime{};
  return is_closed_ && ::ppoll(nullptr, 0, &kNoTime, &previous_) < 0 && errno == EINTR;
}

bool SignalGate::do_calls_restart() const noexcept {
  const sigset_t held_back = all_held_back();
  bool is_one_handled = false;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    struct sigaction action {};
    const bool can_have_run =
        sigismember(&held_back, signal) == 1 && sigismember(&previous_, signal) == 0;
    if (!can_have_run || ::sigaction(signal, nullptr, &action) != 0 ||
        action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
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
