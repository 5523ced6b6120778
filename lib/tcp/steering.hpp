// Steering: who moves a connection's window, whether marks are echoed exactly for it, and when the
// next segment may leave. The connection's own view of it, made for the length of one call;
// `Connection` is its only user.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/congestion.hpp>
#include <millrace/tcp_info.hpp>
#include <millrace/time.hpp>

#include "tcp/connection.hpp"

namespace millrace::tcp {

class Steering {
 public:
  Steering(Connection& connection, const Resources& resources, Instant now = {}) noexcept
      : c_{connection}, resources_{resources}, now_{now} {}

  /// Before the first segment: what the controller that was chosen wants of explicit congestion
  /// notification.
  void open() noexcept;
  /// Both SYNs are there: the window begins with so much.
  void start(std::uint32_t initial_window) noexcept;
  /// Another tuning than `before` was chosen.
  void change(const TcpTuning& before) noexcept;
  /// The connection is over.
  void release() noexcept;

  /// A mark is echoed, the first of its window of data. `path` is as it was before that ACK.
  void slow_down(const PathView& path) noexcept;
  /// The next ACK while that goes on.
  void come_down(const AckInHand& ack) noexcept;

  /// The window is where that leads to, at once: something else has more to say, or it is over.
  void end_slowdown() noexcept;

  /// More than a timeout has passed without sending: the window is one to begin with.
  void restart() noexcept;

  /// Whether pacing lets anything go now. If not, and there is something, it is noted when.
  [[nodiscard]] bool may_send() noexcept;
  /// So much has left, new or once more.
  void note_left(std::uint32_t bytes) noexcept;
  /// Octets a second; zero: not paced.
  [[nodiscard]] static std::uint64_t rate(const Connection& connection,
                                          const TcpConfig& config) noexcept;

  /// An ACK of what came before marks began or ended (RFC 8257 §3.2).
  [[nodiscard]] std::optional<SegmentPlan> plan_owed_ack() noexcept;

  static void describe(const Connection& connection, const TcpConfig& config,
                       TcpInfo& info) noexcept;

 private:
  [[nodiscard]] static CongestionKind kind_of(const TcpTuning& tuning,
                                              const TcpConfig& config) noexcept {
    return tuning.congestion_control.value_or(config.congestion_control);
  }
  void note(bool is_as_chosen) noexcept;
  void meet_losses() noexcept;

  Connection& c_;
  const Resources& resources_;
  Instant now_;
};

}  // namespace millrace::tcp
