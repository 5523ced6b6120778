// TailProbe: a segment sent when ACKs stay away, so that the loss of a flight's end is noticed
// without a timeout (RFC 8985 §7): when it is due, and what the answer to it says. Choosing and
// sending it is left to others.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include <millrace/time.hpp>

#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

class TailProbe {
 public:
  enum class Verdict : std::uint8_t {
    Nothing,   ///< No probe was out, or its answer is still to come.
    Answered,  ///< It is over, and nothing had been lost.
    Repaired,  ///< It has mended a loss, which is congestion like any other (§7.4.2).
  };
  struct Ack {
    SeqNum ack{0};
    bool is_repeated = false;        ///< It acknowledges the same again, without data or news.
    bool reports_duplicate = false;  ///< A D-SACK of what ends where the probe did.
    bool has_blocks = false;         ///< Any other selective acknowledgment.
  };

  /// RFC 8985 §7.2: how long after the last sign of life. `srtt` is zero while unknown.
  [[nodiscard]] static Duration timeout(Duration srtt, bool is_one_segment,
                                        Duration ack_delay_max) noexcept {
    if (srtt == Duration::zero()) {
      return std::chrono::seconds{1};
    }
    return 2 * srtt + (is_one_segment ? ack_delay_max : Duration::zero());
  }

  /// It has left; everything in flight ends at `end`. What it asks about was `flight` octets, when
  /// most of it was under way.
  void on_sent(SeqNum end, bool is_retransmission, std::uint32_t flight) noexcept {
    end_ = end;
    flight_ = flight;
    is_out_ = true;
    is_retransmission_ = is_retransmission;
  }
  /// RFC 8985 §7.4.
  [[nodiscard]] Verdict on_ack(const Ack& ack) noexcept {
    if (!is_out_ || ack.ack.is_before(end_)) {
      return Verdict::Nothing;
    }
    const bool is_beyond = ack.ack.is_after(end_);
    if (!is_retransmission_ || ack.reports_duplicate ||
        (!is_beyond && ack.is_repeated && !ack.has_blocks)) {
      is_out_ = false;
      return Verdict::Answered;
    }
    if (is_beyond) {
      is_out_ = false;
      return Verdict::Repaired;
    }
    return Verdict::Nothing;
  }
  /// A recovery begins, or the timer went off: these settle what it asked.
  void forget() noexcept { is_out_ = false; }
  [[nodiscard]] bool is_out() const noexcept { return is_out_; }
  /// One at a time. Where all that it asked about is acknowledged, and no duplicate was reported in
  /// all the time until another is due, it has mended a loss.
  [[nodiscard]] bool allows_another(SeqNum snd_una) const noexcept {
    return !is_out_ || snd_una.is_at_or_after(end_);
  }
  [[nodiscard]] SeqNum end() const noexcept { return end_; }
  [[nodiscard]] std::uint32_t flight() const noexcept { return flight_; }

 private:
  SeqNum end_{0};
  std::uint32_t flight_ = 0;
  bool is_out_ = false;
  bool is_retransmission_ = false;
};

}  // namespace millrace::tcp
