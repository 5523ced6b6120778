// Tally: what one connection has sent and received since its opening, as its segments tell it. It
// only watches: what they mean for the connection is decided elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include <millrace/tcp_info.hpp>
#include <millrace/time.hpp>

#include "base/coarse_time.hpp"
#include "tcp/events.hpp"
#include "tcp/segment.hpp"

namespace millrace::tcp {

/// What holds up a connection's sending at a moment.
enum class SendLimit : std::uint8_t {
  Idle,           ///< There is nothing to send, and nothing in flight.
  Busy,           ///< The network, or nothing.
  ReceiveWindow,  ///< The peer's window.
  SendBuffer,     ///< The send buffer: the application would send more.
  Count_,         ///< Number of limits; not a limit.
};

/// Kept beside every connection; a few additions for each segment.
class Tally {
 public:
  /// How far an arriving segment has moved the connection's edges.
  struct Progress {
    std::uint32_t acked = 0;     ///< Octets newly acknowledged by the peer.
    std::uint32_t received = 0;  ///< Octets newly in order.
  };

  /// What segments that arrived behind each other had in common and came to.
  struct Arrivals {
    std::uint32_t segments = 0;
    std::uint32_t data_segments = 0;
    std::uint32_t delivered = 0;
    std::uint32_t duplicate_reports = 0;
    std::uint32_t out_of_order = 0;
    std::uint8_t flags = 0;  ///< Of any of them.

    /// All but `segments`, which whoever walks over them knows. Counts are of segments as the peer
    /// sent them.
    void add(const Segment& segment, const Disposition& disposition) noexcept {
      data_segments += segment.payload_bytes > 0 ? segment.begun : 0U;
      delivered += disposition.delivered;
      flags |= segment.flags.bits();
      if (disposition.reports_duplicate || disposition.is_out_of_order) [[unlikely]] {
        duplicate_reports += disposition.reports_duplicate ? 1U : 0U;
        out_of_order += disposition.is_out_of_order ? segment.begun : 0U;
      }
    }
  };

  explicit Tally(Instant now) noexcept
      : limit_since_ms_{base::milliseconds_of(now)},
        data_sent_ms_{limit_since_ms_},
        data_received_ms_{limit_since_ms_},
        ack_received_ms_{limit_since_ms_} {}

  void on_sent(const SegmentPlan& plan, Instant now) noexcept;
  /// The same of several, all of them new data, that end before `end` and carry `bytes`, or, where
  /// these are none, of ACKs alone.
  void on_run_sent(std::uint32_t segments, std::uint32_t bytes, SeqNum end, Instant now) noexcept {
    segments_out_ += segments;
    if (bytes > 0) {
      data_segments_out_ += segments;
      bytes_sent_ += bytes;
      data_sent_ms_ = base::milliseconds_of(now);
      sent_to_ = end;
      has_sent_ = true;
    }
  }
  void on_arrival(const Segment& segment, const Disposition& disposition, const Progress& progress,
                  Instant now) noexcept;
  /// The same of several, at the same time, which have moved the edges that far in all.
  void on_arrivals(const Arrivals& arrivals, const Progress& progress, Instant now) noexcept;
  /// What holds up sending from now on.
  void on_limit(SendLimit limit, Instant now) noexcept {
    if (limit != limit_) {
      change_limit(limit, now);
    }
  }

  /// Fills in what it knows, and nothing else.
  void describe(TcpInfo& info, Instant now) const noexcept;

 private:
  void change_limit(SendLimit limit, Instant now) noexcept;

  std::uint64_t bytes_acked_ = 0;
  std::uint64_t bytes_received_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_retransmitted_ = 0;
  std::uint32_t segments_out_ = 0;
  std::uint32_t segments_in_ = 0;
  std::uint32_t data_segments_out_ = 0;
  std::uint32_t data_segments_in_ = 0;
  std::uint32_t retransmitted_ = 0;
  std::uint32_t delivered_ = 0;
  std::uint32_t duplicate_reports_ = 0;
  std::uint32_t out_of_order_ = 0;
  SeqNum sent_to_{0};  // Behind the highest octet that has left.
  std::array<std::uint32_t, std::to_underlying(SendLimit::Count_)> limited_ms_{};
  std::uint32_t limit_since_ms_;  // These wrap around after 49 days.
  std::uint32_t data_sent_ms_;
  std::uint32_t data_received_ms_;
  std::uint32_t ack_received_ms_;
  SendLimit limit_ = SendLimit::Idle;
  bool has_sent_ = false;  // `sent_to_` is set: a SYN,ACK with a cookie was not ours to see.
};
static_assert(sizeof(Tally) <= 104, "kept beside every connection");

}  // namespace millrace::tcp
