// Cubic: the congestion control of RFC 9438. After a loss the window comes back to where the loss
// was along a cubic function of time, stays there for a while, and then looks for more.
#pragma once

#include <cstdint>
#include <string_view>

#include "tcp/congestion_window.hpp"
#include "tcp/hystart.hpp"

namespace millrace::tcp {

/// W_cubic of RFC 9438 §4.2 in integers: times in units of 2^18 ns, sizes in bytes. The largest
/// cube, of 550 s, fits 64 bits, and what it gives fits no window, so nothing is lost by stopping
/// there. Integers give the same bits on every machine, which a simulation from one seed needs; a
/// difference to real numbers of a few millionths is that of the constant C.
struct CubicCurve {
  static constexpr unsigned kTickShift = 18;

  /// K: the time from `window` up to `w_max`, both in bytes, no more than `w_max`.
  [[nodiscard]] static std::uint32_t time_to(std::uint32_t w_max, std::uint32_t window,
                                             std::uint32_t mss) noexcept;
  /// C * (t - K)^3 + w_max, and never below zero or beyond any window.
  [[nodiscard]] static std::uint32_t at(std::uint64_t t, std::uint32_t k, std::uint32_t w_max,
                                        std::uint32_t mss) noexcept;
};

/// A controller as `Congestion` wants it. What belongs to a stage of congestion avoidance is worked
/// out when the stage begins, with its first ACK: until then what was before is still there for
/// `on_undo`.
class Cubic {
 public:
  static constexpr std::string_view kName = "cubic";

  Cubic() noexcept : hystart_{} {}

  void on_ack(CongestionWindow& window, const AckSample& sample, const PathView& path) noexcept;
  void on_reduction(CongestionWindow& window, const PathView& path, Reduction reason) noexcept;
  void on_undo(CongestionWindow& window, const PathView& path) noexcept;
  /// An idle time has ended (RFC 9438 §5.8).
  [[nodiscard]] bool hears_of_sent(std::uint32_t in_network) const noexcept {
    return is_running_ != 0 && in_network == 0;
  }
  void on_sent(CongestionWindow& window, const PathView& path, std::uint32_t bytes) noexcept;

  /// W_max of the stage of congestion avoidance, or of the last one; zero before the first.
  [[nodiscard]] std::uint32_t w_max() const noexcept { return is_staged_ ? stage_.w_max : 0; }
  /// K of it, in ticks.
  [[nodiscard]] std::uint32_t k() const noexcept { return k_; }

 private:
  struct Stage {
    std::uint32_t w_max = 0;
    std::uint32_t elapsed = 0;          // Ticks of it in which the window was in use: t.
    std::uint32_t seen = 0;             // The tick up to which they are counted.
    std::uint32_t w_est = 0;            // What Reno would have.
    std::uint16_t w_est_fraction = 0;   // Of an octet, in 1/65536.
    std::uint16_t window_fraction = 0;  // The same of the window.
  };

  void start_slowly(CongestionWindow& window, const AckSample& sample,
                    const PathView& path) noexcept;
  void begin_stage(const CongestionWindow& window, const PathView& path) noexcept;
  void grow(CongestionWindow& window, std::uint32_t bytes_acked, const PathView& path) noexcept;
  void grow_w_est(std::uint64_t share, std::uint32_t prior_window, std::uint32_t mss) noexcept;

  std::uint32_t k_ : 24 = 0;            // Ticks.
  std::uint32_t is_staged_ : 1 = 0;     // `stage_` is there, and `hystart_` is not.
  std::uint32_t is_running_ : 1 = 0;    // The stage goes on.
  std::uint32_t is_reduced_ : 1 = 0;    // A reduction has come since it began,
  std::uint32_t is_falling_ : 1 = 0;    // more than one,
  std::uint32_t is_timed_out_ : 1 = 0;  // the last one after a timeout.
  union {
    HyStart hystart_;
    Stage stage_;
  };
};
static_assert(sizeof(Cubic) == 24);

}  // namespace millrace::tcp
