// The one Millrace of the process that the C calls are about: starting it, also unasked, ending it,
// and handing a call to it or to the kernel.
#pragma once

#include <cerrno>
#include <memory>

#include "posix/on_core.hpp"

namespace millrace::posix {

/// Null until it is started, and after its end.
[[nodiscard]] OnCore* process_core() noexcept;

/// Starts it with MILLRACE_OPTIONS unless it runs; zero or a negative errno.
[[nodiscard]] int start_unasked();

/// As a system call's wrapper in C: -1 and errno, or the result.
template <class Number>
[[nodiscard]] Number answer(Number result) noexcept {
  if (result < 0) {
    errno = static_cast<int>(-result);
    return -1;
  }
  return result;
}

/// Calls `ours` with the sockets when `fd` is one of ours, else `kernels`.
template <class Ours, class Kernels>
[[nodiscard]] auto dispatch(int fd, Ours ours, Kernels kernels) -> decltype(kernels()) {
  OnCore* const core = process_core();
  if (core == nullptr) {
    return kernels();
  }
  if (!core->is_here()) {
    return answer(static_cast<decltype(kernels())>(-EPERM));
  }
  if (!core->sockets().owns(fd)) {
    return kernels();
  }
  const auto result = ours(core->sockets());
  core->end_call();
  return answer(result);
}

/// Calls `make` with the sockets, starting Millrace if need be.
template <class Make>
[[nodiscard]] int make_descriptor(Make make) {
  if (const int started = start_unasked(); started < 0) {
    return answer(started);
  }
  OnCore& core = *process_core();
  return answer(core.is_here() ? make(core.sockets()) : -EPERM);
}

}  // namespace millrace::posix
