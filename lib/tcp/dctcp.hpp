// Dctcp: congestion control for data centers (RFC 8257). The window falls by as much as the share
// of octets that were marked says. It wants marks echoed exactly, which `Ecn` does where it is told
// to, and behaves as Reno where nothing is marked or something is lost.
#pragma once

#include <cstdint>
#include <string_view>

#include <millrace/tcp_info.hpp>

#include "tcp/congestion_window.hpp"
#include "tcp/reno.hpp"

namespace millrace::tcp {

/// A controller as `Congestion` wants it.
class Dctcp {
 public:
  static constexpr std::string_view kName = "dctcp";
  static constexpr bool kNeedsExactEcn = true;
  /// DCTCP.Alpha is counted in parts of this.
  static constexpr std::uint32_t kOne = 1U << 20U;

  void on_ack(CongestionWindow& window, const AckSample& sample, const PathView& path) noexcept;
  void on_reduction(CongestionWindow& window, const PathView& path, Reduction reason) noexcept;

  void describe(TcpCongestionInfo& info) const noexcept {
    info.alpha_per_1024 = alpha_ / (kOne / 1024);
    info.bytes_acked = bytes_acked_;
    info.bytes_marked = bytes_marked_;
  }
  /// The moving average of the share of octets that were marked.
  [[nodiscard]] std::uint32_t alpha() const noexcept { return alpha_; }
  /// In this window of data so far: octets acknowledged, and those acknowledged with ECE.
  [[nodiscard]] std::uint32_t bytes_acked() const noexcept { return bytes_acked_; }
  [[nodiscard]] std::uint32_t bytes_marked() const noexcept { return bytes_marked_; }

 private:
  void update_alpha() noexcept;

  Reno reno_;
  std::uint32_t alpha_ : 31 = kOne;   // RFC 8257 §4.2: careful at first.
  std::uint32_t is_started_ : 1 = 0;  // `window_end_` says something.
  std::uint32_t bytes_acked_ = 0;     // DCTCP.BytesAcked.
  std::uint32_t bytes_marked_ = 0;    // DCTCP.BytesMarked.
  SeqNum window_end_{0};              // DCTCP.WindowEnd.
};
static_assert(sizeof(Dctcp) == 20);

}  // namespace millrace::tcp
