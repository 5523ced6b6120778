// What all parts of one end share during a test: the plan, the transport, the clock, and the sums.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <millrace/error.hpp>

#include "perf/histogram.hpp"
#include "perf/pattern.hpp"
#include "perf/plan.hpp"
#include "perf/problems.hpp"
#include "perf/stopwatch.hpp"
#include "perf/transport.hpp"

namespace perf {

/// Whose stream the client's connection `number` carries. Requests that are too short for the first
/// word, and streams that only the server sends, cannot say whose they are: they all look alike.
[[nodiscard]] inline Pattern pattern_of(const Plan& plan, std::uint64_t number) noexcept {
  const bool tells = plan.mode == Mode::Stream ? plan.client_sends && !plan.server_sends
                                               : plan.request_bytes >= sizeof(std::uint64_t);
  return Pattern::of_connection(plan.seed, tells ? static_cast<std::uint32_t>(number) : 0);
}
/// What the server expects of a connection that it has just accepted.
[[nodiscard]] inline Checker checker_of_client(const Plan& plan) noexcept {
  const bool tells = pattern_of(plan, 0) != pattern_of(plan, 1);
  return tells ? Checker::learning() : Checker{pattern_of(plan, 0)};
}

/// One end of one test.
struct TestBed {
  /// Messages are made in pieces of this size.
  static constexpr std::size_t kScratchBytes = 64UL * 1024;

  const Plan& plan;
  Transport& transport;
  const Stopwatch& clock;
  Tally tally{};
  Problems problems{};
  Histogram latency{};        ///< Since somebody last cleared it.
  bool is_measuring = false;  ///< Whether latencies are added.
  std::array<std::byte, kScratchBytes> scratch{};

  void note_corruption(const Channel& channel, const Checker& checker) {
    ++tally.corrupt;
    problems.add("corrupt payload from " + channel.peer() + " at byte " +
                 std::to_string(checker.wrong_at()) + " of its stream");
  }
  void note_failure(const std::string& what, millrace::Error why) {
    ++tally.failed;
    problems.add(what + ": " + std::string{to_string(why)});
  }
};

/// Bytes of a pattern that are still to be sent, one message behind another.
class Outgoing {
 public:
  Outgoing() noexcept = default;
  explicit Outgoing(Pattern pattern) noexcept : pattern_{pattern} {}

  void set_pattern(Pattern pattern) noexcept { pattern_ = pattern; }
  void owe(std::uint64_t bytes) noexcept { owed_ += bytes; }
  [[nodiscard]] std::uint64_t owed() const noexcept { return owed_; }

  /// Sends as much as there is room for; `on_writable` follows if that is not all.
  void pump(Channel& channel, TestBed& bed) {
    while (owed_ > 0) {
      const auto wanted =
          owed_ < bed.scratch.size() ? static_cast<std::size_t>(owed_) : bed.scratch.size();
      const auto piece = std::span{bed.scratch}.first(wanted);
      pattern_.fill(position_, piece);
      const std::size_t taken = channel.send(piece);
      position_ += taken;
      owed_ -= taken;
      bed.tally.bytes_out += taken;
      if (taken < wanted) {
        return;
      }
    }
  }

 private:
  Pattern pattern_;
  std::uint64_t position_ = 0;
  std::uint64_t owed_ = 0;
};

}  // namespace perf
