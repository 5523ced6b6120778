#include "tcp/dctcp.hpp"

#include <algorithm>

namespace millrace::tcp {

void Dctcp::on_ack(CongestionWindow& window, const AckSample& sample,
                   const PathView& path) noexcept {
  // RFC 8257 §3.3, steps 1 to 3. What is reported selectively counts when it is acknowledged.
  bytes_acked_ += std::min(sample.newly_acked, CongestionWindow::kMax);
  if (sample.is_congestion_echo) {
    bytes_marked_ += std::min(sample.newly_acked, CongestionWindow::kMax);
  }
  if (is_started_ == 0) {
    is_started_ = 1;
    window_end_ = path.snd_nxt;
  } else if (path.snd_una.is_after(window_end_)) {
    // Steps 4 to 8.
    update_alpha();
    window_end_ = path.snd_nxt;
    bytes_acked_ = 0;
    bytes_marked_ = 0;
  }
  reno_.on_ack(window, sample, path);
}

void Dctcp::on_reduction(CongestionWindow& window, const PathView& path,
                         Reduction reason) noexcept {
  // RFC 8257 §3.5: a loss is met as ever. It also begins to count anew toward the next segment.
  reno_.on_reduction(window, path, reason);
  if (reason == Reduction::Echo) {
    // §3.3, step 9: of all marked half is left, of few marked nearly everything.
    const std::uint64_t cut = (std::uint64_t{window.bytes()} * alpha_) / (2 * kOne);
    window.set_ssthresh(std::max<std::uint64_t>(window.bytes() - cut, 2ULL * path.mss));
  }
}

void Dctcp::update_alpha() noexcept {
  // §3.3, step 6, with g = 1/16 (§4.2). Marked octets are some of those acknowledged.
  constexpr unsigned kGainShift = 4;
  const auto marked =
      bytes_acked_ == 0
          ? 0
          : static_cast<std::uint32_t>(std::uint64_t{bytes_marked_} * kOne / bytes_acked_);
  // The last steps toward zero are too small for the gain, and are taken by ones.
  const std::uint32_t alpha = alpha_;
  const std::uint32_t fades = std::max(alpha >> kGainShift, std::min(alpha, 1U));
  alpha_ = (alpha - fades + (marked >> kGainShift)) & 0x7fff'ffffU;
}

}  // namespace millrace::tcp
