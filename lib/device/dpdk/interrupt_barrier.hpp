// InterruptBarrier: tells when the EAL's interrupt thread has done all that was waiting for it.
// Drivers of shared memory clean up in that thread when their peer goes, unmapping what a burst
// would touch; who touches the port again, or closes it, waits here first.
#pragma once

#include <atomic>

namespace millrace::device {

/// Used by one thread. Must stay where it is while it is up.
class InterruptBarrier {
 public:
  InterruptBarrier() = default;
  InterruptBarrier(const InterruptBarrier&) = delete;
  InterruptBarrier& operator=(const InterruptBarrier&) = delete;
  ~InterruptBarrier();

  /// From now on `is_passed` is false, until every interrupt that was raised before this call has
  /// been handled.
  void raise() noexcept;
  [[nodiscard]] bool is_passed() noexcept;
  /// Raises it and sleeps until it is passed: some milliseconds.
  void wait() noexcept;

 private:
  void set_alarm(unsigned rounds_left) noexcept;
  static void on_alarm(void* self);

  std::atomic<unsigned> rounds_left_{0};
  std::atomic<bool> is_alarm_set_{false};
};

}  // namespace millrace::device
