// The traces: what peers send turn by turn, which application answers, and what each turn must have
// brought about.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::bench {

struct Trace {
  std::string_view name;
  std::string_view unit;  ///< What the instructions are divided by.
  /// Runs it, `turns` of it counted; how many units that were. Ends the program if the stack does
  /// not do what the trace expects of it.
  std::uint64_t (*run)(std::uint32_t turns);
};

[[nodiscard]] std::span<const Trace> traces() noexcept;

}  // namespace millrace::bench
