// ChallengeAckLimit: how many challenge ACKs the connections of one core may send together (RFC
// 5961 §7). How often a single connection may is its own business.
#pragma once

#include <cstdint>

#include <millrace/time.hpp>

#include "base/random.hpp"

namespace millrace::tcp {

/// A fixed number a second would be a side channel: who provokes challenges on a connection of his
/// own, and counts how many of them come, learns how many others took, and from that whether his
/// guesses about a stranger's connection were right. What a second allows is therefore drawn at
/// random, and a second begins when its first challenge is asked for.
class ChallengeAckLimit {
 public:
  /// `per_second` is above 0; `random` must outlive it.
  ChallengeAckLimit(std::uint32_t per_second, base::Random& random) noexcept
      : per_second_{per_second}, random_{random} {}

  /// Whether one more may leave at `now`; it is then accounted for.
  [[nodiscard]] bool take(Instant now) noexcept;

 private:
  std::uint32_t per_second_;
  std::uint32_t left_ = 0;
  Instant until_ = Instant::min();  // The end of the second that `left_` is about.
  base::Random& random_;
};

}  // namespace millrace::tcp
