// Adding a span to a point in time when the span may mean "for ever".
#pragma once

#include <millrace/time.hpp>

namespace millrace::base {

/// `start + span`, or Instant::max() where that would lie beyond it. `span` is not negative.
[[nodiscard]] constexpr Instant later(Instant start, Duration span) noexcept {
  return span > Instant::max() - start ? Instant::max() : start + span;
}

}  // namespace millrace::base
