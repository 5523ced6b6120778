// What is told of a test: a line for each interval, the summary, or one JSON document; and whether
// the test was passed. Values to text; printing is left to the run.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "perf/histogram.hpp"
#include "perf/options.hpp"
#include "perf/plan.hpp"

namespace perf {

/// A histogram in few numbers, in nanoseconds.
struct LatencySummary {
  std::uint64_t count = 0;
  std::uint64_t smallest = 0;
  std::array<std::uint64_t, kShares.size()> shares{};  ///< As `kShares` has them.
  std::uint64_t largest = 0;
  double mean = 0;
};
[[nodiscard]] LatencySummary summarize(const Histogram& histogram) noexcept;

/// What the client counted in a part of the time, in seconds since the measuring began.
struct Interval {
  double from = 0;
  double to = 0;
  Tally counted{};
  LatencySummary latency{};
};

/// All of a test, as the client has it at its end.
struct Report {
  Options options{};
  std::vector<std::string> warnings{};
  std::vector<Interval> intervals{};
  double setup_seconds = 0;
  EndResult client{};
  std::optional<EndResult> server{};  ///< Empty in `http`, and when the server is gone.
  LatencySummary latency{};
  bool is_interrupted = false;
};

/// Why a test has failed, a sentence each: everything that was lost, corrupt or broken at either
/// end. Empty: it was passed.
[[nodiscard]] std::vector<std::string> failures_of(const Report& report);

/// The titles of the interval lines; one of them; all that comes after them. Lines end with '\n'.
[[nodiscard]] std::string interval_title(Mode mode);
[[nodiscard]] std::string interval_line(Mode mode, const Interval& interval);
[[nodiscard]] std::string summary_text(const Report& report);
[[nodiscard]] std::string json_text(const Report& report);

/// "9.41 G" and the like: three digits and a unit of a thousand.
[[nodiscard]] std::string scaled(double value);
/// "12.3 us", from nanoseconds.
[[nodiscard]] std::string time_text(double nanoseconds);

}  // namespace perf
