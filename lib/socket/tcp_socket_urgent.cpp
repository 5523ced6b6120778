// Urgent data as applications see it (RFC 9293 §3.8.5, RFC 6093).
#include <millrace/tcp.hpp>

#include "socket/find.hpp"

namespace millrace {

using socket::find;

Result<std::size_t> TcpSocket::send_urgent(std::span<const std::byte> data) const {
  TcpSocket self = *this;
  const auto sent = self.send(data);
  if (!sent || *sent == 0) {
    return sent;
  }
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  (*slot)->connection.mark_urgent();
  stack_->tcp().settle(**slot);
  return sent;
}

std::size_t TcpSocket::urgent_left() const {
  const auto slot = find(stack_, index_, generation_);
  return slot ? (*slot)->connection.urgent_left() : 0;
}

Result<std::byte> TcpSocket::receive_urgent() const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  return (*slot)->connection.take_urgent();
}

Result<void> TcpSocket::set_urgent_inline(bool on) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  (*slot)->connection.set_urgent_inline(stack_->tcp().resources(), on);
  stack_->tcp().settle(**slot);
  return {};
}

}  // namespace millrace
