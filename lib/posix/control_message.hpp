// Control messages of recvmsg(2), with Linux's rules for a buffer that is too small.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace millrace::posix {

/// Writes a message into the front of `message`'s buffer and cuts the buffer's length to what was
/// used; MSG_CTRUNC where it does not fit whole.
template <class T>
void put_control(msghdr& message, int level, int type, const T& value) noexcept {
  const std::size_t room = message.msg_control == nullptr ? 0 : message.msg_controllen;
  if (room < sizeof(cmsghdr)) {
    message.msg_controllen = 0;
    message.msg_flags |= MSG_CTRUNC;
    return;
  }
  cmsghdr header{};
  header.cmsg_level = level;
  header.cmsg_type = type;
  header.cmsg_len = std::min<std::size_t>(CMSG_LEN(sizeof(T)), room);
  message.msg_flags |= room < CMSG_LEN(sizeof(T)) ? MSG_CTRUNC : 0;
  auto* const bytes = static_cast<std::byte*>(message.msg_control);
  std::memcpy(bytes, &header, sizeof(header));
  std::memcpy(bytes + sizeof(header), &value, header.cmsg_len - sizeof(header));
  message.msg_controllen = std::min<std::size_t>(CMSG_SPACE(sizeof(T)), room);
}

}  // namespace millrace::posix
