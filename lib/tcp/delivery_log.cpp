#include "tcp/delivery_log.hpp"

#include <algorithm>

#include "tcp/timestamps.hpp"

namespace millrace::tcp {

void DeliveryLog::note(const SentSegment& segment) noexcept {
  const bool is_original = segment.retransmissions == 0;
  if (segment.is_known) {
    // RFC 2018 §8: it was reported before, and let go of. Only a copy that left since is news, and
    // no octet of it.
    if (is_original) {
      return;
    }
  } else {
    bytes_ += segment.length;
    ++segments_;
  }
  has_original_ = has_original_ || (is_original && segment.end().is_at_or_before(setting_.recover));
  if (segment.end().is_after(highest_)) {
    highest_ = segment.end();
  }
  if (is_original && segment.end().is_before(setting_.highest)) {
    reordering_ = std::max(reordering_, static_cast<std::uint32_t>(setting_.highest - segment.seq));
  }
  if (segment.is_time_unknown || is_ambiguous(segment)) {
    return;
  }
  const Duration rtt = setting_.now - segment.sent_at;
  if (is_original) {
    rtt_sample_ = std::min(rtt_sample_.value_or(rtt), rtt);
  }
  if (!newest_ || is_sent_after(segment.sent_at, segment.end(), newest_->sent_at, newest_->end)) {
    newest_ =
        Newest{.sent_at = segment.sent_at, .end = segment.end(), .rtt = rtt, .then = segment.then};
  }
}

bool DeliveryLog::is_ambiguous(const SentSegment& segment) const noexcept {
  if (segment.retransmissions == 0) {
    return false;
  }
  // RFC 8985 §6.2, step 2: of several transmissions the last one counts only if nothing says that
  // an earlier one has arrived. RFC 7323 §4.3: what lies ahead of a hole never moves the echo, so
  // that one of what is only reported says nothing of it, or a probe's answer would never count.
  const bool is_echo_older =
      !segment.is_sacked && setting_.echoed &&
      is_timestamp_before(*setting_.echoed, timestamp_clock(segment.sent_at));
  // Deviates from RFC 8985 §6.2, step 2: a round trip may be shorter than the shortest yet by an
  // eighth, because that of the SYNs, often the only one, is seldom the shortest.
  const Duration shortest = setting_.min_rtt - setting_.min_rtt / 8;
  return is_echo_older || setting_.now - segment.sent_at < shortest;
}

}  // namespace millrace::tcp
