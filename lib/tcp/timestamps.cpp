#include "tcp/timestamps.hpp"

#include <algorithm>
#include <chrono>

#include "base/coarse_time.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

// RFC 7323 §5.5: with a tick of a millisecond the sign of a difference says nothing after 24 days.
constexpr std::uint32_t kRecentValidSeconds = 24U * 24 * 3'600;

}  // namespace

std::uint32_t timestamp_clock(Instant now) noexcept { return base::milliseconds_of(now); }

void Timestamps::on_peer_syn(const std::optional<wire::TcpTimestamps>& theirs,
                             Instant now) noexcept {
  if (mode_ == Mode::Off || !theirs) {
    mode_ = Mode::Off;
    return;
  }
  mode_ = Mode::On;
  note(theirs->value, now);
}

std::optional<wire::TcpTimestamps> Timestamps::stamp(Instant now) const noexcept {
  if (mode_ == Mode::Off) {
    return std::nullopt;
  }
  // RFC 7323 §3.2: a SYN without ACK has nothing to echo, and `ts_recent_` is zero until then.
  return wire::TcpTimestamps{.value = value_at(now), .echo = ts_recent_};
}

bool Timestamps::is_old(std::uint32_t value, Instant now) const noexcept {
  if (!is_timestamp_before(value, ts_recent_)) {
    return false;
  }
  // Deviates from RFC 7323 §5.3: a zero is taken for no value at all, as Linux does, because some
  // hosts send it in their SYN and their clock from then on.
  return ts_recent_ != 0 && base::seconds_of(now) - noted_at_s_ < kRecentValidSeconds;
}

void Timestamps::on_segment(SeqNum seq, const wire::TcpTimestamps& theirs, Instant now) noexcept {
  // What arrives ahead of a hole, or behind data whose ACK is delayed, must not be echoed: the time
  // until the ACK belongs to the round trip.
  if (!is_old(theirs.value, now) && seq.is_at_or_before(last_ack_sent_)) {
    note(theirs.value, now);
  }
}

std::optional<Duration> Timestamps::round_trip(const wire::TcpTimestamps& theirs,
                                               Instant now) const noexcept {
  const auto ticks = static_cast<std::int32_t>(value_at(now) - theirs.echo);
  // RFC 7323 §3.2: a zero echoes nothing. What we never sent does not count either.
  if (theirs.echo == 0 || ticks < 0) {
    return std::nullopt;
  }
  return std::max<Duration>(std::chrono::milliseconds{ticks}, 1ms);
}

bool Timestamps::is_echo_of_syn(const wire::TcpTimestamps& theirs, Instant first,
                                Instant now) const noexcept {
  // RFC 7323 §3.2: a zero echoes nothing.
  return mode_ == Mode::Off || theirs.echo == 0 ||
         (!is_timestamp_before(theirs.echo, value_at(first)) &&
          !is_timestamp_before(value_at(now), theirs.echo));
}

std::uint32_t Timestamps::value_at(Instant time) const noexcept {
  return timestamp_clock(time) + offset_;
}

void Timestamps::note(std::uint32_t value, Instant now) noexcept {
  ts_recent_ = value;
  noted_at_s_ = base::seconds_of(now);
}

}  // namespace millrace::tcp
