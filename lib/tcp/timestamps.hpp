// Timestamps: one connection's side of the timestamps option (RFC 7323 §3 to §5): what its segments
// carry, which of the peer's values is echoed, what is too old to be true, and how long a round
// trip took. What follows from the answers is decided elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <millrace/time.hpp>

#include "wire/seq_num.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// Twenty bytes: part of every control block.
class Timestamps {
 public:
  /// What `round_trip` may be short of.
  static constexpr Duration kTick = std::chrono::milliseconds{1};

  /// Before opening. Added to each value we send, so that outsiders cannot tell how long the host
  /// has run, and one connection's values say nothing of another peer's (RFC 7323 §7.1).
  void set_offset(std::uint32_t offset) noexcept { offset_ = offset; }
  /// Our SYN shall carry them.
  void offer() noexcept { mode_ = Mode::Offered; }
  /// The peer's SYN, with or without them: RFC 7323 §3.2, they count if both SYNs carry them.
  void on_peer_syn(const std::optional<wire::TcpTimestamps>& theirs, Instant now) noexcept;

  /// Both SYNs carried them.
  [[nodiscard]] bool is_on() const noexcept { return mode_ == Mode::On; }
  /// What a segment that leaves now carries; nothing if they are neither offered nor agreed on.
  [[nodiscard]] std::optional<wire::TcpTimestamps> stamp(Instant now) const noexcept;
  /// A segment that acknowledges everything before `rcv_nxt` leaves (Last.ACK.sent).
  void on_ack_sent(SeqNum rcv_nxt) noexcept { last_ack_sent_ = rcv_nxt; }

  /// RFC 7323 §5.3, R1: whether a segment with that value must be an old duplicate.
  [[nodiscard]] bool is_old(std::uint32_t value, Instant now) const noexcept;
  /// RFC 7323 §4.3 (2) and §5.3, R3: an acceptable segment that starts at `seq`; notes its value if
  /// it is the one to be echoed next.
  void on_segment(SeqNum seq, const wire::TcpTimestamps& theirs, Instant now) noexcept;
  /// RFC 7323 §4: how long ago we sent what `theirs` echoes. For the retransmission timer only of a
  /// segment that acknowledges new data.
  [[nodiscard]] std::optional<Duration> round_trip(const wire::TcpTimestamps& theirs,
                                                   Instant now) const noexcept;
  /// `timestamp_clock` at the time when we sent what `theirs` echoes; nothing if it echoes nothing.
  [[nodiscard]] std::optional<std::uint32_t> echoed_clock(
      const wire::TcpTimestamps& theirs) const noexcept {
    return is_on() && theirs.echo != 0 ? std::optional{theirs.echo - offset_} : std::nullopt;
  }
  /// Whether an answer to our SYN can be one, by what it echoes: `first` is when the SYN first
  /// left.
  [[nodiscard]] bool is_echo_of_syn(const wire::TcpTimestamps& theirs, Instant first,
                                    Instant now) const noexcept;
  /// The newest value of the peer's that is to be echoed (TS.Recent).
  [[nodiscard]] std::uint32_t ts_recent() const noexcept { return ts_recent_; }

 private:
  enum class Mode : std::uint8_t { Off, Offered, On };

  [[nodiscard]] std::uint32_t value_at(Instant time) const noexcept;
  void note(std::uint32_t value, Instant now) noexcept;

  std::uint32_t offset_ = 0;
  std::uint32_t ts_recent_ = 0;
  std::uint32_t noted_at_s_ = 0;  // When `ts_recent_` was last noted, in seconds of the clock.
  SeqNum last_ack_sent_{0};
  Mode mode_ = Mode::Off;
};

/// The clock that all timestamps of a host tick with, before any offset: one tick a millisecond, as
/// Linux has it (RFC 7323 §5.4: between 1 ms and 1 s).
[[nodiscard]] std::uint32_t timestamp_clock(Instant now) noexcept;

/// Whether `value` lies before `other` on the circle of 2^32 timestamps.
[[nodiscard]] constexpr bool is_timestamp_before(std::uint32_t value,
                                                 std::uint32_t other) noexcept {
  return static_cast<std::int32_t>(value - other) < 0;
}

}  // namespace millrace::tcp
