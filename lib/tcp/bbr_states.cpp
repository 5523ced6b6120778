// The states of BBR: Startup and Drain (§5.3.1, §5.3.2), the cycle of ProbeBW (§5.3.3), ProbeRTT
// (§5.3.4).
#include <algorithm>

#include "tcp/bbr_model.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t kFullRounds = 3;         // §5.3.1.2.
constexpr std::uint8_t kStartupLossEvents = 6;  // §5.3.1.3.
constexpr std::uint32_t kDrainRounds = 3;       // §5.3.2.
constexpr std::uint32_t kRenoRounds = 63;       // §5.3.3.8.
constexpr std::uint8_t kUpRoundsMax = 30;
constexpr Duration kProbeWait = 2s;
constexpr Duration kProbeRttDuration = 200ms;

// BBR.LossThresh, 2 %. Who hears of one loss in a round trip at most takes that for many.
[[nodiscard]] bool is_too_much(const RateSample& rate, const PathView& path) noexcept {
  return std::uint64_t{rate.lost_meanwhile} * 50 > rate.in_network_then ||
         (rate.lost_meanwhile > 0 && !path.has_selective_acks);
}

}  // namespace

void BbrModel::reset_full_bandwidth(std::uint64_t baseline) noexcept {
  full_rate_ = baseline;
  full_count_ = 0;
  is_full_now_ = false;
}

void BbrModel::check_full_bandwidth(const Ack& ack) noexcept {
  // §5.3.1.2: three rounds of trying without a quarter more.
  if (is_full_now_ || !is_round_start_ || ack.is_limited) {
    return;
  }
  if (ack.rate >= full_rate_ + full_rate_ / 4) {
    reset_full_bandwidth(ack.rate);
    return;
  }
  is_full_now_ = ++full_count_ >= kFullRounds;
  is_full_reached_ = is_full_reached_ || is_full_now_;
}

void BbrModel::check_startup(const Ack& ack) noexcept {
  // §5.3.1.3: much is being lost, not by chance. Runs of lost segments are counted by the ACKs that
  // tell of them.
  if (state_ == BbrState::Startup && !is_full_reached_ && is_loss_round_start_ &&
      ack.sample.is_recovering &&
      (loss_events_ >= kStartupLossEvents || !ack.path.has_selective_acks) &&
      is_too_much(ack.sample.rate, ack.path)) {
    undo_ = Undo::Startup;
    is_full_reached_ = true;
    inflight_longterm_ = std::max(product(max_bandwidth_, 100), latest_delivered_);
  }
  if (is_loss_round_start_) {
    loss_events_ = 0;
  }
  if (state_ == BbrState::Startup && is_full_reached_) {
    enter_drain();
  }
}

void BbrModel::enter_drain() noexcept {
  state_ = BbrState::Drain;
  drain_began_ = round_count_;
}

void BbrModel::check_drain(const Ack& ack) noexcept {
  if (state_ == BbrState::Drain &&
      (ack.path.in_network <= with_quanta(product(bandwidth_, 100), ack.path.mss) ||
       round_count_ - drain_began_ > kDrainRounds)) {
    start_down(ack.path.now);
  }
}

void BbrModel::update_cycle(const Ack& ack) noexcept {
  if (is_full_reached_ && !adapt_longterm(ack) && is_in_cycle()) {
    advance_cycle(ack);
  }
}

void BbrModel::advance_cycle(const Ack& ack) noexcept {
  // §5.3.3.9.
  switch (state_) {
    case BbrState::Down:
      if (is_time_to_probe(ack)) {
        start_refill();
      } else if (is_time_to_cruise(ack)) {
        state_ = BbrState::Cruise;
      }
      break;
    case BbrState::Cruise:
      if (is_time_to_probe(ack)) {
        start_refill();
      }
      break;
    case BbrState::Refill:
      if (is_round_start_) {
        is_probe_sample_ = true;
        start_up(ack);
      }
      break;
    case BbrState::Up:
      if (is_time_to_go_down(ack)) {
        was_too_high_ = false;
        start_down(ack.path.now);
      }
      break;
    case BbrState::Startup:
    case BbrState::Drain:
    case BbrState::ProbeRtt: break;
  }
}

