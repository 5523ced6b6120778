// From a datagram to the socket that it is for, and into its queue.
#include <utility>

#include "stack/udp_core.hpp"
#include "udp/udp_input.hpp"

namespace millrace::stack {

using packet::Packet;

std::optional<DropReason> UdpCore::on_datagram(const net::Interface& interface,
                                               const wire::Ipv4Header& header, Packet& datagram,
                                               bool is_link_unicast) noexcept {
  const auto arrival = udp::accept_udp(header, datagram);
  if (!arrival) {
    stats_.count(arrival.error());
    return arrival.error();
  }
  // RFC 1122 §3.3.6: a link-layer broadcast of a unicast datagram is a mistake, or worse.
  if (!is_link_unicast && interface.has_address(header.destination)) {
    stats_.count(DropReason::UdpNotUnicast);
    return DropReason::UdpNotUnicast;
  }
  UdpSlot* const slot = find_for(arrival->tuple);
  const auto refusal = slot == nullptr ? DropReason::UdpNoSocket : deliver(*slot, datagram);
  if (refusal) {
    if (slot != nullptr) {
      ++slot->refused;
    }
    stats_.count(*refusal);
    return refusal;
  }
  ++stats_.udp_datagrams_in;
  stats_.udp_bytes_in += arrival->payload_bytes;
  return std::nullopt;
}

UdpSlot* UdpCore::find_for(const FourTuple& tuple) noexcept {
  // The closest fit: connected to the sender, else bound to the address, else to all of ours.
  if (UdpSlot* const connected = find_exactly(tuple)) {
    return connected;
  }
  if (UdpSlot* const bound = find_exactly({.local = tuple.local, .remote = {}})) {
    return bound;
  }
  return find_exactly({.local = {.address = {}, .port = tuple.local.port}, .remote = {}});
}

std::optional<DropReason> UdpCore::deliver(UdpSlot& slot, Packet& datagram) noexcept {
  const std::uint32_t charge = datagram.chain_charge();
  if (!slot.queue.has_room_for(charge)) {
    return DropReason::UdpQueueFull;
  }
  // Nobody who floods a socket that is not read may take what TCP needs: of the packets that queues
  // may hold, UDP's have a share, and leave what is kept for requests and short answers.
  if (queued_bytes_ + charge > queued_bytes_max_ ||
      !budget_.try_charge(charge, packet::BudgetUse::Bulk)) {
    return DropReason::UdpReceiveFull;
  }
  queued_bytes_ += charge;
  slot.queue.push(std::move(datagram));
  note(slot, UdpNews::kReadable);
  return std::nullopt;
}

Packet UdpCore::receive(UdpSlot& slot) noexcept {
  const std::uint32_t before = slot.queue.charge();
  Packet datagram = slot.queue.pop();
  const std::uint32_t charge = before - slot.queue.charge();
  queued_bytes_ -= charge;
  budget_.release(charge);
  return datagram;
}

FourTuple UdpCore::next_ends(const UdpSlot& slot) noexcept {
  return slot.queue.view_front([](const Packet& next) { return udp::ends_of(next); });
}

std::uint32_t UdpCore::next_size(const UdpSlot& slot) noexcept {
  return slot.queue.view_front([](const Packet& next) { return udp::payload_bytes(next); });
}

}  // namespace millrace::stack
