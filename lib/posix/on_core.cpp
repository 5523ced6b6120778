#include "posix/on_core.hpp"

#include <cerrno>
#include <cstdio>
#include <utility>

namespace millrace::posix {

namespace {

Sockets::Limits limits_of(const Config& config) {
  Sockets::Limits limits;
  // Beside one for each connection: those that are not connected yet, or no more.
  limits.sockets = config.max_connections + config.max_listeners + 256;
  limits.udp_sockets = config.max_udp_sockets + 64;
  limits.watches = 2 * (limits.sockets + limits.udp_sockets);
  return limits;
}

}  // namespace

Result<std::unique_ptr<OnCore>, control::Stop> OnCore::start(
    const std::vector<std::string>& arguments) {
  auto core = control::EmbeddedCore::start(arguments);
  if (!core) {
    return fail(std::move(core).error());
  }
  return std::unique_ptr<OnCore>{new OnCore{*std::move(core)}};
}

OnCore::OnCore(std::unique_ptr<control::EmbeddedCore> core)
    : core_{std::move(core)},
      sockets_{{.worker = *core_->core().face,
                .stack = *core_->core().stack,
                .waiting = *this,
                .config = core_->config()},
               limits_of(core_->config())} {
  signals_.leave_alone(core_->drivers_signals());
  turn();  // What was announced at the start leaves.
}

OnCore::~OnCore() {
  sockets_.close_all();
  if (!is_cut_off_ && !lifeline_.is_cut()) {
    core_->deliver(kDeliveryLimit);
  }
}

int OnCore::wait(Instant until, int descriptor) {
  if (is_in_turn_) {
    return -EDEADLK;
  }
  if (finds_itself_cut_off()) {
    return -ENETDOWN;
  }
  hold_signals_back();
  is_in_turn_ = true;
  const control::CoreLoop::Step step = core_->step(until, descriptor, signals_.mask_of_sleep());
  // A handler that calls does not end this call, as little as one that the sleep lets in.
  const bool is_interrupted = steps_ % kStepsBetweenLooks == 0 && signals_.let_in();
  is_in_turn_ = false;
  if (is_interrupted) {
    return interruption();
  }
  switch (step) {
    case control::CoreLoop::Step::Turned: return 0;
    case control::CoreLoop::Step::Slept: return kSlept;
    case control::CoreLoop::Step::Interrupted: return interruption();
  }
  std::unreachable();
}

/// Before the sleep that they are to end; else they could come just ahead of it.
void OnCore::hold_signals_back() noexcept {
  if (++steps_ >= kStepsBetweenLooks || core_->is_about_to_sleep()) {
    signals_.close();
  }
}

int OnCore::interruption() const noexcept {
  return signals_.do_calls_restart() ? -ERESTART : -EINTR;
}

void OnCore::turn() {
  if (!is_in_turn_ && !finds_itself_cut_off()) {
    is_in_turn_ = true;
    static_cast<void>(core_->turn_once());
    is_in_turn_ = false;
  }
}

bool OnCore::finds_itself_cut_off() noexcept {
  if (is_cut_off_ || turns_++ % kTurnsBetweenChecks != 0) {
    return is_cut_off_;
  }
  is_cut_off_ = lifeline_.is_cut();
  if (is_cut_off_) {
    std::fputs(
        "millrace: the program has closed descriptors that are not its own; nothing is sent or "
        "received any more\n",
        stderr);
  }
  return is_cut_off_;
}

}  // namespace millrace::posix
