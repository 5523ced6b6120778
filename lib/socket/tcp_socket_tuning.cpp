// What an application may choose for one connection's segments and memory, and what the connection
// tells of itself.
#include <millrace/tcp.hpp>

#include "socket/find.hpp"
#include "tcp/tuning_limits.hpp"

namespace millrace {

using socket::find;

std::size_t TcpSocket::unsent() const {
  const auto slot = find(stack_, index_, generation_);
  return slot ? (*slot)->connection.unsent_bytes() : 0;
}

Result<void> TcpSocket::set_cork(bool on) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  (*slot)->connection.set_cork(on);
  // What waited for more may go now.
  stack_->tcp().settle(**slot);
  return {};
}

Result<void> TcpSocket::set_quick_acks(bool on) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  (*slot)->connection.set_quick_acks(on);
  stack_->tcp().settle(**slot);
  return {};
}

Result<void> TcpSocket::set_tuning(const TcpTuning& tuning) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if (!tcp::is_valid(tuning)) {
    return fail(Error::InvalidArgument);
  }
  (*slot)->connection.set_tuning(stack_->tcp().resources(), tuning);
  stack_->tcp().settle(**slot);
  return {};
}

TcpTuning TcpSocket::tuning() const {
  const auto slot = find(stack_, index_, generation_);
  return slot ? (*slot)->connection.tuning() : TcpTuning{};
}

Result<void> TcpSocket::set_congestion_control(std::string_view name) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  const auto kind = congestion_kind(name);
  if (!kind) {
    return fail(Error::Unsupported);
  }
  TcpTuning chosen = (*slot)->connection.tuning();
  chosen.congestion_control = *kind;
  return set_tuning(chosen);
}

Result<std::string_view> TcpSocket::congestion_control() const {
  const auto known = info();
  if (!known) {
    return fail(known.error());
  }
  return to_string(known->congestion_control);
}

Result<TcpInfo> TcpSocket::info() const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  return stack_->tcp().describe(**slot, stack_->now());
}

}  // namespace millrace
