// Listener: where connections are accepted, and how many may be half open or wait (RFC 9293
// §3.10.1). It counts; the connections themselves are elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <millrace/endpoint.hpp>
#include <millrace/tcp.hpp>
#include <millrace/time.hpp>

namespace millrace::tcp {

class Listener {
 public:
  Listener(const Endpoint& endpoint, std::uint32_t backlog, TcpHandler& handler) noexcept
      : endpoint_{endpoint}, backlog_{backlog}, handler_{&handler} {}

  [[nodiscard]] bool matches(const Endpoint& local) const noexcept {
    return endpoint_.port == local.port &&
           (endpoint_.address.is_unspecified() || endpoint_.address == local.address);
  }
  /// Whether some segments would be for a listener on `other` as well.
  [[nodiscard]] bool overlaps(const Endpoint& other) const noexcept {
    return endpoint_.port == other.port &&
           (endpoint_.address.is_unspecified() || other.address.is_unspecified() ||
            endpoint_.address == other.address);
  }
  /// As Linux has it: one more than the backlog may wait.
  [[nodiscard]] bool is_accept_queue_full() const noexcept { return waiting_ > backlog_; }
  [[nodiscard]] bool is_syn_queue_full(std::uint32_t syn_backlog) const noexcept {
    return half_open_ >= syn_backlog;
  }

  void on_syn() noexcept { ++half_open_; }
  void on_half_open_gone() noexcept { --half_open_; }
  void on_established() noexcept { ++waiting_; }
  void on_waiting_gone() noexcept { --waiting_; }

  /// Connections that were accepted before their handshake was over, and resets of such: a reset
  /// counts for a while, lest whoever owns an address with a cookie open as many as he likes (RFC
  /// 7413 §5.1).
  void allow_fast_open(std::uint32_t limit) noexcept { fast_open_limit_ = limit; }
  [[nodiscard]] std::uint32_t fast_open_limit() const noexcept { return fast_open_limit_; }
  [[nodiscard]] bool has_fast_open() const noexcept { return fast_open_limit_ > 0; }
  [[nodiscard]] bool may_fast_open(Instant now) const noexcept {
    return early_ + (now < resets_until_ ? early_resets_ : 0) < fast_open_limit_;
  }
  /// What signs its cookies, instead of the host's key; empty: the host's.
  void set_fast_open_key(const std::optional<std::array<std::uint8_t, 16>>& key) noexcept {
    fast_open_key_ = key;
  }
  [[nodiscard]] const std::optional<std::array<std::uint8_t, 16>>& fast_open_key() const noexcept {
    return fast_open_key_;
  }
  /// The data of any SYN is taken.
  void take_without_cookies(bool on) noexcept { needs_no_cookie_ = on; }
  [[nodiscard]] bool needs_no_cookie() const noexcept { return needs_no_cookie_; }
  void on_early() noexcept { ++early_; }
  void on_early_gone() noexcept { --early_; }
  void on_early_reset(Instant now) noexcept {
    early_resets_ = (now < resets_until_ ? early_resets_ : 0) + 1;
    resets_until_ = now + kResetsCount;
  }

  /// What its connections are to do otherwise, and how often their SYN,ACK may time out before an
  /// ACK alone opens one.
  void set_options(const TcpTuning& tuning, std::uint8_t deferred_timeouts) noexcept {
    tuning_ = tuning;
    deferred_timeouts_ = deferred_timeouts;
  }
  [[nodiscard]] const TcpTuning& tuning() const noexcept { return tuning_; }
  [[nodiscard]] std::uint8_t deferred_timeouts() const noexcept { return deferred_timeouts_; }

  /// It has answered a SYN with a cookie that is good until then.
  void note_cookie(Instant good_until) noexcept { cookies_until_ = good_until; }
  /// Whether an ACK may bring a cookie back: while none is out, none is even looked at.
  [[nodiscard]] bool expects_cookies(Instant now) const noexcept { return now < cookies_until_; }

  void set_backlog(std::uint32_t backlog) noexcept { backlog_ = backlog; }
  /// From now on who has been accepted counts as waiting until `on_waiting_gone` is called for it
  /// by whoever keeps the queue: an application that asks for connections rather than being told of
  /// them.
  void count_accepted() noexcept { counts_accepted_ = true; }
  [[nodiscard]] bool counts_accepted() const noexcept { return counts_accepted_; }

  void pause() noexcept { is_paused_ = true; }
  void resume() noexcept { is_paused_ = false; }
  [[nodiscard]] bool is_paused() const noexcept { return is_paused_; }
  [[nodiscard]] const Endpoint& endpoint() const noexcept { return endpoint_; }
  [[nodiscard]] TcpHandler& handler() const noexcept { return *handler_; }
  [[nodiscard]] std::uint32_t half_open() const noexcept { return half_open_; }
  [[nodiscard]] std::uint32_t backlog() const noexcept { return backlog_; }
  [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_; }

 private:
  Endpoint endpoint_;
  std::uint32_t backlog_;
  std::uint32_t half_open_ = 0;
  std::uint32_t waiting_ = 0;
  TcpHandler* handler_;
  static constexpr Duration kResetsCount = std::chrono::minutes{1};

  std::uint32_t fast_open_limit_ = 0;
  std::uint32_t early_ = 0;
  std::uint32_t early_resets_ = 0;
  Instant resets_until_ = Instant::min();
  Instant cookies_until_ = Instant::min();
  std::optional<std::array<std::uint8_t, 16>> fast_open_key_;
  TcpTuning tuning_;
  std::uint8_t deferred_timeouts_ = 0;
  bool needs_no_cookie_ = false;
  bool is_paused_ = false;
  bool counts_accepted_ = false;
};

}  // namespace millrace::tcp
