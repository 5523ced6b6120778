#include "tcp/steering.hpp"

#include <algorithm>

#include "tcp/pacer.hpp"
#include "tcp/repair.hpp"

namespace millrace::tcp {

void Steering::open() noexcept {
  if (Congestion::needs_exact_ecn(kind_of(*c_.tuning_, resources_.config))) {
    c_.ecn_.set_exact(true);
  }
}

void Steering::start(std::uint32_t initial_window) noexcept {
  note(c_.congestion_.start(kind_of(*c_.tuning_, resources_.config), initial_window,
                            resources_.bbr_models));
  // Whatever was chosen when the SYNs left.
  c_.ecn_.set_exact(c_.congestion_.needs_exact_ecn());
}

void Steering::change(const TcpTuning& before) noexcept {
  const CongestionKind kind = kind_of(*c_.tuning_, resources_.config);
  const bool is_same_kind = kind == kind_of(before, resources_.config);
  if (c_.active_ != nullptr &&
      !(is_same_kind && c_.tuning_->max_pacing_rate == before.max_pacing_rate)) {
    // What waits for the old rate would wait for as long as that was low.
    c_.active_->pacer.reset();
  }
  if (is_same_kind || c_.state_ == TcpState::Closed || c_.congestion_.window() == 0) {
    // The SYNs decide what it begins with.
    return;
  }
  end_slowdown();
  const bool was_alone = c_.congestion_.moves_own_window();
  note(c_.congestion_.change(kind, resources_.bbr_models));
  c_.ecn_.set_exact(c_.congestion_.needs_exact_ecn());
  if (was_alone && !c_.congestion_.moves_own_window()) {
    meet_losses();
  }
}

void Steering::meet_losses() noexcept {
  if (c_.active_ == nullptr || c_.active_->recovery.phase == LossRecovery::Phase::Open) {
    return;
  }
  // RFC 5681 §3.2: who moved the window alone needed no threshold, but a recovery ends at one. No
  // time passes here; the last that was told will do.
  LossRecovery& recovery = c_.active_->recovery;
  c_.congestion_.on_loss(c_.path_view(resources_, c_.progress_at_));
  recovery.prr.start(c_.send_.flight() - std::min(c_.send_.flight(), c_.active_->sent.sacked()),
                     c_.congestion_.ssthresh());
  // There is nothing to go back to.
  recovery.undo.forget();
}

void Steering::end_slowdown() noexcept {
  if (c_.active_ != nullptr && c_.active_->slowdown.is_on()) {
    c_.congestion_.set_window(c_.active_->slowdown.target());
    c_.active_->slowdown.stop();
  }
}

void Steering::slow_down(const PathView& path) noexcept {
  // What a controller leaves of the window is to be of all of it.
  end_slowdown();
  Congestion& congestion = c_.congestion_;
  const std::uint32_t window = congestion.window();
  congestion.on_congestion_echo(path);
  const std::uint32_t target = congestion.window();
  const bool is_gradual = resources_.config.prr && !congestion.moves_own_window() &&
                          target < window && c_.active_ != nullptr && !c_.active_->sent.empty() &&
                          c_.active_->recovery.phase == LossRecovery::Phase::Open;
  if (is_gradual) {
    c_.active_->slowdown.start(c_.send_.snd_nxt, path.in_network, target);
    congestion.set_window(window);
  }
}

void Steering::come_down(const AckInHand& ack) noexcept {
  ActiveBlock& active = *c_.active_;
  if (active.recovery.phase != LossRecovery::Phase::Open) {
    // A loss, or a timeout, has more to say.
    active.slowdown.stop();
    return;
  }
  const std::uint32_t window = active.slowdown.on_ack({.delivered = ack.log.bytes(),
                                                       .in_network = c_.in_network(),
                                                       .mss = c_.mss_,
                                                       .is_safe = ack.advances()});
  if (window > 0) {
    c_.congestion_.set_window(window);
  }
}

void Steering::release() noexcept {
  if (resources_.bbr_models != nullptr) {
    c_.congestion_.release(*resources_.bbr_models);
  }
}

void Steering::note(bool is_as_chosen) noexcept {
  resources_.stats.tcp_bbr_fallbacks += is_as_chosen ? 0 : 1;
}

[[gnu::noinline, gnu::cold]] void Steering::restart() noexcept {
  // RFC 5681 §4.1.
  if (c_.active_ != nullptr) {
    // Of the window that was there when the tail was lost.
    Repair{c_, resources_, now_}.settle_probe();
  }
  c_.congestion_.on_idle_restart(
      initial_window_bytes(resources_.config.initial_window_segments, c_.mss_));
  // What the window was before is of no worth any more.
  c_.aftermath_.on_reduction();
  if (c_.active_ != nullptr) {
    c_.active_->recovery.undo.forget();
  }
}

bool Steering::may_send() noexcept {
  if (c_.active_ == nullptr) {
    return true;
  }
  ActiveBlock& active = *c_.active_;
  const bool may = active.pacer.may_send(now_);
  active.is_held_by_pacer =
      !may && (c_.unsent_bytes() > 0 || c_.is_fin_unsent() || active.sent.first_lost() != nullptr ||
               active.recovery.is_probe_due);
  return may;
}

void Steering::note_left(std::uint32_t bytes) noexcept {
  c_.active_->pacer.on_sent(now_, bytes, rate(c_, resources_.config),
                            resources_.config.pacing_slack);
  c_.active_->slowdown.on_sent(bytes);
}

std::uint64_t Steering::rate(const Connection& connection, const TcpConfig& config) noexcept {
  const Congestion& congestion = connection.congestion_;
  const std::uint64_t most = connection.tuning_->max_pacing_rate;
  std::uint64_t rate = congestion.pacing_rate();
  if (rate == 0 && config.pacing) {
    rate = pacing_rate_of(congestion.window(), congestion.ssthresh(), connection.rtt_.srtt(),
                          {.slow_start_percent = config.pacing_slow_start_percent,
                           .avoidance_percent = config.pacing_percent});
  }
  if (most == 0) {
    return rate;
  }
  return rate == 0 ? most : std::min(rate, most);
}

std::optional<SegmentPlan> Steering::plan_owed_ack() noexcept {
  const auto owed = c_.ecn_.take_owed_ack();
  if (!owed) {
    return std::nullopt;
  }
  SegmentPlan plan = c_.plan_segment(resources_, c_.send_.acceptable_seq(), 0, TcpFlags::kAck);
  // The same right edge, from further left.
  constexpr std::uint32_t kWindowFieldMax = 65'535;
  const auto behind = static_cast<std::uint32_t>(plan.ack - owed->ack);
  plan.window = static_cast<std::uint16_t>(
      std::min(plan.window + (behind >> c_.rcv_wscale_), kWindowFieldMax));
  plan.ack = owed->ack;
  plan.flags = TcpFlags{TcpFlags::kAck}.with(owed->flags);
  // What has changed is told by the next.
  c_.ack_now_ = true;
  return plan;
}

void Steering::describe(const Connection& connection, const TcpConfig& config,
                        TcpInfo& info) noexcept {
  if (connection.congestion_.window() == 0) {
    info.congestion_control = kind_of(*connection.tuning_, config);
  } else {
    connection.congestion_.describe(info);
  }
  info.max_pacing_rate = connection.tuning_->max_pacing_rate;
  info.pacing_rate = rate(connection, config);
}

}  // namespace millrace::tcp
