// QuickAcks: when data is acknowledged without delay although it is no second full segment: while a
// peer's window is still small, and while it mends a loss, it waits for each (RFC 5681 §4.2).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <millrace/time.hpp>

#include "base/coarse_time.hpp"

namespace millrace::tcp {

/// As Linux does it: so many at the start, after a pause and after disorder; none in a conversation
/// of questions and answers, where the answer carries the ACK.
class QuickAcks {
 public:
  /// What decides how many are granted: half of the segments that the window has room for, two at
  /// least, `most` at most.
  struct Measure {
    std::uint32_t window = 0;         ///< Bytes.
    std::uint32_t segment_bytes = 1;  ///< Of a full segment of the peer's.
    std::uint32_t most = 0;           ///< Zero: there are none.
  };

  /// The application's word on it, until data tells otherwise.
  void set_conversation(bool on) noexcept { is_conversation_ = on; }
  /// Data has arrived in order. After a pause of more than `rto` the peer starts slowly again.
  void on_data(Instant now, Duration rto, const Measure& measure) noexcept {
    const std::uint32_t now_ms = base::milliseconds_of(now);
    if (!has_data_ || std::chrono::milliseconds{now_ms - last_data_ms_} > rto) {
      grant(measure);
    }
    has_data_ = true;
    last_data_ms_ = now_ms;
  }
  /// As `on_data`, where no more than `least` has passed since the last, and `rto` is no less: the
  /// usual case, in which nothing is granted. False, with nothing done, in any other.
  [[nodiscard]] bool on_prompt_data(Instant now, Duration least) noexcept {
    const std::uint32_t now_ms = base::milliseconds_of(now);
    if (!has_data_ || std::chrono::milliseconds{now_ms - last_data_ms_} > least) {
      return false;
    }
    last_data_ms_ = now_ms;
    return true;
  }
  /// Something was missing, out of order, or came twice: there may be a loss to be mended.
  void on_disorder(const Measure& measure) noexcept {
    is_conversation_ = false;
    grant(measure);
  }
  /// An ACK leaves, with data or without.
  void on_ack_sent() noexcept { left_ = static_cast<std::uint8_t>(left_ > 0 ? left_ - 1 : 0); }
  /// Data leaves. Soon after data has arrived it is an answer, as the next will be.
  void on_data_sent(Instant now, Duration soon) noexcept {
    const std::chrono::milliseconds since{base::milliseconds_of(now) - last_data_ms_};
    is_conversation_ = is_conversation_ || (has_data_ && since < soon);
  }

  /// ACKs wait for company: the application has said so, or the traffic looks so.
  [[nodiscard]] bool is_conversation() const noexcept { return is_conversation_; }
  /// Whether what arrives now is to be acknowledged at once.
  [[nodiscard]] bool apply() const noexcept { return left_ > 0 && !is_conversation_; }

 private:
  void grant(const Measure& measure) noexcept {
    const std::uint32_t half = measure.window / (2 * measure.segment_bytes);
    const std::uint32_t granted = std::min(std::max(half, 2U), measure.most);
    left_ = static_cast<std::uint8_t>(std::max<std::uint32_t>(left_, granted));
  }

  std::uint32_t last_data_ms_ = 0;
  std::uint8_t left_ = 0;
  bool has_data_ = false;
  bool is_conversation_ = false;
};

}  // namespace millrace::tcp
