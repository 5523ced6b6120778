#include "tcp/receive_autotune.hpp"

#include <algorithm>

namespace millrace::tcp {

namespace {

// What timestamps cannot resolve, and what nobody's round trip takes.
constexpr std::uint32_t kTickUs = 1'000;
constexpr Duration kLongest = std::chrono::minutes{5};

std::uint32_t in_us(Duration duration) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

}  // namespace

void ReceiveAutotune::start(std::uint32_t limit_bytes, std::uint32_t flight_bytes) noexcept {
  limit_ = is_fixed_ ? limit_ : limit_bytes;
  read_before_ = std::max(flight_bytes, 1U);
}

void ReceiveAutotune::on_handshake(Duration sample) noexcept {
  round_trip_us_ = std::max(in_us(sample), 1U);
}

void ReceiveAutotune::on_echo(std::uint32_t echo, Duration sample) noexcept {
  // As Linux: what echoes the same value later was not sent at once.
  const auto low_bits = static_cast<std::uint16_t>(echo);
  if (low_bits == last_echo_) {
    return;
  }
  last_echo_ = low_bits;
  const std::uint32_t sample_us = std::max(in_us(std::min(sample, kLongest)), 1U);
  if (round_trip_us_ == 0) {
    round_trip_us_ = sample_us;
  } else if (sample_us <= kTickUs && round_trip_us_ <= sample_us) {
    // It says no more than that.
    return;
  } else {
    const std::uint64_t bounded = std::min<std::uint64_t>(sample_us, 8ULL * round_trip_us_);
    round_trip_us_ = static_cast<std::uint32_t>((7ULL * round_trip_us_ + bounded) / 8);
  }
  has_timestamps_ = true;
}

void ReceiveAutotune::on_data(Instant now, SeqNum rcv_nxt, SeqNum read_nxt, SeqNum rcv_adv,
                              std::uint32_t mss, std::uint32_t limit_max) noexcept {
  const std::uint32_t now_us = in_us(now.time_since_epoch());
  if (!has_started_) {
    has_started_ = true;
    read_from_ = read_nxt;
    read_since_us_ = window_since_us_ = now_us;
    window_end_ = rcv_adv;
    return;
  }
  measure_round_trip(now_us, rcv_nxt, rcv_adv);
  if (round_trip_us_ == 0 || now_us - read_since_us_ < round_trip_us_) {
    return;
  }
  const auto read = static_cast<std::uint32_t>(read_nxt - read_from_);
  if (read > read_before_) {
    if (!is_fixed_) {
      grow(read, mss, limit_max);
    }
    read_before_ = read;
  }
  read_from_ = read_nxt;
  read_since_us_ = now_us;
}

void ReceiveAutotune::measure_round_trip(std::uint32_t now_us, SeqNum rcv_nxt,
                                         SeqNum rcv_adv) noexcept {
  if (rcv_nxt.is_at_or_before(window_end_)) {
    return;
  }
  // Whoever sends beyond that edge has heard of a later one: at least a round trip has passed since
  // then, and more if the peer was not waiting for it. The shortest counts.
  const std::uint32_t sample = std::max(now_us - window_since_us_, 1U);
  if (!has_timestamps_ || round_trip_us_ <= kTickUs) {
    round_trip_us_ = round_trip_us_ == 0 ? sample : std::min(round_trip_us_, sample);
  }
  window_end_ = rcv_adv;
  window_since_us_ = now_us;
}

void ReceiveAutotune::grow(std::uint32_t read, std::uint32_t mss,
                           std::uint32_t limit_max) noexcept {
  // Twice what was read, since the sender's window may double in slow start, room for a burst, and
  // twice the rate at which it grew.
  const std::uint64_t base = 2ULL * read + 16ULL * mss;
  const std::uint64_t growth = base * (read - read_before_) / read_before_;
  const std::uint64_t window = base + 2 * growth;
  // Payload may take up half of the memory that it is charged.
  limit_ =
      std::max(limit_, static_cast<std::uint32_t>(std::min<std::uint64_t>(2 * window, limit_max)));
}

}  // namespace millrace::tcp
