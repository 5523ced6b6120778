// A handler, not SIG_IGN: that would throw away what waits to be fetched by sigwait.
#include "device/dpdk/taken_signals.hpp"

namespace millrace::device {

TakenSignals::TakenSignals() {
  struct sigaction nothing {};
  nothing.sa_handler = [](int) {};
  nothing.sa_flags = SA_RESTART;
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) {
    struct sigaction found {};
    if (::sigaction(signal, nullptr, &found) == 0 && found.sa_handler == SIG_DFL &&
        ::sigaction(signal, &nothing, nullptr) == 0) {
      taken_.push_back(signal);
    }
  }
}

TakenSignals::~TakenSignals() {
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  for (const int signal : taken_) {
    static_cast<void>(::sigaction(signal, &usual, nullptr));
  }
}

}  // namespace millrace::device
