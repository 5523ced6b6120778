// Keepalive: when a connection with nothing outstanding asks its peer whether it is still there,
// and when it takes silence for an answer (RFC 9293 §3.8.4). It counts time and probes; sending
// one, and ending the connection, is its user's.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/tcp.hpp>
#include <millrace/time.hpp>

namespace millrace::tcp {

/// Sixteen bytes, in whole seconds: part of every control block. Off until it is started (MUST-25).
class Keepalive {
 public:
  enum class Verdict : std::uint8_t {
    Wait,   ///< Nothing is to be done until the next deadline.
    Probe,  ///< A probe is to be sent.
    Gone,   ///< The peer has left too many unanswered.
  };

  static constexpr Duration kTimeMax = std::chrono::seconds{32'767};  ///< As Linux has it.
  static constexpr std::uint32_t kCountMin = 2;                       ///< MUST-29.
  static constexpr std::uint32_t kCountMax = 127;

  /// Whether the values can be kept.
  [[nodiscard]] static bool is_valid(const KeepaliveOptions& options) noexcept;

  /// Begins, or begins again with other values, which are valid.
  void start(const KeepaliveOptions& options, Instant now) noexcept;
  void stop() noexcept;
  /// The peer was heard of (MUST-26).
  void on_segment(Instant now) noexcept {
    if (is_on()) {
      rest(now);
    }
  }
  /// The deadline has come. `user_timeout` is the application's own choice, if it made one: then it
  /// says how long the peer may be silent, as in Linux, rather than the number of probes.
  [[nodiscard]] Verdict on_timer(Instant now, bool is_outstanding,
                                 std::optional<Duration> user_timeout) noexcept;

  [[nodiscard]] bool is_on() const noexcept { return idle_s_ != 0; }
  /// Instant::max() while it is off.
  [[nodiscard]] Instant deadline() const noexcept { return deadline_; }
  /// Sent since the peer was last heard of.
  [[nodiscard]] std::uint32_t unanswered() const noexcept { return unanswered_; }

 private:
  [[nodiscard]] bool is_gone(std::optional<Duration> user_timeout) const noexcept;
  void rest(Instant now) noexcept {
    unanswered_ = 0;
    deadline_ = now + std::chrono::seconds{idle_s_};
  }

  Instant deadline_ = Instant::max();
  std::uint16_t idle_s_ = 0;  // Zero: off.
  std::uint16_t interval_s_ = 0;
  std::uint8_t count_ = 0;
  std::uint8_t unanswered_ = 0;
};

}  // namespace millrace::tcp
