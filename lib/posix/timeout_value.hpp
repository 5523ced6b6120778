// SO_RCVTIMEO and SO_SNDTIMEO between the caller's memory and C++.
#pragma once

#include <sys/time.h>

#include <cerrno>
#include <cstdint>
#include <optional>

#include <millrace/time.hpp>

#include "posix/option_value.hpp"

namespace millrace::posix {

/// Empty for ever; a negative time is none at all, as in Linux. Zero or a negative errno.
[[nodiscard]] inline int read_timeout(const void* value, socklen_t length,
                                      std::optional<Duration>& into) noexcept {
  constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;
  constexpr std::int64_t kForEver = INT64_MAX / 1'000'000'000 - 1;
  timeval time{};
  if (const int flaw = read_value(value, length, time); flaw < 0) {
    return flaw;
  }
  if (time.tv_usec < 0 || time.tv_usec >= kMicrosecondsPerSecond) {
    return -EDOM;
  }
  if (time.tv_sec < 0) {
    into = Duration::zero();
  } else if ((time.tv_sec == 0 && time.tv_usec == 0) || time.tv_sec >= kForEver) {
    into = std::nullopt;
  } else {
    into = std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
  }
  return 0;
}

[[nodiscard]] inline timeval timeval_of(const std::optional<Duration>& timeout) noexcept {
  constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;
  const std::int64_t microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(timeout.value_or(Duration::zero()))
          .count();
  return {.tv_sec = microseconds / kMicrosecondsPerSecond,
          .tv_usec = microseconds % kMicrosecondsPerSecond};
}

}  // namespace millrace::posix
