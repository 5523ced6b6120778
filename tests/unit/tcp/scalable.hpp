// Scalable: a controller that is not in the list, as docs/congestion.md explains one: a hundredth
// of what is acknowledged is added, an eighth of the window goes at each sign of congestion.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "tcp/congestion_window.hpp"

namespace millrace::tcp {

class Scalable {
 public:
  static constexpr std::string_view kName = "scalable";

  /// Every ACK that delivers something or tells of a loss, also in a recovery.
  void on_ack(CongestionWindow& window, const AckSample& sample, const PathView& path) noexcept {
    if (!may_grow(sample)) {
      return;
    }
    std::uint32_t bytes = sample.newly_acked;
    if (window.is_in_slow_start()) {
      bytes = window.grow_in_slow_start(bytes, path.mss, path.slow_start_segments);
    }
    hundredths_ += bytes;
    window.set(std::uint64_t{window.bytes()} + hundredths_ / 100);
    hundredths_ %= 100;
  }

  /// A loss, a mark or a timeout: the threshold falls, and the window follows it by itself.
  void on_reduction(CongestionWindow& window, const PathView& path, Reduction /*reason*/) noexcept {
    const std::uint32_t left = bytes_under_way(window, path) / 8 * 7;
    window.set_ssthresh(std::max(left, 2 * path.mss));
  }

 private:
  std::uint32_t hundredths_ = 0;  // Acknowledged and not yet counted.
};

}  // namespace millrace::tcp
