// Urgent data: where it ends, in either direction (RFC 9293 §3.8.5, RFC 6093). It compares sequence
// numbers and keeps the octet that is received out of line; taking it from the stream is its
// user's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// SND.UP: behind the last urgent octet that the application has queued.
class UrgentSend {
 public:
  void mark(SeqNum end) noexcept {
    up_ = end;
    is_pending_ = true;
  }
  void on_ack(SeqNum snd_una) noexcept { is_pending_ = is_pending_ && up_.is_after(snd_una); }
  [[nodiscard]] bool is_pending() const noexcept { return is_pending_; }
  /// What the urgent pointer of a segment at `seq` says, `snd_nxt` being behind it; empty when it
  /// has none.
  [[nodiscard]] std::optional<std::uint16_t> pointer_for(SeqNum seq, SeqNum snd_nxt) const noexcept;

 private:
  SeqNum up_{0};
  bool is_pending_ = false;
};

/// RCV.UP: behind the last urgent octet that the peer has announced. `read_nxt` is the next octet
/// that the application would read, `rcv_nxt` behind the last received.
class UrgentReceive {
 public:
  /// RFC 9293 §3.10.7.4, step 6: a segment says that urgent data ends at `up`. Whether that is
  /// news: it is ahead of what was read, and of what was said before.
  [[nodiscard]] bool on_pointer(SeqNum up, SeqNum read_nxt) noexcept;
  /// Whether the last urgent octet has arrived, and is to be kept aside and has not been.
  [[nodiscard]] bool lacks_octet(SeqNum rcv_nxt) const noexcept {
    return is_pending_ && !is_inline_ && !is_kept_ && up_.is_at_or_before(rcv_nxt);
  }
  void keep(std::byte octet) noexcept;
  /// The application reads at `read_nxt` now. Whether the octet there is the one that was kept
  /// aside, which the stream is to skip.
  [[nodiscard]] bool is_to_be_skipped(SeqNum read_nxt) const noexcept {
    return is_kept_ && is_pending_ && !is_inline_ && octet_at() == read_nxt;
  }
  void on_read(SeqNum read_nxt) noexcept { is_pending_ = is_pending_ && up_.is_after(read_nxt); }
  /// The octet that was kept aside, once.
  [[nodiscard]] std::optional<std::byte> take() noexcept;
  void set_inline(bool on) noexcept { is_inline_ = on; }

  [[nodiscard]] bool is_inline() const noexcept { return is_inline_; }
  /// Announced and not all read.
  [[nodiscard]] bool is_pending() const noexcept { return is_pending_; }
  /// Octets of the stream before the end of the urgent data; out of line the last is not of them.
  [[nodiscard]] std::uint32_t left(SeqNum read_nxt) const noexcept;
  /// How many octets may be read at once: out of line, no reading goes beyond the urgent octet.
  [[nodiscard]] std::uint32_t limit(std::uint32_t bytes, SeqNum read_nxt) const noexcept;

 private:
  [[nodiscard]] SeqNum octet_at() const noexcept { return up_ - 1; }

  SeqNum up_{0};
  std::byte octet_{};
  bool is_inline_ : 1 = true;  // RFC 6093 §6.
  bool is_pending_ : 1 = false;
  bool is_kept_ : 1 = false;    // `octet_` is that of the urgent data that is pending.
  bool is_unread_ : 1 = false;  // And the application has not taken it.
};

}  // namespace millrace::tcp
