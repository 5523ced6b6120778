#include "tcp/time_wait_table.hpp"

#include <algorithm>

#include "base/coarse_time.hpp"
#include "base/contract.hpp"
#include "base/deadline.hpp"
#include "tcp/timestamps.hpp"

namespace millrace::tcp {

namespace {

constexpr std::uint32_t kTickMs = 4;
constexpr std::uint32_t kOddityTicks = 500 / kTickMs;

enum class Age : std::uint8_t { Unknown, Older, Same, Newer };

/// Against the newest timestamp of the connection that was. TIME-WAIT is far too short for them to
/// come around.
Age age_of(const TimeWaitEntry& entry, const Segment& segment) noexcept {
  if (entry.has_timestamps == 0 || !segment.options.timestamps) {
    return Age::Unknown;
  }
  const std::uint32_t value = segment.options.timestamps->value;
  if (value == entry.ts_recent) {
    return Age::Same;
  }
  return is_timestamp_before(value, entry.ts_recent) ? Age::Older : Age::Newer;
}

/// RFC 9293 §3.6.1, MAY-2 and SHLD-4: whether a SYN is beyond all that the old connection may still
/// have in the network. RFC 6191 §2: by its timestamp, or else by its sequence number.
bool is_new_connection(const TimeWaitEntry& entry, const Segment& segment, Age age) noexcept {
  if (segment.flags.ack() || age == Age::Older) {
    return false;
  }
  return age == Age::Newer || segment.seq.is_after(entry.rcv_nxt);
}

}  // namespace

TimeWaitAnswer judge(const TimeWaitEntry& entry, const Segment& segment) noexcept {
  if (segment.flags.syn() && segment.flags.fin() && !segment.flags.rst()) {
    // No listener takes a SYN with FIN, so the entry must not make way for one.
    return TimeWaitAnswer::Acknowledge;
  }
  if (segment.flags.rst()) {
    return TimeWaitAnswer::Ignore;
  }
  const Age age = age_of(entry, segment);
  if (segment.flags.syn()) {
    return is_new_connection(entry, segment, age) ? TimeWaitAnswer::Reopen
                                                  : TimeWaitAnswer::Acknowledge;
  }
  if (segment.flags.fin()) {
    // RFC 7323 §5.3, R1: an old duplicate says nothing of the peer's present state. And a FIN that
    // stands elsewhere is not the peer's own: nobody may keep the entry for ever by sending some.
    const bool is_repeated = segment.end() == entry.rcv_nxt && age != Age::Older;
    return is_repeated ? TimeWaitAnswer::AcknowledgeRestart : TimeWaitAnswer::Acknowledge;
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
  set_expiry(*entry, now);
  const std::uint32_t index = entries_.index_of(*entry);
  link_newest(index);
  return index;
}

void TimeWaitTable::set_timestamps(std::uint32_t index, std::uint32_t ts_recent) noexcept {
  TimeWaitEntry& entry = entries_.at(index);
  entry.has_timestamps = 1;
  entry.ts_recent = ts_recent;
}

void TimeWaitTable::note_timestamp(std::uint32_t index, std::uint32_t value) noexcept {
  TimeWaitEntry& entry = entries_.at(index);
  const bool is_newer = static_cast<std::int32_t>(value - entry.ts_recent) > 0;
  entry.ts_recent = entry.has_timestamps != 0 && is_newer ? value : entry.ts_recent;
}

bool TimeWaitTable::may_answer_oddity(std::uint32_t index, Instant now) noexcept {
  TimeWaitEntry& entry = entries_.at(index);
  const auto tick = static_cast<std::uint16_t>(base::milliseconds_of(now) / kTickMs);
  const auto since = static_cast<std::uint16_t>(tick - entry.answered);
  if (entry.has_answered != 0 && since < kOddityTicks) {
    return false;
  }
  entry.has_answered = 1;
  entry.answered = tick;
  return true;
}

void TimeWaitTable::restart(std::uint32_t index, Instant now) noexcept {
  unlink(index);
  set_expiry(entries_.at(index), now);
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
  return entries_.at(oldest_).expires();
}

void TimeWaitTable::set_expiry(TimeWaitEntry& entry, Instant now) noexcept {
  // Up to whole milliseconds: never too early.
  constexpr std::int64_t kLast = (std::int64_t{1} << 42U) - 1;
  const auto at =
      std::chrono::ceil<std::chrono::milliseconds>(base::later(now, lifetime_).time_since_epoch());
  entry.expires_ms =
      static_cast<std::uint64_t>(std::clamp<std::int64_t>(at.count(), 0, kLast)) & kLast;
}

void TimeWaitTable::link_newest(std::uint32_t index) noexcept {
  TimeWaitEntry& entry = entries_.at(index);
  entry.older = newest_ & TimeWaitEntry::kNone;
  entry.newer = TimeWaitEntry::kNone;
  if (newest_ == TimeWaitEntry::kNone) {
    oldest_ = index;
  } else {
    entries_.at(newest_).newer = index & TimeWaitEntry::kNone;
  }
  newest_ = index;
}

void TimeWaitTable::unlink(std::uint32_t index) noexcept {
  const TimeWaitEntry& entry = entries_.at(index);
  if (entry.older == TimeWaitEntry::kNone) {
    oldest_ = entry.newer;
  } else {
    entries_.at(entry.older).newer = entry.newer & TimeWaitEntry::kNone;
  }
  if (entry.newer == TimeWaitEntry::kNone) {
    newest_ = entry.older;
  } else {
    entries_.at(entry.newer).older = entry.older & TimeWaitEntry::kNone;
  }
}

}  // namespace millrace::tcp
