// Undo: whether a recovery, or a timeout, was for nothing: the first answer is to what left before
// anything was sent again (Eifel, RFC 3522), or everything that was sent again is reported to have
// arrived twice (RFC 3708). What is taken back is decided elsewhere (RFC 4015).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "tcp/timestamps.hpp"
#include "wire/seq_num.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::tcp {

using wire::SackBlock;
using wire::SeqNum;

class Undo {
 public:
  /// A recovery begins with [`snd_una`, `snd_nxt`) in flight.
  void start(SeqNum snd_una, SeqNum snd_nxt, bool is_timeout) noexcept {
    *this = Undo{};
    from_ = snd_una;
    to_ = snd_nxt;
    is_armed_ = true;
    is_timeout_ = is_timeout;
  }
  /// As it was, `unaccounted` retransmissions being without a report.
  void resume(SeqNum from, SeqNum to, std::uint16_t unaccounted, bool is_timeout) noexcept {
    start(from, to, is_timeout);
    has_retransmitted_ = true;
    unaccounted_ = unaccounted;
  }
  /// Something left again, at that time of the timestamps' clock.
  void on_retransmission(std::uint32_t clock) noexcept {
    was_first_ = !has_retransmitted_;
    if (!has_retransmitted_) {
      has_retransmitted_ = true;
      first_clock_ = clock;
    }
    if (unaccounted_ < std::numeric_limits<std::uint16_t>::max()) {
      ++unaccounted_;
    }
  }
  /// The last of these did not leave, so that it can never be reported.
  void on_not_sent() noexcept {
    has_retransmitted_ = has_retransmitted_ && !was_first_;
    unaccounted_ = static_cast<std::uint16_t>(unaccounted_ > 0 ? unaccounted_ - 1 : 0);
  }
  /// RFC 3708 §2: `block` has arrived twice. It tells of as many segments as it has room for.
  void on_duplicate_report(const SackBlock& block, std::uint32_t mss) noexcept {
    if (!is_armed_ || block.left.is_before(from_) || block.right.is_after(to_) || mss == 0) {
      return;
    }
    for (auto left = static_cast<std::uint32_t>(block.right - block.left);
         left > 0 && unaccounted_ > 0; left -= left < mss ? left : mss) {
      --unaccounted_;
    }
  }

  /// Everything that was sent again has arrived twice.
  [[nodiscard]] bool is_all_duplicate() const noexcept {
    return is_armed_ && has_retransmitted_ && unaccounted_ == 0;
  }
  /// RFC 3522 §3.2, step 4: what is acknowledged had left before anything was sent again. `echoed`
  /// is the clock at that time, if the ACK tells.
  [[nodiscard]] bool is_answer_to_original(std::optional<std::uint32_t> echoed) const noexcept {
    return is_armed_ && has_retransmitted_ && echoed && is_timestamp_before(*echoed, first_clock_);
  }
  void forget() noexcept { is_armed_ = false; }
  /// No report tells of what lies further back than a window: numbers come round.
  void forget_if_past(SeqNum snd_una, std::uint32_t window) noexcept {
    is_armed_ = is_armed_ && snd_una.is_at_or_before(to_ + window);
  }
  /// Reports may still come.
  [[nodiscard]] bool is_waiting() const noexcept {
    return is_armed_ && has_retransmitted_ && unaccounted_ > 0;
  }
  [[nodiscard]] SeqNum from() const noexcept { return from_; }
  [[nodiscard]] SeqNum to() const noexcept { return to_; }
  [[nodiscard]] std::uint16_t unaccounted() const noexcept { return unaccounted_; }
  [[nodiscard]] bool is_armed() const noexcept { return is_armed_; }
  /// It was a timeout that began it.
  [[nodiscard]] bool is_timeout() const noexcept { return is_timeout_; }

 private:
  SeqNum from_{0};
  SeqNum to_{0};
  std::uint32_t first_clock_ = 0;
  std::uint16_t unaccounted_ = 0;  // Sent again, and not reported as a duplicate.
  bool is_armed_ = false;
  bool has_retransmitted_ = false;
  bool was_first_ = false;  // The last retransmission.
  bool is_timeout_ = false;
};

}  // namespace millrace::tcp
