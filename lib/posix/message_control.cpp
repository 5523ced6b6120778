#include "posix/message_control.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace millrace::posix {

void put_control(msghdr& message, const ControlKind& kind, const void* data,
                 std::size_t bytes) noexcept {
  const std::size_t room = message.msg_control == nullptr ? 0 : message.msg_controllen;
  message.msg_controllen = 0;
  if (room < sizeof(cmsghdr)) {
    message.msg_flags |= MSG_CTRUNC;
    return;
  }
  const std::size_t length = std::min(room, CMSG_LEN(bytes));
  if (length < CMSG_LEN(bytes)) {
    message.msg_flags |= MSG_CTRUNC;
  }
  const cmsghdr header{.cmsg_len = length, .cmsg_level = kind.level, .cmsg_type = kind.type};
  auto* const place = static_cast<std::byte*>(message.msg_control);
  std::memcpy(place, &header, sizeof(header));
  std::memcpy(place + CMSG_LEN(0), data, length - CMSG_LEN(0));
  message.msg_controllen = std::min(room, CMSG_SPACE(bytes));
}

bool is_control_ignorable(const msghdr& message) noexcept {
  if (message.msg_control == nullptr || message.msg_controllen == 0) {
    return true;
  }
  const auto* const begin = static_cast<const std::byte*>(message.msg_control);
  std::size_t at = 0;
  while (message.msg_controllen - at >= sizeof(cmsghdr)) {
    cmsghdr header{};
    std::memcpy(&header, begin + at, sizeof(header));
    const std::size_t left = message.msg_controllen - at;
    if (header.cmsg_len < sizeof(cmsghdr) || header.cmsg_len > left ||
        header.cmsg_level == IPPROTO_IP) {
      return false;
    }
    at += std::min(left, CMSG_ALIGN(header.cmsg_len));
  }
  return true;
}

}  // namespace millrace::posix
