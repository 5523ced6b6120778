// Clock: where a worker's loop reads the time. The simulator has one of its own.
#pragma once

#include <millrace/time.hpp>

namespace millrace::runtime {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Never goes back.
  [[nodiscard]] virtual Instant now() noexcept = 0;
};

}  // namespace millrace::runtime
