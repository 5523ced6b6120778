#include "tcp/rack.hpp"

namespace millrace::tcp {

Rack::Verdict Rack::detect(SentSegments& sent, Duration window, Instant now) const noexcept {
  Verdict verdict;
  for (SentSegment* oldest = sent.oldest(); oldest != nullptr && has_overtaken(*oldest);
       oldest = sent.oldest()) {
    const Instant lost_at = oldest->sent_at + rtt_ + window;
    if (lost_at > now) {
      // Deviates from RFC 8985 §6.2, step 5: the timer is for the first one of these, not the
      // last, because each must then be looked at once only, and none waits for the others.
      verdict.look_at = lost_at;
      break;
    }
    sent.mark_lost(*oldest);
    ++verdict.lost;
  }
  return verdict;
}

void Rack::on_timeout(SentSegments& sent, Duration window, Instant now) const noexcept {
  sent.mark_first_lost();
  while (SentSegment* const oldest = sent.oldest()) {
    if (oldest->sent_at + rtt_ + window > now) {
      break;
    }
    sent.mark_lost(*oldest);
  }
}

}  // namespace millrace::tcp
