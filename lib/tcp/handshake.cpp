// Opening: SYN-SENT and SYN-RECEIVED, and what the SYNs' options agree on (RFC 9293 §3.5,
// §3.10.7.3).
#include <algorithm>
#include <utility>

#include "base/contract.hpp"
#include "base/deadline.hpp"
#include "tcp/connection.hpp"
#include "tcp/steering.hpp"

namespace millrace::tcp {

namespace {

constexpr std::uint32_t kUnscaledWindowMax = 65'535;
// What a sender begins with, in segments (RFC 6928 §2).
constexpr std::uint32_t kInitialFlight = 10;

std::uint32_t initial_receive_buffer(const TcpConfig& config) {
  return std::min(config.receive_buffer_initial_bytes, config.receive_buffer_bytes);
}

}  // namespace

void Connection::open_active(const Resources& resources, Instant now, SeqNum iss,
                             Duration timeout) noexcept {
  send_.iss = send_.snd_una = iss;
  send_.snd_nxt = iss + 1;
  recover_ = iss;
  small_end_ = iss;
  user_timeout_.start(resources.config.user_timeout);
  receive_autotune_.start(initial_receive_buffer(resources.config), kInitialFlight * mss_limit_);
  offer_options(resources);
  Steering{*this, resources}.open();
  progress_at_ = now;
  state_at_ = base::later(now, timeout);
  syn_due_ = true;
  set_state(TcpState::SynSent);
}

void Connection::require_irs_after(SeqNum floor) noexcept {
  base::expects(state_ == TcpState::SynSent);
  reopened_ = true;
  receive_.rcv_nxt = receive_.rcv_adv = floor;
}

void Connection::open_passive(const Resources& resources, Instant now, SeqNum iss,
                              const Segment& syn) noexcept {
  passive_ = true;
  send_.iss = send_.snd_una = iss;
  send_.snd_nxt = iss + 1;
  recover_ = iss;
  small_end_ = iss;
  user_timeout_.start(resources.config.user_timeout);
  receive_autotune_.start(initial_receive_buffer(resources.config), kInitialFlight * mss_limit_);
  offer_options(resources);
  progress_at_ = now;
  accept_syn(resources, now, syn);
  Steering{*this, resources}.open();
  ecn_.on_syn(syn, resources.config.ecn);
  syn_due_ = true;
  set_state(TcpState::SynReceived);
}

void Connection::open_from_cookie(const Resources& resources, Instant now, SeqNum iss,
                                  const Segment& syn) noexcept {
  open_passive(resources, now, iss, syn);
  syn_due_ = false;
  syn_unseen_ = true;
  // What it said of marks was forgotten with it, and holds (RFC 3168 §6.1.1).
  static_cast<void>(ecn_.syn_ack_flags());
  // Were the ACK not to complete the handshake, it would go on as any.
  retransmit_at_ = now + rtt_.rto(resources.config);
}

void Connection::accept_syn(const Resources& resources, Instant now, const Segment& syn) noexcept {
  receive_.irs = syn.seq;
  receive_.rcv_nxt = syn.seq + 1;
  receive_.rcv_adv = receive_.rcv_nxt + std::min(receive_limit(resources) / 2, kUnscaledWindowMax);
  // RFC 7323 §2.2: the window of a SYN is never scaled.
  send_.snd_wnd = send_.max_snd_wnd = syn.window;
  // Nothing is older than the SYN: the first segment behind it sets both anew.
  send_.snd_wl1 = syn.seq;
  send_.snd_wl2 = send_.iss;
  negotiate(resources, now, syn.options);
  if (syn.options.user_timeout) {
    user_timeout_.on_option(*syn.options.user_timeout, resources.config);
  }
}

Disposition Connection::on_segment_in_syn_sent(const Resources& resources, Instant now,
                                               const Segment& segment,
                                               packet::Packet payload) noexcept {
  // RFC 9293 §3.10.7.3, first: check the ACK bit.
  if (segment.flags.ack() &&
      (segment.ack.is_at_or_before(send_.iss) || segment.ack.is_after(send_.snd_nxt))) {
    return {.dropped = DropReason::TcpBadHandshakeAck, .answer_with_reset = !segment.flags.rst()};
  }
  // As Linux: nor does it answer our SYN if it echoes a timestamp that we did not send.
  if (segment.flags.ack() && segment.options.timestamps &&
      !timestamps_.is_echo_of_syn(*segment.options.timestamps, progress_at_, now)) {
    return {.dropped = DropReason::TcpBadHandshakeAck, .answer_with_reset = !segment.flags.rst()};
  }
  // Second: the RST bit. Without an acceptable ACK anybody could have sent it.
  if (segment.flags.rst()) {
    if (!segment.flags.ack()) {
      return {.dropped = DropReason::TcpBadReset};
    }
    if (active_ != nullptr && !active_->sent.empty() && syn_retransmissions_ == 0) {
      // RFC 7413 §4.1.3.1: perhaps only because of the data.
      fast_open_outcome_ = FastOpenOutcome::Refused;
    }
    end(resources, fail(Error::ConnectionRefused));
    return {};
  }
  // Fourth: the SYN bit.
  if (!segment.flags.syn()) {
    return {.dropped = DropReason::TcpBadFlags};
  }
  if (reopened_ && !segment.options.timestamps && !segment.seq.is_after(receive_.rcv_nxt)) {
    // RFC 6191 §2, seen from the other end: neither its timestamp nor its sequence number tells the
    // new connection's segments from late ones of the old. A SYN without an ACK ends nothing:
    // anybody could have sent it.
    if (segment.flags.ack()) {
      end(resources, fail(Error::AddressInUse));
    }
    return {.dropped = DropReason::TcpTimeWait, .answer_with_reset = segment.flags.ack()};
  }
  accept_syn(resources, now, segment);
  if (!segment.flags.ack()) {
    // Simultaneous open (MUST-10): both SYNs crossed.
    ecn_.on_syn(segment, resources.config.ecn);
    syn_due_ = true;
    // The SYN,ACK's own; data may have left with the SYN.
    retransmit_at_ = now + rtt_.rto(resources.config);
    set_state(TcpState::SynReceived);
    return {};
  }
  send_.snd_una = send_.iss + 1;
  establish(resources, now, segment);
  settle_syn_data(resources, now, segment);
  return process_behind_syn(resources, now, segment, std::move(payload));
}

Disposition Connection::on_crossed_syn_ack(const Resources& resources, Instant now,
                                           const Segment& segment,
                                           packet::Packet payload) noexcept {
  // RFC 9293 §3.5, MUST-10: in a simultaneous open both ends repeat their SYN with an ACK, which
  // completes it.
  Disposition disposition;
  if (check_ack_in_syn_received(resources, now, segment, disposition) == Step::Done) {
    return disposition;
  }
  send_.snd_wnd = send_.max_snd_wnd = segment.window;  // RFC 7323 §2.2: never scaled in a SYN.
  return process_behind_syn(resources, now, segment, std::move(payload));
}

Disposition Connection::process_behind_syn(const Resources& resources, Instant now,
                                           const Segment& segment,
                                           packet::Packet payload) noexcept {
  ack_now_ = true;
  Disposition disposition;
  Segment rest = segment;
  rest.seq += 1;
  rest.flags = TcpFlags{static_cast<std::uint8_t>(segment.flags.bits() & ~TcpFlags::kSyn)};
  // RFC 9293 §3.10.7.3, fourth: on with the sixth step. The pointer counts from the SYN.
  process_urgent(segment);
  process_payload(resources, now, rest, std::move(payload), disposition);
  settle_urgent(resources);
  if (rest.flags.fin()) {
    process_fin(resources, now, rest);
  }
  disposition.delivered = active_ == nullptr ? 0 : active_->sent.take_delivered();
  detach_if_idle(resources);
  return disposition;
}

void Connection::settle_syn_data(const Resources& resources, Instant now,
                                 const Segment& segment) noexcept {
  if (fast_open_tried_ && syn_retransmissions_ > 0) {
    fast_open_outcome_ = FastOpenOutcome::Lost;
  }
  if (active_ == nullptr || active_->sent.empty()) {
    return;
  }
  if (segment.ack.is_after(send_.snd_una)) {
    fast_open_outcome_ = FastOpenOutcome::Taken;
    AckInHand ack = take_in_hand(segment, now);
    Disposition disposition;
    process_delivery(resources, ack, disposition);
  }
  if (!active_->sent.empty()) {
    // RFC 7413 §4.2.1: what the SYN,ACK leaves out goes again at once, as any data.
    active_->sent.mark_all_lost(Blame::Nobody);
    arm_retransmission(resources, now);
  }
}

void Connection::offer_fast_open(const wire::FastOpenCookie& cookie,
                                 std::uint16_t peer_mss) noexcept {
  base::expects(state_ == TcpState::SynSent);
  fast_open_ = true;
  mss_ = std::min(std::max(peer_mss, mss_), mss_limit_);
  if (active_ != nullptr) {
    active_->fast_open = cookie;
  }
}

void Connection::add_fast_open(const Resources& resources, Instant now,
                               SegmentPlan& plan) noexcept {
  // RFC 7413 §4.2.1: once. What is sent again is a plain SYN, which comes through where something
  // on the way swallows this one.
  fast_open_ = false;
  fast_open_tried_ = true;
  plan.options.fast_open.emplace();
  if (active_ == nullptr || active_->fast_open.empty()) {
    return;
  }
  plan.options.fast_open = active_->fast_open;
  if (plan.options.fast_open->full()) {
    // There is no room for both; the next segments say it again.
    plan.options.user_timeout.reset();
  }
  const std::uint32_t mss = std::min(mss_, path_mtu_.path());
  const std::uint32_t bytes =
      std::min(unsent_bytes(), mss - std::uint32_t{wire::kTcpOptionsSizeMax});
  if (bytes > 0 && note_transmission(resources, now, bytes, false)) {
    plan.payload_bytes = bytes;
  }
}

bool Connection::accept_early(const Resources& resources, Instant now,
                              packet::Packet payload) noexcept {
  base::expects(state_ == TcpState::SynReceived);
  if (!payload || payload.size() == 0) {
    // As Linux: with a good cookie, or where none is needed, also before there is anything to read.
    early_ = true;
    events_.add(Events::kConnected);
    return true;
  }
  if (payload.size() > receive_.rcv_wnd()) {
    payload.truncate(receive_.rcv_wnd());
  }
  Disposition disposition;
  deliver(resources, now, std::move(payload), disposition);
  early_ = !disposition.dropped;
  fast_open_outcome_ = early_ ? FastOpenOutcome::Taken : fast_open_outcome_;
  // The SYN,ACK says what was taken.
  ack_now_ = false;
  ack_at_ = kNever;
  unacked_bytes_ = 0;
  return early_;
}

void Connection::establish(const Resources& resources, Instant now,
                           const Segment& segment) noexcept {
  retransmit_at_ = kNever;
  // Who was let in early may have closed already, and lingers.
  const bool is_lingering = app_closed_ && linger_ms_ != kNoLinger;
  state_at_ = is_lingering ? state_at_ : kNever;
  syn_due_ = false;
  soft_error_.on_progress();
  user_timeout_.say_again();
  keepalive_.on_segment(now);
  // RFC 6298 §3: a SYN that was sent once tells the round-trip time; §5.7: one that was lost calls
  // for caution.
  if (syn_unseen_) {
    // Nobody knows when it left, nor how often. Timeouts that only waited for the application at
    // the other end make nothing later.
    rtt_.reset_backoff();
  } else if (syn_retransmissions_ == 0 && !syn_repeated_) {
    rtt_.add_sample(now - progress_at_);
    receive_autotune_.on_handshake(now - progress_at_);
  } else {
    rtt_.reset_backoff();
    rtt_.start_cautiously();
    // RFC 6928 §2: after a lost SYN the first flight is one segment.
    Steering{*this, resources}.start(mss_);
  }
  progress_at_ = now;
  if (segment.flags.syn()) {
    // In a simultaneous open, too: it says whether our own SYN's flags have arrived.
    ecn_.on_syn_ack(segment);
  }
  note_timestamps(segment, now);
  ++(passive_ ? resources.stats.tcp_passive_opens : resources.stats.tcp_active_opens);
  resources.stats.tcp_ecn_connections += ecn_.may_mark() ? 1 : 0;
  set_state(TcpState::Established);
  // An application that was let in early has heard of it.
  events_.add(early_ ? 0 : Events::kConnected);
  if (fin_queued_) {
    set_state(TcpState::FinWait1);
  }
}

Connection::Step Connection::check_ack_in_syn_received(const Resources& resources, Instant now,
                                                       const Segment& segment,
                                                       Disposition& disposition) noexcept {
  // RFC 9293 §3.10.7.4, step 5, SYN-RECEIVED.
  if (!segment.ack.is_after(send_.snd_una) || segment.ack.is_after(send_.snd_nxt)) {
    disposition = {.dropped = DropReason::TcpBadHandshakeAck, .answer_with_reset = true};
    return Step::Done;
  }
  // Data may have left before: what the ACK says of it is looked at behind.
  send_.snd_una = send_.iss + 1;
  send_.snd_wnd = static_cast<std::uint32_t>(segment.window) << snd_wscale_;
  send_.max_snd_wnd = std::max(send_.max_snd_wnd, send_.snd_wnd);
  establish(resources, now, segment);
  if (!passive_) {
    settle_syn_data(resources, now, segment);
  }
  return Step::Continue;
}

SegmentPlan Connection::plan_syn(const Resources& resources, Instant now) noexcept {
  syn_due_ = false;
  const bool is_answer = state_ == TcpState::SynReceived;
  SegmentPlan plan;
  plan.seq = send_.iss;
  plan.ack = is_answer ? receive_.rcv_nxt : SeqNum{0};
  plan.flags = is_answer ? TcpFlags{TcpFlags::kSyn | TcpFlags::kAck}.with(ecn_.syn_ack_flags())
                         : TcpFlags{TcpFlags::kSyn}.with(
                               ecn_.syn_flags(resources.config.ecn, syn_retransmissions_ > 0));
  // Data that came with the SYN lies in the window already.
  const std::uint32_t window = std::min(receive_limit(resources) / 2, kUnscaledWindowMax);
  plan.window =
      static_cast<std::uint16_t>(is_answer ? std::min(window, receive_.rcv_wnd()) : window);
  plan.options.user_timeout = user_timeout_.option_for_syn();
  if (fast_open_ && !is_answer) {
    add_fast_open(resources, now, plan);
  }
  if (retransmit_at_ == kNever) {
    retransmit_at_ = now + rtt_.rto(resources.config);
  }
  return plan;
}

}  // namespace millrace::tcp
