#include "tcp/sent_segments.hpp"

#include "base/contract.hpp"

namespace millrace::tcp {

SentSegments::~SentSegments() { base::expects(head_ == nullptr); }

bool SentSegments::append(SentSegmentPool& pool, Instant now, SeqNum seq, std::uint32_t length,
                          bool has_fin) noexcept {
  base::expects(length > 0);
  base::expects(tail_ == nullptr || tail_->end() == seq);
  SentSegment* const segment = pool.emplace();
  if (segment == nullptr) {
    return false;
  }
  segment->sent_at = now;
  segment->seq = seq;
  segment->length = length;
  segment->has_fin = has_fin;
  (tail_ == nullptr ? head_ : tail_->next) = segment;
  tail_ = segment;
  ++size_;
  in_network_ += length;
  return true;
}

void SentSegments::note_retransmission(SentSegment& segment, Instant now, bool is_whole) noexcept {
  base::expects(segment.is_lost);
  segment.is_lost = false;
  segment.is_cut = !is_whole;
  segment.sent_at = now;
  ++segment.retransmissions;
  in_network_ += segment.length;
}

AckOutcome SentSegments::on_ack(SentSegmentPool& pool, SeqNum snd_una, Instant now) noexcept {
  AckOutcome outcome;
  bool is_ambiguous = false;
  while (head_ != nullptr && head_->seq.is_before(snd_una)) {
    SentSegment& segment = *head_;
    const bool is_whole = segment.end().is_at_or_before(snd_una);
    const std::uint32_t acked =
        is_whole ? segment.length : static_cast<std::uint32_t>(snd_una - segment.seq);
    outcome.newly_acked += acked;
    in_network_ -= segment.is_lost ? 0 : acked;
    sacked_ -= segment.is_sacked ? acked : 0;
    // RFC 6298 §3: a segment that was sent twice tells nothing about the path, and neither does one
    // that waited at the receiver behind it.
    is_ambiguous = is_ambiguous || segment.retransmissions != 0 || segment.is_lost;
    outcome.rtt_sample = now - segment.sent_at;
    if (!is_whole) {
      segment.seq = snd_una;
      segment.length -= acked;
      if (segment.is_cut && !segment.is_lost) {
        mark_first_lost();
      }
      break;
    }
    delivered_ += segment.is_known ? 0 : 1;
    head_ = segment.next;
    if (lost_hint_ == &segment) {
      lost_hint_ = head_;
    }
    pool.erase(pool.index_of(segment));
    --size_;
  }
  if (is_ambiguous) {
    outcome.rtt_sample.reset();
  }
  if (head_ == nullptr) {
    tail_ = nullptr;
    lost_hint_ = nullptr;
  }
  return outcome;
}

void SentSegments::mark_all_lost() noexcept {
  // A peer may ask for this with each window that it opens. So nothing behind the last record in
  // the network is looked at, and it takes a transmission of ours to put one there again.
  SentSegment* earliest = nullptr;
  for (SentSegment* segment = head_; segment != nullptr && in_network_ > 0;
       segment = segment->next) {
    if (!segment->is_lost) {
      segment->is_lost = true;
      in_network_ -= segment->length;
      earliest = earliest == nullptr ? segment : earliest;
    }
  }
  if (earliest != nullptr && (lost_hint_ == nullptr || earliest->seq.is_before(lost_hint_->seq))) {
    lost_hint_ = earliest;
  }
}

void SentSegments::mark_first_lost() noexcept {
  if (head_ == nullptr) {
    return;
  }
  sacked_ -= head_->is_sacked ? head_->length : 0;
  in_network_ -= head_->is_lost ? 0 : head_->length;
  head_->is_sacked = false;
  head_->is_lost = true;
  lost_hint_ = head_;
}

bool SentSegments::mark_larger_lost(std::uint32_t bytes) noexcept {
  bool has_larger = false;
  for (SentSegment* segment = head_; segment != nullptr; segment = segment->next) {
    if (segment->payload() <= bytes) {
      continue;
    }
    has_larger = true;
    if (!segment->is_lost) {
      segment->is_lost = true;
      in_network_ -= segment->length;
      if (lost_hint_ == nullptr || segment->seq.is_before(lost_hint_->seq)) {
        lost_hint_ = segment;
      }
    }
  }
  return has_larger;
}

void SentSegments::mark_lost(SeqNum seq) noexcept {
  SentSegment* segment = head_;
  while (segment != nullptr && segment->seq != seq) {
    segment = segment->next;
  }
  if (segment == nullptr || segment->is_lost) {
    return;
  }
  segment->is_lost = true;
  in_network_ -= segment->length;
  if (lost_hint_ == nullptr || seq.is_before(lost_hint_->seq)) {
    lost_hint_ = segment;
  }
}

bool SentSegments::split(SentSegmentPool& pool, SentSegment& segment,
                         std::uint32_t bytes) noexcept {
  base::expects(segment.is_lost);
  base::expects(bytes > 0);
  if (segment.length <= bytes) {
    return true;
  }
  SentSegment* const rest = pool.emplace(segment);
  if (rest == nullptr) {
    return false;
  }
  ++size_;
  rest->is_cut = false;
  rest->seq += bytes;
  rest->length -= bytes;
  segment.length = bytes;
  segment.has_fin = false;
  segment.next = rest;
  if (tail_ == &segment) {
    tail_ = rest;
  }
  return true;
}

std::uint32_t SentSegments::note_sacked(SentSegment& segment) noexcept {
  if (segment.is_sacked) {
    return 0;
  }
  segment.is_sacked = true;
  delivered_ += segment.is_known ? 0 : 1;
  segment.is_known = true;
  sacked_ += segment.length;
  return segment.length;
}

void SentSegments::forget_sacked() noexcept {
  for (SentSegment* segment = head_; segment != nullptr && sacked_ > 0; segment = segment->next) {
    sacked_ -= segment->is_sacked ? segment->length : 0;
    segment->is_sacked = false;
  }
  // What was lost and then reported is to be sent again.
  lost_hint_ = head_;
}

void SentSegments::clear(SentSegmentPool& pool) noexcept {
  while (head_ != nullptr) {
    SentSegment& segment = *head_;
    head_ = segment.next;
    pool.erase(pool.index_of(segment));
  }
  tail_ = nullptr;
  lost_hint_ = nullptr;
  in_network_ = 0;
  sacked_ = 0;
  size_ = 0;
}

SentSegment* SentSegments::first_lost() noexcept {
  while (lost_hint_ != nullptr && (!lost_hint_->is_lost || lost_hint_->is_sacked)) {
    lost_hint_ = lost_hint_->next;
  }
  return lost_hint_;
}

bool SentSegments::check_invariants() const noexcept {
  std::uint32_t in_network = 0;
  std::uint32_t sacked = 0;
  bool has_lost = false;
  for (const SentSegment* segment = head_; segment != nullptr; segment = segment->next) {
    in_network += segment->is_lost ? 0 : segment->length;
    sacked += segment->is_sacked ? segment->length : 0;
    has_lost = has_lost || (segment->is_lost && !segment->is_sacked);
    if (segment->length == 0 ||
        (segment->next != nullptr && segment->next->seq != segment->end()) ||
        (segment->next == nullptr && segment != tail_)) {
      return false;
    }
  }
  return in_network == in_network_ && sacked == sacked_ && (!has_lost || lost_hint_ != nullptr);
}

}  // namespace millrace::tcp
