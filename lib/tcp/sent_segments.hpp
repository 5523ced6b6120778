// SentSegments: one record per segment in flight, in order of sequence, and, of those under way, in
// order of transmission. It answers what to send again and how much is in the network; when a
// segment counts as lost is decided elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <millrace/time.hpp>

#include "base/contract.hpp"
#include "tcp/delivery_log.hpp"
#include "tcp/sent_segment.hpp"
#include "tcp/sent_segment_pool.hpp"

namespace millrace::tcp {

/// What an ACK took out.
struct AckOutcome {
  std::uint32_t newly_acked = 0;       ///< Octets, FIN included.
  std::optional<Duration> rtt_sample;  ///< Of the newest segment taken out that had not been
                                       ///< reported, if all were sent once (Karn's rule).
};

/// What an ACK takes out of plain records.
struct PlainOutcome {
  std::uint32_t newly_acked = 0;        ///< Octets, FIN included.
  Duration rtt{};                       ///< Of the newest, in part or whole.
  const SentSegment* newest = nullptr;  ///< Of those acknowledged whole, that which left last.
};

/// Why something is to be sent again.
enum class Blame : std::uint8_t {
  Network,  ///< It was lost on the way, which is a sign of congestion.
  Nobody,   ///< A window opened, a router wants it smaller, the peer let go of it, it never left.
};

/// What the network has lost since one asked last.
struct FreshLosses {
  SeqNum end{0};  ///< Behind the furthest, if there is any.
  bool has_any = false;
  Instant resent_at = Instant::min();  ///< When the last of those left that had left before.
};

/// Records in order of sequence, without gaps. Every record must be taken out before it is
/// destroyed.
///
///     sequence       |  1  |  2  |  3  |  4  |  5  |
///                     lost  way  sacked  way   way       sent again: 2
///     transmission    4 - 5 - 2                          of those under way, the oldest first
class SentSegments {
 public:
  SentSegments() noexcept = default;
  SentSegments(const SentSegments&) = delete;
  SentSegments& operator=(const SentSegments&) = delete;
  ~SentSegments();

  /// Notes a first transmission. Null, and nothing noted, if the pool is exhausted.
  [[nodiscard]] SentSegment* append(SentSegmentPool& pool, Instant now, SeqNum seq,
                                    std::uint32_t length, bool has_fin) noexcept {
    return append(pool, {.at = now, .seq = seq, .length = length, .has_fin = has_fin});
  }
  /// The same, with what was known then.
  struct Departure {
    Instant at{};
    FlightSnapshot then{};
    SeqNum seq{0};
    std::uint32_t length = 0;
    bool has_fin = false;
  };
  [[nodiscard]] SentSegment* append(SentSegmentPool& pool, const Departure& departure) noexcept;
  /// The same with a record that has been taken from the pool.
  void append(SentSegment& record, const Departure& departure) noexcept;
  /// Notes that `segment`, which the peer has not reported, has left again; only the first part of
  /// it unless `is_whole`: then its rest is lost as soon as that part is acknowledged.
  void note_retransmission(SentSegment& segment, Instant now, bool is_whole) noexcept;

  /// Takes out everything before `snd_una`, and tells `log`; a segment acknowledged in part keeps
  /// its rest.
  [[nodiscard]] AckOutcome on_ack(SentSegmentPool& pool, SeqNum snd_una, DeliveryLog& log) noexcept;
  /// Everything in flight has left once, and nothing has ever been heard or thought of it: what is
  /// taken out has arrived in the order in which it left.
  [[nodiscard]] bool is_plain() const noexcept {
    return !has_odd_ && lost_hint_ == nullptr && overtaken_ == nullptr && !losses_.has_any;
  }
  /// As `on_ack` of something that is in flight, while all is plain. Calls `use(PlainOutcome)`
  /// before the newest record goes, the last of all.
  template <class F>
  void on_plain_ack(SentSegmentPool& pool, Instant now, SeqNum snd_una, F&& use) noexcept;
  void mark_lost(SentSegment& segment, Blame blame = Blame::Network) noexcept;
  /// Everything in flight counts as lost.
  void mark_all_lost(Blame blame) noexcept;
  /// The first segment counts as lost. Where the peer has reported it and yet asks for it, it has
  /// let go of it.
  void mark_first_lost(Blame blame = Blame::Network) noexcept;
  /// Segments with more than `bytes` of payload are to be sent again, for nobody's blame. False if
  /// there were none.
  [[nodiscard]] bool mark_larger_lost(std::uint32_t bytes) noexcept;
  /// What was noted as leaving last, at `seq`, has not left, and is to be sent again. Returns
  /// whether it had left before.
  bool note_not_sent(SeqNum seq) noexcept;
  /// The loss of `segment` was not the network's fault after all.
  void excuse(const SentSegment& segment) noexcept { lost_total_ -= segment.length; }
  /// RFC 6675 §4, IsLost: segments with `threshold` reported ones behind them count as lost, those
  /// that have left again apart. Returns how many are news.
  std::uint32_t mark_overtaken(std::uint32_t threshold) noexcept;
  /// Nothing counts as lost any more, but what has never left: it was a mistake.
  void forgive() noexcept;
  /// Cuts a lost segment in two so that its first part has at most `bytes`. False if the pool is
  /// exhausted.
  [[nodiscard]] bool split(SentSegmentPool& pool, SentSegment& segment,
                           std::uint32_t bytes) noexcept;
  /// The peer has reported `segment`. Returns how many octets of news that is: none, if it had
  /// reported it before and let go of it.
  std::uint32_t note_sacked(SentSegment& segment, DeliveryLog& log) noexcept;
  /// RFC 2018 §8: what the peer had reported it has let go of, and all of it is to be sent again
  /// unless it is reported anew.
  void forget_sacked() noexcept;
  void clear(SentSegmentPool& pool) noexcept;
  /// How many segments the peer has acknowledged or reported since the last call.
  [[nodiscard]] std::uint32_t take_delivered() noexcept { return std::exchange(delivered_, 0U); }
  [[nodiscard]] FreshLosses take_losses() noexcept { return std::exchange(losses_, {}); }

