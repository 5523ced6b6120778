// TimeWaitTable: what is left of connections in TIME-WAIT, one cache line each (RFC 9293 §3.6.1).
// It keeps them for twice the maximum segment lifetime and says how to answer what still arrives;
// finding an entry is the demux's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include <millrace/endpoint.hpp>
#include <millrace/time.hpp>

#include "base/slot_table.hpp"
#include "tcp/segment.hpp"

namespace millrace::tcp {

/// One connection in TIME-WAIT.
struct TimeWaitEntry {
  static constexpr std::uint32_t kNone = 0x7fff'ffff;  // Beyond every capacity.

  FourTuple tuple;
  SeqNum snd_nxt{0};
  SeqNum rcv_nxt{0};
  std::uint32_t older : 31 = kNone;
  std::uint32_t has_timestamps : 1 = 0;  // Both sides had agreed on them.
  std::uint32_t newer : 31 = kNone;
  std::uint32_t has_answered : 1 = 0;  // An oddity, at `answered`.
  std::uint32_t ts_recent = 0;         // The peer's newest (RFC 7323 §5.3).
  std::uint64_t expires_ms : 42 = 0;   // Of the clock.
  std::uint64_t dscp : 6 = 0;          // RFC 9293 §3.9.1.9, MUST-48: the connection's.
  std::uint64_t answered : 16 = 0;     // In ticks, which wrap around after four minutes.

  [[nodiscard]] Instant expires() const noexcept {
    return Instant{std::chrono::milliseconds{static_cast<std::int64_t>(expires_ms)}};
  }
};
static_assert(sizeof(TimeWaitEntry) <= 64, "a cache line for each connection in TIME-WAIT");

/// What to do with a segment for a connection in TIME-WAIT.
enum class TimeWaitAnswer : std::uint8_t {
  Ignore,
  Acknowledge,         ///< Send the last ACK again.
  AcknowledgeRestart,  ///< And wait 2 MSL again: the peer repeated its FIN.
  Reopen,              ///< A new SYN that cannot be an old duplicate: the entry may go.
};

/// RFC 9293 §3.10.7.4 for TIME-WAIT; resets are ignored, as RFC 1337 §3 (fix F1) advises. A SYN is
/// judged by its timestamp first, where there are any (RFC 6191 §2), and whatever has an old one is
/// an old duplicate (RFC 7323 §5).
[[nodiscard]] TimeWaitAnswer judge(const TimeWaitEntry& entry, const Segment& segment) noexcept;

/// Bounded; all entries live equally long, so that their order of expiry is that of arrival.
class TimeWaitTable {
 public:
  TimeWaitTable(std::uint32_t capacity, Duration lifetime) noexcept
      : entries_{capacity}, lifetime_{lifetime} {}

  /// The index of the new entry. When full, call `oldest` and `remove` first.
  [[nodiscard]] std::uint32_t add(Instant now, const FourTuple& tuple, SeqNum snd_nxt,
                                  SeqNum rcv_nxt) noexcept;
  /// The connection had agreed on timestamps, and this was the peer's newest (RFC 7323 §5.3).
  void set_timestamps(std::uint32_t index, std::uint32_t ts_recent) noexcept;
  /// An ACK that stands where it is expected has brought a timestamp, which the next answers echo,
  /// as in Linux.
  void note_timestamp(std::uint32_t index, std::uint32_t value) noexcept;
  void set_dscp(std::uint32_t index, std::uint8_t dscp) noexcept {
    entries_.at(index).dscp = dscp & 63U;
  }
  /// Whether what only a stranger, or a confused peer, would send may be answered now: twice a
  /// second, or one entry could take all that a core has for such answers (RFC 5961 §7). It is then
  /// accounted for.
  [[nodiscard]] bool may_answer_oddity(std::uint32_t index, Instant now) noexcept;
  void restart(std::uint32_t index, Instant now) noexcept;
  /// Whether an open of ours may take the four-tuple over. Both ends' sequence numbers and
  /// timestamps have moved on by then; what the peer answers with tells whether far enough.
  [[nodiscard]] bool may_open_again(std::uint32_t index, Instant now) const noexcept {
    return entries_.at(index).expires() - now <= lifetime_ - kMovedOn;
  }
  void remove(std::uint32_t index) noexcept;
  /// The entry that expires first.
  [[nodiscard]] std::optional<std::uint32_t> oldest() const noexcept {
    return oldest_ == TimeWaitEntry::kNone ? std::nullopt : std::optional{oldest_};
  }
  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept;
  [[nodiscard]] const TimeWaitEntry& at(std::uint32_t index) const noexcept {
    return entries_.at(index);
  }
  template <class F>
  void for_each(F&& visit) noexcept {
    entries_.for_each(std::forward<F>(visit));
  }
  [[nodiscard]] bool is_full() const noexcept { return entries_.size() == entries_.capacity(); }
  [[nodiscard]] std::uint32_t size() const noexcept { return entries_.size(); }
  /// As SlotTable has them.
  [[nodiscard]] const TimeWaitEntry* next_from(std::uint32_t& index,
                                               std::uint32_t& steps) const noexcept {
    return entries_.next_from(index, steps);
  }
  [[nodiscard]] std::uint32_t touched() const noexcept { return entries_.touched(); }

 private:
  // As Linux has it: timestamps have ticked for certain.
  static constexpr Duration kMovedOn = std::chrono::seconds{1};

  void set_expiry(TimeWaitEntry& entry, Instant now) noexcept;
  void link_newest(std::uint32_t index) noexcept;
  void unlink(std::uint32_t index) noexcept;

  base::SlotTable<TimeWaitEntry> entries_;
  Duration lifetime_;
  std::uint32_t oldest_ = TimeWaitEntry::kNone;
  std::uint32_t newest_ = TimeWaitEntry::kNone;
};

}  // namespace millrace::tcp
