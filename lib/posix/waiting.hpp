// Waiting: how a call that has to wait lets the stack go on meanwhile. One file for each way:
// on_core turns the loop itself, passive sleeps until another thread has made something happen.
#pragma once

#include <ctime>

#include <millrace/time.hpp>

namespace millrace::posix {

class Waiting {
 public:
  /// No descriptor of the kernel's beside.
  static constexpr int kNoDescriptor = -1;
  /// As an `until`: whenever it may be.
  static constexpr Instant kForEver = Instant::max();
  /// The thread has slept: the kernel's descriptors may have news.
  static constexpr int kSlept = 1;

  virtual ~Waiting() = default;
  /// Returns when something may have changed, at the latest about `until`, or when `descriptor` is
  /// readable. Zero, kSlept, or what the call is to answer: -EINTR, -ERESTART (likewise, but of a
  /// signal that lets calls go on that have no limit of time), -EDEADLK (it may not wait here).
  [[nodiscard]] virtual int wait(Instant until, int descriptor) = 0;
  /// Lets the stack do what is due without waiting; nothing where that cannot be.
  virtual void turn() = 0;
  [[nodiscard]] virtual Instant now() noexcept = 0;
  /// What the kernel calls the time: of CLOCK_REALTIME, unless time is a script's.
  [[nodiscard]] virtual timespec wall_clock() noexcept {
    timespec time{};
    static_cast<void>(::clock_gettime(CLOCK_REALTIME, &time));
    return time;
  }
};

}  // namespace millrace::posix
