// The one Millrace of the process that the C calls are about: starting it, also unasked, ending it,
// and handing a call to it or to the kernel.
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>

#include "posix/on_core.hpp"

namespace millrace::posix {

/// Whom the calling thread is to the Millrace of the process.
enum class Caller : std::uint8_t {
  Core,     ///< The thread that has started it, from the start to the end.
  Foreign,  ///< Another, while it runs, starts or ends.
  Child,    ///< Any of a process that was forked from the one in which it ran.
  Nobody,   ///< Any, before the start and after the end.
};
/// From any thread.
[[nodiscard]] Caller caller() noexcept;

/// Whose a call is, by its descriptor.
enum class Route : std::uint8_t {
  Ours,
  Kernels,
  Refused,  ///< Not for the calling thread or process: EPERM.
};
/// From any thread.
[[nodiscard]] Route route(int fd) noexcept;

/// Null until it is started, and after its end. For the thread that is the core alone; others have
/// nothing to hold it by while that ends it.
[[nodiscard]] OnCore* process_core() noexcept;

/// Starts it with MILLRACE_OPTIONS unless it runs; zero or a negative errno, -EPERM of a foreign
/// thread or a child.
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
  switch (route(fd)) {
    case Route::Kernels: return kernels();
    case Route::Refused: return answer(static_cast<decltype(kernels())>(-EPERM));
    case Route::Ours: break;
  }
  OnCore& core = *process_core();
  const auto result = ours(core.sockets());
  core.end_call();
  return answer(result);
}

/// Calls `make` with the sockets, starting Millrace if need be.
template <class Make>
[[nodiscard]] int make_descriptor(Make make) {
  if (const int started = start_unasked(); started < 0) {
    return answer(started);
  }
  return answer(make(process_core()->sockets()));
}

}  // namespace millrace::posix
