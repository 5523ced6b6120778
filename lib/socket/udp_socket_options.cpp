// What a UDP socket can be told and asked, apart from moving datagrams.
#include <millrace/udp.hpp>

#include "socket/find.hpp"
#include "stack/stack.hpp"

namespace millrace {

using socket::find_udp;

namespace {

/// Lends the slot behind a handle to `use`, which changes it.
template <class F>
Result<void> change(stack::Stack* stack, std::uint32_t index, std::uint32_t generation, F&& use) {
  const auto slot = find_udp(stack, index, generation);
  if (!slot) {
    return fail(slot.error());
  }
  use(**slot);
  return {};
}

}  // namespace

Result<void> UdpSocket::set_broadcast(bool on) const {
  return change(stack_, index_, generation_,
                [on](stack::UdpSlot& slot) { slot.may_broadcast = on; });
}

Result<void> UdpSocket::set_fragmentation(Fragmentation fragmentation) const {
  return change(stack_, index_, generation_,
                [fragmentation](stack::UdpSlot& slot) { slot.fragmentation = fragmentation; });
}

Result<void> UdpSocket::set_hop_limit(std::uint8_t hops) const {
  if (hops == 0) {
    return fail(Error::InvalidArgument);
  }
  return change(stack_, index_, generation_,
                [hops](stack::UdpSlot& slot) { slot.hop_limit = hops; });
}

Result<void> UdpSocket::set_dscp(std::uint8_t dscp) const {
  constexpr std::uint8_t kMax = 63;
  if (dscp > kMax) {
    return fail(Error::InvalidArgument);
  }
  return change(stack_, index_, generation_, [dscp](stack::UdpSlot& slot) {
    // RFC 3168 §5: the ECN bits beside it are somebody else's.
    const unsigned ecn = slot.traffic_class & stack::UdpSlot::kEcnMask;
    slot.traffic_class =
        static_cast<std::uint8_t>(unsigned{dscp} << stack::UdpSlot::kEcnBits | ecn);
  });
}

Result<void> UdpSocket::set_receive_queue_bytes(std::uint32_t bytes) const {
  if (bytes == 0) {
    return fail(Error::InvalidArgument);
  }
  return change(stack_, index_, generation_, [bytes](stack::UdpSlot& slot) {
    slot.queue.set_limits({.bytes = bytes, .datagrams = slot.queue.limits().datagrams});
  });
}

Result<void> UdpSocket::set_handler(UdpHandler& handler) const {
  return change(stack_, index_, generation_,
                [&handler](stack::UdpSlot& slot) { slot.handler = &handler; });
}

Result<void> UdpSocket::set_user_data(void* data) const {
  return change(stack_, index_, generation_,
                [data](stack::UdpSlot& slot) { slot.user_data = data; });
}

void* UdpSocket::user_data() const {
  const auto slot = find_udp(stack_, index_, generation_);
  return slot ? (*slot)->user_data : nullptr;
}

Result<Endpoint> UdpSocket::local() const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  return (*slot)->tuple.local;
}

Result<Endpoint> UdpSocket::peer() const {
  const auto slot = find_udp(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if (!(*slot)->is_connected()) {
    return fail(Error::InvalidState);
  }
  return (*slot)->tuple.remote;
}

bool UdpSocket::is_open() const { return find_udp(stack_, index_, generation_).has_value(); }

}  // namespace millrace
