// Report: the results of a swarm as lines: from the processes that run seeds to the one that
// counts, and from there to the person who waits.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apps/sim/run.hpp"

namespace swarm {

/// One line, with its end.
[[nodiscard]] std::string to_line(const RunResult& result);
/// Reads it without its end; empty if it is none.
[[nodiscard]] std::optional<RunResult> from_line(std::string_view line);

/// The command that repeats a run.
[[nodiscard]] std::string replay_command(std::uint64_t seed);

/// Sums up.
class Summary {
 public:
  void add(const RunResult& result);
  [[nodiscard]] std::uint64_t seeds() const noexcept { return seeds_; }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }
  /// Several lines: speed, volume, how often each fault and each trait occurred.
  [[nodiscard]] std::string text(std::chrono::duration<double> took) const;
  /// One line.
  [[nodiscard]] std::string progress(std::chrono::duration<double> took) const;

 private:
  std::uint64_t seeds_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t payload_bytes_ = 0;
  std::uint64_t segments_ = 0;
  std::chrono::duration<double> simulated_{};
  std::array<std::uint64_t, kTraitCount> with_trait_{};
  std::array<std::uint64_t, millrace::sim::kFaultCount> faults_{};
  std::array<std::uint64_t, millrace::sim::kFaultCount> with_fault_{};
};

}  // namespace swarm