bool BbrModel::adapt_longterm(const Ack& ack) noexcept {
  if (ack_phase_ == AckPhase::Starting && is_round_start_) {
    ack_phase_ = AckPhase::Feedback;
  }
  if (ack_phase_ == AckPhase::Stopping && is_round_start_) {
    // All that a probe has sent is accounted for.
    is_probe_sample_ = false;
    ack_phase_ = AckPhase::Init;
    if (is_in_cycle() && !ack.is_limited) {
      advance_max_bandwidth();
    }
    if (is_in_cycle() && was_precautionary_ && !was_too_high_) {
      // §5.3.3.6: the cautious try went well, so the next one may stay.
      start_refill();
      return true;
    }
  }
  if (is_too_much(ack.sample.rate, ack.path)) {
    if (is_probe_sample_ && ack.sample.newly_lost > 0) {
      // Deviates from draft-ietf-ccwg-bbr-06 §5.5.10.2: what was in the network is what it was
      // when the newest segment that arrived had left, not the lost one, because segments that
      // count as lost are told of together. It is up to a window smaller where RACK waited long.
      const BbrState before = state_;
      on_too_much(ack.window, ack.sample.rate.in_network_then, ack.is_limited, ack.path.now);
      return state_ != before;
    }
    return false;
  }
  if (inflight_longterm_ == kUnbounded) {
    return false;
  }
  inflight_longterm_ = std::max(inflight_longterm_, ack.sample.rate.in_network_then);
  if (state_ == BbrState::Up) {
    raise_longterm(ack);
  }
  return false;
}

void BbrModel::raise_longterm(const Ack& ack) noexcept {
  // Slowly at first, then faster and faster.
  if (!ack.sample.is_window_limited || ack.window.bytes() < inflight_longterm_) {
    return;
  }
  up_acked_ += ack.sample.newly_delivered;
  if (up_acked_ >= up_acked_per_segment_) {
    const std::uint32_t segments = up_acked_ / up_acked_per_segment_;
    up_acked_ -= segments * up_acked_per_segment_;
    inflight_longterm_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(
        inflight_longterm_ + std::uint64_t{segments} * ack.path.mss, CongestionWindow::kMax));
  }
  if (is_round_start_) {
    raise_slope(ack);
  }
}

void BbrModel::raise_slope(const Ack& ack) noexcept {
  up_acked_per_segment_ = std::max(ack.window.bytes() >> up_rounds_, ack.path.mss);
  up_rounds_ = static_cast<std::uint8_t>(std::min<int>(up_rounds_ + 1, kUpRoundsMax));
}

void BbrModel::start_down(Instant now) noexcept {
  reset_congestion_signals();
  up_acked_per_segment_ = kUnbounded;
  // §5.3.3.8: by chance, so that flows do not probe in step.
  rounds_since_up_ = random(2);
  probe_wait_ = kProbeWait + std::chrono::microseconds{random(1'000'000)};
  cycle_began_ = now;
  ack_phase_ = AckPhase::Stopping;
  start_round();
  state_ = BbrState::Down;
}

void BbrModel::start_refill() noexcept {
  reset_shortterm();
  up_rounds_ = 0;
  up_acked_ = 0;
  was_precautionary_ = false;
  ack_phase_ = AckPhase::Refilling;
  start_round();
  state_ = BbrState::Refill;
}

void BbrModel::start_up(const Ack& ack) noexcept {
  ack_phase_ = AckPhase::Starting;
  start_round();
  reset_full_bandwidth(ack.rate);
  state_ = BbrState::Up;
  raise_slope(ack);
}

bool BbrModel::is_time_to_probe(const Ack& ack) const noexcept {
  if (ack.path.now > cycle_began_ + probe_wait_) {
    return true;
  }
  // §5.3.3.8.2: as often as Reno would lose something, in as many rounds as it has segments.
  return rounds_since_up_ >= kRenoRounds ||
         std::uint64_t{rounds_since_up_} * ack.path.mss >= target_in_network(ack.window);
}

