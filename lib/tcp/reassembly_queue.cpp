#include "tcp/reassembly_queue.hpp"

#include <utility>

namespace millrace::tcp {

using packet::Packet;
using packet::PacketBudget;
using packet::PacketQueue;

namespace {

SeqNum start_of(PacketQueue::Position position) {
  return SeqNum{PacketQueue::note_of(position).sequence};
}

SeqNum end_of(PacketQueue::Position position) {
  return start_of(position) + PacketQueue::bytes_of(position);
}

}  // namespace

ReassemblyQueue::Outcome ReassemblyQueue::insert(SeqNum seq, Packet packet,
                                                 std::uint32_t segments_max,
                                                 PacketBudget& budget) noexcept {
  // Most arrive behind everything that is here.
  PacketQueue::Position before = nullptr;
  if (!packets_.empty() && start_of(packets_.back()).is_at_or_before(seq)) {
    before = packets_.back();
  } else {
    for (auto at = packets_.front(); at != nullptr && start_of(at).is_at_or_before(seq);
         at = PacketQueue::next(at)) {
      before = at;
    }
  }
  if (before != nullptr && end_of(before).is_after(seq)) {
    const auto overlap = static_cast<std::uint32_t>(end_of(before) - seq);
    if (overlap >= packet.size()) {
      return Outcome::Duplicate;
    }
    packet.remove_prefix(overlap);
    seq += overlap;
  }
  const auto after = before == nullptr ? packets_.front() : PacketQueue::next(before);
  if (after != nullptr && (seq + packet.size()).is_after(start_of(after))) {
    if (start_of(after) == seq) {
      return Outcome::Duplicate;
    }
    packet.truncate(static_cast<std::uint32_t>(start_of(after) - seq));
  }
  if (packets_.size() >= segments_max ||
      !budget.try_charge(packet.charge(), packet::BudgetUse::Bulk)) {
    return Outcome::Full;
  }
  charge_ += packet.charge();
  packet.note().sequence = seq.value();
  packets_.insert_after(before, std::move(packet));
  return Outcome::Kept;
}

Packet ReassemblyQueue::pop_in_order(SeqNum rcv_nxt, PacketBudget& budget) noexcept {
  while (!packets_.empty() && start_of(packets_.front()).is_at_or_before(rcv_nxt)) {
    const SeqNum start = start_of(packets_.front());
    const SeqNum end = end_of(packets_.front());
    Packet packet = packets_.pop_front();
    charge_ -= packet.charge();
    if (end.is_after(rcv_nxt)) {
      packet.remove_prefix(static_cast<std::uint32_t>(rcv_nxt - start));
      return packet;
    }
    budget.release(packet.charge());
  }
  return {};
}

std::uint32_t ReassemblyQueue::clear(PacketBudget& budget) noexcept {
  const std::uint32_t segments = packets_.size();
  budget.release(charge_);
  charge_ = 0;
  packets_.clear();
  return segments;
}

bool ReassemblyQueue::check_invariants() const noexcept {
  for (auto at = packets_.front(); at != nullptr; at = PacketQueue::next(at)) {
    const auto next = PacketQueue::next(at);
    if (PacketQueue::bytes_of(at) == 0 ||
        (next != nullptr && end_of(at).is_after(start_of(next)))) {
      return false;
    }
  }
  return true;
}

}  // namespace millrace::tcp
