// SYN cookies: a handshake of which nothing is kept (RFC 4987 §3.6). What must survive until the
// peer's ACK travels in our initial sequence number and, if the peer sends timestamps, in the low
// bits of ours, as Linux has it. When cookies are due, and that somebody waits for them, is known
// elsewhere.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/endpoint.hpp>
#include <millrace/time.hpp>

#include "base/keyed_hash.hpp"
#include "tcp/segment.hpp"

namespace millrace::tcp {

/// The sequence numbers. A cookie is good for the period it was made in and the one after it; who
/// has none guesses right once in two million ACKs.
class SynCookies {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds{64};
  static constexpr std::uint32_t kPeriodsValid = 2;
  static constexpr Duration kLifetime = kPeriod * kPeriodsValid;

  explicit SynCookies(base::KeyedHash hash) noexcept : hash_{hash} {}

  /// The initial sequence number that answers `syn`.
  [[nodiscard]] SeqNum make(const FourTuple& tuple, const Segment& syn, Instant now) const noexcept;
  /// The peer's MSS, rounded down, if `ack` completes a handshake that began with a cookie.
  [[nodiscard]] std::optional<std::uint16_t> check(const FourTuple& tuple, const Segment& ack,
                                                   Instant now) const noexcept;

 private:
  [[nodiscard]] std::uint32_t hash_of_tuple(const FourTuple& tuple) const noexcept;
  [[nodiscard]] std::uint32_t hash_of_syn(const FourTuple& tuple, SeqNum syn,
                                          std::uint32_t period) const noexcept;

  base::KeyedHash hash_;
};

/// What a cookie remembers of `syn`, as a SYN: its flags and options, without its payload. With
/// `in_timestamp` window scale, SACK and ECN survive, else the MSS alone does.
[[nodiscard]] Segment what_survives(const Segment& syn, bool in_timestamp) noexcept;

/// Our timestamp `clock` with what survives of `syn` in its low bits. It is never ahead of `clock`,
/// lest the peer take our next segment for an old one (RFC 7323 §5).
[[nodiscard]] std::uint32_t hide_in_timestamp(std::uint32_t clock, const Segment& syn) noexcept;

/// The SYN that `ack` belongs to, as far as it can be told from the ACK: its options stand in the
/// timestamp that it echoes, if our SYN,ACKs carry any.
[[nodiscard]] Segment recall_syn(const Segment& ack, std::uint16_t mss,
                                 bool has_timestamps) noexcept;

}  // namespace millrace::tcp
