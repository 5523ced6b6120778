// poll first, then a call that cannot block any more: so a helper is never stuck in a read that
// nobody will end.
#include "nc/standard_io.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

namespace nc {

StandardIo::StandardIo(int input, int output)
    : input_{input}, output_{output}, interrupted_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}

StandardIo::~StandardIo() {
  if (interrupted_ >= 0) {
    ::close(interrupted_);
  }
}

millrace::Result<std::size_t, int> StandardIo::read(std::span<std::byte> into) noexcept {
  while (wait(input_, POLLIN)) {
    const ssize_t count = ::read(input_, into.data(), into.size());
    if (count >= 0) {
      return static_cast<std::size_t>(count);
    }
    if (errno != EINTR && errno != EAGAIN) {
      return millrace::fail(errno);
    }
  }
  return 0;
}

millrace::Result<void, int> StandardIo::write(std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty() && wait(output_, POLLOUT)) {
    // A pipe that polls as writable takes this much without blocking.
    const std::size_t piece = std::min<std::size_t>(bytes.size(), PIPE_BUF);
    const ssize_t count = ::write(output_, bytes.data(), piece);
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno != EINTR && errno != EAGAIN) {
      return millrace::fail(errno);
    }
  }
  return {};
}

void StandardIo::interrupt() noexcept {
  const std::uint64_t one = 1;
  (void)!::write(interrupted_, &one, sizeof one);
}

// Whether to go on: false once interrupted.
bool StandardIo::wait(int descriptor, short events) noexcept {
  std::array<pollfd, 2> waiting{{{.fd = descriptor, .events = events, .revents = 0},
                                 {.fd = interrupted_, .events = POLLIN, .revents = 0}}};
  while (::poll(waiting.data(), waiting.size(), -1) < 0) {
    if (errno != EINTR) {
      return false;
    }
  }
  return waiting[1].revents == 0;
}

}  // namespace nc
