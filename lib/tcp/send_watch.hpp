// SendWatch: two places in what is sent of which somebody wants to hear: when everything before the
// one has left, and when everything before the other is acknowledged. Each is told once.
#pragma once

#include <optional>

#include "tcp/sequence_space.hpp"

namespace millrace::tcp {

class SendWatch {
 public:
  void set(std::optional<SeqNum> sent, std::optional<SeqNum> acknowledged) noexcept {
    sent_ = sent;
    acknowledged_ = acknowledged;
  }
  /// True: the place is passed.
  [[nodiscard]] bool on_sent(SeqNum snd_nxt) noexcept { return is_passed(sent_, snd_nxt); }
  [[nodiscard]] bool on_ack(SeqNum snd_una) noexcept { return is_passed(acknowledged_, snd_una); }

 private:
  [[nodiscard]] static bool is_passed(std::optional<SeqNum>& place, SeqNum edge) noexcept {
    if (!place || edge.is_before(*place)) [[likely]] {
      return false;
    }
    place.reset();
    return true;
  }

  std::optional<SeqNum> sent_;
  std::optional<SeqNum> acknowledged_;
};

}  // namespace millrace::tcp
