// What leaves again, and what is noted of everything that leaves: the sending half of `Repair`.
#include <algorithm>

#include "tcp/repair.hpp"
#include "tcp/steering.hpp"
#include "tcp/timestamps.hpp"

namespace millrace::tcp {

std::optional<SegmentPlan> Repair::plan_retransmission() noexcept {
  SentSegment* const segment = sent_.first_lost();
  if (segment == nullptr || recovery_.spurious_timeout.is_waiting()) {
    return std::nullopt;
  }
  // RFC 9293 §3.8.6, SHLD-16: only what still lies in the window; a probe may send one octet beyond
  // it.
  const auto into_window = static_cast<std::uint32_t>(segment->seq - c_.send_.snd_una);
  std::uint32_t allowed = c_.send_.snd_wnd > into_window ? c_.send_.snd_wnd - into_window : 0;
  const std::uint32_t in_network = c_.in_network();
  if (allowed == 0) {
    if (!c_.probe_due_) {
      return std::nullopt;
    }
    c_.probe_due_ = false;
    allowed = 1;
    ++resources_.stats.tcp_zero_window_probes;
  } else if (in_network > 0 && !recovery_.is_first_due &&
             std::uint64_t{in_network} + segment->length > c_.congestion_.window()) {
    return std::nullopt;
  }
  return resend(*segment, allowed);
}

std::optional<SegmentPlan> Repair::plan_tail_probe() noexcept {
  recovery_.is_probe_due = false;
  if (!may_probe()) {
    return std::nullopt;
  }
  if (recovery_.probe.is_out()) {
    on_tail_repaired();
  }
  // RFC 8985 §7.3: new data if there is any, whatever the congestion window says, or the last
  // segment again.
  auto plan = c_.plan_new_data(resources_, now_, true);
  const bool is_new = plan.has_value();
  if (!is_new) {
    SentSegment& last = *sent_.last();
    const auto into_window = static_cast<std::uint32_t>(last.seq - c_.send_.snd_una);
    if (into_window >= c_.send_.snd_wnd) {
      return std::nullopt;
    }
    plan = resend(last, c_.send_.snd_wnd - into_window);
  }
  recovery_.probe.on_sent(c_.send_.snd_nxt, !is_new, recovery_.window_use.most());
  recovery_.stop_timer();
  c_.arm_retransmission(resources_, now_);
  ++resources_.stats.tcp_tail_loss_probes;
  return plan;
}

SegmentPlan Repair::resend(SentSegment& segment, std::uint32_t allowed) noexcept {
  // A FIN's octet takes no room in the segment, but its place in the window.
  const std::uint32_t most = c_.send_mss();
  const std::uint32_t limit = std::min(allowed, segment.payload() <= most ? segment.length : most);
  // Without a record for its rest a part of it goes alone, or neither would ever arrive.
  const bool is_whole = segment.is_lost ? sent_.split(resources_.sent_segments, segment, limit)
                                        : segment.length <= limit;
  const bool had_left = !segment.is_unsent;
  sent_.note_retransmission(segment, now_, is_whole);
  recovery_.is_first_due = false;
  // What was to be a probe of the path leaves in pieces now, whether or not it has left before.
  c_.path_mtu_.on_retransmission();
  if (had_left) {
    ++resources_.stats.tcp_retransmitted_segments;
    resources_.stats.tcp_fast_retransmits += recovery_.phase == Phase::Recovery ? 1 : 0;
    if (recovery_.phase != Phase::Open) {
      recovery_.undo.on_retransmission(timestamp_clock(now_));
    }
  }
  note_left(segment);
  // RFC 6675 §6: what leaves again at the edge has a whole timeout to arrive. Else a round trip of
  // 200 ms and more, without variation, would time out in each recovery.
  const bool is_edge = recovery_.phase == Phase::Recovery && segment.seq == c_.send_.snd_una;
  if (is_edge || c_.retransmit_at_ == Connection::kNever) {
    c_.arm_retransmission(resources_, now_);
  }
  const bool has_fin = segment.has_fin && is_whole;
  const std::uint32_t payload = is_whole ? segment.payload() : limit;
  const auto flags =
      static_cast<std::uint8_t>(TcpFlags::kAck | (has_fin ? TcpFlags::kFin : 0) |
                                (payload > 0 ? c_.push_flag(segment.seq + payload) : 0));
  return c_.plan_segment(resources_, segment.seq, payload, flags);
}

void Repair::note_left(SentSegment& segment) noexcept {
  const std::uint32_t in_network = c_.in_network();
  recovery_.rate.on_sent(segment, now_, in_network, sent_.lost_total());
  Steering{c_, resources_, now_}.note_left(segment.length);
  if (recovery_.phase == Phase::Recovery) {
    recovery_.prr.on_sent(segment.length);
  }
  note_window_use(in_network);
}

void Repair::note_window_use(std::uint32_t in_network) noexcept {
  const bool is_full = std::uint64_t{in_network} + c_.mss_ > c_.congestion_.window();
  recovery_.window_use.on_sent(in_network, is_full, c_.send_.snd_una, c_.send_.snd_nxt);
}

void Repair::on_new_segment(SentSegment& segment) noexcept {
  note_left(segment);
  start_timer();
}

void Repair::on_run_sent() noexcept {
  // What the window's use and the timer become with each of them is what the last one makes of it.
  note_window_use(c_.in_network());
  start_timer();
}

void Repair::start_timer() noexcept {
  look_at_.reset();
  if (recovery_.timer_kind != LossTimerKind::Reordering) {
    arm_timer();
  }
}

void Repair::on_window_full() noexcept {
  recovery_.window_use.on_sent(c_.in_network(), true, c_.send_.snd_una, c_.send_.snd_nxt);
}

}  // namespace millrace::tcp
