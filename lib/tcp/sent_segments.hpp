// SentSegments: one record per segment in flight: its range, when it left, how often, and whether
// it counts as lost. It answers what to send again and how much is in the network; when a segment
// counts as lost is decided elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <millrace/time.hpp>

#include "base/slot_table.hpp"
#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// A segment in flight: [seq, seq + length), of which the last octet is FIN when `has_fin`.
struct SentSegment {
  SentSegment* next = nullptr;
  Instant sent_at{};
  SeqNum seq{0};
  std::uint32_t length = 0;
  std::uint16_t retransmissions = 0;
  bool has_fin = false;
  bool is_known = false;   ///< Counted among those that have arrived.
  bool is_lost = false;    ///< To be sent again; it no longer counts as in the network.
  bool is_sacked = false;  ///< The peer has it, ahead of a hole: it is not sent again.
  bool is_cut = false;     ///< Only its first part has left again, for want of a record.

  [[nodiscard]] SeqNum end() const noexcept { return seq + length; }
  [[nodiscard]] std::uint32_t payload() const noexcept { return length - (has_fin ? 1U : 0U); }
};

/// The supply of records that the connections of a core share.
using SentSegmentPool = base::SlotTable<SentSegment>;

/// What an ACK took out.
struct AckOutcome {
  std::uint32_t newly_acked = 0;  ///< Octets, FIN included.
  std::optional<Duration>
      rtt_sample;  ///< Of the newest segment taken out, if all were sent once (Karn's rule).
};

/// Records in order of sequence, without gaps. Every record must be taken out before it is
/// destroyed.
class SentSegments {
 public:
  SentSegments() noexcept = default;
  SentSegments(const SentSegments&) = delete;
  SentSegments& operator=(const SentSegments&) = delete;
  ~SentSegments();

  /// Notes a first transmission. False, and nothing noted, if the pool is exhausted.
  [[nodiscard]] bool append(SentSegmentPool& pool, Instant now, SeqNum seq, std::uint32_t length,
                            bool has_fin) noexcept;
  /// Notes that `segment`, which was lost, has left again; only the first part of it unless
  /// `is_whole`: then its rest is lost as soon as that part is acknowledged.
  void note_retransmission(SentSegment& segment, Instant now, bool is_whole) noexcept;

  /// Takes out everything before `snd_una`; a segment acknowledged in part keeps its rest.
  [[nodiscard]] AckOutcome on_ack(SentSegmentPool& pool, SeqNum snd_una, Instant now) noexcept;
  /// Everything in flight counts as lost: the retransmission timer went off.
  void mark_all_lost() noexcept;
  /// The first segment counts as lost. Where the peer has reported it and yet asks for it, it has
  /// let go of it.
  void mark_first_lost() noexcept;
  /// Segments with more than `bytes` of payload count as lost. False if there were none.
  [[nodiscard]] bool mark_larger_lost(std::uint32_t bytes) noexcept;
  /// The segment that starts at `seq`, if any, counts as lost.
  void mark_lost(SeqNum seq) noexcept;
  /// Cuts a lost segment in two so that its first part has at most `bytes`. False if the pool is
  /// exhausted.
  [[nodiscard]] bool split(SentSegmentPool& pool, SentSegment& segment,
                           std::uint32_t bytes) noexcept;
  /// The peer has reported `segment`. Returns how many octets of news that is.
  std::uint32_t note_sacked(SentSegment& segment) noexcept;
  /// RFC 2018 §8: what the peer has reported it may have let go of since.
  void forget_sacked() noexcept;
  void clear(SentSegmentPool& pool) noexcept;
  /// How many segments the peer has acknowledged or reported since the last call.
  [[nodiscard]] std::uint32_t take_delivered() noexcept { return std::exchange(delivered_, 0U); }

  /// The first segment that is lost and that the peer does not have, or null.
  [[nodiscard]] SentSegment* first_lost() noexcept;
  [[nodiscard]] SentSegment* first() noexcept { return head_; }
  [[nodiscard]] const SentSegment* front() const noexcept { return head_; }
  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
  /// Records.
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  /// Octets that are believed to be in the network.
  [[nodiscard]] std::uint32_t in_network() const noexcept { return in_network_; }
  /// Octets that the peer has reported.
  [[nodiscard]] std::uint32_t sacked() const noexcept { return sacked_; }

  [[nodiscard]] bool check_invariants() const noexcept;

 private:
  SentSegment* head_ = nullptr;
  SentSegment* tail_ = nullptr;
  SentSegment* lost_hint_ = nullptr;  // No segment before it is to be sent again; null: none is.
  std::uint32_t in_network_ = 0;
  std::uint32_t sacked_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t delivered_ = 0;  // Not taken yet.
};

}  // namespace millrace::tcp
