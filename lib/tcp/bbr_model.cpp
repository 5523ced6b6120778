#include "tcp/bbr_model.hpp"

#include <algorithm>

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr Duration kMinRttFilter = 10s;          // §2.16.1.
constexpr Duration kProbeRttInterval = 5s;       // §2.16.2.
constexpr std::uint32_t kExtraAckedRounds = 10;  // §2.12.
// No link is faster; so that products with times fit 64 bits.
constexpr std::uint64_t kRateMax = 1ULL << 36U;

// BBR.Beta, §2.8.
[[nodiscard]] std::uint64_t seventy_percent(std::uint64_t value) noexcept {
  return value / 10 * 7 + value % 10 * 7 / 10;
}

[[nodiscard]] std::uint32_t bounded(std::uint64_t bytes) noexcept {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, CongestionWindow::kMax));
}

}  // namespace

BbrModel::BbrModel(std::uint32_t initial_window, std::uint32_t seed) noexcept
    : initial_window_{initial_window}, random_state_{seed | 1U} {
  set_initial_rate(Duration::zero());
}

void BbrModel::begin(const PathView& path) noexcept {
  // §5.2.1, with the first event that knows the time.
  if (!is_begun_) {
    is_begun_ = true;
    min_rtt_at_ = path.now;
    probe_rtt_min_at_ = path.now;
    aggregation_began_ = path.now;
  }
  if (!has_seen_rtt_ && path.srtt > Duration::zero()) {
    has_seen_rtt_ = true;
    min_rtt_ = path.srtt;
    set_initial_rate(path.srtt);
  }
}

BbrModel::Ack BbrModel::read(CongestionWindow& window, const AckSample& sample,
                             const PathView& path) noexcept {
  const RateSample& rate = sample.rate;
  if (rate.delivered < delivered_) {
    // A connection's total wraps around, after 2^48 octets or 2^32 idle times.
    next_round_delivered_ = loss_round_delivered_ = limited_until_ = 0;
  }
  delivered_ = rate.delivered;
  return {.window = window,
          .sample = sample,
          .path = path,
          .rate = std::min(rate.bytes_per_second(), kRateMax),
          .delivered = bounded(rate.interval > Duration::zero() ? rate.delivered_meanwhile() : 0),
          .is_limited = rate.is_application_limited || rate.prior_delivered < limited_until_};
}

void BbrModel::on_ack(CongestionWindow& window, const AckSample& sample,
                      const PathView& path) noexcept {
  begin(path);
  if (is_recovering_ && !sample.is_recovering && path.snd_una.is_at_or_after(recovery_end_)) {
    on_recovery_end(window);
  }
  const Ack ack = read(window, sample, path);
  if (sample.newly_lost > 0) {
    // §5.2.4: losses before the ACK that tells of them, so that a round of losses begins with it.
    loss_events_ = static_cast<std::uint8_t>(std::min(loss_events_ + 1, 255));
    note_loss(window);
  }
  // §5.2.3: the model first, then what the states make of it, then the controls.
  update_latest_delivery(ack);
  update_congestion(ack);
  update_aggregation(ack);
  check_full_bandwidth(ack);
  check_startup(ack);
  check_drain(ack);
  update_cycle(ack);
  update_min_rtt(ack);
  check_probe_rtt(ack);
  advance_latest_delivery(ack);
  bandwidth_ = std::min(max_bandwidth_, shortterm_rate_);
  set_rate(pacing_gain());
  set_window(ack);
}

void BbrModel::update_latest_delivery(const Ack& ack) noexcept {
  is_loss_round_start_ = false;
  latest_rate_ = std::max(latest_rate_, ack.rate);
  latest_delivered_ = std::max(latest_delivered_, ack.delivered);
  if (ack.delivered > 0 && ack.sample.rate.prior_delivered >= loss_round_delivered_) {
    loss_round_delivered_ = delivered_;
    is_loss_round_start_ = true;
  }
}

void BbrModel::advance_latest_delivery(const Ack& ack) noexcept {
  if (is_loss_round_start_) {
    latest_rate_ = ack.rate;
    latest_delivered_ = ack.delivered;
  }
}

void BbrModel::update_congestion(const Ack& ack) noexcept {
  update_max_bandwidth(ack);
  if (!is_loss_round_start_) {
    return;
  }
  // §5.5.10.3: once a round, and not while more is being tried.
  if (is_loss_in_round_ && !is_probing()) {
    adapt_lower_bounds(ack.window);
  }
  is_loss_in_round_ = false;
}

void BbrModel::update_round(const Ack& ack) noexcept {
  // §5.5.1: a round ends when something arrives that left after it began.
  is_round_start_ = ack.delivered > 0 && ack.sample.rate.prior_delivered >= next_round_delivered_;
  if (is_round_start_) {
    start_round();
    ++round_count_;
    ++rounds_since_up_;
  }
}

void BbrModel::update_max_bandwidth(const Ack& ack) noexcept {
  update_round(ack);
  // §5.5.5: what the application held back counts only where it is more.
  if (ack.rate > 0 && (ack.rate >= max_bandwidth_ || !ack.is_limited)) {
    best_rates_[1] = std::max(best_rates_[1], ack.rate);
    max_bandwidth_ = std::max(best_rates_[0], best_rates_[1]);
  }
}

void BbrModel::advance_max_bandwidth() noexcept {
  // §5.5.6: of the last cycle and this one. A cycle without a sample is none.
  if (best_rates_[1] != 0) {
    best_rates_ = {best_rates_[1], 0};
    max_bandwidth_ = best_rates_[0];
  }
}

