// AckSample: what an arriving ACK tells of the path, in the words that congestion controllers need:
// how much was delivered and lost, how fast, and what the connection looks like afterwards. Who
// gathers it is Connection; what follows from it is a controller's business.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/config.hpp>
#include <millrace/time.hpp>

#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// A connection as its congestion controller sees it. Sizes are bytes of payload.
struct PathView {
  Instant now{};
  std::uint32_t mss = 0;         ///< Largest payload of a segment.
  std::uint32_t in_network = 0;  ///< Believed to be in the network, after the event.
  SeqNum snd_una{0};
  SeqNum snd_nxt{0};
  Duration srtt{};                        ///< Zero while unknown.
  Duration min_rtt{};                     ///< The shortest ever; zero while unknown.
  std::uint32_t slow_start_segments = 2;  ///< `TcpConfig::slow_start_ack_segments`.
  bool has_selective_acks = true;         ///< More than one loss is told of in a round trip.
};

/// How fast data arrived at the peer while one segment was under way (delivery rate estimation,
/// draft-ietf-ccwg-bbr, "Delivery Rate Samples"). Totals count octets since the opening.
struct RateSample {
  std::uint64_t delivered = 0;        ///< Total acknowledged or reported, now.
  std::uint64_t prior_delivered = 0;  ///< The same when the segment left.
  std::uint64_t lost = 0;             ///< Total that counted as lost, now.
  std::uint32_t lost_meanwhile = 0;   ///< Of it, since the segment left.
  std::uint32_t in_network_then = 0;  ///< In the network when it left, itself included.
  Duration interval{};  ///< The longer of the sending and the arriving; zero: no sample.
  bool is_application_limited = false;

  [[nodiscard]] std::uint64_t delivered_meanwhile() const noexcept {
    return delivered - prior_delivered;
  }
  /// Octets a second; zero without a sample.
  [[nodiscard]] std::uint64_t bytes_per_second() const noexcept {
    constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
    const auto nanoseconds = static_cast<std::uint64_t>(interval.count());
    return interval.count() <= 0 ? 0 : delivered_meanwhile() * kNanosecondsPerSecond / nanoseconds;
  }
};

/// One ACK that delivered something, or told of a loss.
struct AckSample {
  std::uint32_t newly_acked = 0;       ///< Cumulatively, FIN included.
  std::uint32_t newly_delivered = 0;   ///< Acknowledged or reported for the first time.
  std::uint32_t newly_lost = 0;        ///< Counts as lost since the last sample.
  std::uint32_t prior_in_network = 0;  ///< Before this ACK.
  std::optional<Duration> rtt;         ///< Measured by it.
  bool is_window_limited = false;      ///< The congestion window was full since the last one.
  bool is_congestion_echo = false;     ///< It carries ECE (RFC 3168, RFC 8257).
  bool is_recovering = false;          ///< A fast recovery goes on: the window is PRR's. After a
                                       ///< timeout it is not: slow start opens it (RFC 5681 §3.1).
  RateSample rate;
};

/// Whether a window opens for this ACK. RFC 7661 §4.4: not while the application does not fill
/// it. RFC 3168 §6.1.2: an ACK that tells of congestion opens none.
[[nodiscard]] inline bool may_grow(const AckSample& sample) noexcept {
  return sample.is_window_limited && !sample.is_recovering && !sample.is_congestion_echo;
}

}  // namespace millrace::tcp