  /// The first segment that is lost and that the peer does not have, or null.
  [[nodiscard]] SentSegment* first_lost() noexcept;
  /// Of those under way the one that left first, or null.
  [[nodiscard]] SentSegment* oldest() noexcept { return oldest_; }
  [[nodiscard]] SentSegment* first() noexcept { return head_; }
  [[nodiscard]] SentSegment* last() noexcept { return tail_; }
  [[nodiscard]] const SentSegment* front() const noexcept { return head_; }
  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
  /// Records.
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  /// Octets that are believed to be in the network: neither lost nor reported (RFC 6675 §4, pipe).
  [[nodiscard]] std::uint32_t in_network() const noexcept { return in_network_; }
  /// Octets that the peer has reported, and segments.
  [[nodiscard]] std::uint32_t sacked() const noexcept { return sacked_; }
  [[nodiscard]] std::uint32_t sacked_segments() const noexcept { return sacked_segments_; }
  /// Octets that the network has lost, in all; it wraps around.
  [[nodiscard]] std::uint32_t lost_total() const noexcept { return lost_total_; }

  [[nodiscard]] bool check_invariants() const noexcept;

 private:
  void note_odd(const SentSegment& segment) noexcept;
  void link_newest(SentSegment& segment) noexcept;
  void note_loss(const SentSegment& segment) noexcept;
  void unlink(SentSegment& segment) noexcept;
  void unmark_sacked(SentSegment& segment) noexcept;
  void take_out(SentSegmentPool& pool, SentSegment& segment) noexcept;
  [[nodiscard]] bool check_transmissions() const noexcept;
  [[nodiscard]] bool check_plain() const noexcept;

  SentSegment* head_ = nullptr;
  SentSegment* tail_ = nullptr;
  SentSegment* oldest_ = nullptr;  // Of those under way, by transmission.
  SentSegment* newest_ = nullptr;
  SentSegment* lost_hint_ = nullptr;  // No segment before it is to be sent again; null: none is.
  SentSegment* overtaken_ = nullptr;  // Where `mark_overtaken` goes on; null: at the first one.
  std::uint32_t sacked_before_ = 0;   // Reported segments before that.
  std::uint32_t in_network_ = 0;
  std::uint32_t sacked_ = 0;
  std::uint32_t sacked_segments_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t delivered_ = 0;  // Not taken yet.
  std::uint32_t lost_total_ = 0;
  SeqNum odd_end_{0};  // Behind the last one that is not plain, if there is one.
  bool has_odd_ = false;
  FreshLosses losses_;
};

// Inline, for it is a good part of what a segment costs.
inline void SentSegments::append(SentSegment& record, const Departure& departure) noexcept {
  base::debug_expects(
      [&] { return departure.length > 0 && (tail_ == nullptr || tail_->end() == departure.seq); });
  record = {.older = newest_,
            .sent_at = departure.at,
            .then = departure.then,
            .seq = departure.seq,
            .length = departure.length,
            .has_fin = departure.has_fin};
  (tail_ == nullptr ? head_ : tail_->next) = &record;
  (newest_ == nullptr ? oldest_ : newest_->newer) = &record;
  tail_ = newest_ = &record;
  ++size_;
  in_network_ += departure.length;
}

inline SentSegment* SentSegments::append(SentSegmentPool& pool,
                                         const Departure& departure) noexcept {
  SentSegment* const record = pool.take();
  if (record != nullptr) {
    append(*record, departure);
  }
  return record;
}

template <class F>
void SentSegments::on_plain_ack(SentSegmentPool& pool, Instant now, SeqNum snd_una,
                                F&& use) noexcept {
  base::debug_expects([&] { return is_plain() && head_ == oldest_ && tail_ == newest_; });
  SentSegment* const first = head_;
  SentSegment* last = nullptr;  // Of those acknowledged whole; no other tells anything.
  SentSegment* rest = nullptr;  // What is left begins there.
  std::uint32_t count = 0;
  SeqNum edge = snd_una;
  if (tail_->end().is_at_or_before(snd_una)) [[likely]] {
    last = tail_;
    count = size_;
    edge = tail_->end();
    tail_ = newest_ = nullptr;
  } else {
    for (rest = first; rest->end().is_at_or_before(snd_una); rest = rest->next) {
      last = rest;
      ++count;
    }
    rest->older = nullptr;
  }
  head_ = oldest_ = rest;
  size_ -= count;
  delivered_ += count;
  PlainOutcome outcome{.newly_acked = static_cast<std::uint32_t>(edge - first->seq),
                       .newest = last};
  in_network_ -= outcome.newly_acked;
  const bool is_cut = rest != nullptr && rest->seq.is_before(snd_una);
  outcome.rtt = now - (is_cut ? rest : last)->sent_at;
  if (is_cut) [[unlikely]] {
    rest->length -= static_cast<std::uint32_t>(snd_una - rest->seq);
    rest->seq = snd_una;
  }
  std::forward<F>(use)(outcome);
  if (last != nullptr) {
    pool.give(*first, *last, count);
  }
}

}  // namespace millrace::tcp
