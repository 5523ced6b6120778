// VirtualClock: the time of a simulated network. It stands still while hosts work and jumps when
// the World says so.
#pragma once

#include <millrace/time.hpp>

#include "base/contract.hpp"
#include "runtime/clock.hpp"

namespace millrace::sim {

class VirtualClock final : public runtime::Clock {
 public:
  /// One hour after the epoch: a time of zero hides mistakes.
  VirtualClock() noexcept = default;

  [[nodiscard]] Instant now() noexcept override { return now_; }
  void advance_to(Instant time) noexcept {
    base::expects(time >= now_);
    now_ = time;
  }

 private:
  Instant now_{std::chrono::hours{1}};
};

}  // namespace millrace::sim
