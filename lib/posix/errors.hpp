// From the library's errors to errno.
#pragma once

#include <millrace/error.hpp>

namespace millrace::posix {

/// What a connection that failed so, or a call, has to say by Linux's numbers.
[[nodiscard]] int errno_of(Error error) noexcept;

}  // namespace millrace::posix
