// The native UDP socket: finds its slot and moves datagrams between the application and the core.
#include <millrace/udp.hpp>

#include <utility>

#include "packet/packet.hpp"
#include "socket/find.hpp"
#include "stack/stack.hpp"
#include "udp/udp_input.hpp"
#include "udp/udp_output.hpp"

namespace millrace {

using packet::Packet;
using socket::find_udp;

namespace {

Result<void> send_copy(stack::Stack& stack, stack::UdpSlot& slot, const Endpoint& destination,
                       std::span<const std::byte> data) {
  if (data.size() > udp::kPayloadMax) {
    return fail(Error::MessageTooLong);
  }
  Packet payload = stack.udp().copy_of(data);
  if (!payload) {
    stack.udp().want_packets(slot);
    return fail(Error::OutOfPackets);
  }
  return stack.udp().send(stack.now(), slot, destination, payload);
}

Result<void> send_whole(stack::Stack& stack, stack::UdpSlot& slot, const Endpoint& destination,
                        Buffer& buffer) {
  Packet payload{buffer.release()};
  const auto sent = stack.udp().send(stack.now(), slot, destination, payload);
  if (!sent) {
    buffer = Buffer{payload.release()};
  }
  return sent;
}

/// Empty when none waits.
std::optional<Datagram> take(stack::Stack& stack, stack::UdpSlot& slot) {
  Packet packet = stack.udp().receive(slot);
  if (!packet) {
    return std::nullopt;
  }
  const FourTuple tuple = udp::strip_headers(packet);
  return Datagram{
      .payload = Buffer{packet.release()}, .source = tuple.remote, .destination = tuple.local};
}

}  // namespace

Result<void> UdpSocket::send(std::span<const std::byte> data) const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if (!(*slot)->is_connected()) {
    return fail(Error::InvalidState);
  }
  return send_copy(*stack_, **slot, (*slot)->tuple.remote, data);
}

Result<void> UdpSocket::send(std::string_view text) const {
  return send(std::as_bytes(std::span{text}));
}

Result<void> UdpSocket::send(Buffer&& buffer) const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if (!(*slot)->is_connected()) {
    return fail(Error::InvalidState);
  }
  return send_whole(*stack_, **slot, (*slot)->tuple.remote, buffer);
}

Result<void> UdpSocket::send_to(const Endpoint& destination,
                                std::span<const std::byte> data) const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  return send_copy(*stack_, **slot, destination, data);
}

Result<void> UdpSocket::send_to(const Endpoint& destination, std::string_view text) const {
  return send_to(destination, std::as_bytes(std::span{text}));
}

Result<void> UdpSocket::send_to(const Endpoint& destination, Buffer&& buffer) const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  return send_whole(*stack_, **slot, destination, buffer);
}

Result<Datagram> UdpSocket::receive() const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  auto datagram = take(*stack_, **slot);
  if (!datagram) {
    return fail(Error::WouldBlock);
  }
  return *std::move(datagram);
}

Result<std::size_t> UdpSocket::receive(std::span<Datagram> into) const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  std::size_t count = 0;
  while (count < into.size()) {
    auto datagram = take(*stack_, **slot);
    if (!datagram) {
      break;
    }
    into[count++] = *std::move(datagram);
  }
  return count;
}

Result<std::size_t> UdpSocket::next_size() const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if ((*slot)->queue.empty()) {
    return fail(Error::WouldBlock);
  }
  return stack::UdpCore::next_size(**slot);
}

std::size_t UdpSocket::readable() const {
  const auto slot = find_udp(stack_, index_, generation_);
  return slot ? (*slot)->queue.size() : 0;
}

std::size_t UdpSocket::readable_charge() const {
  const auto slot = find_udp(stack_, index_, generation_);
  return slot ? (*slot)->queue.charge() : 0;
}

Result<void> UdpSocket::connect(const Endpoint& peer) const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  return stack_->udp().connect(**slot, peer);
}

Result<void> UdpSocket::disconnect() const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  return stack_->udp().disconnect(**slot);
}

Result<void> UdpSocket::close() const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  stack_->udp().close(**slot);
  return {};
}

Result<std::size_t> UdpSocket::payload_max() const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  return stack_->udp().payload_max(stack_->now(), **slot);
}

}  // namespace millrace
