// The budget of a second: from half of what is configured up to one and a half of it.
#include "tcp/challenge_ack.hpp"

#include "base/deadline.hpp"

namespace millrace::tcp {

bool ChallengeAckLimit::take(Instant now) noexcept {
  if (now >= until_) {
    until_ = base::later(now, std::chrono::seconds{1});
    left_ = per_second_ - per_second_ / 2 + random_.below(per_second_);
  }
  if (left_ == 0) {
    return false;
  }
  --left_;
  return true;
}

}  // namespace millrace::tcp
