// When requests of an open loop are due: one after another at a rate, in turn over the connections.
// A request that could not leave when it was due keeps that time, so that a stall is felt by every
// request that fell into it (otherwise the test would wait politely for whom it measures).
#pragma once

#include <cstdint>

#include "perf/stopwatch.hpp"

namespace perf {

/// A plain value, used with one clock.
class Schedule {
 public:
  Schedule() noexcept = default;
  /// From `start` on `per_second` requests, `connections` of them in turn. Both above zero.
  Schedule(Ticks start, double per_second, std::uint32_t connections,
           const Stopwatch& clock) noexcept
      : start_{start},
        interval_{clock.ticks_per_second() / per_second},
        connections_{connections} {}

  /// When request `number` is due, counted from zero over all connections.
  [[nodiscard]] Ticks due(std::uint64_t number) const noexcept {
    return start_ + static_cast<Ticks>(static_cast<double>(number) * interval_);
  }
  /// When the request `own` of one connection is due, counted from zero on that connection.
  [[nodiscard]] Ticks due_on(std::uint32_t connection, std::uint64_t own) const noexcept {
    return due(own * connections_ + connection);
  }
  /// How many requests are due by then, over all connections.
  [[nodiscard]] std::uint64_t due_by(Ticks now) const noexcept {
    if (now < start_) {
      return 0;
    }
    return static_cast<std::uint64_t>(static_cast<double>(now - start_) / interval_) + 1;
  }

 private:
  Ticks start_ = 0;
  double interval_ = 1;
  std::uint32_t connections_ = 1;
};

}  // namespace perf
