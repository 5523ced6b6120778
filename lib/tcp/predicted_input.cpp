// What is expected of a segment is checked before anything changes, so that the steps find the
// connection as it was.
#include "tcp/predicted_input.hpp"

#include <algorithm>
#include <utility>

#include "base/contract.hpp"

namespace millrace::tcp {

using packet::Packet;

// All that it calls becomes one piece with it where the linker sees it: a fifth of its instructions
// would be those of calls.
[[gnu::flatten]] bool PredictedInput::take(const Segment& segment, Packet& payload,
                                           Disposition& disposition) noexcept {
  const bool advances = segment.ack != c_.send_.snd_una;
  if (!is_expected(segment) || !is_calm(advances)) {
    return false;
  }
  // RFC 9293 §3.10.7.4, step 5.
  c_.keepalive_.on_segment(now_);
  if (segment.options.timestamps) {
    c_.timestamps_.on_segment(segment.seq, *segment.options.timestamps, now_);
  }
  if (c_.send_.is_window_news(segment.seq, segment.ack)) {
    c_.send_.take_window(segment.seq, segment.ack,
                         static_cast<std::uint32_t>(segment.window) << c_.snd_wscale_);
  }
  if (advances) {
    acknowledge(segment.ack);
  }
  arm_loss_timer(advances);
  // It echoes no mark; but it may end the round trip of the last one.
  static_cast<void>(c_.ecn_.on_ack(segment.flags, segment.ack));
  if (c_.retransmit_at_ == Connection::kNever && c_.send_.flight() > 0) {
    c_.update_persist_timer(resources_, now_);
  }
  // Step 7.
  if (segment.payload_bytes > 0) {
    c_.measure_sender(segment, now_);
    c_.deliver(resources_, now_, std::move(payload), disposition);
  }
  if (c_.active_ != nullptr) {
    disposition.delivered = c_.active_->sent.take_delivered();
    if (c_.active_->receive_queue.empty()) {
      c_.detach_if_idle(resources_);
    }
  }
  return true;
}

Disposition PredictedInput::take_by_steps(const Segment& segment, Packet payload) noexcept {
  return c_.on_segment_by_steps(resources_, now_, segment, std::move(payload));
}

bool PredictedInput::precedes_text(const Segment& segment) const noexcept {
  const SendSequence& send = c_.send_;
  const bool is_full =
      ReceiveQueue::is_kept_whole(segment.payload_bytes) && segment.payload_bytes <= c_.rcv_mss_;
  if (!is_full || segment.end() != c_.receive_.rcv_nxt || send.flight() > 0) {
    return false;
  }
  // What its ACK, its window and its timestamps tell is known by now.
  const auto window = static_cast<std::uint32_t>(segment.window) << c_.snd_wscale_;
  const bool is_known = segment.ack == send.snd_una && segment.seq == send.snd_wl1 &&
                        segment.ack == send.snd_wl2 && window == send.snd_wnd;
  const auto& timestamps = segment.options.timestamps;
  return is_known && !(timestamps && c_.receive_autotune_.is_new(timestamps->echo)) &&
         says_nothing_odd(segment) && c_.active_ != nullptr && !c_.active_->receive_queue.empty() &&
         is_calm(false);
}

void PredictedInput::settle_text(const Segment& segment, std::uint32_t count) noexcept {
  // Nothing is in flight.
  base::debug_expects([&] { return c_.active_->recovery.timer_kind == LossTimerKind::None; });
  const std::uint32_t bytes = count * segment.payload_bytes;
  const ReceiveSequence& receive = c_.receive_;
  c_.send_.take_window(receive.rcv_nxt - segment.payload_bytes, segment.ack, c_.send_.snd_wnd);
  resources_.stats.tcp_bytes_in += bytes;
  c_.schedule_ack(resources_, now_, bytes);
  c_.receive_autotune_.on_data(now_, receive.rcv_nxt, c_.read_nxt(), receive.rcv_adv, c_.rcv_mss_,
                               resources_.config.receive_buffer_bytes);
  c_.events_.add(Events::kReadable);
}

bool PredictedInput::is_expected(const Segment& segment) const noexcept {
  return segment.seq == c_.receive_.rcv_nxt && segment.payload_bytes <= c_.receive_.rcv_wnd() &&
         says_nothing_odd(segment);
}

bool PredictedInput::says_nothing_odd(const Segment& segment) const noexcept {
  const SendSequence& send = c_.send_;
  const auto acked = static_cast<std::uint32_t>(segment.ack - send.snd_una);
  // Neither SYN nor FIN nor reset, nothing urgent, no mark or its answer. What the application has
  // closed is not ESTABLISHED any more.
  if ((segment.flags.bits() & ~unsigned{TcpFlags::kPsh}) != TcpFlags::kAck ||
      c_.state_ != TcpState::Established || c_.peer_fin_seen_) {
    return false;
  }
  // An ACK that brings nothing may be a duplicate; a window that closes or opens is news.
  if (acked > send.flight() || (segment.payload_bytes | acked) == 0 || segment.window == 0 ||
      send.snd_wnd == 0) {
    return false;
  }
  return segment.ecn != wire::Ecn::Congested && c_.ecn_.ack_flags() == 0 &&
         !c_.urgent_in_.is_pending() && has_expected_options(segment);
}

bool PredictedInput::has_expected_options(const Segment& segment) const noexcept {
  const wire::TcpOptions& options = segment.options;
  if (options.timestamps.has_value() != c_.timestamps_.is_on() || !options.sack.empty() ||
      options.user_timeout) {
    return false;
  }
  return !options.timestamps ||
         !is_timestamp_before(options.timestamps->value, c_.timestamps_.ts_recent());
}

bool PredictedInput::is_calm(bool advances) const noexcept {
  if (c_.active_ == nullptr) {
    return !advances;
  }
  const ActiveBlock& active = *c_.active_;
  const LossRecovery& recovery = active.recovery;
  if (recovery.phase != LossRecovery::Phase::Open || recovery.probe.is_out() ||
      recovery.undo.is_all_duplicate() || !active.sent.is_plain() ||
      recovery.lost_told != active.sent.lost_total() || active.slowdown.is_on() ||
      !active.reassembly.empty()) {
    return false;
  }
  const SentSegment* const first = active.sent.front();
  if (first == nullptr) {
    return !advances;
  }
  // What leaves later than what has arrived cannot be overtaken by it.
  return c_.sack_ && resources_.config.rack && !recovery.rack.has_overtaken(*first) &&
         recovery.highest.is_at_or_before(c_.send_.snd_una);
}

void PredictedInput::acknowledge(SeqNum edge) noexcept {
  ActiveBlock& active = *c_.active_;
  LossRecovery& recovery = active.recovery;
  const std::uint32_t prior_in_network = c_.in_network();
  c_.move_edge(resources_, now_, edge);
  active.sent.on_plain_ack(
      resources_.sent_segments, now_, edge,
      [&](const PlainOutcome& acked) noexcept { take_in(acked, prior_in_network); });
  // RFC 6298 §5.2 and §5.3.
  c_.retransmit_at_ =
      active.sent.empty() ? Connection::kNever : now_ + c_.rtt_.rto(resources_.config);
  c_.idle_restart_ = c_.idle_restart_ || active.sent.empty();
  recovery.is_probe_due = false;
  recovery.highest = edge;
  recovery.undo.forget_if_past(edge, c_.send_.max_snd_wnd);
  if (edge.is_at_or_after(recovery.renege_at)) {
    recovery.renege_at = edge;
  }
  c_.follow_edge(resources_, edge);
}

void PredictedInput::take_in(const PlainOutcome& acked, std::uint32_t prior_in_network) noexcept {
  LossRecovery& recovery = c_.active_->recovery;
  Congestion& congestion = c_.congestion_;
  const SentSegment* const newest = acked.newest;
  c_.rtt_.add_sample(acked.rtt);
  if (newest != nullptr) {
    recovery.rack.on_delivered(newest->sent_at, newest->end(), now_ - newest->sent_at);
  }
  const DeliveryRate::News news{.now = now_,
                                .delivered = acked.newly_acked,
                                .then = newest == nullptr ? nullptr : &newest->then,
                                .sent_at = newest == nullptr ? Instant{} : newest->sent_at};
  const AckSample sample{.newly_acked = acked.newly_acked,
                         .newly_delivered = acked.newly_acked,
                         .newly_lost = 0,
                         .prior_in_network = prior_in_network,
                         .rtt = acked.rtt,
                         .is_window_limited = recovery.window_use.is_limited(
                             congestion.window(), congestion.is_in_slow_start()),
                         .is_congestion_echo = false,
                         .is_recovering = false,
                         .rate = {}};
  if (congestion.on_ack_without_rate(sample, c_.path_view(resources_, now_))) [[likely]] {
    recovery.rate.note_ack(news);
    return;
  }
  AckSample rated = sample;  // A copy, so that the usual one can stay in registers.
  rated.rate = recovery.rate.on_ack(news, c_.active_->sent.lost_total(), c_.rtt_.minimum());
  congestion.on_ack(rated, c_.path_view(resources_, now_));
}

void PredictedInput::arm_loss_timer(bool advances) noexcept {
  if (c_.active_ == nullptr) {
    return;
  }
  LossRecovery& recovery = c_.active_->recovery;
  const SentSegments& sent = c_.active_->sent;
  if (sent.empty() || !c_.sack_ || !resources_.config.tail_loss_probe) {
    recovery.stop_timer();
  } else if (advances || recovery.timer_kind != LossTimerKind::TailProbe) {
    // RFC 8985 §7.2, as in `Repair`.
    const Duration timeout =
        TailProbe::timeout(c_.rtt_.srtt(), sent.size() == 1, resources_.config.peer_ack_delay_max);
    recovery.set_timer(LossTimerKind::TailProbe, std::min(now_ + timeout, c_.retransmit_at_));
  }
}

}  // namespace millrace::tcp
