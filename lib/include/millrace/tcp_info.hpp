// TcpInfo: what a connection knows of itself and its path: the counterpart of Linux's struct
// tcp_info, as plain values.
#pragma once

#include <cstdint>

#include <millrace/congestion.hpp>
#include <millrace/time.hpp>

#pragma GCC visibility push(default)

namespace millrace {

enum class TcpState : std::uint8_t;

/// What loss recovery is at, in Linux's terms and with its numbers.
enum class TcpRecovery : std::uint8_t {
  Open,      ///< Nothing is missing.
  Disorder,  ///< Duplicate ACKs or selective ones hint at a loss.
  Cwr,       ///< The window was cut because a router has marked segments (RFC 3168).
  Recovery,  ///< A loss is being mended by fast retransmission (RFC 5681 §3.2).
  Loss,      ///< The retransmission timer went off, and what it found lost is being sent again.
};

/// What a congestion controller knows beyond its window; zero where it has no such thing.
struct TcpCongestionInfo {
  std::uint64_t bandwidth = 0;  ///< BBR: how fast the path is taken to be, bytes a second.
  Duration min_rtt{};           ///< BBR: its own shortest round trip.
  std::uint32_t pacing_gain_percent = 0;  ///< BBR: what it paces at, of that bandwidth.
  std::uint32_t window_gain_percent = 0;  ///< BBR: how much may be in flight, of the product.
  std::uint32_t alpha_per_1024 = 0;       ///< DCTCP: the share of bytes that are marked.
  std::uint32_t bytes_acked = 0;          ///< DCTCP: acknowledged in this window of data.
  std::uint32_t bytes_marked = 0;         ///< DCTCP: of these, marked.

  friend bool operator==(const TcpCongestionInfo&, const TcpCongestionInfo&) noexcept = default;
};

/// A connection at one moment. A plain value that belongs to whoever asked for it; sizes are bytes
/// unless they are called segments. Segments are what left in one frame or arrived in one: unlike
/// Linux, which may have joined some, this counts each.
struct TcpInfo {
  TcpState state{};        ///< Where it stands.
  TcpRecovery recovery{};  ///< What loss recovery is at.

  // What both SYNs agreed on.
  bool has_timestamps = false;            ///< Timestamps (RFC 7323).
  bool has_selective_acks = false;        ///< Selective acknowledgments (RFC 2018).
  bool has_window_scale = false;          ///< Window scaling (RFC 7323).
  bool has_ecn = false;                   ///< Explicit congestion notification (RFC 3168).
  bool has_syn_data = false;              ///< The peer took data with our SYN (RFC 7413).
  std::uint8_t send_window_scale = 0;     ///< Shift of the windows that the peer offers.
  std::uint8_t receive_window_scale = 0;  ///< Shift of the windows that we offer.
  std::uint16_t send_mss = 0;             ///< Largest payload of a segment that leaves now.
  std::uint16_t receive_mss = 0;          ///< Largest payload seen; what delayed ACKs go by.
  std::uint16_t advertised_mss = 0;       ///< What our SYN said.
  std::uint32_t path_mtu = 0;             ///< Largest datagram that the path is known to take.

  // Timers.
  Duration rto{};                 ///< Retransmission timeout, with its back-off.
  Duration ack_delay{};           ///< How long an ACK may wait for company.
  std::uint32_t retransmits = 0;  ///< Times in a row that the timer went off, or that a SYN left
                                  ///< again.
  std::uint32_t probes = 0;       ///< Probes without an answer: of a closed window, or keepalives.
  std::uint32_t backoff = 0;      ///< Times that the timeout has been doubled.

  // What is in flight, in segments. Of more than 4,096 only the first are looked at.
  std::uint32_t unacked = 0;        ///< Sent and not acknowledged.
  std::uint32_t sacked = 0;         ///< Of these, reported by selective ACKs.
  std::uint32_t lost = 0;           ///< Of these, taken for lost and not sent again yet.
  std::uint32_t retransmitted = 0;  ///< Of these, sent again and still under way.
  std::uint32_t unsent_bytes = 0;   ///< Queued and never sent.
  std::uint32_t unacked_bytes = 0;  ///< Queued and not acknowledged, unsent ones included.
  std::uint32_t unread_bytes = 0;   ///< Received in order and not read.

