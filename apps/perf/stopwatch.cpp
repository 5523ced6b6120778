// Whether the processor's counter can be trusted, and its rate.
#include "perf/stopwatch.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <thread>

namespace perf {
namespace {

constexpr std::chrono::milliseconds kCalibration{20};

// "Invariant": it goes on at one rate in every power state.
bool has_steady_counter() noexcept {
#if defined(__x86_64__)
  constexpr unsigned kPowerLeaf = 0x8000'0007U;
  constexpr unsigned kInvariant = 1U << 8U;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(kPowerLeaf, &a, &b, &c, &d) != 0 && (d & kInvariant) != 0;
#else
  return false;
#endif
}

}  // namespace

Stopwatch Stopwatch::with_rate(double ticks_per_second) noexcept {
  Stopwatch made;
  made.ticks_per_second_ = ticks_per_second;
  made.scale_ = static_cast<std::uint64_t>(1e9 / ticks_per_second * (1U << 24U) + 0.5);
  return made;
}

Stopwatch Stopwatch::calibrated() {
  if (!has_steady_counter()) {
    return {};
  }
  Stopwatch counter;
  counter.uses_counter_ = true;
  const auto begin = std::chrono::steady_clock::now();
  const Ticks first = counter.now();
  std::this_thread::sleep_for(kCalibration);
  const auto end = std::chrono::steady_clock::now();
  const Ticks last = counter.now();
  const std::chrono::duration<double> taken = end - begin;
  Stopwatch made = with_rate(static_cast<double>(last - first) / taken.count());
  made.uses_counter_ = true;
  return made;
}

}  // namespace perf
