// What an application may ask of one connection beyond its bytes: keepalive, user timeout, what IP
// is told, which trouble it hears of.
#include <millrace/tcp.hpp>

#include "socket/find.hpp"
#include "tcp/keepalive.hpp"
#include "wire/tcp_options.hpp"

namespace millrace {

using socket::find;

namespace {

constexpr std::uint8_t kDscpMax = 63;

}  // namespace

Result<void> TcpSocket::advertise_user_timeout(Duration time) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if (!wire::UserTimeoutOption::from(time)) {
    return fail(Error::InvalidArgument);
  }
  (*slot)->connection.advertise_user_timeout(stack_->tcp().resources(), time);
  stack_->tcp().settle(**slot);
  return {};
}

Result<void> TcpSocket::set_keepalive(const std::optional<KeepaliveOptions>& options) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if (options && !tcp::Keepalive::is_valid(*options)) {
    return fail(Error::InvalidArgument);
  }
  (*slot)->connection.set_keepalive(options, stack_->now());
  // Its deadline is taken up when it has had its turn to send.
  stack_->tcp().settle(**slot);
  return {};
}

Result<void> TcpSocket::set_dscp(std::uint8_t dscp) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if (dscp > kDscpMax) {
    return fail(Error::InvalidArgument);
  }
  (*slot)->dscp = dscp;
  return {};
}

Result<void> TcpSocket::set_hop_limit(std::uint8_t hops) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if (hops == 0) {
    return fail(Error::InvalidArgument);
  }
  (*slot)->hop_limit = hops;
  return {};
}

Result<void> TcpSocket::set_soft_errors(bool on) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  (*slot)->connection.set_soft_errors(on);
  return {};
}

}  // namespace millrace
