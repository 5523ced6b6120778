// Reads and writes of an eventfd fail only when its counter is empty or full, and both are what is
// wanted then.
#include "control/wake_event.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace millrace::control {

Result<WakeEvent, std::string> WakeEvent::make() {
  const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (descriptor < 0) {
    return fail("cannot make an eventfd: " + std::generic_category().message(errno));
  }
  return WakeEvent{descriptor};
}

WakeEvent::WakeEvent(WakeEvent&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)} {}

WakeEvent::~WakeEvent() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void WakeEvent::raise() noexcept {
  constexpr std::uint64_t kOne = 1;
  [[maybe_unused]] const ssize_t written = ::write(descriptor_, &kOne, sizeof(kOne));
}

void WakeEvent::lower() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t read = ::read(descriptor_, &count, sizeof(count));
}

}  // namespace millrace::control
