// What ACKs, timers and transmissions mean for what is lost. What leaves again is in
// retransmission.cpp.
#include "tcp/repair.hpp"

#include <algorithm>

#include "base/contract.hpp"
#include "tcp/steering.hpp"

namespace millrace::tcp {

void Repair::on_ack(const AckInHand& ack) noexcept {
  ack_ = &ack;
  const bool was_slowing = c_.active_->slowdown.is_on();
  if (was_slowing && c_.send_.snd_una.is_at_or_after(c_.active_->slowdown.until())) {
    // What this ACK tells of beyond is of the next window of data.
    Steering{c_, resources_, now_}.end_slowdown();
  }
  const bool is_of_probe = ack.duplicate_report && recovery_.probe.is_out() &&
                           ack.duplicate_report->right == recovery_.probe.end();
  heed_delivery(ack);
  heed_probe(ack, is_of_probe);
  heed_mistakes(ack, is_of_probe);
  heed_timeout(ack);
  const bool was_recovering = recovery_.phase == Phase::Recovery;
  end_if_over(ack);
  std::uint32_t losses = heed_reneging(ack) ? 1 : 0;
  losses += c_.sack_ ? find_losses() : count_duplicates(ack);
  const bool is_more = is_more_congestion();
  if (losses > 0 && (recovery_.phase == Phase::Open || is_more)) {
    begin(losses);
  }
  move_window(ack.advances() && losses == 0);
  tell_controller(ack, was_recovering || recovery_.phase == Phase::Recovery || was_slowing);
  // An ACK without news does not put a probe off.
  const bool is_news = ack.advances() || delivered_ > 0 || losses > 0;
  if (is_news || look_at_ || recovery_.timer_kind != LossTimerKind::TailProbe || !may_probe()) {
    arm_timer();
  }
}

void Repair::heed_delivery(const AckInHand& ack) noexcept {
  delivered_ = ack.log.bytes();
  if (!c_.sack_) {
    // RFC 5681 §3.2: each duplicate is another segment's arrival, and what they told of is no news
    // when it is acknowledged.
    if (ack.advances()) {
      delivered_ = recovery_.duplicates.on_ack(ack.newly_acked, c_.mss_);
    } else if (ack.is_duplicate && recovery_.phase != Phase::Loss) {
      // After a timeout everything counts as lost, and nothing is left to arrive.
      delivered_ = recovery_.duplicates.on_duplicate(segments_to_arrive(), c_.mss_);
    }
  }
  // RFC 8985 §6.2, steps 2 and 3.
  if (ack.log.newest()) {
    recovery_.rack.on_delivered(*ack.log.newest());
  }
  if (ack.log.reordering() > 0) {
    c_.reorder_.on_reordering(ack.log.reordering() / c_.mss_);
  }
  recovery_.highest = ack.log.highest();
  if (recovery_.highest.is_before(c_.send_.snd_una)) {
    recovery_.highest = c_.send_.snd_una;
  }
}

std::uint32_t Repair::segments_to_arrive() const noexcept {
  // RFC 5681 §3.2: a peer may send as many duplicates as it likes, and each would let more out if
  // what they let out counted too.
  if (recovery_.phase == Phase::Recovery) {
    return static_cast<std::uint32_t>(c_.recover_ - c_.send_.snd_una) / c_.mss_;
  }
  return std::min(sent_.size(), resources_.config.duplicate_threshold + 1);
}

void Repair::heed_probe(const AckInHand& ack, bool is_of_probe) noexcept {
  const TailProbe::Verdict verdict = recovery_.probe.on_ack({.ack = ack.segment.ack,
                                                             .is_repeated = ack.is_repeated,
                                                             .reports_duplicate = is_of_probe,
                                                             .has_blocks = ack.has_blocks});
  if (verdict == TailProbe::Verdict::Repaired && recovery_.phase == Phase::Open) {
    on_tail_repaired();
  }
}

void Repair::settle_probe() noexcept {
  if (recovery_.probe.is_out() && recovery_.probe.allows_another(c_.send_.snd_una) &&
      recovery_.phase == Phase::Open) {
    on_tail_repaired();
  }
}

void Repair::on_tail_repaired() noexcept {
  // RFC 8985 §7.4.2: a loss that was mended at once is still a sign of congestion. RFC 5681 §3.1,
  // equation 4, RFC 7661 §4.4.1: of what was under way when it was lost. Of a tail that is mended
  // next to nothing is left.
  PathView path = path_before();
  const auto flight = static_cast<std::uint32_t>(path.snd_nxt - path.snd_una);
  path.snd_una = path.snd_nxt - std::max(flight, recovery_.probe.flight());
  ++resources_.stats.tcp_tail_losses_repaired;
  recovery_.probe.forget();
  recovery_.undo.forget();
  // The tail left before the mark.
  const bool is_counted = is_marked();
  Steering{c_, resources_, now_}.end_slowdown();
  if (!is_counted) {
    c_.congestion_.on_loss(path);
    c_.congestion_.on_recovery_end(path);
    c_.ecn_.on_reduction(c_.send_.snd_nxt);
  }
}

PathView Repair::path_before() const noexcept {
  PathView path = c_.path_view(resources_, now_);
  if (ack_ != nullptr) {
    // What an ACK has just taken out was under way when it met the congestion, too.
    path.snd_una = ack_->prior_una;
    path.in_network = ack_->prior_in_network;
  }
  return path;
}

void Repair::heed_mistakes(const AckInHand& ack, bool is_of_probe) noexcept {
  Undo& undo_state = recovery_.undo;
  if (ack.advances()) {
    undo_state.forget_if_past(c_.send_.snd_una, c_.send_.max_snd_wnd);
  }
  if (ack.duplicate_report && !is_of_probe) {
    // RFC 8985 §6.2, step 4. The answer to a probe is none of it: nothing counted as lost.
    c_.reorder_.on_duplicate_report(c_.send_.snd_una, c_.send_.snd_nxt);
    undo_state.on_duplicate_report(*ack.duplicate_report, c_.mss_);
  }
  const bool is_answer = recovery_.phase != Phase::Open && ack.advances() &&
                         undo_state.is_answer_to_original(ack.echoed);
  if (is_answer || undo_state.is_all_duplicate()) {
    undo();
  }
}

void Repair::heed_timeout(const AckInHand& ack) noexcept {
  if (recovery_.phase != Phase::Loss) {
    return;
  }
  const std::uint32_t new_data = std::min(c_.unsent_bytes(), c_.send_.usable_window());
  const SpuriousTimeout::Verdict verdict =
      recovery_.spurious_timeout.on_ack({.snd_una = c_.send_.snd_una,
                                         .advances = ack.advances(),
                                         .has_original = ack.log.has_original(),
                                         .has_new_data = new_data >= c_.send_mss()});
  if (verdict == SpuriousTimeout::Verdict::Spurious) {
    undo();
  }
}

bool Repair::heed_reneging(const AckInHand& ack) noexcept {
  SeqNum& renege_at = recovery_.renege_at;
  if (!ack.advances()) {
    return false;
  }
  const bool is_due = c_.send_.snd_una.is_at_or_after(renege_at);
  renege_at = is_due ? c_.send_.snd_una : renege_at;
  if (!is_due || sent_.empty() || !sent_.front()->is_sacked) {
    // All records are walked over for it, which a peer must not ask for with each ACK: once in a
    // round trip. In between the retransmission timer mends what it lets go of.
    return false;
  }
  renege_at = c_.send_.snd_nxt;
  // RFC 2018 §8: it acknowledges less than it had reported, so that it has let go of some of it.
  ++resources_.stats.tcp_sack_reneging;
  sent_.forget_sacked();
  c_.active_->scoreboard.forget_places();
  return true;
}

std::uint32_t Repair::find_losses() noexcept {
  const TcpConfig& config = resources_.config;
  look_at_.reset();
  if (!config.rack) {
    return sent_.mark_overtaken(config.duplicate_threshold);
  }
  const SentSegment* const oldest = sent_.oldest();
  if (oldest == nullptr || !recovery_.rack.has_overtaken(*oldest)) {
    return 0;
  }
  const Rack::Verdict verdict = recovery_.rack.detect(sent_, reorder_window(), now_);
  look_at_ = verdict.look_at;
  resources_.stats.tcp_rack_losses += verdict.lost;
  return verdict.lost;
}

Duration Repair::reorder_window() const noexcept {
  return c_.reorder_.window({.min_rtt = c_.rtt_.minimum(),
                             .srtt = c_.rtt_.srtt(),
                             .is_recovering = recovery_.phase != Phase::Open,
                             .sacked_segments = sent_.sacked_segments(),
                             .threshold = resources_.config.duplicate_threshold});
}

std::uint32_t Repair::count_duplicates(const AckInHand& ack) noexcept {
  if (recovery_.phase == Phase::Recovery && ack.advances()) {
    // RFC 6582 §3.2, step 3: the next hole starts here.
    const bool is_news = !sent_.empty() && sent_.front()->is_under_way();
    sent_.mark_first_lost();
    return is_news ? 1 : 0;
  }
  // RFC 6582 §3.2, step 1: duplicates of what was sent before the last recovery or timeout start no
  // new one.
  if (recovery_.phase != Phase::Open || !ack.is_duplicate ||
      recovery_.duplicates.count() != resources_.config.duplicate_threshold ||
      !c_.send_.snd_una.is_after(c_.recover_)) {
    return 0;
  }
  sent_.mark_first_lost();
  return 1;
}

bool Repair::is_more_congestion() noexcept {
  // RFC 5681 §4.3: losses in two windows of data, or of what was sent again, are two signs of it.
  // Of the second window is whatever left after the window had been reduced.
  losses_ = sent_.take_losses();
  return c_.sack_ && losses_.has_any &&
         (losses_.end.is_after(c_.recover_) || losses_.resent_at >= recovery_.begun_at);
}

bool Repair::is_marked() const noexcept {
  // RFC 3168 §6.1.2: marks and losses of one window of data count once. RFC 8257 §3.5: but where a
  // mark means less than a loss.
  return c_.active_->slowdown.is_on() && !c_.congestion_.needs_exact_ecn();
}

void Repair::begin(std::uint32_t losses) noexcept {
  const SentSegment* const first = sent_.first_lost();
  if (losses == 1 && losses_.has_any && first != nullptr && c_.path_mtu_.on_loss(first->seq)) {
    // RFC 4821 §7.6.2: the loss of a probe tells of its size, not of congestion. It goes again, in
    // pieces.
    sent_.excuse(*first);
    return;
  }
  const bool is_second = recovery_.phase != Phase::Open;
  const bool is_counted = !is_second && is_marked() && losses_.has_any &&
                          !losses_.end.is_after(c_.active_->slowdown.until());
  recovery_.phase = Phase::Recovery;
  recovery_.begun_at = now_;
  recovery_.is_first_due = true;
  recovery_.probe.forget();
  recovery_.spurious_timeout.forget();
  if (is_counted) {
    // The reduction was the mark's, and what has left since is of the next window.
    c_.recover_ = c_.active_->slowdown.until();
    recovery_.undo.forget();
  } else {
    c_.recover_ = c_.send_.snd_nxt;
    Steering{c_, resources_, now_}.end_slowdown();
    recovery_.undo.start(c_.send_.snd_una, c_.send_.snd_nxt, false);
    if (is_second) {
      // Answers to what had left again before look the same.
      recovery_.undo.forget();
    }
    c_.congestion_.on_loss(path_before());
    c_.ecn_.on_reduction(c_.send_.snd_nxt);
  }
  // RFC 9937 §6.1: what had not arrived before this ACK.
  const std::uint32_t arrived =
      std::min(c_.send_.flight(), sent_.sacked() + recovery_.duplicates.bytes());
  recovery_.prr.start(c_.send_.flight() - arrived + delivered_, c_.congestion_.ssthresh());
  if (!resources_.config.prr && !c_.congestion_.moves_own_window()) {
    // RFC 6675 §5, step 4.2: at once.
    c_.congestion_.set_window(c_.congestion_.ssthresh());
  }
  ++resources_.stats.tcp_fast_recoveries;
}

void Repair::end_if_over(const AckInHand& ack) noexcept {
  if (recovery_.phase == Phase::Open || !ack.advances() ||
      c_.send_.snd_una.is_before(c_.recover_)) {
    return;
  }
  if (recovery_.phase == Phase::Recovery) {
    c_.congestion_.on_recovery_end(c_.path_view(resources_, now_));
  }
  recovery_.phase = Phase::Open;
  recovery_.is_first_due = false;
  recovery_.spurious_timeout.forget();
  recovery_.duplicates.forget();
  c_.reorder_.on_recovery_end();
}

void Repair::undo() noexcept {
  // RFC 4015 §3: window and threshold as they were, and what was taken for lost is under way.
  // Deviates from RFC 4015 §3: the window is all of what it was, and not what is in flight and an
  // initial window, and the estimate of the round trip is moved by its samples alone, because Linux
  // does so and those who compare would see it; who fears the burst switches pacing on.
  ++(recovery_.undo.is_timeout() ? resources_.stats.tcp_timeouts_undone
                                 : resources_.stats.tcp_recoveries_undone);
  if (!recovery_.undo.is_timeout()) {
    // It was another order than ours that looked like a loss.
    c_.reorder_.on_reordering(static_cast<std::uint32_t>(recovery_.highest - c_.send_.snd_una) /
                              c_.mss_);
  }
  if (recovery_.undo.is_armed()) {
    // Else a mark has come as well, which was no mistake.
    c_.congestion_.on_undo(c_.path_view(resources_, now_));
  }
  recovery_.undo.forget();
  recovery_.spurious_timeout.forget();
  if (recovery_.phase != Phase::Open) {
    recovery_.phase = Phase::Open;
    recovery_.is_first_due = false;
    // What RACK went by was the same mistake.
    recovery_.rack = Rack{};
    sent_.forgive();
    c_.rtt_.reset_backoff();
  }
}

void Repair::move_window(bool is_safe) noexcept {
  if (recovery_.phase != Phase::Recovery || !resources_.config.prr ||
      c_.congestion_.moves_own_window()) {
    return;
  }
  const std::uint32_t window = recovery_.prr.on_ack(
      {.delivered = delivered_, .in_network = c_.in_network(), .mss = c_.mss_, .is_safe = is_safe});
  if (window > 0) {
    c_.congestion_.set_window(window);
  }
}

void Repair::tell_controller(const AckInHand& ack, bool is_recovering) noexcept {
  const std::uint32_t lost = sent_.lost_total();
  const std::uint32_t newly_lost = lost - recovery_.lost_told;
  recovery_.lost_told = lost;
  const RateSample rate = recovery_.rate.on_ack(ack.log, delivered_, lost, c_.rtt_.minimum());
  if (delivered_ == 0 && newly_lost == 0 && !ack.advances()) {
    return;
  }
  const Congestion& congestion = c_.congestion_;
  const AckSample sample{.newly_acked = ack.newly_acked,
                         .newly_delivered = delivered_,
                         .newly_lost = newly_lost,
                         .prior_in_network = ack.prior_in_network,
                         .rtt = ack.rtt,
                         .is_window_limited = recovery_.window_use.is_limited(
                             congestion.window(), congestion.is_in_slow_start()),
                         .is_congestion_echo = c_.ecn_.is_echo(ack.segment.flags),
                         .is_recovering = is_recovering,
                         .rate = rate};
  c_.congestion_.on_ack(sample, c_.path_view(resources_, now_));
}

bool Repair::on_loss_timer() noexcept {
  const LossTimerKind kind = recovery_.timer_kind;
  recovery_.stop_timer();
  if (kind == LossTimerKind::TailProbe) {
    recovery_.is_probe_due = may_probe();
    return recovery_.is_probe_due;
  }
  const std::uint32_t losses = find_losses();
  if (losses > 0) {
    // As Linux: time has told what an ACK tells else, so that one segment may leave for it.
    delivered_ = c_.mss_;
    const bool is_more = is_more_congestion();
    if (recovery_.phase == Phase::Open || is_more) {
      begin(losses);
    }
    move_window(false);
  }
  arm_timer();
  return losses > 0;
}

void Repair::on_timeout() noexcept {
  // What an undo brings back is where a mark has led to.
  Steering{c_, resources_, now_}.end_slowdown();
  const SentSegment& first = *sent_.front();
  const bool was_open = recovery_.phase == Phase::Open;
  // RFC 5681 §3.1: the threshold falls once for the same data, also where what the last timeout
  // asked for has not left yet.
  const bool is_first = was_open || (recovery_.phase == Phase::Loss && first.retransmissions == 0 &&
                                     !recovery_.is_first_due);
  if (first.is_sacked) {
    // RFC 6675 §5.1: what the peer has reported it still has, unless it asks for it.
    ++resources_.stats.tcp_sack_reneging;
    sent_.forget_sacked();
    c_.active_->scoreboard.forget_places();
  }
  if (is_first) {
    recovery_.undo.start(c_.send_.snd_una, c_.send_.snd_nxt, true);
  }
  recovery_.spurious_timeout.on_timeout(c_.send_.snd_nxt, was_open && resources_.config.frto);
  c_.congestion_.on_timeout(c_.path_view(resources_, now_), is_first);
  c_.ecn_.on_reduction(c_.send_.snd_nxt);
  c_.recover_ = c_.send_.snd_nxt;
  recovery_.phase = Phase::Loss;
  recovery_.begun_at = now_;
  recovery_.is_first_due = true;
  recovery_.is_probe_due = false;
  recovery_.duplicates.forget();
  recovery_.probe.forget();
  recovery_.stop_timer();
  if (c_.sack_ && resources_.config.rack) {
    // After an idle time RACK knows no round trip yet, but we do.
    const Duration round_trip = recovery_.rack.has_started() ? Duration::zero() : c_.rtt_.srtt();
    recovery_.rack.on_timeout(sent_, reorder_window() + round_trip, now_);
  } else {
    sent_.mark_all_lost(Blame::Network);
  }
  static_cast<void>(sent_.take_losses());
}

void Repair::arm_timer() noexcept {
  if (look_at_) {
    recovery_.set_timer(LossTimerKind::Reordering, *look_at_);
  } else if (may_probe()) {
    // RFC 8985 §7.2: never later than the retransmission timer.
    const Duration timeout =
        TailProbe::timeout(c_.rtt_.srtt(), sent_.size() == 1, resources_.config.peer_ack_delay_max);
    recovery_.set_timer(LossTimerKind::TailProbe, std::min(now_ + timeout, c_.retransmit_at_));
  } else {
    recovery_.stop_timer();
  }
}

bool Repair::may_probe() noexcept {
  return resources_.config.tail_loss_probe && c_.sack_ && recovery_.phase == Phase::Open &&
         recovery_.probe.allows_another(c_.send_.snd_una) && !sent_.empty() &&
         sent_.sacked_segments() == 0 && sent_.first_lost() == nullptr && c_.send_.snd_wnd > 0 &&
         is_synchronized(c_.state_);
}

}  // namespace millrace::tcp
