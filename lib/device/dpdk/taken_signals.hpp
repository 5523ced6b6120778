// Keeps net_tap from taking a signal of the program's. The driver would have the kernel raise a
// real-time signal for each frame that arrives, to save reading from an empty queue; whatever
// system call a thread of the program then waits in is ended by it, and so is the program that this
// process executes. Where all of these signals are taken the driver does without.
#pragma once

#include <csignal>
#include <cstddef>
#include <vector>

namespace millrace::device {

/// While it lives every real-time signal that the driver could take has a handler, which does
/// nothing; handlers of the program's are left alone.
class TakenSignals {
 public:
  TakenSignals();
  TakenSignals(const TakenSignals&) = delete;
  TakenSignals& operator=(const TakenSignals&) = delete;
  ~TakenSignals();

 private:
  std::vector<int> taken_;
};

}  // namespace millrace::device
