// Time as every layer sees it: a point on a steady clock that starts anywhere, and a span between
// two points. The stack never reads a clock; whoever drives it (a worker on a NIC, the simulator)
// passes the time in.
#pragma once

#include <chrono>

namespace millrace {

/// A span of time in nanoseconds. Any `std::chrono` duration of coarser unit converts to it, so
/// `10ms` works.
using Duration = std::chrono::nanoseconds;

/// Tags `Instant`. It has no `now()`: time is an argument, never a global; `Worker::now` tells it.
struct SteadyTime {
  using rep = Duration::rep;        ///< What counts the nanoseconds.
  using period = Duration::period;  ///< A nanosecond.
  using duration = Duration;        ///< The difference of two instants.
};

/// A point in time in nanoseconds on the driving clock. Instants of different workers must not be
/// compared.
using Instant = std::chrono::time_point<SteadyTime, Duration>;

}  // namespace millrace
