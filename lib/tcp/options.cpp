// Options: what the SYNs agree on, what every segment carries, and what an arriving segment's
// timestamps say of it (RFC 7323, RFC 2018, RFC 9293 §3.7.1).
#include <algorithm>

#include "tcp/connection.hpp"
#include "tcp/steering.hpp"

namespace millrace::tcp {

namespace {

// RFC 9293 §3.7.1, MUST-15: what a peer takes that does not say.
constexpr std::uint16_t kDefaultMssV4 = 536;
constexpr std::uint16_t kDefaultMssV6 = 1220;
// A peer that asks for less would make us send headers only.
constexpr std::uint16_t kMssMin = 48;
constexpr std::uint16_t kReceiveMssMin = 88;    // As Linux has it.
constexpr std::uint16_t kTimestampsBytes = 12;  // With their padding.
constexpr std::uint32_t kUnscaledWindowMax = 65'535;

// RFC 7323 §2.3: the smallest shift with which the largest window we may ever offer can be said.
std::uint8_t window_scale_for(std::uint32_t window_max) noexcept {
  std::uint8_t shift = 0;
  while (shift < wire::kWindowScaleMax && (window_max >> shift) > kUnscaledWindowMax) {
    ++shift;
  }
  return shift;
}

}  // namespace

void Connection::offer_options(const Resources& resources) noexcept {
  const TcpConfig& config = resources.config;
  // Of what the buffer may grow to, not of what it starts with.
  std::uint64_t most = config.receive_buffer_bytes;
  if (tuning_->receive_buffer_bytes != 0) {
    most = std::min<std::uint64_t>(most, tuning_->receive_buffer_bytes);
  }
  if (tuning_->window_clamp_bytes != 0) {
    most = std::min<std::uint64_t>(most, 2ULL * tuning_->window_clamp_bytes);
  }
  rcv_wscale_ = window_scale_for(static_cast<std::uint32_t>(most / 2));
  offers_wscale_ = true;
  sack_ = config.selective_acks;
  if (config.timestamps) {
    timestamps_.offer();
  }
}

void Connection::negotiate(const Resources& resources, Instant now,
                           const wire::TcpOptions& options) noexcept {
  timestamps_.on_peer_syn(options.timestamps, now);
  // RFC 2018 §2.
  sack_ = sack_ && options.sack_permitted;
  const std::uint16_t peer_mss =
      options.mss.value_or(tuple_.remote.address.is_v4() ? kDefaultMssV4 : kDefaultMssV6);
  // RFC 9293 §3.7.1, MUST-16; RFC 6691 §2: the peer's option speaks of segments without options, so
  // those that every segment carries come off here.
  path_mtu_.start(now, std::clamp(peer_mss, kMssMin, mss_limit_),
                  timestamps_.is_on() ? kTimestampsBytes : 0, resources.config);
  mss_ = path_mtu_.mss();
  // Until data tells: a peer that takes little often sends little.
  rcv_mss_ = std::clamp(mss_, kReceiveMssMin, kDefaultMssV4);
  // RFC 7323 §2.2: scaling counts only if both SYNs offer it.
  if (options.window_scale && offers_wscale_) {
    snd_wscale_ = *options.window_scale;
  } else {
    offers_wscale_ = false;
    snd_wscale_ = rcv_wscale_ = 0;
  }
  Steering{*this, resources}.start(
      initial_window_bytes(resources.config.initial_window_segments, mss_));
}

void Connection::add_options(const Resources& resources, Instant now, SegmentPlan& plan) noexcept {
  // RFC 7323 §3.2: once agreed on, in every segment, resets too.
  plan.options.timestamps = timestamps_.stamp(now);
  if (plan.flags.ack()) {
    timestamps_.on_ack_sent(plan.ack);
  }
  add_sack_blocks(resources, plan);
  if (plan.flags.syn()) {
    // RFC 9293 §3.7.1, MUST-65, SHLD-5: here and nowhere else, always, and, RFC 6691 §2, of what
    // fits without options.
    plan.options.mss = mss_limit_;
    plan.options.sack_permitted = sack_;
    if (offers_wscale_) {
      plan.options.window_scale = rcv_wscale_;
    }
  }
}

void Connection::add_sack_blocks(const Resources& resources, SegmentPlan& plan) noexcept {
  if (!has_sack_blocks() || plan.flags.syn() || plan.flags.rst()) {
    return;
  }
  // RFC 5482's option takes the place of one block.
  const bool has_other = plan.options.user_timeout.has_value();
  std::size_t most = sack_blocks_max(timestamps_.is_on()) - (has_other ? 1 : 0);
  if (plan.payload_bytes > 0) {
    const std::size_t used = plan.payload_bytes + (has_other ? wire::kUserTimeoutSize : 0);
    const std::size_t room = mss_ - std::min<std::size_t>(used, mss_);
    while (most > 0 && sack_option_bytes(most) > room) {
      --most;
    }
  }
  if (most > 0) {
    plan.options.sack = compose_sack(most);
    // RFC 2883 §4: each duplicate is reported once.
    resources.stats.tcp_duplicates_reported_out += duplicate_.left != duplicate_.right ? 1 : 0;
    duplicate_ = {};
  }
}

bool Connection::has_sack_blocks() const noexcept {
  return duplicate_.left != duplicate_.right ||
         (active_ != nullptr && !active_->sack_report.blocks().empty());
}

SackBlocks Connection::compose_sack(std::size_t most) const noexcept {
  const bool has_duplicate = duplicate_.left != duplicate_.right;
  const auto duplicate = has_duplicate ? std::optional{duplicate_} : std::nullopt;
  return active_ == nullptr ? SackReport{}.compose(duplicate, most)
                            : active_->sack_report.compose(duplicate, most);
}

std::uint16_t Connection::send_mss() const noexcept {
  // RFC 6691 §2: options that come and go take room from the payload, too. Most often there are
  // none.
  if (!has_sack_blocks()) {
    return mss_;
  }
  // How many there are is enough to know here: this is asked several times for each segment.
  const std::size_t reported = active_ == nullptr ? 0 : active_->sack_report.blocks().size();
  const std::size_t blocks = reported + (duplicate_.left != duplicate_.right ? 1 : 0);
  return static_cast<std::uint16_t>(
      mss_ - sack_option_bytes(std::min(blocks, sack_blocks_max(timestamps_.is_on()))));
}

void Connection::note_duplicate(const Resources& resources, const Segment& segment) noexcept {
  if (segment.payload_bytes == 0) {
    return;
  }
  const SeqNum end = segment.seq + segment.payload_bytes;
  if (segment.seq.is_before(receive_.rcv_nxt)) {
    quick_acks_.on_disorder(quick_ack_measure(resources));
  }
  if (!sack_) {
    return;
  }
  // RFC 2883 §4: the first contiguous run of the segment's octets that had arrived before.
  std::optional<SackBlock> duplicate;
  if (segment.seq.is_before(receive_.rcv_nxt)) {
    duplicate = SackBlock{.left = segment.seq,
                          .right = end.is_before(receive_.rcv_nxt) ? end : receive_.rcv_nxt};
  } else if (active_ != nullptr) {
    duplicate = active_->reassembly.overlap(segment.seq, end);
  }
  duplicate_ = duplicate.value_or(duplicate_);
}

void Connection::report_arrival(SeqNum seq) noexcept {
  if (!sack_) {
    return;
  }
  const SackBlocks& blocks = active_->sack_report.blocks();
  const auto newest = blocks.empty() ? std::nullopt : std::optional{blocks[0]};
  if (const auto run = active_->reassembly.run_around(seq, newest)) {
    active_->sack_report.on_arrival(*run);
  }
}

void Connection::process_sack(const Resources& resources, AckInHand& ack,
                              Disposition& disposition) noexcept {
  const auto& blocks = ack.segment.options.sack;
  if (!sack_ || blocks.empty()) {
    return;
  }
  const SackNews news = read_sack({blocks.begin(), blocks.end()}, ack.segment.ack, send_.snd_una,
                                  send_.snd_nxt, send_.max_snd_wnd);
  resources.stats.tcp_bad_sack_blocks += news.bad_blocks;
  resources.stats.tcp_duplicates_reported_in += news.duplicate ? 1 : 0;
  disposition.reports_duplicate = news.duplicate.has_value();
  ack.duplicate_report = news.duplicate;
  ack.has_blocks = !news.blocks.empty();
  if (active_ == nullptr) {
    if (news.duplicate) {
      heed_late_report(resources, *news.duplicate, ack.now);
    }
    return;
  }
  const std::uint32_t marked =
      active_->scoreboard.mark(active_->sent, {news.blocks.begin(), news.blocks.end()}, ack.log);
  if (marked > 0 && !ack.advances() && ack.log.rtt_sample()) {
    // A report is sent at once, so that it measures the round trip as an ACK of new data does.
    add_round_trip(ack.log.rtt_sample(), ack);
  }
}

void Connection::heed_late_report(const Resources& resources, const SackBlock& duplicate,
                                  Instant now) noexcept {
  const Aftermath::Report report = aftermath_.on_duplicate_report(duplicate, mss_);
  if (report == Aftermath::Report::Recovery || report == Aftermath::Report::Timeout) {
    // RFC 4015 §3, as `Repair` does while something is in flight.
    ++(report == Aftermath::Report::Timeout ? resources.stats.tcp_timeouts_undone
                                            : resources.stats.tcp_recoveries_undone);
    congestion_.on_undo(path_view(resources, now));
  }
  if (report != Aftermath::Report::Probe) {
    // RFC 8985 §6.2, step 4. The answer to a probe is none of it: nothing had counted as lost.
    reorder_.on_duplicate_report(send_.snd_una, send_.snd_nxt);
  }
}

Connection::Step Connection::check_timestamps(const Resources& resources, Instant now,
                                              const Segment& segment,
                                              Disposition& disposition) noexcept {
  // RFC 7323 §5.2: a reset is judged by its sequence number alone.
  if (!timestamps_.is_on() || segment.flags.rst()) {
    return Step::Continue;
  }
  if (!segment.options.timestamps) {
    // RFC 7323 §3.2: silently. A SYN only ever provokes an answer, so it needs none.
    if (!resources.config.timestamps_required || segment.flags.syn()) {
      return Step::Continue;
    }
    disposition.dropped = DropReason::TcpNoTimestamp;
    return Step::Done;
  }
  // RFC 7323 §5.3, R1.
  if (!timestamps_.is_old(segment.options.timestamps->value, now)) {
    return Step::Continue;
  }
  acknowledge_unacceptable(resources, segment, now);
  disposition.dropped = DropReason::TcpOldTimestamp;
  return Step::Done;
}

void Connection::note_timestamps(const Segment& segment, Instant now) noexcept {
  if (timestamps_.is_on() && segment.options.timestamps) {
    timestamps_.on_segment(segment.seq, *segment.options.timestamps, now);
  }
}

void Connection::add_round_trip(const std::optional<Duration>& sample, AckInHand& ack) noexcept {
  // RFC 6298 §3: what was sent twice is no measure, unless a timestamp tells which of them was
  // answered (RFC 7323 §4.1). Our own records are finer than its milliseconds, so they come first.
  ack.rtt = sample;
  if (sample) {
    rtt_.add_sample(*sample);
  } else if (timestamps_.is_on() && ack.segment.options.timestamps) {
    // Good enough for a timeout. Whoever wants to know how short the path is looks elsewhere.
    if (const auto coarse = timestamps_.round_trip(*ack.segment.options.timestamps, ack.now)) {
      rtt_.add_sample(*coarse, Timestamps::kTick);
    }
  }
}

void Connection::measure_sender(const Segment& segment, Instant now) noexcept {
  const std::uint32_t sent = std::min<std::uint32_t>(segment.sent_bytes(), mss_limit_);
  rcv_mss_ = std::max(rcv_mss_, static_cast<std::uint16_t>(sent));
  // Whoever only receives has no other measure of the round trip (RFC 7323 §4). A small segment may
  // have waited at its sender for more to go along.
  if (!timestamps_.is_on() || !segment.options.timestamps || segment.sent_bytes() < rcv_mss_) {
    return;
  }
  const wire::TcpTimestamps& theirs = *segment.options.timestamps;
  if (!receive_autotune_.is_new(theirs.echo)) {
    return;
  }
  if (const auto sample = timestamps_.round_trip(theirs, now)) {
    receive_autotune_.on_echo(theirs.echo, *sample);
  }
}

}  // namespace millrace::tcp
