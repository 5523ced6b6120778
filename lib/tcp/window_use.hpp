// WindowUse: whether the congestion window is what holds a sender back, so that it may grow: a
// window that is not filled says nothing of the path (RFC 7661 §4.4, RFC 9438 §5.8).
#pragma once

#include <algorithm>
#include <cstdint>

#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// What holds for the window of data that is under way.
class WindowUse {
 public:
  /// Something has left, or had to stay. `is_full`: the window takes no more.
  void on_sent(std::uint32_t in_network, bool is_full, SeqNum snd_una, SeqNum snd_nxt) noexcept {
    const bool is_new_round = !has_started_ || snd_una.is_at_or_after(until_);
    if (is_new_round || is_full || (!is_full_ && in_network > most_)) {
      is_full_ = is_full;
      most_ = in_network;
      until_ = snd_nxt;
      has_started_ = true;
    }
  }
  /// As Linux: in slow start half of the window is enough, for it is to double.
  [[nodiscard]] bool is_limited(std::uint32_t window, bool is_in_slow_start) const noexcept {
    return is_full_ || (is_in_slow_start && window / 2 < most_);
  }
  /// The most octets that were under way in this window of data.
  [[nodiscard]] std::uint32_t most() const noexcept { return most_; }

 private:
  SeqNum until_{0};
  std::uint32_t most_ = 0;
  bool is_full_ = false;
  bool has_started_ = false;
};

}  // namespace millrace::tcp
