// TcpTuning: what one connection is to do otherwise than `TcpConfig` says: the counterpart of
// Linux's SO_SNDBUF, SO_RCVBUF, SO_MAX_PACING_RATE, TCP_MAXSEG, TCP_SYNCNT, TCP_LINGER2,
// TCP_WINDOW_CLAMP, TCP_NOTSENT_LOWAT and TCP_CONGESTION.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/congestion.hpp>
#include <millrace/time.hpp>

#pragma GCC visibility push(default)

namespace millrace {

/// A plain value; what is zero or empty is left to the configuration. Memory counts by buffer size,
/// as `TcpConfig` counts it: about half of it can be payload.
///
///     void send_little_at_a_time(millrace::TcpSocket socket) {
///       millrace::TcpTuning tuning = socket.tuning();
///       tuning.unsent_limit_bytes = 16 * 1024;
///       socket.set_tuning(tuning);
///     }
struct TcpTuning {
  std::uint32_t send_buffer_bytes =
      0;  ///< Memory that `send` may fill: fixed, no growing. From 4,096; beyond
          ///< `TcpConfig::send_buffer_bytes` that counts.
  std::uint32_t receive_buffer_bytes =
      0;  ///< Memory that what arrives may fill: fixed, no growing. From 2,304; beyond
          ///< `TcpConfig::receive_buffer_bytes` that counts. Set at the opening it also decides
          ///< which window scale is offered.
  std::uint32_t window_clamp_bytes = 0;  ///< The window is never offered larger. From 1,152.
  std::uint32_t unsent_limit_bytes =
      0;  ///< `send` takes no more while so many bytes wait to be sent for the first time;
          ///< `on_writable` follows when fewer than half of them do.
  std::uint16_t max_segment_bytes =
      0;  ///< What our SYN says, and the most that our segments carry. 88 to 32,767; it counts at
          ///< the opening alone, and never beyond what the device's MTU leaves.
  std::uint8_t syn_retries =
      0;  ///< So often an unanswered SYN is sent again before the open
          ///< fails, however long that takes. Up to 127. 0: the time decides.
  std::optional<Duration>
      fin_wait_2{};  ///< How long a closed connection waits for the peer's FIN; up to 120 s.
                     ///< Zero: it is reset instead. Empty: `TcpConfig::fin_wait_2_timeout`.
  std::optional<CongestionKind>
      congestion_control{};  ///< Who moves the congestion window, from now on. Empty:
                             ///< `TcpConfig::congestion_control`, or for an accepted connection
                             ///< what its listener has.
  std::uint64_t max_pacing_rate =
      0;  ///< Data leaves no faster than so many bytes of payload a second, evenly. 0: no limit.

  friend bool operator==(const TcpTuning&, const TcpTuning&) noexcept = default;
};

}  // namespace millrace

#pragma GCC visibility pop
