// BurstLossState: in which of its two states a link with losses in bursts is.
#pragma once

#include "base/random.hpp"
#include "sim/chance.hpp"
#include "sim/link_parameters.hpp"

namespace millrace::sim {

class BurstLossState {
 public:
  /// Whether the next frame is lost.
  [[nodiscard]] bool loses(const BurstLoss& parameters, Instant now,
                           base::Random& random) noexcept {
    if (parameters.enter_ppm == 0 || (is_bad_ && now - since_ > parameters.longest)) {
      is_bad_ = false;
    }
    if (happens(random, is_bad_ ? parameters.leave_ppm : parameters.enter_ppm)) {
      is_bad_ = !is_bad_;
      since_ = now;
    }
    return is_bad_ && happens(random, parameters.loss_ppm);
  }

 private:
  bool is_bad_ = false;
  Instant since_{};
};

}  // namespace millrace::sim