  // The path as measured. Zero: not yet.
  Duration rtt{};              ///< Smoothed round-trip time (RFC 6298).
  Duration rtt_variation{};    ///< Its mean deviation.
  Duration min_rtt{};          ///< The shortest of all samples.
  Duration receive_rtt{};      ///< The round-trip time as the receiving side estimates it.
  std::uint32_t cwnd = 0;      ///< Congestion window, in bytes.
  std::uint32_t ssthresh = 0;  ///< Slow-start threshold in bytes; 2^30 while no loss has set it.
  std::uint32_t reordering =
      3;  ///< Segments by which one may overtake another, as far as was seen; at least the number
          ///< of duplicate ACKs that make a loss. To 255.
  std::uint32_t reordering_seen = 0;  ///< Times that segments arrived in another order than they
                                      ///< left. To 255.

  CongestionKind congestion_control{};  ///< Who moves the congestion window.
  TcpCongestionInfo congestion;         ///< What that one knows.
  std::uint64_t pacing_rate = 0;      ///< Bytes of payload a second at which data leaves evenly. 0:
                                      ///< as fast as the windows allow.
  std::uint64_t max_pacing_rate = 0;  ///< TcpTuning's limit for that; 0: none.

  // Windows and memory.
  std::uint32_t send_window = 0;           ///< The peer's, from the first byte not acknowledged.
  std::uint32_t receive_window = 0;        ///< What we offer now.
  std::uint32_t receive_window_limit = 0;  ///< The largest that we would offer now.
  std::uint32_t receive_space = 0;         ///< Most that was read in one round trip.
  std::uint32_t send_buffer = 0;           ///< Memory that `send` may fill now, by buffer size.
  std::uint32_t send_memory = 0;           ///< Of it, filled.
  std::uint32_t receive_buffer = 0;  ///< Memory that what arrives may fill now, by buffer size.
  std::uint32_t receive_memory = 0;  ///< Of it, filled.

  // Since when.
  Duration since_data_sent{};      ///< Since a segment with payload left, or since the opening.
  Duration since_data_received{};  ///< Since one arrived, or since the opening.
  Duration since_ack_received{};   ///< Since an ACK arrived, or since the opening.

  // Counted since the opening. As in Linux, FIN counts as a byte, and so does the SYN of whoever
  // opened actively.
  std::uint64_t bytes_acked = 0;          ///< Bytes that the peer has acknowledged.
  std::uint64_t bytes_received = 0;       ///< Bytes received in order.
  std::uint64_t bytes_sent = 0;           ///< Payload sent, repeated payload included.
  std::uint64_t bytes_retransmitted = 0;  ///< Of it, repeated.
  std::uint32_t segments_out = 0;         ///< All segments sent.
  std::uint32_t segments_in = 0;          ///< All segments that arrived whole.
  std::uint32_t data_segments_out = 0;    ///< Those with payload.
  std::uint32_t data_segments_in = 0;     ///< Those with payload.
  std::uint32_t total_retransmitted = 0;  ///< Segments sent again.
  std::uint32_t delivered = 0;  ///< Segments with data or FIN that the peer is known to have.
  std::uint32_t duplicate_reports = 0;  ///< Times the peer said that something arrived twice (RFC
                                        ///< 2883).
  std::uint32_t out_of_order_in = 0;    ///< Segments that arrived ahead of a hole.

  // How long sending was held up, to the millisecond.
  Duration busy{};                    ///< Something was queued or in flight; both below included.
  Duration receive_window_limited{};  ///< The peer's window was what held it up.
  Duration send_buffer_limited{};     ///< The application wanted to send and had no room.
};

}  // namespace millrace

#pragma GCC visibility pop
