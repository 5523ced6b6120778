#include "tcp/sent_segments.hpp"

#include <algorithm>

#include "base/contract.hpp"
#include "tcp/sent_order.hpp"

namespace millrace::tcp {

SentSegments::~SentSegments() { base::expects(head_ == nullptr); }

void SentSegments::note_retransmission(SentSegment& segment, Instant now, bool is_whole) noexcept {
  base::expects(!segment.is_sacked);
  note_odd(segment);
  if (segment.is_lost) {
    segment.is_lost = false;
    in_network_ += segment.length;
  } else {
    unlink(segment);
  }
  segment.is_cut = !is_whole;
  segment.sent_at = now;
  segment.retransmissions =
      static_cast<std::uint16_t>(segment.retransmissions + (segment.is_unsent ? 0 : 1));
  segment.is_unsent = false;
  segment.is_time_unknown = false;
  link_newest(segment);
}

AckOutcome SentSegments::on_ack(SentSegmentPool& pool, SeqNum snd_una, DeliveryLog& log) noexcept {
  AckOutcome outcome;
  bool is_ambiguous = false;
  while (head_ != nullptr && head_->seq.is_before(snd_una)) {
    SentSegment& segment = *head_;
    const bool is_whole = segment.end().is_at_or_before(snd_una);
    const std::uint32_t acked =
        is_whole ? segment.length : static_cast<std::uint32_t>(snd_una - segment.seq);
    outcome.newly_acked += acked;
    // RFC 6298 §3: a segment that was sent twice tells nothing about the path, and neither does one
    // that waited at the receiver behind it.
    is_ambiguous = is_ambiguous || segment.retransmissions != 0 || segment.is_lost;
    if (!segment.is_sacked) {
      outcome.rtt_sample = log.now() - segment.sent_at;
    }
    if (!is_whole) {
      in_network_ -= segment.is_under_way() ? acked : 0;
      sacked_ -= segment.is_sacked ? acked : 0;
      if (!segment.is_sacked && !segment.is_known) {
        log.note_part(acked);
      }
      segment.seq = snd_una;
      segment.length -= acked;
      if (segment.is_cut && !segment.is_lost) {
        mark_first_lost(Blame::Nobody);
      }
      break;
    }
    if (!segment.is_sacked) {
      log.note(segment);
    }
    delivered_ += segment.is_known ? 0 : 1;
    take_out(pool, segment);
  }
  if (is_ambiguous) {
    outcome.rtt_sample.reset();
  }
  has_odd_ = has_odd_ && head_ != nullptr && head_->seq.is_before(odd_end_);
  return outcome;
}

void SentSegments::note_odd(const SentSegment& segment) noexcept {
  odd_end_ = has_odd_ && odd_end_.is_after(segment.end()) ? odd_end_ : segment.end();
  has_odd_ = true;
}

void SentSegments::take_out(SentSegmentPool& pool, SentSegment& segment) noexcept {
  if (segment.is_under_way()) {
    in_network_ -= segment.length;
    unlink(segment);
  }
  if (segment.is_sacked) {
    sacked_ -= segment.length;
    --sacked_segments_;
    sacked_before_ -= overtaken_ != nullptr && overtaken_ != &segment ? 1 : 0;
  }
  head_ = segment.next;
  lost_hint_ = lost_hint_ == &segment ? head_ : lost_hint_;
  overtaken_ = overtaken_ == &segment ? head_ : overtaken_;
  tail_ = head_ == nullptr ? nullptr : tail_;
  pool.give(segment);
  --size_;
}

void SentSegments::mark_lost(SentSegment& segment, Blame blame) noexcept {
  if (segment.is_lost) {
    return;
  }
  note_odd(segment);
  if (!segment.is_sacked) {
    unlink(segment);
    in_network_ -= segment.length;
    if (blame == Blame::Network) {
      note_loss(segment);
    }
  }
  segment.is_lost = true;
  if (lost_hint_ == nullptr || segment.seq.is_before(lost_hint_->seq)) {
    lost_hint_ = &segment;
  }
}

void SentSegments::note_loss(const SentSegment& segment) noexcept {
  lost_total_ += segment.length;
  if (!losses_.has_any || segment.end().is_after(losses_.end)) {
    losses_.end = segment.end();
  }
  losses_.has_any = true;
  if (segment.retransmissions > 0) {
    losses_.resent_at = std::max(losses_.resent_at, segment.sent_at);
  }
}

void SentSegments::mark_all_lost(Blame blame) noexcept {
  // A peer may ask for this with each window that it opens. So only what is under way is looked at,
  // and it takes a transmission of ours to put something there again.
  while (oldest_ != nullptr) {
    mark_lost(*oldest_, blame);
  }
}

void SentSegments::mark_first_lost(Blame blame) noexcept {
  if (head_ == nullptr) {
    return;
  }
  if (head_->is_sacked) {
    unmark_sacked(*head_);
    blame = Blame::Nobody;
  }
  mark_lost(*head_, blame);
  lost_hint_ = head_;
}

bool SentSegments::mark_larger_lost(std::uint32_t bytes) noexcept {
  bool has_larger = false;
  for (SentSegment* segment = head_; segment != nullptr; segment = segment->next) {
    if (segment->payload() > bytes) {
      has_larger = true;
      mark_lost(*segment, Blame::Nobody);
    }
  }
  return has_larger;
}

bool SentSegments::note_not_sent(SeqNum seq) noexcept {
  SentSegment* segment = newest_;
  while (segment != nullptr && segment->seq != seq) {
    segment = segment->older;
  }
  if (segment == nullptr) {
    return false;
  }
  const bool had_left = segment->retransmissions > 0;
  if (had_left) {
    --segment->retransmissions;
  }
  segment->is_unsent = !had_left;
  segment->is_time_unknown = had_left;
  mark_lost(*segment, Blame::Nobody);
  return had_left;
}

std::uint32_t SentSegments::mark_overtaken(std::uint32_t threshold) noexcept {
  std::uint32_t marked = 0;
  if (overtaken_ == nullptr) {
    overtaken_ = head_;
    sacked_before_ = 0;
  }
  // The last one is never passed, so that what is appended lies behind.
  while (overtaken_ != nullptr && overtaken_->next != nullptr &&
         sacked_segments_ - sacked_before_ >= threshold) {
    if (overtaken_->is_under_way() && overtaken_->retransmissions == 0) {
      mark_lost(*overtaken_);
      ++marked;
    }
    sacked_before_ += overtaken_->is_sacked ? 1 : 0;
    overtaken_ = overtaken_->next;
  }
  return marked;
}

void SentSegments::forgive() noexcept {
  SentSegment* forgiven = nullptr;
  SentSegment** last = &forgiven;
  SentSegment* segment = lost_hint_;
  lost_hint_ = nullptr;
  for (; segment != nullptr; segment = segment->next) {
    if (!segment->is_lost) {
      continue;
    }
    if (segment->is_unsent) {
      lost_hint_ = lost_hint_ == nullptr ? segment : lost_hint_;
      continue;
    }
    segment->is_lost = false;
    if (!segment->is_sacked) {
      in_network_ += segment->length;
      *last = segment;
      last = &segment->newer;
    }
  }
  *last = nullptr;
  // A peer may have brought them into any order, so each is not looked for on its own.
  oldest_ = merge_by_transmission(oldest_, sort_by_transmission(forgiven));
  newest_ = nullptr;
  for (segment = oldest_; segment != nullptr; segment = segment->newer) {
    segment->older = newest_;
    newest_ = segment;
  }
  // What really is lost has to be found anew.
  overtaken_ = nullptr;
}

bool SentSegments::split(SentSegmentPool& pool, SentSegment& segment,
                         std::uint32_t bytes) noexcept {
  base::expects(segment.is_lost);
  base::expects(bytes > 0);
  if (segment.length <= bytes) {
    return true;
  }
  SentSegment* const rest = pool.take();
  if (rest == nullptr) {
    return false;
  }
  *rest = segment;
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

std::uint32_t SentSegments::note_sacked(SentSegment& segment, DeliveryLog& log) noexcept {
  if (segment.is_sacked) {
    return 0;
  }
  note_odd(segment);
  if (!segment.is_lost) {
    unlink(segment);
    in_network_ -= segment.length;
  }
  segment.is_sacked = true;
  log.note(segment);
  const bool is_news = !segment.is_known;
  delivered_ += is_news ? 1 : 0;
  segment.is_known = true;
  sacked_ += segment.length;
  ++sacked_segments_;
  if (overtaken_ != nullptr && segment.seq.is_before(overtaken_->seq)) {
    ++sacked_before_;
  }
  return is_news ? segment.length : 0;
}

void SentSegments::unmark_sacked(SentSegment& segment) noexcept {
  segment.is_sacked = false;
  sacked_ -= segment.length;
  --sacked_segments_;
  overtaken_ = nullptr;
  if (!segment.is_lost) {
    // As if it had just left, for `mark_lost` to take it out again.
    link_newest(segment);
    in_network_ += segment.length;
  }
}

void SentSegments::forget_sacked() noexcept {
  for (SentSegment* segment = head_; segment != nullptr && sacked_ > 0; segment = segment->next) {
    if (segment->is_sacked) {
      unmark_sacked(*segment);
      mark_lost(*segment, Blame::Nobody);
    }
  }
  // What was lost and then reported is to be sent again.
  lost_hint_ = head_;
}

void SentSegments::clear(SentSegmentPool& pool) noexcept {
  if (head_ != nullptr) {
    pool.give(*head_, *tail_, size_);
  }
  head_ = tail_ = oldest_ = newest_ = lost_hint_ = overtaken_ = nullptr;
  in_network_ = sacked_ = sacked_segments_ = size_ = 0;
  has_odd_ = false;
}

SentSegment* SentSegments::first_lost() noexcept {
  while (lost_hint_ != nullptr && (!lost_hint_->is_lost || lost_hint_->is_sacked)) {
    lost_hint_ = lost_hint_->next;
  }
  return lost_hint_;
}

void SentSegments::link_newest(SentSegment& segment) noexcept {
  segment.older = newest_;
  segment.newer = nullptr;
  (newest_ == nullptr ? oldest_ : newest_->newer) = &segment;
  newest_ = &segment;
}

void SentSegments::unlink(SentSegment& segment) noexcept {
  (segment.older == nullptr ? oldest_ : segment.older->newer) = segment.newer;
  (segment.newer == nullptr ? newest_ : segment.newer->older) = segment.older;
  segment.older = segment.newer = nullptr;
}

bool SentSegments::check_invariants() const noexcept {
  std::uint32_t in_network = 0;
  std::uint32_t sacked = 0;
  std::uint32_t sacked_segments = 0;
  bool has_lost = false;
  for (const SentSegment* segment = head_; segment != nullptr; segment = segment->next) {
    in_network += segment->is_under_way() ? segment->length : 0;
    sacked += segment->is_sacked ? segment->length : 0;
    sacked_segments += segment->is_sacked ? 1 : 0;
    has_lost = has_lost || (segment->is_lost && !segment->is_sacked);
    if (segment->length == 0 ||
        (segment->next != nullptr && segment->next->seq != segment->end()) ||
        (segment->next == nullptr && segment != tail_)) {
      return false;
    }
  }
  return in_network == in_network_ && sacked == sacked_ && sacked_segments == sacked_segments_ &&
         (!has_lost || lost_hint_ != nullptr) && check_transmissions() && check_plain();
}

bool SentSegments::check_plain() const noexcept {
  for (const SentSegment* segment = head_; segment != nullptr; segment = segment->next) {
    const bool is_odd = segment->retransmissions > 0 || segment->is_known || segment->is_lost ||
                        segment->is_sacked || segment->is_cut || segment->is_unsent ||
                        segment->is_time_unknown;
    if (is_odd && (!has_odd_ || segment->end().is_after(odd_end_))) {
      return false;
    }
  }
  return true;
}

bool SentSegments::check_transmissions() const noexcept {
  std::uint32_t in_network = 0;
  const SentSegment* older = nullptr;
  for (const SentSegment* segment = oldest_; segment != nullptr; segment = segment->newer) {
    in_network += segment->length;
    if (!segment->is_under_way() || segment->older != older ||
        (older != nullptr && older->sent_at > segment->sent_at)) {
      return false;
    }
    older = segment;
  }
  return in_network == in_network_ && newest_ == older;
}

}  // namespace millrace::tcp
