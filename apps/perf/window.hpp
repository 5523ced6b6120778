// The part of a test that is measured: what an end counted in it, how long it took, and what the
// processor did meanwhile.
#pragma once

#include <ctime>

#include "perf/plan.hpp"
#include "perf/stopwatch.hpp"

namespace perf {

class Window {
 public:
  explicit Window(const Stopwatch& clock) noexcept : clock_{clock} {}

  void begin(const Tally& tally) noexcept {
    start_ = clock_.now();
    processor_start_ = processor_time();
    first_ = tally;
    is_open_ = true;
    result_ = {};
  }
  /// Only the first one counts.
  void end(const Tally& tally) noexcept {
    if (is_open_) {
      is_open_ = false;
      result_.seconds = clock_.seconds(clock_.now() - start_);
      result_.processor_seconds = processor_time() - processor_start_;
      result_.measured = tally - first_;
    }
  }
  [[nodiscard]] bool is_open() const noexcept { return is_open_; }
  /// Seconds since its beginning.
  [[nodiscard]] double age() const noexcept { return clock_.seconds(clock_.now() - start_); }
  /// Seconds, processor seconds and the tally between `begin` and `end`; zeros before that.
  [[nodiscard]] const EndResult& result() const noexcept { return result_; }

 private:
  [[nodiscard]] static double processor_time() noexcept {
    timespec time{};
    static_cast<void>(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time));
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }

  const Stopwatch& clock_;
  Ticks start_ = 0;
  double processor_start_ = 0;
  Tally first_{};
  EndResult result_{};
  bool is_open_ = false;
};

}  // namespace perf