void BbrModel::adapt_lower_bounds(const CongestionWindow& window) noexcept {
  if (shortterm_rate_ == kNoRate) {
    shortterm_rate_ = max_bandwidth_;
  }
  if (inflight_shortterm_ == kUnbounded) {
    inflight_shortterm_ = window.bytes();
  }
  shortterm_rate_ = std::max(latest_rate_, seventy_percent(shortterm_rate_));
  inflight_shortterm_ =
      std::max(latest_delivered_, static_cast<std::uint32_t>(seventy_percent(inflight_shortterm_)));
}

void BbrModel::update_aggregation(const Ack& ack) noexcept {
  // §5.5.9: what arrives in one go beyond what the rate explains.
  const auto microseconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(ack.path.now - aggregation_began_)
          .count());
  constexpr std::uint64_t kLongest = 1ULL << 27U;  // 134 s.
  std::uint64_t expected = bandwidth_ * std::min(microseconds, kLongest) / 1'000'000;
  if (aggregated_ <= expected) {
    aggregated_ = 0;
    aggregation_began_ = ack.path.now;
    expected = 0;
  }
  aggregated_ += ack.sample.newly_delivered;
  const std::uint64_t extra = std::min<std::uint64_t>(aggregated_ - expected, ack.window.bytes());
  extra_acked_.add(static_cast<std::uint32_t>(extra), round_count_,
                   is_full_reached_ ? kExtraAckedRounds : 1);
}

void BbrModel::update_min_rtt(const Ack& ack) noexcept {
  // §5.3.4.3.
  const Instant now = ack.path.now;
  is_probe_rtt_expired_ = now > probe_rtt_min_at_ + kProbeRttInterval;
  if (ack.sample.rtt && (*ack.sample.rtt < probe_rtt_min_ || is_probe_rtt_expired_)) {
    probe_rtt_min_ = std::max(*ack.sample.rtt, Duration{1'000});
    probe_rtt_min_at_ = now;
  }
  if (probe_rtt_min_ < min_rtt_ || now > min_rtt_at_ + kMinRttFilter) {
    min_rtt_ = probe_rtt_min_;
    min_rtt_at_ = probe_rtt_min_at_;
  }
}

void BbrModel::note_loss(const CongestionWindow& window) noexcept {
  if (!is_loss_in_round_) {
    loss_round_delivered_ = delivered_;
    save_upon_loss(window);
  }
  is_loss_in_round_ = true;
}

void BbrModel::on_reduction(CongestionWindow& window, const PathView& path,
                            Reduction reason) noexcept {
  begin(path);
  if (reason == Reduction::Echo) {
    // The draft does not speak of marks; RFC 3168 §6.1.2 wants them met as a loss.
    note_loss(window);
    return;
  }
  // §5.6.4.4.
  save_upon_loss(window);
  is_recovering_ = true;
  recovery_end_ = path.snd_nxt;
  if (reason == Reduction::Timeout) {
    // One segment may leave, whatever still is in the network.
    window.set(path.mss);
  }
}

void BbrModel::on_recovery_end(CongestionWindow& window) noexcept {
  is_recovering_ = false;
  restore_window(window);
}

void BbrModel::on_undo(CongestionWindow& window) noexcept {
  // §5.5.11.2.
  is_recovering_ = false;
  restore_window(window);
  is_loss_in_round_ = false;
  reset_full_bandwidth(0);
  shortterm_rate_ = std::max(shortterm_rate_, undo_shortterm_rate_);
  inflight_shortterm_ = std::max(inflight_shortterm_, undo_shortterm_);
  inflight_longterm_ = std::max(inflight_longterm_, undo_longterm_);
  if (undo_ == Undo::Startup && state_ != BbrState::Startup) {
    is_full_reached_ = false;
    if (state_ != BbrState::ProbeRtt) {
      state_ = BbrState::Startup;
    }
  } else if (undo_ == Undo::Up && state_ != BbrState::Up && state_ != BbrState::ProbeRtt) {
    start_refill();
  }
  undo_ = Undo::Nothing;
}

void BbrModel::on_sent(CongestionWindow& window, const PathView& path) noexcept {
  begin(path);
  if (path.in_network != 0) {
    return;
  }
  // §5.4.1: back from idle, at exactly the rate of the path.
  is_idle_restart_ = true;
  aggregation_began_ = path.now;
  aggregated_ = 0;
  if (is_in_cycle()) {
    set_rate(100);
  } else if (state_ == BbrState::ProbeRtt) {
    check_probe_rtt_done(window, path.now);
  }
}

void BbrModel::save_upon_loss(const CongestionWindow& window) noexcept {
  // §5.5.11.1.
  save_window(window);
  undo_ = Undo::Nothing;
  undo_shortterm_rate_ = shortterm_rate_;
  undo_shortterm_ = inflight_shortterm_;
  undo_longterm_ = inflight_longterm_;
}

void BbrModel::save_window(const CongestionWindow& window) noexcept {
  const bool is_usual = !is_recovering_ && state_ != BbrState::ProbeRtt;
  prior_window_ = is_usual ? window.bytes() : std::max(prior_window_, window.bytes());
}

void BbrModel::restore_window(CongestionWindow& window) const noexcept {
  window.set(std::max(window.bytes(), prior_window_));
}

void BbrModel::reset_congestion_signals() noexcept {
  is_loss_in_round_ = false;
  latest_rate_ = 0;
  latest_delivered_ = 0;
}

void BbrModel::reset_shortterm() noexcept {
  shortterm_rate_ = kNoRate;
  inflight_shortterm_ = kUnbounded;
}

}  // namespace millrace::tcp
