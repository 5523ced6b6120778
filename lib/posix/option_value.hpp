// Values of socket options between the caller's memory and C++, with Linux's rules for lengths.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

namespace millrace::posix {

/// A value that must be there whole; -EINVAL when it is too short, -EFAULT when it is not there.
template <class T>
[[nodiscard]] int read_value(const void* value, socklen_t length, T& into) noexcept {
  if (length < sizeof(T)) {
    return -EINVAL;
  }
  if (value == nullptr) {
    return -EFAULT;
  }
  std::memcpy(&into, value, sizeof(T));
  return 0;
}

/// As much of it as there is room for; how much that was goes back. Zero, -EFAULT or -EINVAL.
[[nodiscard]] inline int write_bytes(const void* from, std::size_t bytes, void* value,
                                     socklen_t* length) noexcept {
  if (length == nullptr) {
    return -EFAULT;
  }
  if (static_cast<int>(*length) < 0) {
    return -EINVAL;
  }
  const std::size_t count = std::min<std::size_t>(*length, bytes);
  if (value == nullptr && count > 0) {
    return -EFAULT;
  }
  if (count > 0) {
    std::memcpy(value, from, count);
  }
  *length = static_cast<socklen_t>(count);
  return 0;
}

template <class T>
[[nodiscard]] int write_value(const T& from, void* value, socklen_t* length) noexcept {
  return write_bytes(&from, sizeof(T), value, length);
}

}  // namespace millrace::posix
