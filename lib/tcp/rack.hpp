// Rack: recent acknowledgment (RFC 8985 §6): what was sent well before something that has arrived,
// and has not arrived itself, is lost. How long "well before" is, is decided elsewhere.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/time.hpp>

#include "tcp/delivery_log.hpp"
#include "tcp/sent_segments.hpp"

namespace millrace::tcp {

class Rack {
 public:
  struct Verdict {
    std::uint32_t lost = 0;          ///< Segments.
    std::optional<Instant> look_at;  ///< When the next one will count as lost, if nothing arrives.
  };

  /// RFC 8985 §6.2, step 2.
  void on_delivered(Instant sent_at, SeqNum end, Duration rtt) noexcept {
    rtt_ = rtt;
    if (!has_started_ || is_sent_after(sent_at, end, sent_at_, end_)) {
      sent_at_ = sent_at;
      end_ = end;
    }
    has_started_ = true;
  }
  void on_delivered(const DeliveryLog::Newest& newest) noexcept {
    on_delivered(newest.sent_at, newest.end, newest.rtt);
  }
  /// Whether what has arrived had left later than `segment`.
  [[nodiscard]] bool has_overtaken(const SentSegment& segment) const noexcept {
    return has_started_ && is_sent_after(sent_at_, end_, segment.sent_at, segment.end());
  }
  /// RFC 8985 §6.2, step 5. What is marked is not looked at again until it leaves again, and
  /// nothing behind the first that is still waited for, so that all calls together cost a constant
  /// for each transmission.
  [[nodiscard]] Verdict detect(SentSegments& sent, Duration window, Instant now) const noexcept;
  /// RFC 8985 §6.3: the retransmission timer went off. The first one is lost, and whatever has been
  /// under way for longer than a round trip takes.
  void on_timeout(SentSegments& sent, Duration window, Instant now) const noexcept;
  [[nodiscard]] bool has_started() const noexcept { return has_started_; }
  [[nodiscard]] Duration rtt() const noexcept { return rtt_; }

 private:
  Instant sent_at_{};
  Duration rtt_{};
  SeqNum end_{0};
  bool has_started_ = false;
};

}  // namespace millrace::tcp
