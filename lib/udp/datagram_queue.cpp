#include "udp/datagram_queue.hpp"

#include <utility>

#include "base/contract.hpp"

namespace millrace::udp {

using packet::Packet;

void DatagramQueue::push(Packet datagram) noexcept {
  const std::uint32_t charge = datagram.chain_charge();
  base::expects(has_room_for(charge));
  charge_ += charge;
  packets_.push_back(std::move(datagram));
}

Packet DatagramQueue::pop() noexcept {
  Packet datagram = packets_.pop_front();
  if (datagram) {
    charge_ -= datagram.chain_charge();
  }
  return datagram;
}

}  // namespace millrace::udp
