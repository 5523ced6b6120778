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

// Behind the last octet that follows without a gap.
SeqNum end_of_run(PacketQueue::Position position) {
  auto next = PacketQueue::next(position);
  while (next != nullptr && start_of(next) == end_of(position)) {
    position = next;
    next = PacketQueue::next(position);
  }
  return end_of(position);
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
  // Skip what is here already, up to the first octet that is missing.
  while (before != nullptr && end_of(before).is_after(seq)) {
    const auto overlap = static_cast<std::uint32_t>(end_of(before) - seq);
    if (overlap >= packet.size()) {
      return Outcome::Duplicate;
    }
    packet.remove_prefix(overlap);
    seq += overlap;
    const auto next = PacketQueue::next(before);
    before = next != nullptr && start_of(next) == seq ? next : before;
  }
  const auto after = before == nullptr ? packets_.front() : PacketQueue::next(before);
  if (after != nullptr && (seq + packet.size()).is_after(start_of(after))) {
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

std::optional<SackBlock> ReassemblyQueue::overlap(SeqNum left, SeqNum right) const noexcept {
  if (packets_.empty() || end_of(packets_.back()).is_at_or_before(left)) {
    return std::nullopt;
  }
  auto at = packets_.front();
  while (end_of(at).is_at_or_before(left)) {
    at = PacketQueue::next(at);
  }
  if (start_of(at).is_at_or_after(right)) {
    return std::nullopt;
  }
  const SeqNum first = start_of(at).is_after(left) ? start_of(at) : left;
  const SeqNum end = end_of_run(at);
  return SackBlock{.left = first, .right = end.is_after(right) ? right : end};
}

std::optional<SackBlock> ReassemblyQueue::run_around(
    SeqNum seq, const std::optional<SackBlock>& known) const noexcept {
  if (packets_.empty()) {
    return std::nullopt;
  }
  if (known && known->right == start_of(packets_.back()) && seq == known->right) {
    return SackBlock{.left = known->left, .right = end_of(packets_.back())};
  }
  for (auto at = packets_.front(); at != nullptr && start_of(at).is_at_or_before(seq);) {
    const SackBlock run{.left = start_of(at), .right = end_of_run(at)};
    if (run.right.is_after(seq)) {
      return run;
    }
    while (at != nullptr && end_of(at).is_at_or_before(run.right)) {
      at = PacketQueue::next(at);
    }
  }
  return std::nullopt;
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
