#include "apps/sim/report.hpp"

#include <fmt/core.h>

#include <charconv>

namespace swarm {

namespace {

/// The next number of the line, which then begins behind it.
std::optional<std::uint64_t> take_number(std::string_view& line) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  if (!line.empty()) {
    line.remove_prefix(1);
  }
  return number;
}

}  // namespace

std::string to_line(const RunResult& result) {
  std::string line = fmt::format("{} {} {} {} {} {} {}", result.seed, result.simulated.count(),
                                 result.payload_bytes, result.segments, result.trace_hash,
                                 result.traits.bits(), result.links.sent);
  for (const std::uint64_t count : result.links.faults) {
    line += fmt::format(" {}", count);
  }
  line += " " + result.problem;
  for (char& letter : line) {
    letter = letter == '\n' ? ' ' : letter;
  }
  return line + "\n";
}

std::optional<RunResult> from_line(std::string_view line) {
  std::array<std::uint64_t, 7 + millrace::sim::kFaultCount> numbers{};
  for (std::uint64_t& number : numbers) {
    const auto taken = take_number(line);
    if (!taken) {
      return std::nullopt;
    }
    number = *taken;
  }
  RunResult result{.seed = numbers[0],
                   .problem = std::string{line},
                   .simulated = Duration{static_cast<Duration::rep>(numbers[1])},
                   .payload_bytes = numbers[2],
                   .segments = numbers[3],
                   .trace_hash = numbers[4],
                   .traits = Traits{numbers[5]}};
  result.links.sent = numbers[6];
  for (std::size_t i = 0; i < millrace::sim::kFaultCount; ++i) {
    result.links.faults[i] = numbers[7 + i];
  }
  return result;
}

std::string replay_command(std::uint64_t seed) {
  return fmt::format("millrace-sim replay --seed {}", seed);
}

void Summary::add(const RunResult& result) {
  ++seeds_;
  failures_ += result.problem.empty() ? 0 : 1;
  payload_bytes_ += result.payload_bytes;
  segments_ += result.segments;
  simulated_ += result.simulated;
  for (std::size_t i = 0; i < kTraitCount; ++i) {
    with_trait_[i] += result.traits.has(static_cast<Trait>(i)) ? 1 : 0;
  }
  for (std::size_t i = 0; i < millrace::sim::kFaultCount; ++i) {
    faults_[i] += result.links.faults[i];
    with_fault_[i] += result.links.faults[i] > 0 ? 1 : 0;
  }
}

std::string Summary::progress(std::chrono::duration<double> took) const {
  return fmt::format("{} seeds in {:.0f} s, {} failed, {:.0f} seeds a minute", seeds_, took.count(),
                     failures_, static_cast<double>(seeds_) * 60 / took.count());
}

std::string Summary::text(std::chrono::duration<double> took) const {
  std::string text = progress(took) + "\n";
  text += fmt::format(
      "{:.0f} simulated seconds, {:.0f} of them a second; {:.1f} MB received in {} segments\n",
      simulated_.count(), simulated_.count() / took.count(),
      static_cast<double>(payload_bytes_) / 1e6, segments_);
  const double percent = seeds_ == 0 ? 0 : 100.0 / static_cast<double>(seeds_);
  for (std::size_t i = 0; i < millrace::sim::kFaultCount; ++i) {
    text += fmt::format("  {:<18}{:>12} times, in {:>5.1f} % of the seeds\n",
                        to_string(static_cast<millrace::sim::Fault>(i)), faults_[i],
                        static_cast<double>(with_fault_[i]) * percent);
  }
  text += "drawn, in % of the seeds:";
  for (std::size_t i = 0; i < kTraitCount; ++i) {
    text += fmt::format("{}{} {:.0f}", i % 6 == 0 ? "\n  " : ", ", to_string(static_cast<Trait>(i)),
                        static_cast<double>(with_trait_[i]) * percent);
  }
  return text + "\n";
}

}  // namespace swarm
