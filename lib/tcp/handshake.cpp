// Opening: SYN-SENT and SYN-RECEIVED, and what the SYNs' options agree on (RFC 9293 §3.5,
// §3.10.7.3).
#include <algorithm>
#include <utility>

#include "base/contract.hpp"
#include "base/deadline.hpp"
#include "tcp/connection.hpp"

namespace millrace::tcp {

namespace {

// RFC 9293 §3.7.1, MUST-15: what a peer takes that does not say.
constexpr std::uint16_t kDefaultMssV4 = 536;
constexpr std::uint16_t kDefaultMssV6 = 1220;
// A peer that asks for less would make us send headers only.
constexpr std::uint16_t kMssMin = 48;
constexpr std::uint32_t kUnscaledWindowMax = 65'535;

// RFC 7323 §2.3: the smallest shift with which the largest window we may ever offer can be said.
std::uint8_t window_scale_for(std::uint32_t receive_buffer_bytes) {
  std::uint8_t shift = 0;
  while (shift < wire::kWindowScaleMax &&
         ((receive_buffer_bytes / 2) >> shift) > kUnscaledWindowMax) {
    ++shift;
  }
  return shift;
}

std::uint32_t initial_receive_window(const TcpConfig& config) {
  return std::min(config.receive_buffer_bytes / 2, kUnscaledWindowMax);
}

}  // namespace

void Connection::open_active(const Resources& resources, Instant now, SeqNum iss,
                             Duration timeout) noexcept {
  send_.iss = send_.snd_una = iss;
  send_.snd_nxt = iss + 1;
  recover_ = iss;
  small_end_ = iss;
  user_timeout_ = resources.config.user_timeout;
  rcv_wscale_ = window_scale_for(resources.config.receive_buffer_bytes);
  offers_wscale_ = true;
  progress_at_ = now;
  state_at_ = base::later(now, timeout);
  syn_due_ = true;
  set_state(TcpState::SynSent);
}

void Connection::open_passive(const Resources& resources, Instant now, SeqNum iss,
                              const Segment& syn) noexcept {
  passive_ = true;
  send_.iss = send_.snd_una = iss;
  send_.snd_nxt = iss + 1;
  recover_ = iss;
  small_end_ = iss;
  user_timeout_ = resources.config.user_timeout;
  rcv_wscale_ = window_scale_for(resources.config.receive_buffer_bytes);
  offers_wscale_ = true;
  progress_at_ = now;
  accept_syn(resources, now, syn);
  ecn_.on_syn(syn, resources.config.ecn);
  syn_due_ = true;
  set_state(TcpState::SynReceived);
}

void Connection::accept_syn(const Resources& resources, Instant now, const Segment& syn) noexcept {
  receive_.irs = syn.seq;
  receive_.rcv_nxt = syn.seq + 1;
  receive_.rcv_adv = receive_.rcv_nxt + initial_receive_window(resources.config);
  // RFC 7323 §2.2: the window of a SYN is never scaled.
  send_.snd_wnd = send_.max_snd_wnd = syn.window;
  send_.snd_wl1 = syn.seq;
  send_.snd_wl2 = send_.iss;
  negotiate(resources, now, syn.options);
}

void Connection::negotiate(const Resources& resources, Instant now,
                           const wire::TcpOptions& options) noexcept {
  const std::uint16_t peer_mss =
      options.mss.value_or(tuple_.remote.address.is_v4() ? kDefaultMssV4 : kDefaultMssV6);
  // RFC 9293 §3.7.1, MUST-16.
  path_mtu_.start(now, std::clamp(peer_mss, kMssMin, mss_limit_), 0, resources.config);
  mss_ = path_mtu_.mss();
  // RFC 7323 §2.2: scaling counts only if both SYNs offer it.
  if (options.window_scale && offers_wscale_) {
    snd_wscale_ = *options.window_scale;
  } else {
    offers_wscale_ = false;
    snd_wscale_ = rcv_wscale_ = 0;
  }
  congestion_.start(initial_window(resources.config.initial_window_segments, mss_));
}

Disposition Connection::on_segment_in_syn_sent(const Resources& resources, Instant now,
                                               const Segment& segment,
                                               packet::Packet payload) noexcept {
  // RFC 9293 §3.10.7.3, first: check the ACK bit.
  if (segment.flags.ack() &&
      (segment.ack.is_at_or_before(send_.iss) || segment.ack.is_after(send_.snd_nxt))) {
    return {.dropped = DropReason::TcpBadHandshakeAck, .answer_with_reset = !segment.flags.rst()};
  }
  // Second: the RST bit. Without an acceptable ACK anybody could have sent it.
  if (segment.flags.rst()) {
    if (!segment.flags.ack()) {
      return {.dropped = DropReason::TcpBadReset};
    }
    end(resources, fail(Error::ConnectionRefused));
    return {};
  }
  // Fourth: the SYN bit.
  if (!segment.flags.syn()) {
    return {.dropped = DropReason::TcpBadFlags};
  }
  accept_syn(resources, now, segment);
  if (!segment.flags.ack()) {
    // Simultaneous open (MUST-10): both SYNs crossed.
    ecn_.on_syn(segment, resources.config.ecn);
    syn_due_ = true;
    retransmit_at_ = kNever;
    set_state(TcpState::SynReceived);
    return {};
  }
  send_.snd_una = segment.ack;
  ecn_.on_syn_ack(segment);
  establish(resources, now, segment);
  ack_now_ = true;
  Disposition disposition;
  Segment rest = segment;
  rest.seq += 1;
  rest.flags = TcpFlags{static_cast<std::uint8_t>(segment.flags.bits() & ~TcpFlags::kSyn)};
  process_payload(resources, now, rest, std::move(payload), disposition);
  if (rest.flags.fin()) {
    process_fin(resources, rest);
  }
  return disposition;
}

void Connection::establish(const Resources& resources, Instant now,
                           const Segment& segment) noexcept {
  retransmit_at_ = kNever;
  state_at_ = kNever;
  syn_due_ = false;
  // RFC 6298 §3: a SYN that was sent once tells the round-trip time; §5.7: one that was lost calls
  // for caution.
  if (syn_retransmissions_ == 0 && !syn_repeated_) {
    rtt_.add_sample(now - progress_at_);
  } else {
    rtt_.reset_backoff();
    rtt_.start_cautiously();
    // RFC 6928 §2: after a lost SYN the first flight is one segment.
    congestion_.start(mss_);
  }
  progress_at_ = now;
  send_.snd_wl1 = segment.seq;
  send_.snd_wl2 = segment.ack;
  ++(passive_ ? resources.stats.tcp_passive_opens : resources.stats.tcp_active_opens);
  resources.stats.tcp_ecn_connections += ecn_.may_mark() ? 1 : 0;
  soft_error_.on_progress();
  set_state(TcpState::Established);
  events_.add(Events::kConnected);
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
  send_.snd_una = segment.ack;
  send_.snd_wnd = static_cast<std::uint32_t>(segment.window) << snd_wscale_;
  send_.max_snd_wnd = std::max(send_.max_snd_wnd, send_.snd_wnd);
  establish(resources, now, segment);
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
  plan.window = static_cast<std::uint16_t>(initial_receive_window(resources.config));
  plan.options.mss = mss_limit_;
  if (offers_wscale_) {
    plan.options.window_scale = rcv_wscale_;
  }
  if (retransmit_at_ == kNever) {
    retransmit_at_ = now + rtt_.rto(resources.config);
  }
  return plan;
}

}  // namespace millrace::tcp
