// The descriptor is Linux's signalfd(2).
#include "control/stop_signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace millrace::control {

namespace {

/// As nohup has it: the program is to outlive its terminal.
bool is_ignored(int signal) noexcept {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Result<StopSignals, std::string> StopSignals::block() {
  sigset_t signals;
  sigset_t previous;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  // A signal that is blocked arrives even where it is ignored.
  if (!is_ignored(SIGHUP)) {
    sigaddset(&signals, SIGHUP);
  }
  // A reader of our output that goes away is that output's failure, not the process's: a warning
  // that a frame caused must not end it (decision 11).
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &signals, &previous); error != 0) {
    return fail("cannot block signals: " + std::generic_category().message(error));
  }
  const int descriptor = ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (descriptor < 0) {
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &previous, nullptr);
    return fail("cannot wait for signals: " + std::generic_category().message(error));
  }
  return StopSignals{descriptor, previous};
}

StopSignals::StopSignals(StopSignals&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)}, previous_{other.previous_} {}

StopSignals::~StopSignals() { restore(); }

void StopSignals::restore() noexcept {
  if (descriptor_ < 0) {
    return;
  }
  while (take()) {
  }
  ::close(std::exchange(descriptor_, -1));
  ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

std::optional<int> StopSignals::take() noexcept {
  signalfd_siginfo info{};
  if (::read(descriptor_, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) {
    return std::nullopt;
  }
  return static_cast<int>(info.ssi_signo);
}

}  // namespace millrace::control
