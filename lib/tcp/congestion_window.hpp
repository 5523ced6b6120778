// CongestionWindow: how much may be in the network, and where slow start ends (RFC 5681 §3.1): the
// two numbers that every controller moves, and what they were before the last reduction. How far
// they move is the controllers' business.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tcp/ack_sample.hpp"

namespace millrace::tcp {

/// Sizes in bytes of payload. Sixteen of them: part of every control block.
class CongestionWindow {
 public:
  /// As large as any window, and a threshold that has never been set.
  static constexpr std::uint32_t kMax = 1U << 30U;

  CongestionWindow() noexcept = default;
  explicit CongestionWindow(std::uint32_t initial_window) noexcept
      : bytes_{initial_window}, prior_bytes_{initial_window} {}

  [[nodiscard]] std::uint32_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint32_t ssthresh() const noexcept { return ssthresh_; }
  [[nodiscard]] bool is_in_slow_start() const noexcept { return bytes_ < ssthresh_; }
  /// No congestion has been met: slow start is the first of the connection.
  [[nodiscard]] bool is_first_slow_start() const noexcept { return ssthresh_ == kMax; }
  /// The window before the last reduction.
  [[nodiscard]] std::uint32_t prior_bytes() const noexcept { return prior_bytes_; }

  void set(std::uint64_t bytes) noexcept {
    bytes_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, kMax));
  }
  void set_ssthresh(std::uint64_t bytes) noexcept {
    ssthresh_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, kMax));
  }

  /// A reduction follows, which may turn out to have been wrong.
  void save() noexcept {
    prior_bytes_ = bytes_;
    prior_ssthresh_ = ssthresh_;
  }
  /// It was wrong. What the window has become since is kept where it is more.
  void restore() noexcept {
    bytes_ = std::max(bytes_, prior_bytes_);
    ssthresh_ = std::max(ssthresh_, prior_ssthresh_);
  }

  /// RFC 5681 §3.1, equation 2: slow start, by no more than `segments_max` segments for one ACK
  /// (RFC 3465 §2.3); 0: by all that it acknowledges. It ends exactly at its threshold; what of the
  /// ACK is left behind that, for congestion avoidance, is returned.
  [[nodiscard]] std::uint32_t grow_in_slow_start(std::uint32_t bytes_acked, std::uint32_t mss,
                                                 std::uint32_t segments_max) noexcept {
    const std::uint32_t counted =
        segments_max == 0 ? bytes_acked : std::min(bytes_acked, segments_max * mss);
    const std::uint32_t taken = std::min(counted, ssthresh_ - bytes_);
    bytes_ += taken;
    return counted - taken;
  }

 private:
  std::uint32_t bytes_ = 0;
  std::uint32_t ssthresh_ = kMax;
  std::uint32_t prior_bytes_ = 0;
  std::uint32_t prior_ssthresh_ = kMax;
};
static_assert(sizeof(CongestionWindow) == 16);

/// Why a window falls.
enum class Reduction : std::uint8_t {
  Loss,     ///< A recovery begins.
  Echo,     ///< A router would rather not drop (RFC 3168 §6.1.2).
  Timeout,  ///< A retransmission timeout of data that had not timed out before.
};

/// What was under way when congestion showed: the window, or less if the sender had not used it
/// (RFC 5681 §3.1, equation 4; RFC 7661 §4.4.1).
[[nodiscard]] inline std::uint32_t bytes_under_way(const CongestionWindow& window,
                                                   const PathView& path) noexcept {
  return std::min(window.bytes(), static_cast<std::uint32_t>(path.snd_nxt - path.snd_una));
}

}  // namespace millrace::tcp
