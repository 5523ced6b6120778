// What BBR does with its model: the rate and the window (§5.6).
#include <algorithm>

#include "tcp/bbr_model.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kStartupPacingGain = 277;
constexpr std::uint32_t kPacingMargin = 99;  // One percent below.
constexpr std::uint32_t kPipeSegmentsMin = 4;
constexpr std::uint64_t kQuantumMax = 65'536;

[[nodiscard]] std::uint64_t percent(std::uint64_t value, std::uint32_t share) noexcept {
  return value * share / 100;
}

}  // namespace

std::uint32_t BbrModel::pacing_gain() const noexcept {
  switch (state_) {
    case BbrState::Startup: return kStartupPacingGain;
    case BbrState::Drain: return 50;
    case BbrState::Down: return 90;
    case BbrState::Up: return 125;
    case BbrState::Cruise:
    case BbrState::Refill:
    case BbrState::ProbeRtt: break;
  }
  return 100;
}

std::uint32_t BbrModel::window_gain() const noexcept {
  switch (state_) {
    case BbrState::Up: return 225;
    case BbrState::ProbeRtt: return 50;
    case BbrState::Startup:
    case BbrState::Drain:
    case BbrState::Down:
    case BbrState::Cruise:
    case BbrState::Refill: break;
  }
  return 200;
}

void BbrModel::set_initial_rate(Duration round_trip) noexcept {
  // §5.6.2: the initial window in a round trip, or in a millisecond while that is unknown.
  const Duration span =
      std::clamp<Duration>(round_trip == Duration::zero() ? 1ms : round_trip, 1us, 60s);
  const auto nanoseconds = static_cast<std::uint64_t>(span.count());
  pacing_rate_ =
      percent(std::uint64_t{initial_window_} * 1'000'000'000 / nanoseconds, kStartupPacingGain);
}

void BbrModel::set_rate(std::uint32_t gain) noexcept {
  const std::uint64_t rate = percent(percent(bandwidth_, gain), kPacingMargin);
  if (rate > 0 && (is_full_reached_ || rate > pacing_rate_)) {
    pacing_rate_ = rate;
  }
}

void BbrModel::set_window(const Ack& ack) noexcept {
  // §5.6.4.2 and §5.6.4.6.
  const std::uint32_t most = with_quanta(
      std::uint64_t{product(bandwidth_, window_gain())} + extra_acked_.get(), ack.path.mss);
  CongestionWindow& window = ack.window;
  const std::uint64_t grown = std::uint64_t{window.bytes()} + ack.sample.newly_delivered;
  if (is_full_reached_) {
    window.set(std::min<std::uint64_t>(grown, most));
  } else if (window.bytes() < most || delivered_ < initial_window_) {
    window.set(grown);
  }
  window.set(std::max(window.bytes(), kPipeSegmentsMin * ack.path.mss));
  bound_window(ack);
}

void BbrModel::bound_window(const Ack& ack) const noexcept {
  CongestionWindow& window = ack.window;
  if (state_ == BbrState::ProbeRtt) {
    window.set(std::min(window.bytes(), probe_rtt_window(ack.path.mss)));
  }
  // §5.6.4.7.
  std::uint32_t cap = kUnbounded;
  if (state_ == BbrState::Cruise || state_ == BbrState::ProbeRtt) {
    cap = longterm_with_headroom(ack.path.mss);
  } else if (is_in_cycle()) {
    cap = inflight_longterm_;
  }
  cap = std::max(std::min(cap, inflight_shortterm_), kPipeSegmentsMin * ack.path.mss);
  window.set(std::min(window.bytes(), cap));
}

std::uint32_t BbrModel::product(std::uint64_t rate, std::uint32_t gain) const noexcept {
  if (min_rtt_ == kNoRtt) {
    return initial_window_;
  }
  constexpr std::int64_t kLongestUs = 1LL << 27U;
  const auto microseconds = static_cast<std::uint64_t>(std::min(
      std::chrono::duration_cast<std::chrono::microseconds>(min_rtt_).count(), kLongestUs));
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(
      percent(rate * microseconds / 1'000'000, gain), CongestionWindow::kMax));
}

std::uint32_t BbrModel::with_quanta(std::uint64_t bytes, std::uint32_t mss) const noexcept {
  // §5.6.3 and §5.5.8.1: what waits at both ends because it is handled in one go.
  const std::uint64_t quantum =
      std::max(std::min(pacing_rate_ / 1'000, kQuantumMax), std::uint64_t{2} * mss);
  const std::uint64_t most = std::max({bytes, 3 * quantum, std::uint64_t{kPipeSegmentsMin} * mss}) +
                             (state_ == BbrState::Up ? 2ULL * mss : 0);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(most, CongestionWindow::kMax));
}

std::uint32_t BbrModel::target_in_network(const CongestionWindow& window) const noexcept {
  return std::min(product(bandwidth_, 100), window.bytes());
}

std::uint32_t BbrModel::longterm_with_headroom(std::uint32_t mss) const noexcept {
  if (inflight_longterm_ == kUnbounded) {
    return kUnbounded;
  }
  // BBR.Headroom: 15 % is left to others.
  const auto headroom = static_cast<std::uint32_t>(
      std::max<std::uint64_t>(mss, std::uint64_t{inflight_longterm_} * 15 / 100));
  return std::max(inflight_longterm_ - std::min(inflight_longterm_, headroom),
                  kPipeSegmentsMin * mss);
}

std::uint32_t BbrModel::probe_rtt_window(std::uint32_t mss) const noexcept {
  return std::max(product(bandwidth_, 50), kPipeSegmentsMin * mss);
}

}  // namespace millrace::tcp
