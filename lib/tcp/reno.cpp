#include "tcp/reno.hpp"

#include <algorithm>

namespace millrace::tcp {

void Reno::on_ack(CongestionWindow& window, const AckSample& sample,
                  const PathView& path) noexcept {
  if (!may_grow(sample)) {
    return;
  }
  std::uint32_t bytes = sample.newly_acked;
  if (window.is_in_slow_start()) {
    bytes = window.grow_in_slow_start(bytes, path.mss, path.slow_start_segments);
  }
  avoid_congestion(window, bytes, path.mss);
}

void Reno::on_reduction(CongestionWindow& window, const PathView& path,
                        Reduction /*reason*/) noexcept {
  // RFC 5681 §3.1, equation 4. What was acknowledged before opens nothing behind it.
  window.set_ssthresh(std::max(bytes_under_way(window, path) / 2, 2 * path.mss));
  bytes_acked_ = 0;
}

void Reno::avoid_congestion(CongestionWindow& window, std::uint32_t bytes_acked,
                            std::uint32_t mss) noexcept {
  bytes_acked_ += std::min(bytes_acked, CongestionWindow::kMax);
  if (bytes_acked_ >= window.bytes()) {
    bytes_acked_ -= window.bytes();
    window.set(std::uint64_t{window.bytes()} + mss);
  }
}

}  // namespace millrace::tcp
