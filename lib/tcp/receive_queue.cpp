#include "tcp/receive_queue.hpp"

#include <cstring>
#include <utility>

#include "base/contract.hpp"

namespace millrace::tcp {

using packet::Packet;
using packet::PacketBudget;
using packet::PacketQueue;

bool ReceiveQueue::append(Packet& packet, PacketBudget& budget) noexcept {
  if (copy_into_tail(packet)) {
    packet.reset();
    return true;
  }
  if (!budget.try_charge(packet.charge(), packet::BudgetUse::InOrder)) {
    return false;
  }
  append_whole(packet);
  return true;
}

void ReceiveQueue::append_charged(Packet packet, PacketBudget& budget) noexcept {
  if (copy_into_tail(packet)) {
    budget.release(packet.charge());
    return;
  }
  append_whole(packet);
}

Packet ReceiveQueue::pop(PacketBudget& budget) noexcept {
  Packet packet = packets_.pop_front();
  if (packet) {
    bytes_ -= packet.size();
    charge_ -= packet.charge();
    budget.release(packet.charge());
  }
  return packet;
}

std::span<const std::byte> ReceiveQueue::front() const noexcept {
  if (packets_.empty()) {
    return {};
  }
  return PacketQueue::view(
      packets_.front(), [](const Packet& head) { return std::span<const std::byte>{head.data()}; });
}

void ReceiveQueue::consume(std::uint32_t bytes, PacketBudget& budget) noexcept {
  base::expects(bytes <= bytes_);
  bytes_ -= bytes;
  std::uint32_t released = 0;
  while (bytes > 0) {
    const std::uint32_t head_bytes = PacketQueue::bytes_of(packets_.front());
    if (head_bytes > bytes) {
      PacketQueue::view(packets_.front(), [bytes](Packet& head) { head.remove_prefix(bytes); });
      break;
    }
    bytes -= head_bytes;
    released += packets_.pop_front().charge();
  }
  charge_ -= released;
  budget.release(released);
}

void ReceiveQueue::clear(PacketBudget& budget) noexcept {
  budget.release(charge_);
  charge_ = 0;
  bytes_ = 0;
  packets_.clear();
}

std::byte ReceiveQueue::at(std::uint32_t offset) const noexcept {
  base::expects(offset < bytes_);
  auto position = packets_.front();
  for (; PacketQueue::bytes_of(position) <= offset; position = PacketQueue::next(position)) {
    offset -= PacketQueue::bytes_of(position);
  }
  return PacketQueue::view(position,
                           [offset](const Packet& packet) { return packet.data()[offset]; });
}

bool ReceiveQueue::copy_into_tail(const Packet& packet) noexcept {
  const std::uint32_t bytes = packet.size();
  if (packets_.empty() || bytes > kCopyMax || !packet.is_contiguous()) {
    return false;
  }
  const bool is_copied = PacketQueue::view(packets_.back(), [&](Packet& tail) {
    if (!tail.is_exclusive() || tail.tailroom() < bytes) {
      return false;
    }
    std::memcpy(tail.append(static_cast<std::uint16_t>(bytes)).data(), packet.data().data(), bytes);
    return true;
  });
  bytes_ += is_copied ? bytes : 0;
  return is_copied;
}

}  // namespace millrace::tcp
