#include "tcp/cubic.hpp"

#include <algorithm>
#include <memory>
#include <tuple>

namespace millrace::tcp {

namespace {

constexpr std::uint32_t kTicksMax = 1U << 21U;

// C is 0.4 segments per cubic second (RFC 9438 §5.1), so 7.20576e-12 per cubic tick. One is what a
// cubic tick gives, in 2^-53 segments; the other how many cubic ticks 1/1024 of a segment takes.
constexpr std::uint64_t kSegmentsPerCube = 64'904;
constexpr std::uint64_t kCubesPerSegment = 135'525'272;

[[nodiscard]] std::uint32_t tick(Instant now) noexcept {
  // Wraps after 13 days; differences are of ACKs of one flight.
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(now.time_since_epoch().count()) >>
                                    CubicCurve::kTickShift);
}

// The largest number whose cube is at most `value`, a bit of it a step.
[[nodiscard]] std::uint32_t cube_root(std::uint64_t value) noexcept {
  std::uint64_t root = 0;
  for (unsigned shift = 66; shift > 0;) {
    shift -= 3;
    root *= 2;
    const std::uint64_t step = 3 * root * (root + 1) + 1;
    if ((value >> shift) >= step) {
      value -= step << shift;
      ++root;
    }
  }
  return static_cast<std::uint32_t>(root);
}

[[nodiscard]] std::uint32_t seventy_percent(std::uint32_t bytes) noexcept {
  return static_cast<std::uint32_t>(std::uint64_t{bytes} * 7 / 10);
}

}  // namespace

std::uint32_t CubicCurve::time_to(std::uint32_t w_max, std::uint32_t window,
                                  std::uint32_t mss) noexcept {
  constexpr std::uint64_t kSegmentsMax = 1ULL << 26U;
  const std::uint64_t segments_1024 =
      std::min((std::uint64_t{w_max - window} << 10U) / mss, kSegmentsMax << 10U);
  return cube_root(segments_1024 * kCubesPerSegment);
}

std::uint32_t CubicCurve::at(std::uint64_t t, std::uint32_t k, std::uint32_t w_max,
                             std::uint32_t mss) noexcept {
  const bool is_concave = t < k;
  const std::uint64_t distance = std::min<std::uint64_t>(is_concave ? k - t : t - k, kTicksMax);
  const std::uint64_t cube = distance * distance * distance;
  const std::uint64_t segments_1024 = ((cube >> 16U) * kSegmentsPerCube) >> 27U;
  const std::uint64_t bytes = (segments_1024 * mss) >> 10U;
  if (is_concave) {
    return bytes < w_max ? w_max - static_cast<std::uint32_t>(bytes) : 0;
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(w_max + bytes, CongestionWindow::kMax));
}

void Cubic::on_ack(CongestionWindow& window, const AckSample& sample,
                   const PathView& path) noexcept {
  if (window.is_in_slow_start()) {
    start_slowly(window, sample, path);
    return;
  }
  if (may_grow(sample)) {
    if (is_running_ == 0) {
      begin_stage(window, path);
    }
    grow(window, sample.newly_acked, path);
  } else if (is_running_ != 0 && !sample.is_window_limited) {
    // RFC 9438 §5.8: such a time does not count.
    stage_.seen = tick(path.now);
  }
}

void Cubic::start_slowly(CongestionWindow& window, const AckSample& sample,
                         const PathView& path) noexcept {
  std::uint32_t divisor = 1;
  if (window.is_first_slow_start()) {
    if (is_staged_ != 0) {
      is_staged_ = is_running_ = 0;
      std::construct_at(&hystart_);
    }
    if (!sample.is_recovering && hystart_.on_ack(sample, path)) {
      // RFC 9438 §4.10: the window becomes the plateau from which congestion avoidance looks on.
      window.set_ssthresh(window.bytes());
      return;
    }
    divisor = hystart_.growth_divisor();
  } else if (is_running_ != 0) {
    stage_.seen = tick(path.now);
  }
  if (may_grow(sample)) {
    const std::uint32_t most =
        path.slow_start_segments == 0
            ? sample.newly_acked
            : std::max(path.slow_start_segments, HyStart::kSegmentsPerAck) * path.mss;
    std::ignore =
        window.grow_in_slow_start(std::min(sample.newly_acked, most) / divisor, path.mss, 0);
  }
}

void Cubic::on_reduction(CongestionWindow& window, const PathView& path,
                         Reduction reason) noexcept {
  const std::uint32_t left = seventy_percent(bytes_under_way(window, path));
  // RFC 9438 §4.6: the threshold is at least two segments; the window falls to one when routers
  // ask for it.
  window.set_ssthresh(std::max(left, 2 * path.mss));
  if (reason == Reduction::Echo) {
    window.set(std::max(left, path.mss));
  }
  is_falling_ = is_reduced_;
  is_reduced_ = 1;
  is_running_ = 0;
  is_timed_out_ = reason == Reduction::Timeout ? 1 : 0;
}

