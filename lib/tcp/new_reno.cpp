#include "tcp/new_reno.hpp"

#include <algorithm>

namespace millrace::tcp {

void NewReno::start(std::uint32_t initial_window) noexcept {
  cwnd_ = initial_window;
  ssthresh_ = kCwndMax;
}

void NewReno::on_ack(std::uint32_t bytes_acked, std::uint32_t mss,
                     std::uint32_t segments_max) noexcept {
  if (cwnd_ < ssthresh_) {
    if (segments_max != 0) {
      // RFC 5681 §3.1, equation 2, per ACK; RFC 3465's limit of two segments keeps pace with
      // delayed ACKs.
      set_cwnd(std::uint64_t{cwnd_} + std::min(bytes_acked, segments_max * mss));
      return;
    }
    // Without a limit slow start ends exactly at its threshold, and the rest counts as what comes
    // behind it.
    const std::uint32_t taken = std::min(bytes_acked, ssthresh_ - cwnd_);
    set_cwnd(std::uint64_t{cwnd_} + taken);
    bytes_acked -= taken;
  }
  // RFC 5681 §3.1: one segment for each window's worth of acknowledged bytes.
  bytes_acked_ += bytes_acked;
  if (bytes_acked_ >= cwnd_) {
    bytes_acked_ -= cwnd_;
    set_cwnd(std::uint64_t{cwnd_} + mss);
  }
}

void NewReno::enter_recovery(std::uint32_t flight, std::uint32_t mss) noexcept {
  // RFC 5681, equation 4.
  ssthresh_ = std::max(flight / 2, 2 * mss);
  bytes_acked_ = 0;
  set_cwnd(std::uint64_t{ssthresh_} + 3ULL * mss);
}

void NewReno::on_duplicate_ack(std::uint32_t mss) noexcept { set_cwnd(std::uint64_t{cwnd_} + mss); }

void NewReno::on_partial_ack(std::uint32_t bytes_acked, std::uint32_t mss) noexcept {
  const std::uint32_t deflated = cwnd_ > bytes_acked ? cwnd_ - bytes_acked : 0;
  set_cwnd(std::max<std::uint64_t>(deflated + (bytes_acked >= mss ? mss : 0U), mss));
}

void NewReno::leave_recovery(std::uint32_t flight, std::uint32_t mss) noexcept {
  // RFC 6582 §3.2, step 3: the smaller of the two, so that no burst follows.
  set_cwnd(std::min<std::uint64_t>(ssthresh_, std::uint64_t{std::max(flight, mss)} + mss));
}

void NewReno::on_timeout(std::uint32_t flight, std::uint32_t mss, bool first) noexcept {
  if (first) {
    ssthresh_ = std::max(flight / 2, 2 * mss);
  }
  bytes_acked_ = 0;
  set_cwnd(mss);
}

void NewReno::on_congestion_echo(std::uint32_t mss) noexcept {
  ssthresh_ = std::max(cwnd_ / 2, 2 * mss);
  bytes_acked_ = 0;
  set_cwnd(std::min(cwnd_, ssthresh_));
}

void NewReno::on_idle_restart(std::uint32_t initial_window) noexcept {
  set_cwnd(std::min(cwnd_, initial_window));
}

void NewReno::set_cwnd(std::uint64_t bytes) noexcept {
  cwnd_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, kCwndMax));
}

}  // namespace millrace::tcp
