// Reno: the standard's congestion control (RFC 5681): one segment more for each round trip, half of
// what was under way at each sign of congestion.
#pragma once

#include <cstdint>
#include <string_view>

#include "tcp/congestion_window.hpp"

namespace millrace::tcp {

/// A controller as `Congestion` wants it; see docs/congestion.md.
class Reno {
 public:
  static constexpr std::string_view kName = "reno";

  void on_ack(CongestionWindow& window, const AckSample& sample, const PathView& path) noexcept;
  void on_reduction(CongestionWindow& window, const PathView& path, Reduction reason) noexcept;

  /// RFC 5681 §3.1: one segment for each window's worth of acknowledged octets.
  void avoid_congestion(CongestionWindow& window, std::uint32_t bytes_acked,
                        std::uint32_t mss) noexcept;

 private:
  std::uint32_t bytes_acked_ = 0;  // Toward the next segment.
};

}  // namespace millrace::tcp
