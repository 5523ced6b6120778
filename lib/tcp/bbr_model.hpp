// BbrModel: BBR version 3 (draft-ietf-ccwg-bbr-06): a model of the path, made of how fast data
// arrives and how short a round trip can be, and a machine of states that tries now and then
// whether more fits. It sets both the window and the rate of sending. Section numbers are the
// draft's.
//
//   bbr_model.cpp    events, and what they say of the path
//   bbr_states.cpp   Startup, Drain, ProbeBW, ProbeRTT
//   bbr_control.cpp  the rate and the window that follow
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "tcp/congestion_window.hpp"
#include "tcp/windowed_max.hpp"

namespace millrace::tcp {

enum class BbrState : std::uint8_t { Startup, Drain, Down, Cruise, Refill, Up, ProbeRtt };

/// Rates are octets a second, volumes bytes of payload. Too large for a control block: it comes
/// from a pool.
class BbrModel {
 public:
  static constexpr std::uint32_t kUnbounded = std::numeric_limits<std::uint32_t>::max();

  BbrModel(std::uint32_t initial_window, std::uint32_t seed) noexcept;

  void on_ack(CongestionWindow& window, const AckSample& sample, const PathView& path) noexcept;
  void on_reduction(CongestionWindow& window, const PathView& path, Reduction reason) noexcept;
  void on_recovery_end(CongestionWindow& window) noexcept;
  void on_undo(CongestionWindow& window) noexcept;
  void on_sent(CongestionWindow& window, const PathView& path) noexcept;

  [[nodiscard]] std::uint64_t pacing_rate() const noexcept { return pacing_rate_; }
  [[nodiscard]] BbrState state() const noexcept { return state_; }
  [[nodiscard]] std::uint64_t bandwidth() const noexcept { return bandwidth_; }
  [[nodiscard]] std::uint64_t max_bandwidth() const noexcept { return max_bandwidth_; }
  /// Zero while unknown.
  [[nodiscard]] Duration min_rtt() const noexcept {
    return min_rtt_ == kNoRtt ? Duration::zero() : min_rtt_;
  }
  /// In percent.
  [[nodiscard]] std::uint32_t pacing_gain() const noexcept;
  [[nodiscard]] std::uint32_t window_gain() const noexcept;
  [[nodiscard]] std::uint32_t inflight_longterm() const noexcept { return inflight_longterm_; }
  [[nodiscard]] std::uint32_t inflight_shortterm() const noexcept { return inflight_shortterm_; }
  [[nodiscard]] std::uint32_t extra_acked() const noexcept { return extra_acked_.get(); }
  [[nodiscard]] bool is_full_bandwidth_reached() const noexcept { return is_full_reached_; }

 private:
  static constexpr Duration kNoRtt = Duration::max();
  static constexpr std::uint64_t kNoRate = std::numeric_limits<std::uint64_t>::max();

  enum class AckPhase : std::uint8_t { Init, Refilling, Starting, Feedback, Stopping };
  enum class Undo : std::uint8_t { Nothing, Startup, Up };

  /// What the steps of one ACK look at.
  struct Ack {
    CongestionWindow& window;
    const AckSample& sample;
    const PathView& path;
    std::uint64_t rate;  ///< RS.delivery_rate; zero without a sample.
    std::uint32_t delivered;
    bool is_limited;  ///< By the application, or by ProbeRTT.
  };

  // bbr_model.cpp
  void begin(const PathView& path) noexcept;
  [[nodiscard]] Ack read(CongestionWindow& window, const AckSample& sample,
                         const PathView& path) noexcept;
  void update_latest_delivery(const Ack& ack) noexcept;
  void advance_latest_delivery(const Ack& ack) noexcept;
  void update_congestion(const Ack& ack) noexcept;
  void update_round(const Ack& ack) noexcept;
  void update_max_bandwidth(const Ack& ack) noexcept;
  void advance_max_bandwidth() noexcept;
  void adapt_lower_bounds(const CongestionWindow& window) noexcept;
  void update_aggregation(const Ack& ack) noexcept;
  void update_min_rtt(const Ack& ack) noexcept;
  void note_loss(const CongestionWindow& window) noexcept;
  void save_upon_loss(const CongestionWindow& window) noexcept;
  void save_window(const CongestionWindow& window) noexcept;
  void restore_window(CongestionWindow& window) const noexcept;
  void reset_congestion_signals() noexcept;
  void reset_shortterm() noexcept;

