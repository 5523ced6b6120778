// SentSegment: the record of one segment in flight, and what was known when it left. Keeping them
// in order, and deciding what has become of each, is left to others.
#pragma once

#include <cstdint>

#include <millrace/time.hpp>

#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// What a connection had delivered and lost when a segment left, for the rate at which data arrives
/// while that segment is under way.
struct FlightSnapshot {
  Instant first_sent_at{};       ///< When the flight began that the segment belongs to.
  Instant delivered_at{};        ///< When something was last delivered before it.
  std::uint64_t delivered = 0;   ///< Octets, in all.
  std::uint32_t lost = 0;        ///< Octets, in all; it wraps around.
  std::uint32_t in_network = 0;  ///< Itself included.
  bool is_application_limited = false;
};

/// A segment in flight: [seq, seq + length), of which the last octet is FIN when `has_fin`.
struct SentSegment {
  SentSegment* next = nullptr;   ///< In order of sequence.
  SentSegment* older = nullptr;  ///< In order of transmission, among those under way.
  SentSegment* newer = nullptr;
  Instant sent_at{};  ///< The last time.
  FlightSnapshot then{};
  SeqNum seq{0};
  std::uint32_t length = 0;
  std::uint16_t retransmissions = 0;
  bool has_fin = false;
  bool is_known = false;             ///< Counted among those that have arrived.
  bool is_lost = false;              ///< To be sent again; it no longer counts as in the network.
  bool is_sacked = false;            ///< The peer has it, ahead of a hole: it is not sent again.
  bool is_cut = false;               ///< Only its first part has left again, for want of a record.
  bool is_unsent : 1 = false;        ///< It has never left, for want of a packet.
  bool is_time_unknown : 1 = false;  ///< `sent_at` and `then` are of a try that found no packet.

  [[nodiscard]] SeqNum end() const noexcept { return seq + length; }
  [[nodiscard]] std::uint32_t payload() const noexcept { return length - (has_fin ? 1U : 0U); }
  [[nodiscard]] bool is_under_way() const noexcept { return !is_lost && !is_sacked; }
};

/// RFC 8985 §6.1: whether the first of two transmissions was the later one. Where the clock does
/// not tell, sequence numbers do.
[[nodiscard]] constexpr bool is_sent_after(Instant sent_at, SeqNum end, Instant other_at,
                                           SeqNum other_end) noexcept {
  return sent_at > other_at || (sent_at == other_at && end.is_after(other_end));
}

}  // namespace millrace::tcp
