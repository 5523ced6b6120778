// What goes beside a message's data: the control part of a `struct msghdr`.
#pragma once

#include <sys/socket.h>

#include <cstddef>

namespace millrace::posix {

struct ControlKind {
  int level = 0;
  int type = 0;
};

/// Makes `bytes` of `data` all that the control part holds, as Linux's put_cmsg: what has no room
/// is cut off, and MSG_CTRUNC says so. `msg_controllen` becomes what was written.
void put_control(msghdr& message, const ControlKind& kind, const void* data,
                 std::size_t bytes) noexcept;

/// Whether nothing in the control part of what is sent asks for something of IP, or is no control
/// part at all. What is for other levels means nothing to us, as it means nothing to Linux.
[[nodiscard]] bool is_control_ignorable(const msghdr& message) noexcept;

}  // namespace millrace::posix