  // bbr_states.cpp
  void start_round() noexcept { next_round_delivered_ = delivered_; }
  void reset_full_bandwidth(std::uint64_t baseline) noexcept;
  void check_full_bandwidth(const Ack& ack) noexcept;
  void check_startup(const Ack& ack) noexcept;
  void check_drain(const Ack& ack) noexcept;
  void enter_drain() noexcept;
  void update_cycle(const Ack& ack) noexcept;
  void advance_cycle(const Ack& ack) noexcept;
  [[nodiscard]] bool adapt_longterm(const Ack& ack) noexcept;
  void raise_longterm(const Ack& ack) noexcept;
  void raise_slope(const Ack& ack) noexcept;
  void start_down(Instant now) noexcept;
  void start_refill() noexcept;
  void start_up(const Ack& ack) noexcept;
  [[nodiscard]] bool is_time_to_probe(const Ack& ack) const noexcept;
  [[nodiscard]] bool is_time_to_cruise(const Ack& ack) const noexcept;
  [[nodiscard]] bool is_time_to_go_down(const Ack& ack) noexcept;
  [[nodiscard]] bool is_in_cycle() const noexcept;
  [[nodiscard]] bool is_probing() const noexcept;
  void on_too_much(const CongestionWindow& window, std::uint32_t in_network, bool is_limited,
                   Instant now) noexcept;
  void check_probe_rtt(const Ack& ack) noexcept;
  void handle_probe_rtt(const Ack& ack) noexcept;
  void check_probe_rtt_done(CongestionWindow& window, Instant now) noexcept;
  [[nodiscard]] std::uint32_t random(std::uint32_t n) noexcept;

  // bbr_control.cpp
  void set_initial_rate(Duration round_trip) noexcept;
  void set_rate(std::uint32_t gain) noexcept;
  void set_window(const Ack& ack) noexcept;
  void bound_window(const Ack& ack) const noexcept;
  [[nodiscard]] std::uint32_t product(std::uint64_t rate, std::uint32_t gain) const noexcept;
  [[nodiscard]] std::uint32_t with_quanta(std::uint64_t bytes, std::uint32_t mss) const noexcept;
  [[nodiscard]] std::uint32_t target_in_network(const CongestionWindow& window) const noexcept;
  [[nodiscard]] std::uint32_t longterm_with_headroom(std::uint32_t mss) const noexcept;
  [[nodiscard]] std::uint32_t probe_rtt_window(std::uint32_t mss) const noexcept;

  // Rates.
  std::array<std::uint64_t, 2> best_rates_{};  // Of the cycle before, and of this one.
  std::uint64_t max_bandwidth_ = 0;
  std::uint64_t shortterm_rate_ = kNoRate;
  std::uint64_t bandwidth_ = 0;
  std::uint64_t latest_rate_ = 0;
  std::uint64_t full_rate_ = 0;  // The baseline that is to be exceeded.
  std::uint64_t pacing_rate_ = 0;
  std::uint64_t undo_shortterm_rate_ = 0;
  // Totals of octets delivered, as the rate samples count them.
  std::uint64_t delivered_ = 0;
  std::uint64_t next_round_delivered_ = 0;
  std::uint64_t loss_round_delivered_ = 0;
  std::uint64_t limited_until_ = 0;  // What left before so much had arrived was held back by us.
  // Times.
  Duration min_rtt_ = kNoRtt;
  Instant min_rtt_at_{};
  Duration probe_rtt_min_ = kNoRtt;
  Instant probe_rtt_min_at_{};
  Instant probe_rtt_done_at_{};
  Instant cycle_began_{};
  Duration probe_wait_{};
  Instant aggregation_began_{};
  std::uint64_t aggregated_ = 0;  // Delivered since then.
  // Volumes.
  WindowedMax extra_acked_;
  std::uint32_t initial_window_;
  std::uint32_t latest_delivered_ = 0;
  std::uint32_t inflight_longterm_ = kUnbounded;
  std::uint32_t inflight_shortterm_ = kUnbounded;
  std::uint32_t undo_longterm_ = 0;
  std::uint32_t undo_shortterm_ = 0;
  std::uint32_t prior_window_ = 0;
  std::uint32_t up_acked_ = 0;
  std::uint32_t up_acked_per_segment_ = kUnbounded;
  SeqNum recovery_end_{0};
  // Rounds.
  std::uint32_t round_count_ = 0;
  std::uint32_t drain_began_ = 0;
  std::uint32_t rounds_since_up_ = 0;
  std::uint32_t random_state_;
  std::uint8_t up_rounds_ = 0;
  std::uint8_t full_count_ = 0;
  std::uint8_t loss_events_ = 0;  // ACKs of this round that told of losses.
  BbrState state_ = BbrState::Startup;
  AckPhase ack_phase_ = AckPhase::Init;
  Undo undo_ = Undo::Nothing;
  bool is_begun_ : 1 = false;
  bool has_seen_rtt_ : 1 = false;
  bool is_round_start_ : 1 = false;
  bool is_loss_round_start_ : 1 = false;
  bool is_loss_in_round_ : 1 = false;
  bool is_full_now_ : 1 = false;
  bool is_full_reached_ : 1 = false;
  bool is_probe_sample_ : 1 = false;
  bool was_too_high_ : 1 = false;
  bool was_precautionary_ : 1 = false;
  bool is_probe_rtt_expired_ : 1 = false;
  bool is_probe_rtt_round_done_ : 1 = false;
  bool is_waiting_in_probe_rtt_ : 1 = false;  // `probe_rtt_done_at_` is set.
  bool is_idle_restart_ : 1 = false;
  bool is_recovering_ : 1 = false;  // Up to `recovery_end_`.
};

}  // namespace millrace::tcp
