// What the path says of a connection's segments: errors of routers and hosts, and sizes that are
// too large (RFC 9293 §3.9.2.2, RFC 5927, RFC 1191). The caller has seen that the segment is in
// flight.
#include "tcp/connection.hpp"

namespace millrace::tcp {

void Connection::on_path_error(const Resources& resources, const IcmpVerdict& verdict) noexcept {
  ++resources.stats.tcp_path_errors;
  // Deviates from RFC 9293 §3.9.2.2, SHLD-26: a hard error ends what is not established yet, and
  // nothing else, because anybody who guesses a number can send one (RFC 5927 §5.2). Linux does
  // likewise. MUST-56: a soft one ends nothing.
  const bool is_opening = state_ == TcpState::SynSent || state_ == TcpState::SynReceived;
  if (is_opening && verdict.severity == Severity::Hard) {
    end(resources, fail(verdict.error));
    return;
  }
  // RFC 1122 §4.2.3.9: kept, for it may be why the connection will time out.
  report_soft_error(resources, verdict.error);
}

void Connection::on_path_mss(const Resources& resources, Instant now, std::uint16_t mss) noexcept {
  const bool is_less = path_mtu_.set_path(mss);
  if (!path_mtu_.is_started()) {
    return;
  }
  mss_ = path_mtu_.mss();
  if (!is_less || active_ == nullptr || !active_->sent.mark_larger_lost(path_mtu_.most())) {
    return;
  }
  // RFC 1191 §6.5: what was too large goes again at once, in pieces. It says nothing of congestion,
  // so the window stays; and duplicates caused by what did arrive are no news of loss.
  active_->recovery.duplicates.forget();
  if (active_->recovery.phase == LossRecovery::Phase::Open) {
    recover_ = send_.snd_nxt;
  }
  arm_retransmission(resources, now);
}

std::optional<SegmentPlan> Connection::plan_mtu_probe(const Resources& resources,
                                                      Instant now) noexcept {
  // RFC 4821 §7.4: only while nothing else is in doubt.
  if (active_ == nullptr || recovery() != TcpRecovery::Open || idle_restart_ ||
      active_->sent.first_lost() != nullptr) {
    return std::nullopt;
  }
  const auto bytes = path_mtu_.next_probe(now,
                                          {.unsent = unsent_bytes(),
                                           .window = send_.usable_window(),
                                           .in_network = in_network(),
                                           .cwnd = congestion_.window()},
                                          resources.config);
  const SeqNum seq = send_.snd_nxt;
  if (!bytes || !note_transmission(resources, now, *bytes, false)) {
    return std::nullopt;
  }
  path_mtu_.on_probe_sent(seq, *bytes);
  ++resources.stats.tcp_mtu_probes;
  return plan_new_segment(resources, seq, *bytes, TcpFlags::kAck);
}

}  // namespace millrace::tcp
