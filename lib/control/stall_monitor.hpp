// StallMonitor: notices turns that took too long and sums them up, at most once a second. Telling
// people is left to another thread, so that a slow terminal cannot stall a core.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <millrace/time.hpp>

namespace millrace::control {

/// What was slow since the report before.
struct StallReport {
  unsigned worker = 0;
  std::uint64_t slow_turns = 0;
  Duration longest{};      ///< The longest turn.
  Duration in_handlers{};  ///< What the application's handlers took of that turn.
};

/// "worker 0: 3 turns took over 10 ms; 48.0 ms of the longest, 52.1 ms, passed in handlers".
[[nodiscard]] std::string to_text(const StallReport& report);

/// Belongs to one core.
class StallMonitor {
 public:
  /// A turn that takes longer delays every connection of its core noticeably.
  static constexpr Duration kSlowTurn = std::chrono::milliseconds{10};
  static constexpr Duration kReportInterval = std::chrono::seconds{1};

  explicit StallMonitor(unsigned worker) noexcept : worker_{worker} {}

  /// After each turn; `handler_time` is the core's sum since its start. A report when one is due.
  [[nodiscard]] std::optional<StallReport> on_turn(Instant start, Instant end,
                                                   Duration handler_time) noexcept {
    const Duration in_handlers = handler_time - std::exchange(handler_time_, handler_time);
    if (end - start >= kSlowTurn) [[unlikely]] {
      return on_slow_turn(end, end - start, in_handlers);
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::optional<StallReport> on_slow_turn(Instant end, Duration took,
                                                        Duration in_handlers) noexcept;

  unsigned worker_;
  StallReport next_;
  Duration handler_time_{};
  std::optional<Instant> last_report_;
};

}  // namespace millrace::control
