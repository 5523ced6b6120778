// A timer went off: retransmission or probe, delayed ACK, override, and the time-outs of states.
#include <algorithm>

#include "base/contract.hpp"
#include "tcp/connection.hpp"
#include "tcp/repair.hpp"

namespace millrace::tcp {

void Connection::on_timer(const Resources& resources, Instant now) noexcept {
  if (ack_at_ <= now) {
    ack_at_ = kNever;
    ack_now_ = true;
  }
  if (override_at_ <= now) {
    override_at_ = kNever;
    override_due_ = true;
    if (wants_writable_ && send_room(resources).is_short_of_packets()) {
      retry_writable_later(resources, now);
    } else {
      report_writable(resources);
    }
  }
  if (state_deadline() <= now) {
    state_at_ = kNever;
    on_state_timeout(resources);
  }
  if (keepalive_.deadline() <= now) {
    on_keepalive_timer(resources, now);
  }
  if (active_ != nullptr && active_->recovery.timer_at <= now) {
    if (Repair{*this, resources, now}.on_loss_timer()) {
      // RFC 8985 §7.3 and §8: there is one timer, and what leaves for this one arms it anew. A core
      // that comes late finds both expired.
      arm_retransmission(resources, now);
    }
  }
  if (retransmit_at_ <= now) {
    retransmit_at_ = kNever;
    if (state_ == TcpState::SynSent || state_ == TcpState::SynReceived) {
      on_syn_timeout(resources, now);
    } else {
      on_retransmission_timeout(resources, now);
    }
  }
  detach_if_idle(resources);
}

void Connection::on_retransmission_timeout(const Resources& resources, Instant now) noexcept {
  // RFC 9293 §3.8.3, R2: no progress for too long.
  if (user_timeout_.is_limited() && now - progress_at_ >= user_timeout_.limit()) {
    // RFC 1122 §4.2.3.9: what the path complained of last is the likely reason.
    abort(resources, soft_error_.reason_for_timeout());
    return;
  }
  const bool is_idle = active_ == nullptr || active_->sent.empty();
  if (!is_idle && active_->sent.front()->is_lost && active_->pacer.next_at() > now) {
    // RFC 6298 §5.4: what is to leave again is still held by pacing, so that nothing of it can have
    // timed out.
    arm_retransmission(resources, now);
    return;
  }
  rtt_.back_off();
  if (send_.snd_wnd == 0) {
    // RFC 9293 §3.8.6.1: a closed window is probed, with growing intervals, and is no sign of
    // congestion.
    if (!is_idle) {
      active_->sent.mark_all_lost(Blame::Nobody);
      active_->recovery.duplicates.forget();
    }
    probe_due_ = !is_idle || unsent_bytes() > 0 || is_fin_unsent();
    if (probe_due_) {
      arm_retransmission(resources, now);
    }
    return;
  }
  if (!is_idle) {
    on_segment_timeout(resources, now);
  }
}

void Connection::on_segment_timeout(const Resources& resources, Instant now) noexcept {
  check_r1(resources, active_->sent.front()->retransmissions);
  // RFC 6298 §5.4 to §5.6, RFC 5681 §3.1.
  ++resources.stats.tcp_retransmission_timeouts;
  const SentSegment& first = *active_->sent.front();
  if (path_mtu_.on_timeout(now, first.retransmissions + 1U, first.payload(), resources.config)) {
    ++resources.stats.tcp_mtu_black_holes;
    mss_ = path_mtu_.mss();
  }
  Repair{*this, resources, now}.on_timeout();
  arm_retransmission(resources, now);
}

void Connection::on_syn_timeout(const Resources& resources, Instant now) noexcept {
  // Deviates from RFC 9293 §3.8.3, MUST-23: three minutes are for our own SYN. A SYN,ACK is given
  // up after `syn_ack_retries`, 63 s by default as in Linux, because whoever wants the connection
  // asks again, and half-open ones must not pile up. In a simultaneous open it is our own SYN.
  const std::uint32_t most = passive_ ? std::max<std::uint32_t>(resources.config.syn_ack_retries,
                                                                deferred_ ? deferred_timeouts_ : 0U)
                                      : tuning_->syn_retries;
  if ((passive_ || most > 0) && syn_retransmissions_ >= most) {
    end(resources, fail(soft_error_.reason_for_timeout()));
    return;
  }
  if (state_ == TcpState::SynSent && active_ != nullptr) {
    // RFC 7413 §4.2.1: the data of our SYN goes again when the handshake is over.
    active_->sent.mark_all_lost(Blame::Nobody);
  }
  check_r1(resources, syn_retransmissions_);
  ++syn_retransmissions_;
  rtt_.back_off();
  // As Linux: whoever has acknowledged it is asked again only once that would open the connection.
  syn_due_ = !deferred_ || syn_retransmissions_ >= deferred_timeouts_;
  resources.stats.tcp_retransmitted_segments += syn_due_ ? 1 : 0;
  retransmit_at_ = now + rtt_.rto(resources.config);
}

Instant Connection::state_deadline() const noexcept {
  // As Linux: who counts SYNs does not look at the clock. The time for opening stays, for a change
  // of mind.
  const bool is_counting = state_ == TcpState::SynSent && tuning_->syn_retries > 0;
  return is_counting ? kNever : state_at_;
}

void Connection::on_state_timeout(const Resources& resources) noexcept {
  switch (state_) {
    case TcpState::SynSent:
    case TcpState::SynReceived:
      if (app_closed_) {
        // Linger ran out, and the peer may take the connection for open.
        abort(resources, Error::ConnectionAborted);
      } else {
        // RFC 9293 §3.10.8: the time for opening ends in silence.
        end(resources, fail(soft_error_.reason_for_timeout()));
      }
      break;
    case TcpState::FinWait2:
      // Everything of ours was delivered; only the peer's FIN never came.
      end(resources, {});
      break;
    case TcpState::FinWait1:
    case TcpState::Closing:
    case TcpState::LastAck:
      // Linger ran out with data undelivered.
      abort(resources, Error::ConnectionAborted);
      break;
    case TcpState::Closed:
    case TcpState::Listen:
    case TcpState::Established:
    case TcpState::CloseWait:
    case TcpState::TimeWait: break;
  }
}

}  // namespace millrace::tcp