bool BbrModel::is_time_to_cruise(const Ack& ack) const noexcept {
  return ack.path.in_network <= longterm_with_headroom(ack.path.mss) &&
         ack.path.in_network <= with_quanta(product(max_bandwidth_, 100), ack.path.mss);
}

bool BbrModel::is_time_to_go_down(const Ack& ack) noexcept {
  if (was_too_high_ && ack.path.in_network >= inflight_longterm_) {
    // §5.3.3.6: that much was too much the last time.
    was_precautionary_ = true;
    return true;
  }
  if (ack.sample.is_window_limited && ack.window.bytes() >= inflight_longterm_) {
    reset_full_bandwidth(ack.rate);
    return false;
  }
  return is_full_now_;
}

bool BbrModel::is_in_cycle() const noexcept {
  return state_ == BbrState::Down || state_ == BbrState::Cruise || state_ == BbrState::Refill ||
         state_ == BbrState::Up;
}

bool BbrModel::is_probing() const noexcept {
  return state_ == BbrState::Startup || state_ == BbrState::Refill || state_ == BbrState::Up;
}

void BbrModel::on_too_much(const CongestionWindow& window, std::uint32_t in_network,
                           bool is_limited, Instant now) noexcept {
  was_too_high_ = true;
  is_probe_sample_ = false;
  if (!is_limited) {
    const auto floor =
        static_cast<std::uint32_t>(std::uint64_t{target_in_network(window)} * 7 / 10);
    inflight_longterm_ = std::max(in_network, floor);
  }
  if (state_ == BbrState::Up) {
    undo_ = Undo::Up;
    start_down(now);
  }
}

void BbrModel::check_probe_rtt(const Ack& ack) noexcept {
  if (state_ != BbrState::ProbeRtt && is_probe_rtt_expired_ && !is_idle_restart_) {
    save_window(ack.window);
    state_ = BbrState::ProbeRtt;
    is_waiting_in_probe_rtt_ = false;
    ack_phase_ = AckPhase::Stopping;
    start_round();
  }
  if (state_ == BbrState::ProbeRtt) {
    handle_probe_rtt(ack);
  }
  if (ack.delivered > 0) {
    is_idle_restart_ = false;
  }
}

void BbrModel::handle_probe_rtt(const Ack& ack) noexcept {
  // §5.3.4.3: what is sent now says nothing of the rate.
  limited_until_ = delivered_ + ack.path.in_network;
  if (!is_waiting_in_probe_rtt_) {
    if (ack.path.in_network <= probe_rtt_window(ack.path.mss)) {
      is_waiting_in_probe_rtt_ = true;
      probe_rtt_done_at_ = ack.path.now + kProbeRttDuration;
      is_probe_rtt_round_done_ = false;
      start_round();
    }
    return;
  }
  is_probe_rtt_round_done_ = is_probe_rtt_round_done_ || is_round_start_;
  if (is_probe_rtt_round_done_) {
    check_probe_rtt_done(ack.window, ack.path.now);
  }
}

void BbrModel::check_probe_rtt_done(CongestionWindow& window, Instant now) noexcept {
  if (!is_waiting_in_probe_rtt_ || now <= probe_rtt_done_at_) {
    return;
  }
  probe_rtt_min_at_ = now;
  restore_window(window);
  // §5.3.4.4.
  reset_shortterm();
  if (is_full_reached_) {
    start_down(now);
    state_ = BbrState::Cruise;
  } else {
    state_ = BbrState::Startup;
  }
}

std::uint32_t BbrModel::random(std::uint32_t n) noexcept {
  // Marsaglia's xorshift: what it decides is nobody's secret.
  random_state_ ^= random_state_ << 13U;
  random_state_ ^= random_state_ >> 17U;
  random_state_ ^= random_state_ << 5U;
  return static_cast<std::uint32_t>((std::uint64_t{random_state_} * n) >> 32U);
}

}  // namespace millrace::tcp
