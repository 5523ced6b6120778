// Slowdown: the way down behind a mark: the window falls in step with what arrives, over a round
// trip, as in a recovery (RFC 9937), instead of at once, which would keep the sender silent until
// as much has left the network. How far down is the controller's word, when is others'.
#pragma once

#include <cstdint>

#include "tcp/prr.hpp"
#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// Sizes in octets of payload.
class Slowdown {
 public:
  /// From what is in flight, which ends at `snd_nxt`, down to a window of `target`.
  void start(SeqNum snd_nxt, std::uint32_t flight, std::uint32_t target) noexcept {
    prr_.start(flight, target);
    until_ = snd_nxt;
    target_ = target;
    is_on_ = true;
  }
  /// What was in flight has arrived, or something else decides on the window.
  void stop() noexcept { is_on_ = false; }
  [[nodiscard]] bool is_on() const noexcept { return is_on_; }
  /// Where it ends.
  [[nodiscard]] std::uint32_t target() const noexcept { return target_; }
  /// What was in flight when it began ends there.
  [[nodiscard]] SeqNum until() const noexcept { return until_; }

  /// While it is on, and not all of that has arrived: the window after an ACK; zero: as it was.
  [[nodiscard]] std::uint32_t on_ack(const Prr::Ack& ack) noexcept { return prr_.on_ack(ack); }
  void on_sent(std::uint32_t bytes) noexcept { prr_.on_sent(bytes); }
  /// So much of it has not left after all.
  void on_not_sent(std::uint32_t bytes) noexcept { prr_.on_not_sent(bytes); }

 private:
  Prr prr_;
  SeqNum until_{0};
  std::uint32_t target_ = 0;
  bool is_on_ = false;
};

}  // namespace millrace::tcp
