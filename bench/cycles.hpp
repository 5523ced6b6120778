// Cycles: counts the processor's cycles (ticks of its time-stamp counter) beside Google Benchmark's
// nanoseconds.
#pragma once

#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <cstdint>

namespace millrace::bench {

/// From construction to destruction, given out as "cycles" for each of `per_iteration` things that
/// an iteration does.
class Cycles {
 public:
  explicit Cycles(benchmark::State& state, double per_iteration = 1) noexcept
      : state_{state}, per_iteration_{per_iteration}, start_{rte_rdtsc()} {}
  Cycles(const Cycles&) = delete;
  Cycles& operator=(const Cycles&) = delete;
  ~Cycles() {
    const auto ticks = static_cast<double>(rte_rdtsc() - start_);
    state_.counters["cycles"] = ticks / (static_cast<double>(state_.iterations()) * per_iteration_);
  }

 private:
  benchmark::State& state_;
  double per_iteration_;
  std::uint64_t start_;
};

}  // namespace millrace::bench
