#include "runtime/tsc_clock.hpp"

#include <cpuid.h>
#include <rte_cycles.h>
#include <time.h>

#include <thread>

namespace millrace::runtime {

namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

Instant system_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Instant{Duration{static_cast<std::int64_t>(now.tv_sec) *
                              static_cast<std::int64_t>(kNanosecondsPerSecond) +
                          now.tv_nsec}};
}

/// Both clocks at the same moment, as nearly as can be had: the pair of reads that took the
/// shortest time.
struct Pair {
  std::uint64_t ticks;
  Instant time;
};

Pair read_both() {
  Pair best{};
  std::uint64_t shortest = ~std::uint64_t{0};
  for (int i = 0; i < 16; ++i) {
    const std::uint64_t before = rte_rdtsc_precise();
    const Instant time = system_now();
    const std::uint64_t took = rte_rdtsc_precise() - before;
    if (took < shortest) {
      shortest = took;
      best = {.ticks = before + took / 2, .time = time};
    }
  }
  return best;
}

/// Intel SDM volume 3, §17.17.1: the counter ticks at one rate in all power states.
bool is_tsc_invariant() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned kPowerLeaf = 0x8000'0007;
  constexpr unsigned kInvariantBit = 1U << 8U;
  return __get_cpuid(kPowerLeaf, &eax, &ebx, &ecx, &edx) != 0 && (edx & kInvariantBit) != 0;
}

}  // namespace

TscClock TscClock::calibrate() {
  TscClock clock;
  const Pair first = read_both();
  clock.base_ = clock.last_ = first.time;
  clock.base_ticks_ = first.ticks;
  if (!is_tsc_invariant()) {
    return clock;
  }
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  const Pair second = read_both();
  const auto ticks = second.ticks - first.ticks;
  const auto elapsed = static_cast<std::uint64_t>((second.time - first.time).count());
  if (ticks == 0 || elapsed == 0) {
    return clock;
  }
  __extension__ using Wide = unsigned __int128;
  clock.multiplier_ = static_cast<std::uint64_t>((static_cast<Wide>(elapsed) << kShift) / ticks);
  clock.frequency_hz_ =
      static_cast<std::uint64_t>(static_cast<Wide>(ticks) * kNanosecondsPerSecond / elapsed);
  return clock;
}

Instant TscClock::now() noexcept {
  Instant time;
  if (multiplier_ == 0) {
    time = system_now();
  } else {
    __extension__ using Wide = unsigned __int128;
    const std::uint64_t ticks = rte_rdtsc() - base_ticks_;
    time = base_ +
           Duration{static_cast<std::int64_t>((static_cast<Wide>(ticks) * multiplier_) >> kShift)};
  }
  // Decision 11: a clock that steps back is held and counted.
  if (time < last_) {
    ++steps_back_;
    return last_;
  }
  last_ = time;
  return time;
}

}  // namespace millrace::runtime
