// What is told of a test: testpmd's kind of port statistics, a line for each period, the verdict,
// or one JSON document. Values to text; printing is left to the run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/stats.hpp>

#include "loopback/options.hpp"
#include "loopback/port.hpp"
#include "loopback/verifier.hpp"
#include "perf/report.hpp"

namespace loopback {

/// One port, all since the start.
struct PortReport {
  std::string name;
  millrace::MacAddress mac;
  PortCounts counts;
};

/// What all ports counted in a part of the time, in seconds since the start.
struct Interval {
  double from = 0;
  double to = 0;
  std::vector<PortCounts> ports;
};

/// One stack of mode tcp.
struct StackReport {
  std::string role;  ///< "client" or "server".
  millrace::CoreStats stats;
};

struct Report {
  const Options& options;
  double seconds = 0;
  std::vector<PortReport> ports{};
  std::vector<Interval> intervals{};
  std::optional<Verification> verification{};  ///< Of the modes without stack that verify.
  std::vector<StackReport> stacks{};           ///< Of tcp.
  std::optional<perf::Report> traffic{};       ///< Of tcp.
  std::vector<std::string> problems{};         ///< Sentences.
  bool is_interrupted = false;
};

/// Why the test has failed, a sentence each. Empty: it was passed.
[[nodiscard]] std::vector<std::string> failures_of(const Report& report);

/// What came between two readings of the same port.
[[nodiscard]] PortCounts operator-(const PortCounts& later, const PortCounts& earlier) noexcept;

/// A line for each port; lines end with '\n'.
[[nodiscard]] std::string interval_lines(const Interval& interval);
/// The ports with all they have counted; the rates are those of `seconds`.
[[nodiscard]] std::string port_statistics(const std::vector<PortReport>& ports, double seconds);
/// All that comes at the end.
[[nodiscard]] std::string summary_text(const Report& report);
[[nodiscard]] std::string json_text(const Report& report);

}  // namespace loopback
