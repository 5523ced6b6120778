// The two sequence spaces of a connection, with the RFC's names.
//
//         snd_una        snd_nxt                              rcv_nxt            rcv_adv
//   ---------|--------------|-----------|---------     ----------|------------------|----------
//    acked   |  in flight   |  usable   | too far       delivered | acceptable      | too far
//            |<---------- snd_wnd ----->|                         |<--- rcv_wnd --->|
#pragma once

#include <cstdint>

#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// RFC 9293 §3.3.1, send sequence variables. `snd_nxt` is always behind the highest octet ever
/// sent: what must be sent again is noted per segment, not by moving it back.
struct SendSequence {
  SeqNum iss{0};
  SeqNum snd_una{0};
  SeqNum snd_nxt{0};
  SeqNum snd_wl1{0};
  SeqNum snd_wl2{0};
  std::uint32_t snd_wnd = 0;
  std::uint32_t max_snd_wnd = 0;  ///< Largest window the peer ever offered (RFC 9293 §3.8.6.2.1).

  /// Octets sent and not acknowledged, SYN and FIN included.
  [[nodiscard]] std::uint32_t flight() const noexcept {
    return static_cast<std::uint32_t>(snd_nxt - snd_una);
  }
  /// Where a segment without text must stand for the peer to accept it: behind all that was sent,
  /// but not behind the right edge, which a probe, or a peer that shrank its window, may have left
  /// us beyond.
  [[nodiscard]] SeqNum acceptable_seq() const noexcept {
    return flight() > snd_wnd ? snd_una + snd_wnd : snd_nxt;
  }
  /// RFC 9293 §3.10.7.4, step 5: whether a segment tells of the window what is not older than what
  /// is known, lest an older segment undo a newer window.
  // Deviates from RFC 9293 §3.10.7.4: a segment that is sent again and acknowledges more tells of
  // the window, too, because the old one, counted from the new SND.UNA, would reach too far.
  [[nodiscard]] bool is_window_news(SeqNum seq, SeqNum ack) const noexcept {
    return snd_wl1.is_before(seq) || snd_wl2.is_before(ack) || (snd_wl1 == seq && snd_wl2 == ack);
  }
  void take_window(SeqNum seq, SeqNum ack, std::uint32_t window) noexcept {
    snd_wnd = window;
    max_snd_wnd = max_snd_wnd < window ? window : max_snd_wnd;
    snd_wl1 = seq;
    snd_wl2 = ack;
  }
  /// Octets that the peer's window still allows behind `snd_nxt`; zero if it shrank below what is
  /// in flight.
  [[nodiscard]] std::uint32_t usable_window() const noexcept {
    return snd_wnd > flight() ? snd_wnd - flight() : 0;
  }
};

/// RFC 9293 §3.3.1, receive sequence variables. `rcv_adv` is the right edge we have advertised: it
/// never moves left.
struct ReceiveSequence {
  SeqNum irs{0};
  SeqNum rcv_nxt{0};
  SeqNum rcv_adv{0};

  [[nodiscard]] std::uint32_t rcv_wnd() const noexcept {
    return static_cast<std::uint32_t>(rcv_adv - rcv_nxt);
  }
};

/// RFC 9293 §3.10.7.4, step 1: whether any part of a segment lies in the receive window.
[[nodiscard]] inline bool is_acceptable(const ReceiveSequence& receive, SeqNum seq,
                                        std::uint32_t length) noexcept {
  const std::uint32_t rcv_wnd = receive.rcv_wnd();
  if (length == 0) {
    // Deviates from RFC 9293 §3.10.7.4, step 1: the right edge itself is accepted, as Linux does. A
    // peer that has filled the window sends its ACKs from there; were they refused, two such peers
    // would answer each other for ever.
    return seq.is_in_window(receive.rcv_nxt, rcv_wnd + 1);
  }
  if (rcv_wnd == 0) {
    return false;
  }
  // It starts in the window, or the window starts in it.
  return seq.is_in_window(receive.rcv_nxt, rcv_wnd) || receive.rcv_nxt.is_in_window(seq, length);
}

}  // namespace millrace::tcp
