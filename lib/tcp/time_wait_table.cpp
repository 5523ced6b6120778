#include "tcp/time_wait_table.hpp"

#include "base/contract.hpp"
#include "base/deadline.hpp"

namespace millrace::tcp {

TimeWaitAnswer judge(const TimeWaitEntry& entry, const Segment& segment) noexcept {
  if (segment.flags.syn() && segment.flags.fin() && !segment.flags.rst()) {
    // No listener takes a SYN with FIN, so the entry must not make way for one.
    return TimeWaitAnswer::Acknowledge;
  }
  if (segment.flags.rst()) {
    return TimeWaitAnswer::Ignore;
  }
  if (segment.flags.syn()) {
    // RFC 9293 §3.6.1, MAY-2: only a SYN beyond all that the old connection may still have in the
    // network.
    const bool is_new = !segment.flags.ack() && segment.seq.is_after(entry.rcv_nxt);
    return is_new ? TimeWaitAnswer::Reopen : TimeWaitAnswer::Acknowledge;
  }
  if (segment.flags.fin()) {
    return TimeWaitAnswer::AcknowledgeRestart;
  }
  // The pure ACK that our own last one may provoke must not be answered, or two ends would talk for
  // ever. It stands where we expect it; anything else is not in order (step 1).
  const bool is_expected = segment.length() == 0 && segment.seq == entry.rcv_nxt;
  return is_expected ? TimeWaitAnswer::Ignore : TimeWaitAnswer::Acknowledge;
}

std::uint32_t TimeWaitTable::add(Instant now, const FourTuple& tuple, SeqNum snd_nxt,
                                 SeqNum rcv_nxt) noexcept {
  TimeWaitEntry* const entry = entries_.emplace();
  base::expects(entry != nullptr);
  entry->tuple = tuple;
  entry->snd_nxt = snd_nxt;
  entry->rcv_nxt = rcv_nxt;
  entry->expires = base::later(now, lifetime_);
  const std::uint32_t index = entries_.index_of(*entry);
  link_newest(index);
  return index;
}

void TimeWaitTable::restart(std::uint32_t index, Instant now) noexcept {
  unlink(index);
  entries_.at(index).expires = base::later(now, lifetime_);
  link_newest(index);
}

void TimeWaitTable::remove(std::uint32_t index) noexcept {
  unlink(index);
  entries_.erase(index);
}

std::optional<Instant> TimeWaitTable::next_deadline() const noexcept {
  if (oldest_ == TimeWaitEntry::kNone) {
    return std::nullopt;
  }
  return entries_.at(oldest_).expires;
}

void TimeWaitTable::link_newest(std::uint32_t index) noexcept {
  TimeWaitEntry& entry = entries_.at(index);
  entry.older = newest_;
  entry.newer = TimeWaitEntry::kNone;
  (newest_ == TimeWaitEntry::kNone ? oldest_ : entries_.at(newest_).newer) = index;
  newest_ = index;
}

void TimeWaitTable::unlink(std::uint32_t index) noexcept {
  const TimeWaitEntry& entry = entries_.at(index);
  (entry.older == TimeWaitEntry::kNone ? oldest_ : entries_.at(entry.older).newer) = entry.newer;
  (entry.newer == TimeWaitEntry::kNone ? newest_ : entries_.at(entry.newer).older) = entry.older;
}

}  // namespace millrace::tcp