void Cubic::on_undo(CongestionWindow& /*window*/, const PathView& /*path*/) noexcept {
  if (is_falling_ != 0) {
    // The reduction before it still counts.
    is_falling_ = is_timed_out_ = 0;
  } else if (is_reduced_ != 0) {
    // RFC 9438 §4.9: the stage goes on as if nothing had been, its clock too.
    is_reduced_ = is_timed_out_ = 0;
    is_running_ = is_staged_;
  } else {
    // Deviates from RFC 9438 §4.9.2: a stage that has begun since is not exchanged for the one
    // before, because nothing of that is kept: twenty bytes of every connection for a rare late
    // word. The next begins at the window, which is its plateau.
    is_running_ = 0;
  }
}

void Cubic::on_sent(CongestionWindow& /*window*/, const PathView& path,
                    std::uint32_t /*bytes*/) noexcept {
  if (hears_of_sent(path.in_network)) {
    // RFC 9438 §5.8: nor does an idle time count.
    stage_.seen = tick(path.now);
  }
}

void Cubic::begin_stage(const CongestionWindow& window, const PathView& path) noexcept {
  const std::uint32_t old_w_max = w_max();
  const std::uint32_t prior = window.prior_bytes();
  Stage stage;
  stage.w_max = window.bytes();
  stage.w_est = window.bytes();
  stage.seen = tick(path.now);
  k_ = 0;
  // RFC 9438 §4.8 and §4.10: behind a timeout, and where slow start ended without a loss, the
  // window is the plateau.
  if (is_reduced_ != 0 && is_timed_out_ == 0) {
    // RFC 9438 §4.7: fast convergence. Of two reductions without growth between the second always
    // meets less than the first.
    const bool gives_way = is_falling_ != 0 || prior < old_w_max;
    const std::uint32_t w_max =
        gives_way ? static_cast<std::uint32_t>(std::uint64_t{prior} * 17 / 20) : prior;
    if (w_max > window.bytes()) {
      stage.w_max = w_max;
      k_ = CubicCurve::time_to(w_max, window.bytes(), path.mss) & 0xff'ffffU;
    }
  }
  std::construct_at(&stage_, stage);
  is_staged_ = is_running_ = 1;
  is_reduced_ = is_falling_ = is_timed_out_ = 0;
}

void Cubic::grow(CongestionWindow& window, std::uint32_t bytes_acked,
                 const PathView& path) noexcept {
  const std::uint32_t now = tick(path.now);
  stage_.elapsed = std::min(stage_.elapsed + std::min(now - stage_.seen, kTicksMax), 4 * kTicksMax);
  stage_.seen = now;
  const std::uint32_t cwnd = window.bytes();
  // What part of a window was acknowledged, in 2^-32.
  const std::uint64_t share = (std::uint64_t{std::min(bytes_acked, cwnd)} << 32U) / cwnd;
  grow_w_est(share, window.prior_bytes(), path.mss);
  if (CubicCurve::at(stage_.elapsed, k_, stage_.w_max, path.mss) < stage_.w_est) {
    // RFC 9438 §4.3: where Reno would have more, so have we.
    window.set(std::max(cwnd, stage_.w_est));
    return;
  }
  // RFC 9438 §4.2, §4.4 and §4.5: toward where the curve will be in a round trip, and never by more
  // than half of the window in it.
  const auto round_trip = static_cast<std::uint64_t>(path.srtt.count()) >> CubicCurve::kTickShift;
  const std::uint32_t target =
      std::clamp(CubicCurve::at(stage_.elapsed + round_trip, k_, stage_.w_max, path.mss), cwnd,
                 cwnd + cwnd / 2);
  const std::uint64_t growth =
      ((std::uint64_t{target - cwnd} * share) >> 16U) + stage_.window_fraction;
  stage_.window_fraction = static_cast<std::uint16_t>(growth);
  window.set(cwnd + (growth >> 16U));
}

void Cubic::grow_w_est(std::uint64_t share, std::uint32_t prior_window,
                       std::uint32_t mss) noexcept {
  // RFC 9438 §4.3: alpha is 9/17 until Reno would have reached the window before the reduction.
  const std::uint64_t whole = (mss * share) >> 16U;
  const std::uint64_t growth =
      (stage_.w_est >= prior_window ? whole : whole * 9 / 17) + stage_.w_est_fraction;
  stage_.w_est_fraction = static_cast<std::uint16_t>(growth);
  stage_.w_est = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(stage_.w_est + (growth >> 16U), CongestionWindow::kMax));
}

}  // namespace millrace::tcp
