// IdleSleep: puts a core without work to sleep in the kernel until one of its devices, a descriptor
// or the clock wakes it. Whether there is work is the caller's to know.
#pragma once

#include <poll.h>

#include <csignal>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <millrace/time.hpp>

#include "device/device.hpp"

namespace millrace::control {

/// Used on one core. Allocates at construction only.
class IdleSleep {
 public:
  /// `descriptors` wake the core when they are readable; those below zero are left out. All must
  /// outlive this.
  IdleSleep(std::span<device::Device* const> devices, std::span<const int> descriptors);

  /// Whether every device can wake the core. If not, it has to poll.
  [[nodiscard]] bool is_possible() const noexcept { return is_possible_; }

  /// Sleeps until something wakes the core, at most for `limit`; returns at once if a device may
  /// have packets. Whatever the reason to return, the core polls next. `beside` wakes the core,
  /// too, this once, when it is readable; below zero: none. `signals` are those that are blocked
  /// meanwhile; null: those that are blocked anyway. Returns whether a signal woke it.
  bool sleep(std::optional<Duration> limit, int beside = -1,
             const sigset_t* signals = nullptr) noexcept;

  /// A device whose descriptor has failed, its interface was deleted say: each is told of once, and
  /// wakes nobody any more.
  [[nodiscard]] std::optional<std::size_t> take_failed_device() noexcept {
    return std::exchange(failed_device_, std::nullopt);
  }

 private:
  [[nodiscard]] bool arm() noexcept;
  void note_failed_devices() noexcept;
  void disarm(std::size_t count) noexcept;

  std::vector<device::Device*> devices_;
  std::vector<pollfd> descriptors_;
  std::optional<std::size_t> failed_device_;
  bool is_possible_ = true;
};

}  // namespace millrace::control
