// What a sender can reach at best in a cell of the table: the link's payload rate, and under random
// loss the response functions of congestion control. Rates are in bits a second, loss is a share.
#pragma once

#include <cstdint>
#include <string_view>

namespace swarm {

struct CellPath {
  double rate = 0;         ///< Of the link.
  double round_trip = 0;   ///< Seconds of delay alone, there and back.
  double loss = 0;         ///< Share of the segments.
  double payload = 1'448;  ///< Bytes of a full segment.
};

struct Bound {
  double bits_per_second = 0;
  std::string_view law;  ///< Which one it is: "link", "reno", "cubic" or "pftk".
};

/// Full segments back to back: what Ethernet, IP and TCP take is off.
[[nodiscard]] double link_rate(const CellPath& path) noexcept;

/// Seconds from a segment to its ACK where nothing waits: the delays, and the time that both take
/// to be sent.
[[nodiscard]] double shortest_round_trip(const CellPath& path) noexcept;

/// The link's rate, or less under loss: by RFC 9438 §5.1 for "cubic", where its window is never
/// below that of Reno; by the square root law (RFC 5166 §2.1's reference) for all others; from a
/// loss of 1 % on no more than PFTK's equation (RFC 5348 §3.1), which knows of timeouts. Round
/// trips are the shortest.
[[nodiscard]] Bound goodput_bound(const CellPath& path, std::string_view controller) noexcept;

}  // namespace swarm
