// CoreThread: what makes the calling thread a worker's: its processor, its name, its place with
// DPDK.
#pragma once

#include <sched.h>

#include <optional>
#include <string>
#include <vector>

#include <millrace/error.hpp>

namespace millrace::control {

/// The processors that a thread may run on.
class Affinity {
 public:
  /// Those of the calling thread.
  [[nodiscard]] static Affinity of_this_thread() noexcept;
  [[nodiscard]] static Affinity only(unsigned processor) noexcept;
  /// Their numbers, ascending.
  [[nodiscard]] std::vector<unsigned> processors() const;
  /// Makes them the calling thread's. Error: errno.
  [[nodiscard]] Result<void, int> apply() const noexcept;

 private:
  cpu_set_t processors_{};
};

/// From `enter` until its destruction, which must be on the same thread.
class CoreThread {
 public:
  /// Registers the thread with DPDK, so that packet pools keep a cache for it. Error: what was
  /// wrong; what would be right.
  [[nodiscard]] static Result<CoreThread, std::string> enter(unsigned worker,
                                                             const Affinity& affinity);
  CoreThread(CoreThread&& other) noexcept;
  CoreThread& operator=(CoreThread&&) = delete;
  ~CoreThread();

 private:
  CoreThread() noexcept = default;

  bool is_registered_ = true;
};

}  // namespace millrace::control
