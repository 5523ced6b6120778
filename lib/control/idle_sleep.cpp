// Order matters: devices are armed first, so that a packet between the last poll and the sleep is
// not overlooked.
#include "control/idle_sleep.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

namespace millrace::control {

namespace {

timespec to_timespec(Duration duration) noexcept {
  const Duration positive = std::max(duration, Duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(positive);
  timespec result{};
  result.tv_sec = static_cast<time_t>(seconds.count());
  result.tv_nsec = static_cast<long>((positive - seconds).count());
  return result;
}

bool has_error(const pollfd& descriptor) noexcept {
  return (descriptor.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 &&
         (descriptor.revents & POLLIN) == 0;
}

/// Some errors are news and no more, "the interface went down", say, and gone once they were told.
bool still_has_error(pollfd descriptor) noexcept {
  return ::poll(&descriptor, 1, 0) > 0 && has_error(descriptor);
}

}  // namespace

IdleSleep::IdleSleep(std::span<device::Device* const> devices, std::span<const int> descriptors)
    : devices_{devices.begin(), devices.end()} {
  for (const device::Device* device : devices_) {
    is_possible_ = is_possible_ && device->wake_descriptor() >= 0;
    descriptors_.push_back({.fd = device->wake_descriptor(), .events = POLLIN, .revents = 0});
  }
  for (const int descriptor : descriptors) {
    if (descriptor >= 0) {
      descriptors_.push_back({.fd = descriptor, .events = POLLIN, .revents = 0});
    }
  }
  descriptors_.push_back({.fd = -1, .events = POLLIN, .revents = 0});  // For `beside`.
}

bool IdleSleep::sleep(std::optional<Duration> limit, int beside, const sigset_t* signals) noexcept {
  if (limit && *limit <= Duration::zero()) {
    return false;
  }
  if (!arm()) {
    return false;
  }
  descriptors_.back().fd = beside;
  const timespec timeout = to_timespec(limit.value_or(Duration::zero()));
  // An interruption by a signal is a reason to look, too.
  const bool was_interrupted =
      ::ppoll(descriptors_.data(), descriptors_.size(), limit ? &timeout : nullptr, signals) < 0 &&
      errno == EINTR;
  disarm(devices_.size());
  note_failed_devices();
  return was_interrupted;
}

bool IdleSleep::arm() noexcept {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    if (!devices_[i]->arm_wake()) {
      disarm(i);
      return false;
    }
  }
  return true;
}

void IdleSleep::note_failed_devices() noexcept {
  // Without this a dead descriptor would wake the core for ever.
  for (std::size_t i = 0; i < devices_.size() && !failed_device_; ++i) {
    if (has_error(descriptors_[i]) && still_has_error(descriptors_[i])) {
      descriptors_[i].fd = -1;
      descriptors_[i].revents = 0;
      failed_device_ = i;
    }
  }
}

void IdleSleep::disarm(std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    devices_[i]->disarm_wake();
  }
}

}  // namespace millrace::control
