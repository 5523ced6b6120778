// What the application has chosen for one connection alone. A connection borrows a place for it
// only where anything was chosen (decision 7).
#include <algorithm>

#include "base/contract.hpp"
#include "base/deadline.hpp"
#include "tcp/connection.hpp"
#include "tcp/steering.hpp"

namespace millrace::tcp {

void Connection::set_tuning(const Resources& resources, const TcpTuning& tuning) noexcept {
  const TcpTuning before = *tuning_;
  if (tuning_ != &kUntuned) {
    resources.tunings.erase(resources.tunings.index_of(*tuning_));
    tuning_ = &kUntuned;
  }
  if (tuning != kUntuned) {
    tuning_ = resources.tunings.emplace(tuning);
    base::expects(tuning_ != nullptr);
  }
  Steering{*this, resources}.change(before);
  receive_autotune_.fix(tuning.receive_buffer_bytes);
  if (state_ == TcpState::Closed && tuning.max_segment_bytes != 0) {
    mss_limit_ = std::min(mss_limit_, tuning.max_segment_bytes);
  }
  // What waits for a limit that was chosen before may have room now.
  report_writable(resources);
}

void Connection::set_quick_acks(bool on) noexcept {
  quick_acks_.set_conversation(!on);
  ack_now_ = ack_now_ || (on && ack_at_ != kNever);
}

bool Connection::defers(const Segment& segment) noexcept {
  const bool is_bare_ack = segment.flags.ack() && !segment.flags.syn() && !segment.flags.rst() &&
                           segment.length() == 0 && segment.seq == receive_.rcv_nxt &&
                           segment.ack == send_.snd_nxt;
  if (state_ != TcpState::SynReceived || early_ || !is_bare_ack ||
      syn_retransmissions_ >= deferred_timeouts_) {
    return false;
  }
  deferred_ = true;
  // The time until data comes is the application's at the other end, and says nothing of the path.
  syn_unseen_ = true;
  return true;
}

void Connection::limit_fin_wait_2(const Resources& resources, Instant now) noexcept {
  const Duration limit = tuning_->fin_wait_2.value_or(resources.config.fin_wait_2_timeout);
  if (limit == Duration::zero()) {
    abort(resources, Error::ConnectionAborted);
    return;
  }
  state_at_ = base::later(now, limit);
}

bool Connection::has_enough_unsent() const noexcept {
  return tuning_->unsent_limit_bytes != 0 && unsent_bytes() >= tuning_->unsent_limit_bytes;
}

}  // namespace millrace::tcp
