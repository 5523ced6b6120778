// UserTimeout: how long a connection may go without progress (R2 of RFC 9293 §3.8.3), and what both
// ends tell each other of it (RFC 5482). When time is up is for others to see.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/config.hpp>
#include <millrace/time.hpp>

#include "wire/tcp_options.hpp"

namespace millrace::tcp {

/// Sixteen bytes: part of every control block. Zero means "never" throughout.
class UserTimeout {
 public:
  /// The host's default.
  void start(Duration limit) noexcept { limit_ = limit; }
  /// The application's explicit choice: nothing the peer says changes it any more.
  void set(Duration limit) noexcept;
  /// Begins to tell the peer, and to listen to it. `wire::UserTimeoutOption` must be able to say
  /// it.
  void advertise(Duration time, const TcpConfig& config) noexcept;
  /// The peer has told its own.
  void on_option(const wire::UserTimeoutOption& option, const TcpConfig& config) noexcept;

  /// What the next segment should carry, if it has room for it.
  [[nodiscard]] std::optional<wire::UserTimeoutOption> option_due() const noexcept;
  /// A SYN carries it whenever there is one.
  [[nodiscard]] std::optional<wire::UserTimeoutOption> option_for_syn() const noexcept;
  void on_option_sent() noexcept { is_due_ = false; }
  /// The handshake is over, and the peer may have forgotten what the SYN said; or it was not sent.
  void say_again() noexcept { is_due_ = advertised_.is_given(); }

  [[nodiscard]] Duration limit() const noexcept { return limit_; }
  [[nodiscard]] bool is_limited() const noexcept { return limit_ > Duration::zero(); }
  /// The limit, if the application has chosen one itself.
  [[nodiscard]] std::optional<Duration> chosen() const noexcept {
    return is_chosen_ && is_limited() ? std::optional{limit_} : std::nullopt;
  }

 private:
  void adapt(const TcpConfig& config) noexcept;

  Duration limit_{};
  wire::UserTimeoutOption advertised_;
  wire::UserTimeoutOption remote_;
  bool is_chosen_ = false;  // RFC 5482 §3.1 calls the opposite CHANGEABLE.
  bool is_due_ = false;
};

}  // namespace millrace::tcp
