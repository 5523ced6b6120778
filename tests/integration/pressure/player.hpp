// Player: plays one end of a conversation over a connection of whichever stack, and checks every
// byte that the other end sends. It owns no connection and reads no clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <millrace/time.hpp>

#include "pressure/ledger.hpp"
#include "pressure/plan.hpp"

namespace pressure {

/// A connection, as a player sees it. None of the calls calls back.
class Wire {
 public:
  virtual ~Wire() = default;
  /// How many bytes were taken; none: not now.
  virtual std::size_t send(std::span<const std::byte> bytes) = 0;
  /// How many bytes there were; none: not now.
  virtual std::size_t receive(std::span<std::byte> into) = 0;
  virtual void finish_sending() = 0;
  virtual void close() = 0;
  virtual void abort() = 0;
};

class Player {
 public:
  /// The opener's. `ledger` outlives it.
  Player(Ledger& ledger, std::uint64_t seed, std::uint64_t conversation, millrace::Instant now);
  /// The acceptor's: which conversation it is comes over the wire.
  Player(Ledger& ledger, std::uint64_t seed, millrace::Instant now);

  /// Does what can be done now. To be called when something may have changed, and at `next_wake`.
  void pump(Wire& wire, millrace::Instant now);
  /// The other end has finished sending, and all of it has been read.
  void on_peer_finished(Wire& wire, millrace::Instant now);
  /// It is over; nothing may be called afterwards. `failure` is empty where it ended in order.
  void on_closed(std::string_view failure, millrace::Instant now);
  /// When to pump without any other reason.
  [[nodiscard]] millrace::Instant next_wake() const noexcept { return next_wake_; }

 private:
  struct Conversation {
    std::uint64_t number;
    Plan plan;
    SidePlan mine;
    SidePlan theirs;
    Stream outgoing;
    Stream incoming;
  };

  static constexpr std::size_t kBufferBytes = 16'384;

  void learn(std::uint64_t number);
  [[nodiscard]] bool read_number(Wire& wire);
  void read(Wire& wire, millrace::Instant now);
  void write(Wire& wire, millrace::Instant now);
  void end_if_due(Wire& wire);
  void watch(Wire& wire, millrace::Instant now);
  void wake_at(millrace::Instant when) noexcept;
  void violate(std::string_view what, millrace::Instant now);

  Ledger& ledger_;
  std::uint64_t seed_;
  bool is_opener_;
  std::optional<Conversation> conversation_;
  std::array<std::byte, kNumberBytes> number_{};
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
  millrace::Instant began_at_;
  millrace::Instant progress_at_;
  millrace::Instant read_from_{};  // Not before.
  millrace::Instant send_from_{};
  millrace::Instant next_wake_ = millrace::Instant::max();
  bool has_paused_reading_ = false;
  bool has_paused_sending_ = false;
  bool peer_finished_ = false;
  bool finished_sending_ = false;
  bool is_ended_by_us_ = false;  // Closed or aborted: only `on_closed` follows.
  bool gave_up_ = false;
};

}  // namespace pressure
