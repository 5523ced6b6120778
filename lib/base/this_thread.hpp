// this_thread: which thread runs, for checks that are made with every call: one instruction where
// the compiler knows the thread's register. What belongs to a thread is for others to say.
#pragma once

#include <pthread.h>

#include <bit>
#include <cstdint>

namespace millrace::base {

/// Never zero, and no two threads that run have the same. One that has ended may give its own to
/// another.
using ThreadMark = std::uintptr_t;

[[nodiscard]] inline ThreadMark this_thread() noexcept {
#if __has_builtin(__builtin_thread_pointer)
  return std::bit_cast<ThreadMark>(__builtin_thread_pointer());
#else
  return ThreadMark{pthread_self()};
#endif
}

}  // namespace millrace::base
