// The public Timer: cancels itself.
#include <millrace/worker.hpp>

#include "stack/stack.hpp"

namespace millrace {

Result<void> Timer::cancel() const {
  if (stack_ == nullptr) {
    return fail(Error::StaleHandle);
  }
  if (!stack_->is_on_core()) {
    return fail(Error::WrongCore);
  }
  return stack_->timers().cancel({.index = index_, .generation = generation_});
}

}  // namespace millrace
