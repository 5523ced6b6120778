// A segment arrives: RFC 9293 §3.10.7.4, one function per numbered step, with RFC 5961's checks.
#include <algorithm>
#include <utility>

#include "base/coarse_time.hpp"
#include "base/contract.hpp"
#include "tcp/connection.hpp"
#include "tcp/predicted_input.hpp"

namespace millrace::tcp {

using packet::Packet;

Disposition Connection::on_segment(const Resources& resources, Instant now, const Segment& segment,
                                   Packet payload) noexcept {
  Disposition disposition;
  if (PredictedInput{*this, resources, now}.take(segment, payload, disposition)) [[likely]] {
    return disposition;
  }
  return on_segment_by_steps(resources, now, segment, std::move(payload));
}

Disposition Connection::on_segment_by_steps(const Resources& resources, Instant now,
                                            const Segment& segment, Packet payload) noexcept {
  base::expects(state_ != TcpState::Listen);
  if (state_ == TcpState::SynSent) {
    return on_segment_in_syn_sent(resources, now, segment, std::move(payload));
  }
  Disposition disposition;
  if (state_ == TcpState::Closed || state_ == TcpState::TimeWait) {
    return {.dropped = DropReason::TcpNoConnection, .answer_with_reset = !segment.flags.rst()};
  }
  if (is_crossed_syn_ack(segment)) {
    return on_crossed_syn_ack(resources, now, segment, std::move(payload));
  }
  if (check_timestamps(resources, now, segment, disposition) == Step::Done ||
      check_sequence(resources, now, segment, disposition) == Step::Done ||
      check_reset(resources, now, segment, disposition) == Step::Done ||
      check_syn(resources, now, segment, disposition) == Step::Done) {
    return disposition;
  }
  // Step 5: the ACK field.
  if (!segment.flags.ack()) {
    return {.dropped = DropReason::TcpNoAck};
  }
  if (state_ == TcpState::SynReceived &&
      check_ack_in_syn_received(resources, now, segment, disposition) == Step::Done) {
    return disposition;
  }
  if (process_ack(resources, now, segment, disposition) == Step::Done) {
    return disposition;
  }
  if (segment.payload_bytes > 0) {
    resources.stats.tcp_ecn_marks_in += segment.ecn == wire::Ecn::Congested ? 1 : 0;
    ack_now_ = ecn_.on_text(segment, receive_.rcv_nxt, unacked_bytes_) || ack_now_;
  }
  // Steps 6 to 8.
  process_urgent(segment);
  Segment rest = segment;
  process_payload(resources, now, rest, std::move(payload), disposition);
  settle_urgent(resources);
  const bool fills_hole_before_fin =
      peer_fin_seen_ && !peer_fin_received_ && peer_fin_ == receive_.rcv_nxt;
  if (rest.flags.fin() || fills_hole_before_fin) {
    process_fin(resources, now, rest);
  }
  disposition.delivered = active_ == nullptr ? 0 : active_->sent.take_delivered();
  detach_if_idle(resources);
  return disposition;
}

bool Connection::is_crossed_syn_ack(const Segment& segment) const noexcept {
  const bool has_both = segment.flags.syn() && segment.flags.ack() && !segment.flags.rst();
  return state_ == TcpState::SynReceived && !passive_ && has_both && segment.seq == receive_.irs;
}

Connection::Step Connection::check_sequence(const Resources& resources, Instant now,
                                            const Segment& segment,
                                            Disposition& disposition) noexcept {
  // Step 1. A SYN,ACK of ours may be lost: the peer repeats its SYN, whatever it carries, we our
  // answer.
  if (state_ == TcpState::SynReceived && segment.flags.syn() && !segment.flags.rst() &&
      segment.seq == receive_.irs) {
    on_repeated_syn(resources, segment, disposition);
    return Step::Done;
  }
  if (is_acceptable(receive_, segment.seq, segment.length())) {
    return Step::Continue;
  }
  // Step 1's special allowance: with a closed window, what needs no room is still processed.
  if (receive_.rcv_wnd() == 0 && segment.seq == receive_.rcv_nxt && segment.flags.ack() &&
      !segment.flags.rst() && !segment.flags.syn()) {
    Segment without_text = segment;
    without_text.payload_bytes = 0;
    without_text.flags =
        TcpFlags{static_cast<std::uint8_t>(segment.flags.bits() & ~TcpFlags::kFin)};
    if (is_synchronized(state_)) {
      static_cast<void>(process_ack(resources, now, without_text, disposition));
      process_urgent(segment);
    }
  }
  acknowledge_unacceptable(resources, segment, now);
  note_duplicate(resources, segment);
  disposition.dropped = segment.payload_bytes > 0 && segment.end().is_at_or_before(receive_.rcv_nxt)
                            ? DropReason::TcpDuplicateData
                            : DropReason::TcpOutOfWindow;
  return Step::Done;
}

void Connection::acknowledge_unacceptable(const Resources& resources, const Segment& segment,
                                          Instant now) noexcept {
  // Text and FIN are never part of a loop of answers, and whoever repeats them lacks our ACK.
  const bool lacks_our_ack = segment.payload_bytes > 0 || segment.flags.fin();
  if (segment.flags.syn() && !segment.flags.rst()) {
    // RFC 5961 §4.2: whatever its sequence number.
    challenge(resources, now);
  } else if (!segment.flags.rst() && (lacks_our_ack || may_answer_oddity(now))) {
    ack_now_ = true;
  }
}

void Connection::on_repeated_syn(const Resources& resources, const Segment& segment,
                                 Disposition& disposition) noexcept {
  if (!segment.flags.ack()) {
    ecn_.on_syn(segment, resources.config.ecn);
    syn_due_ = syn_repeated_ = true;
    disposition.dropped = DropReason::TcpOutOfWindow;
    return;
  }
  // Nobody opens both ways at once with a listener: an old SYN, whatever it acknowledges.
  ack_now_ = true;
  disposition.dropped = DropReason::TcpOutOfWindow;
}

Connection::Step Connection::check_reset(const Resources& resources, Instant now,
                                         const Segment& segment,
                                         Disposition& disposition) noexcept {
  // Step 2, with RFC 5961 §3.2: only the exact sequence number resets; any other in the window is
  // asked about.
  if (!segment.flags.rst()) {
    return Step::Continue;
  }
  // Deviates from RFC 5961 §3.2: if it is told to, also what a peer sends that has had our SACK and
  // takes everything before it for received, because Linux and those who compare do.
  const bool is_at_sack_edge = resources.config.resets_at_sack_edge && sack_ &&
                               active_ != nullptr && active_->sack_report.ends_at(segment.seq);
  if (segment.seq != receive_.rcv_nxt && !is_at_sack_edge) {
    if (!segment.seq.is_in_window(receive_.rcv_nxt, receive_.rcv_wnd())) {
      // The right edge, and what only reaches into the window, pass step 1; but only SEG.SEQ
      // counts.
      disposition.dropped = DropReason::TcpOutOfWindow;
      return Step::Done;
    }
    challenge(resources, now);
    disposition.dropped = DropReason::TcpBadReset;
    return Step::Done;
  }
  ++resources.stats.tcp_resets_in;
  const bool was_refused = state_ == TcpState::SynReceived && !passive_;
  const bool was_over = state_ == TcpState::Closing || state_ == TcpState::LastAck;
  if (was_over) {
    end(resources, {});
  } else {
    end(resources, fail(was_refused ? Error::ConnectionRefused : Error::ConnectionReset));
  }
  return Step::Done;
}

Connection::Step Connection::check_syn(const Resources& resources, Instant now,
                                       const Segment& segment, Disposition& disposition) noexcept {
  // Step 4.
  if (!segment.flags.syn()) {
    return Step::Continue;
  }
  disposition.dropped = DropReason::TcpUnexpectedSyn;
  if (state_ == TcpState::SynReceived && passive_ && !early_) {
    // Back to LISTEN: the peer has begun anew, and its next SYN finds the listener.
    end(resources, fail(Error::ConnectionReset));
    return Step::Done;
  }
  // RFC 5961 §4.2: asked about, whatever its sequence number.
  challenge(resources, now);
  return Step::Done;
}

void Connection::challenge(const Resources& resources, Instant now) noexcept {
  // RFC 5961 §7: rarely for one connection, and not often for all of them together.
  if (may_answer_oddity(now) && resources.challenge_acks.take(now)) {
    ack_now_ = true;
    ++resources.stats.tcp_challenge_acks_out;
  } else {
    ++resources.stats.tcp_challenge_acks_limited;
  }
}

bool Connection::may_answer_oddity(Instant now) noexcept {
  // Two ends that disagree about their numbers would answer each other's empty segments for ever.
  constexpr std::uint32_t kIntervalMs = 500;
  const std::uint32_t now_ms = base::milliseconds_of(now);
  if (has_answered_oddity_ && now_ms - oddity_answered_ms_ < kIntervalMs) {
    return false;
  }
  has_answered_oddity_ = true;
  oddity_answered_ms_ = now_ms;
  return true;
}

void Connection::process_payload(const Resources& resources, Instant now, Segment& segment,
                                 Packet payload, Disposition& disposition) noexcept {
  // Step 7. Cut what lies outside of the window; `segment` is cut along, so that its FIN stands
  // right.
  if (segment.payload_bytes == 0) {
    return;
  }
  if (!accepts_text(state_)) {
    // The peer has sent FIN: nothing can follow it.
    disposition.dropped = DropReason::TcpDuplicateData;
    return;
  }
  note_duplicate(resources, segment);
  if (segment.seq.is_before(receive_.rcv_nxt)) {
    const auto old = static_cast<std::uint32_t>(receive_.rcv_nxt - segment.seq);
    ack_now_ = true;
    if (old >= segment.payload_bytes) {
      segment.seq += segment.payload_bytes;
      segment.payload_bytes = 0;
      disposition.dropped = DropReason::TcpDuplicateData;
      return;
    }
    payload.remove_prefix(old);
    segment.seq += old;
    segment.payload_bytes -= old;
  }
  if (app_closed_) {
    // RFC 9293 §3.6.1, SHLD-3: nobody will read it, and the peer should know.
    abort(resources, Error::ConnectionAborted);
    if (segment.ack == send_.snd_nxt) {
      // As Linux: the reset answers this segment, as one to nobody would be answered. With more in
      // flight it would be old to a peer that has had some of that, so the connection's own goes.
      reset_due_ = false;
      disposition.answer_with_reset = true;
    }
    disposition.dropped = DropReason::TcpAfterClose;
    segment.flags = TcpFlags{};
    return;
  }
  if ((segment.seq + segment.payload_bytes).is_after(receive_.rcv_adv)) {
    const auto kept = static_cast<std::uint32_t>(receive_.rcv_adv - segment.seq);
    payload.truncate(kept);
    segment.payload_bytes = kept;
    segment.flags = TcpFlags{static_cast<std::uint8_t>(segment.flags.bits() & ~TcpFlags::kFin)};
    ack_now_ = true;
  }
  if (segment.payload_bytes == 0) {
    disposition.dropped = DropReason::TcpOutOfWindow;
    return;
  }
  if (segment.seq == receive_.rcv_nxt) {
    measure_sender(segment, now);
    deliver(resources, now, std::move(payload), disposition);
  } else {
    keep_out_of_order(resources, segment, std::move(payload), disposition);
  }
}

void Connection::deliver(const Resources& resources, Instant now, Packet payload,
                         Disposition& disposition) noexcept {
  const std::uint32_t bytes = payload.size();
  bool is_kept = attach(resources) && active_->receive_queue.append(payload, resources.budget);
  if (!is_kept && active_ != nullptr && active_->drop_out_of_order(resources.budget) > 0) {
    // Beyond the budget, what is out of order goes first.
    is_kept = active_->receive_queue.append(payload, resources.budget);
  }
  if (!is_kept) {
    ack_now_ = true;
    disposition.dropped = DropReason::TcpReceiveFull;
    return;
  }
  receive_.rcv_nxt += bytes;
  duplicate_acks_due_ = 0;
  resources.stats.tcp_bytes_in += bytes;
  schedule_ack(resources, now, bytes);
  if (!active_->reassembly.empty()) {
    // RFC 5681 §4.2: what fills a hole is acknowledged at once.
    ack_now_ = true;
    while (Packet waiting = active_->reassembly.pop_in_order(receive_.rcv_nxt, resources.budget)) {
      receive_.rcv_nxt += waiting.size();
      resources.stats.tcp_bytes_in += waiting.size();
      active_->receive_queue.append_charged(std::move(waiting), resources.budget);
    }
    active_->sack_report.on_advance(receive_.rcv_nxt);
  }
  receive_autotune_.on_data(now, receive_.rcv_nxt, read_nxt(), receive_.rcv_adv, rcv_mss_,
                            resources.config.receive_buffer_bytes);
  events_.add(Events::kReadable);
}

void Connection::keep_out_of_order(const Resources& resources, const Segment& segment,
                                   Packet payload, Disposition& disposition) noexcept {
  // RFC 5681 §4.2, MAY-13: at once, and one for each that was sent: a sender without selective
  // acknowledgments counts them to find the hole.
  disposition.is_out_of_order = true;
  ack_now_ = true;
  duplicate_acks_due_ =
      static_cast<std::uint8_t>(std::min(duplicate_acks_due_ + segment.begun, 255));
  resources.stats.tcp_out_of_order_segments += segment.begun;
  quick_acks_.on_disorder(quick_ack_measure(resources));
  if (!attach(resources)) {
    disposition.dropped = DropReason::TcpReassemblyFull;
    return;
  }
  switch (active_->reassembly.insert(segment.seq, std::move(payload),
                                     resources.config.reassembly_segments_max, resources.budget)) {
    case ReassemblyQueue::Outcome::Kept: break;
    case ReassemblyQueue::Outcome::Duplicate:
      disposition.dropped = DropReason::TcpDuplicateData;
      break;
    case ReassemblyQueue::Outcome::Full: disposition.dropped = DropReason::TcpReassemblyFull; break;
  }
  report_arrival(segment.seq);
}

void Connection::process_fin(const Resources& resources, Instant now,
                             const Segment& segment) noexcept {
  // Step 8. A FIN behind a hole takes effect when the hole is filled.
  if (segment.flags.fin() && !peer_fin_received_) {
    peer_fin_seen_ = true;
    peer_fin_ = segment.seq + segment.payload_bytes;
  }
  if (!peer_fin_seen_ || peer_fin_received_ || peer_fin_ != receive_.rcv_nxt) {
    ack_now_ = true;
    return;
  }
  peer_fin_received_ = true;
  if (active_ != nullptr && !active_->receive_queue.empty()) {
    // Who waits for the end and not for data, as descriptors may, is to look.
    events_.add(Events::kReadable);
  }
  // Before any data there is no telling how long an answer takes.
  const bool is_delayed = resources.config.delayed_fin_acks && state_ == TcpState::Established &&
                          receive_.rcv_nxt != receive_.irs + 1 && unacked_bytes_ + 1U <= rcv_mss_ &&
                          !(early_ && progress_at_ == now);
  receive_.rcv_nxt += 1;
  duplicate_ = SackBlock{};  // As Linux: behind the end nobody needs to hear of it.
  if (receive_.rcv_adv.is_before(receive_.rcv_nxt)) {
    receive_.rcv_adv = receive_.rcv_nxt;
  }
  if (is_delayed) {
    // As Linux: what the application sends now, its FIN most likely, carries the ACK.
    quick_acks_.set_conversation(true);
    schedule_ack(resources, now, 1);
  } else {
    ack_now_ = true;
  }
  switch (state_) {
    case TcpState::SynReceived:
    case TcpState::Established: set_state(TcpState::CloseWait); break;
    case TcpState::FinWait1: set_state(TcpState::Closing); break;
    case TcpState::FinWait2: enter_time_wait(resources); break;
    case TcpState::Closed:
    case TcpState::Listen:
    case TcpState::SynSent:
    case TcpState::CloseWait:
    case TcpState::Closing:
    case TcpState::LastAck:
    case TcpState::TimeWait: break;
  }
  report_peer_finished();
}

QuickAcks::Measure Connection::quick_ack_measure(const Resources& resources) const noexcept {
  return {.window = receive_.rcv_wnd(),
          .segment_bytes = rcv_mss_,
          .most = resources.config.quick_acks_max};
}

void Connection::schedule_ack(const Resources& resources, Instant now,
                              std::uint32_t payload_bytes) noexcept {
  // RFC 9293 §3.8.6.3, SHLD-19: every second full-sized segment at once, the rest within the delay.
  unacked_bytes_ += payload_bytes;
  // No timeout is shorter than the least, which costs nothing to know.
  if (!rtt_.has_sample() || !quick_acks_.on_prompt_data(now, resources.config.rto_min)) {
    quick_acks_.on_data(now, rtt_.rto(resources.config), quick_ack_measure(resources));
  }
  if (unacked_bytes_ >= 2U * rcv_mss_ || quick_acks_.apply()) {
    ack_now_ = true;
  } else if (ack_at_ == kNever) {
    ack_at_ = now + resources.config.delayed_ack;
  }
}

}  // namespace millrace::tcp
