#include "tcp/plain_run.hpp"

#include "base/contract.hpp"
#include "tcp/repair.hpp"
#include "tcp/steering.hpp"

namespace millrace::tcp {

bool PlainRun::is_plain() const noexcept {
  const bool is_due = c_.reset_due_ || c_.syn_due_ || c_.probe_due_ || c_.keepalive_due_ ||
                      c_.fin_queued_ || c_.duplicate_acks_due_ > 0;
  return !is_due && (c_.state_ == TcpState::Established || c_.state_ == TcpState::CloseWait) &&
         c_.ecn_.is_settled() && !c_.urgent_out_.is_pending() && !c_.user_timeout_.option_due() &&
         c_.duplicate_.left == c_.duplicate_.right &&
         (c_.active_ == nullptr || is_sender_plain(*c_.active_));
}

bool PlainRun::is_sender_plain(const ActiveBlock& active) const noexcept {
  const LossRecovery& recovery = active.recovery;
  // Who moves the window alone wants to hear of each segment, and names a rate.
  return recovery.phase == LossRecovery::Phase::Open && !recovery.is_probe_due &&
         !recovery.spurious_timeout.is_waiting() && recovery.duplicates.bytes() == 0 &&
         c_.active_->sent.first_lost() == nullptr && active.sack_report.blocks().empty() &&
         active.pacer.may_send(now_) && !c_.path_mtu_.wants_probe(now_, resources_.config) &&
         !c_.congestion_.moves_own_window();
}

PlainRun::Next PlainRun::next() noexcept {
  if (sure_segments_ > 0) {
    --sure_segments_;
    take_sure(*c_.active_);
    return Next::Segment;
  }
  const Next next = c_.active_ == nullptr ? next_ack() : next_of(*c_.active_);
  if (next != Next::Segment) {
    settle();
  }
  if (next == Next::Nothing && c_.retransmit_at_ == Connection::kNever) {
    c_.update_persist_timer(resources_, now_);
  }
  return next;
}

PlainRun::Next PlainRun::next_of(ActiveBlock& active) noexcept {
  if (!active.pacer.may_send(now_)) {
    return Next::Unusual;
  }
  active.is_held_by_pacer = false;
  const std::uint32_t unsent = c_.unsent_bytes();
  const std::uint32_t in_network = active.sent.in_network();
  if (unsent == 0) {
    if (in_network < c_.congestion_.window()) {
      // draft-ietf-ccwg-bbr-06 §4.1.2.4.
      active.recovery.rate.on_application_limited(in_network);
    }
    return next_ack();
  }
  SentSegmentPool& records = resources_.sent_segments;
  if (active.sent.size() >= record_share(records)) {
    return next_ack();
  }
  if (records.size() == records.capacity()) {
    return Next::Unusual;
  }
  if (c_.idle_restart_) {
    c_.restart_if_idle(resources_, now_);
    if (!c_.ecn_.is_settled()) {
      // A probe of before the idle time has come to count as a loss: the first of what leaves now
      // tells of the reduction (RFC 3168 §6.1.2).
      return Next::Unusual;
    }
  }
  const std::uint32_t bytes = std::min({unsent, std::uint32_t{c_.mss_}, c_.send_.usable_window()});
  if (bytes == 0) {
    return next_ack();
  }
  if (in_network > 0 && std::uint64_t{in_network} + bytes > c_.congestion_.window()) {
    settle();
    Repair{c_, resources_, now_}.on_window_full();
    return next_ack();
  }
  const bool leaves = bytes == c_.mss_ || (bytes == unsent && c_.is_small_released());
  if (leaves && !c_.override_due_) {
    c_.override_at_ = Connection::kNever;
  } else if (!c_.may_send_now(bytes, unsent, now_, resources_)) {
    return next_ack();
  }
  take_data(active, bytes, unsent);
  if (unsent - bytes >= c_.mss_ && rate_ == 0 && resources_.config.push_burst_segments == 0) {
    look_ahead(active);
  }
  return Next::Segment;
}

void PlainRun::look_ahead(const ActiveBlock& active) noexcept {
  const std::uint32_t in_network = active.sent.in_network();
  const std::uint32_t window = c_.congestion_.window();
  const std::uint32_t bytes = std::min(
      {c_.unsent_bytes(), c_.send_.usable_window(), window > in_network ? window - in_network : 0});
  // Each of them takes one of the records that are left, and of the share of these that it may
  // have.
  const std::uint32_t left = resources_.sent_segments.left();
  const std::uint32_t taken = 2 * active.sent.size() + 2;
  const std::uint32_t records = left > taken ? (left - taken) / 3 : 0;
  // A visit is short, so that counting costs less than dividing.
  for (std::uint32_t sure = c_.mss_; sure <= bytes && sure_segments_ < std::min(records, kSureMax);
       sure += c_.mss_) {
    ++sure_segments_;
  }
}

void PlainRun::take_sure(ActiveBlock& active) noexcept {
  const std::uint32_t bytes = c_.mss_;
  segment_.seq = c_.send_.snd_nxt;
  segment_.payload_bytes = c_.mss_;
  note_record(active, segment_.seq, bytes);
  c_.send_.snd_nxt += bytes;
  untold_ += bytes;
  unsettled_ += bytes;
  c_.quick_acks_.on_ack_sent();
  segment_.flags = TcpFlags{static_cast<std::uint8_t>(TcpFlags::kAck | c_.ecn_.ack_flags() |
                                                      c_.push_flag(c_.send_.snd_nxt))};
}

void PlainRun::join(std::uint32_t count) noexcept {
  base::expects(count <= sure_segments_);
  const SeqNum seq = segment_.seq;
  std::uint8_t flags = segment_.flags.bits();
  for (std::uint32_t i = 0; i < count; ++i) {
    take_sure(*c_.active_);
    flags |= segment_.flags.bits();
  }
  sure_segments_ -= count;
  segment_ = {.seq = seq,
              .payload_bytes = static_cast<std::uint16_t>((count + 1) * c_.mss_),
              .flags = TcpFlags{flags}};
}

void PlainRun::note_record(ActiveBlock& active, SeqNum seq, std::uint32_t bytes) noexcept {
  const std::uint32_t in_network = active.sent.in_network() + bytes;
  SentSegment* const record = resources_.sent_segments.take();
  base::expects(record != nullptr);  // There was room for one.
  active.sent.append(*record, {.at = now_,
                               .then = active.recovery.rate.on_sent(now_, bytes, in_network,
                                                                    active.sent.lost_total()),
                               .seq = seq,
                               .length = bytes});
}

PlainRun::Next PlainRun::next_ack() noexcept {
  if (!c_.ack_now_) {
    return Next::Nothing;
  }
  begin();
  c_.ack_now_ = false;
  c_.quick_acks_.on_ack_sent();
  segment_ = {.seq = c_.send_.acceptable_seq(),
              .payload_bytes = 0,
              .flags = TcpFlags{TcpFlags::kAck}.with(c_.ecn_.ack_flags())};
  return Next::Segment;
}

void PlainRun::begin() noexcept {
  if (has_begun_) {
    return;
  }
  has_begun_ = true;
  // Every segment carries the newest ACK, and none of what it says changes while segments leave.
  c_.ack_at_ = Connection::kNever;
  c_.unacked_bytes_ = 0;
  setting_ = {.ack = c_.receive_.rcv_nxt,
              .window = c_.select_window(resources_),
              .timestamps = c_.timestamps_.stamp(now_)};
  c_.timestamps_.on_ack_sent(setting_.ack);
}

void PlainRun::take_data(ActiveBlock& active, std::uint32_t bytes, std::uint32_t unsent) noexcept {
  const SeqNum seq = c_.send_.snd_nxt;
  const bool is_first = first_bytes_ == 0;
  note_record(active, seq, bytes);
  if (is_first) {
    begin_data(active, bytes);
  } else {
    untold_ += bytes;
    c_.send_.snd_nxt += bytes;
  }
  unsettled_ += bytes;
  if (bytes < c_.mss_) {
    c_.small_end_ = c_.send_.snd_nxt;
  }
  if (rate_ != 0) {
    active.pacer.on_sent(now_, bytes, rate_, resources_.config.pacing_slack);
  }
  c_.ack_now_ = false;
  c_.quick_acks_.on_ack_sent();
  segment_.seq = seq;
  segment_.payload_bytes = static_cast<std::uint16_t>(bytes);
  segment_.flags = TcpFlags{push_flags(active, bytes, unsent - bytes)};
}

void PlainRun::begin_data(ActiveBlock& active, std::uint32_t bytes) noexcept {
  first_bytes_ = bytes;
  const SeqNum seq = c_.send_.snd_nxt;
  if (c_.send_.flight() == 0) {
    c_.progress_at_ = std::max(c_.progress_at_, now_);
  }
  c_.send_.snd_nxt += bytes;
  c_.quick_acks_.on_data_sent(now_, resources_.config.delayed_ack);
  if (c_.retransmit_at_ == Connection::kNever) {
    c_.arm_retransmission(resources_, now_);
  }
  note_congestion(active.sent.in_network() - bytes, seq, bytes);
  rate_ = Steering::rate(c_, resources_.config);
  begin();
  setting_.ecn = c_.ecn_.new_data_mark();
}

void PlainRun::note_congestion(std::uint32_t in_network, SeqNum snd_nxt,
                               std::uint32_t bytes) noexcept {
  if (!c_.congestion_.hears_of_sent(in_network)) {
    return;
  }
  // As it was before they left.
  PathView path = c_.path_view(resources_, now_);
  path.in_network = in_network;
  path.snd_nxt = snd_nxt;
  c_.congestion_.on_sent(path, bytes);
}

std::uint8_t PlainRun::push_flags(ActiveBlock& active, std::uint32_t bytes,
                                  std::uint32_t unsent) noexcept {
  const std::uint32_t least = resources_.config.push_burst_segments;
  const auto flags = static_cast<std::uint8_t>(TcpFlags::kAck | c_.ecn_.ack_flags() |
                                               c_.push_flag(c_.send_.snd_nxt));
  if (least == 0 || bytes < c_.mss_) {
    return flags;
  }
  const std::uint32_t cwnd = c_.congestion_.window();
  const std::uint32_t half_window = c_.send_.max_snd_wnd / 2;
  if (!groups_) {
    groups_ = BurstPush::limits_of({.least_segments = least,
                                    .segment_bytes = bytes,
                                    .cwnd = cwnd,
                                    .half_window = half_window,
                                    .round_trip = c_.rtt_.srtt(),
                                    .starts_slowly = cwnd < c_.congestion_.ssthresh() / 2});
  }
  const bool goes_on = std::min(unsent, c_.send_.usable_window()) >= bytes &&
                       std::uint64_t{active.sent.in_network()} + bytes <= cwnd;
  return active.burst_push.on_full_segment(now_, *groups_, goes_on)
             ? static_cast<std::uint8_t>(flags | TcpFlags::kPsh)
             : flags;
}

void PlainRun::settle() noexcept {
  if (unsettled_ == 0) {
    return;
  }
  ActiveBlock& active = *c_.active_;
  if (untold_ > 0) {
    note_congestion(active.sent.in_network() - untold_, c_.send_.snd_nxt - untold_, untold_);
  }
  if (rate_ == 0) {
    active.pacer.on_sent(now_, unsettled_, 0, resources_.config.pacing_slack);
  }
  active.slowdown.on_sent(unsettled_);
  Repair{c_, resources_, now_}.on_run_sent();
  resources_.stats.tcp_bytes_out += unsettled_;
  if (active.watch.on_sent(c_.send_.snd_nxt)) {
    c_.events_.add(Events::kProgress);
  }
  if (c_.wants_writable_ && c_.tuning_->unsent_limit_bytes != 0) {
    // What leaves may be what was waited for.
    c_.report_writable(resources_);
  }
  unsettled_ = untold_ = 0;
}

SegmentPlan PlainRun::plan() const noexcept {
  SegmentPlan plan;
  plan.seq = segment_.seq;
  plan.ack = setting_.ack;
  plan.payload_bytes = segment_.payload_bytes;
  plan.window = setting_.window;
  plan.flags = segment_.flags;
  plan.ecn = segment_.payload_bytes > 0 ? setting_.ecn : wire::Ecn::NotCapable;
  plan.options.timestamps = setting_.timestamps;
  return plan;
}

}  // namespace millrace::tcp
