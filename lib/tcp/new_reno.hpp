// NewReno: how large the congestion window is (RFC 5681), and how it moves through a recovery (RFC
// 6582). It decides sizes; which segment is lost is decided elsewhere.
#pragma once

#include <algorithm>
#include <cstdint>

namespace millrace::tcp {

/// RFC 6928 §2: so many segments, but no more bytes than as many of Ethernet's size, and always
/// two.
[[nodiscard]] constexpr std::uint32_t initial_window(std::uint32_t segments,
                                                     std::uint32_t mss) noexcept {
  constexpr std::uint32_t kUsualMss = 1'460;
  return std::min(segments * mss, std::max(2 * mss, segments * kUsualMss));
}

/// Sizes in bytes of payload. Part of the control block, since slow-start threshold and window
/// outlive idle times.
class NewReno {
 public:
  /// RFC 5681 §3.1: `ssthresh` starts arbitrarily high.
  void start(std::uint32_t initial_window) noexcept;

  /// New data was acknowledged outside of a recovery. `bytes_acked` counts toward growth; `mss` is
  /// the sender's; `segments_max` is `TcpConfig::slow_start_ack_segments`.
  void on_ack(std::uint32_t bytes_acked, std::uint32_t mss, std::uint32_t segments_max) noexcept;
  /// The third duplicate ACK: halve, and inflate by what has left the network (RFC 5681 §3.2, steps
  /// 2 and 3).
  void enter_recovery(std::uint32_t flight, std::uint32_t mss) noexcept;
  /// A further duplicate ACK: another segment has left the network (step 4).
  void on_duplicate_ack(std::uint32_t mss) noexcept;
  /// An ACK of new data that does not end the recovery (RFC 6582 §3.2, step 3).
  void on_partial_ack(std::uint32_t bytes_acked, std::uint32_t mss) noexcept;
  /// The ACK that ends it.
  void leave_recovery(std::uint32_t flight, std::uint32_t mss) noexcept;
  /// RFC 5681 §3.1: back to one segment. `first` says that this data had not timed out before.
  void on_timeout(std::uint32_t flight, std::uint32_t mss, bool first) noexcept;
  /// RFC 3168 §6.1.2: a router would rather not drop. Halves, and leaves what is in flight alone.
  void on_congestion_echo(std::uint32_t mss) noexcept;
  /// RFC 5681 §4.1: after an idle time of more than one RTO the window is no larger than the
  /// initial one.
  void on_idle_restart(std::uint32_t initial_window) noexcept;

  [[nodiscard]] std::uint32_t cwnd() const noexcept { return cwnd_; }
  [[nodiscard]] std::uint32_t ssthresh() const noexcept { return ssthresh_; }

 private:
  static constexpr std::uint32_t kCwndMax = 1U << 30U;

  void set_cwnd(std::uint64_t bytes) noexcept;

  std::uint32_t cwnd_ = 0;
  std::uint32_t ssthresh_ = 0;
  std::uint32_t bytes_acked_ = 0;  // Toward the next segment's growth in congestion avoidance.
};

}  // namespace millrace::tcp
