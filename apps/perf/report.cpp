// Text for people. Rates count bits as network people do, sizes bytes, both by thousands.
#include "perf/report.hpp"

#include <algorithm>
#include <cstdio>

namespace perf {
namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 256> line{};
  const int size = std::snprintf(line.data(), line.size(), format, values...);
  return {line.data(), std::min(static_cast<std::size_t>(size > 0 ? size : 0), line.size() - 1)};
}

double per_second(std::uint64_t count, double seconds) noexcept {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::uint64_t stream_bytes(const Tally& tally) noexcept { return tally.bytes_in + tally.bytes_out; }

std::string rate_text(Mode mode, const Tally& tally, double seconds) {
  if (mode == Mode::Stream) {
    return scaled(8 * per_second(stream_bytes(tally), seconds)) + "b/s";
  }
  return scaled(per_second(tally.exchanges, seconds)) + "/s";
}

std::string direction_line(const char* who, const char* what, std::uint64_t bytes, double seconds) {
  return formatted("  %-8s %-9s %10sB  %10sb/s\n", who, what,
                   scaled(static_cast<double>(bytes)).c_str(),
                   scaled(8 * per_second(bytes, seconds)).c_str());
}

std::string end_line(const char* who, const EndResult& end) {
  return formatted(
      "  %-8s %s backend, %.0f %% of a processor; %s opened, %s closed in order\n", who,
      end.backend.c_str(), end.seconds > 0 ? 100 * end.processor_seconds / end.seconds : 0.0,
      std::to_string(end.total.opened).c_str(), std::to_string(end.total.closed).c_str());
}

std::string latency_lines(const LatencySummary& latency) {
  if (latency.count == 0) {
    return {};
  }
  std::string made = "latency  ";
  for (std::size_t i = 0; i < kShares.size(); ++i) {
    made += formatted(" %s: %s ", kShares[i].name,
                      time_text(static_cast<double>(latency.shares[i])).c_str());
  }
  made += " max: " + time_text(static_cast<double>(latency.largest)) + "\n";
  return made + formatted("          smallest %s, mean %s, of %s\n",
                          time_text(static_cast<double>(latency.smallest)).c_str(),
                          time_text(latency.mean).c_str(), std::to_string(latency.count).c_str());
}

void add_count(std::vector<std::string>& failures, const char* who, std::uint64_t count,
               const char* what) {
  if (count > 0) {
    failures.push_back(std::string{who} + ": " + std::to_string(count) + " " + what);
  }
}

void add_end(std::vector<std::string>& failures, const char* who, const EndResult& end, Mode mode) {
  add_count(failures, who, end.total.corrupt, "connections with corrupt payload");
  add_count(failures, who, end.total.lost,
            mode == Mode::Connect ? "connections without a whole response"
                                  : "requests without an answer");
  add_count(failures, who, end.total.failed, "connections that failed");
  for (const auto& problem : end.problems) {
    failures.push_back(std::string{who} + ": " + problem);
  }
}

void add_missing(std::vector<std::string>& failures, const char* way, std::uint64_t sent,
                 std::uint64_t received) {
  if (sent != received) {
    failures.push_back("of " + std::to_string(sent) + " bytes that the " + way + " sent " +
                       std::to_string(received) + " have arrived");
  }
}

}  // namespace

LatencySummary summarize(const Histogram& histogram) noexcept {
  LatencySummary made{.count = histogram.count(),
                      .smallest = histogram.smallest(),
                      .largest = histogram.largest(),
                      .mean = histogram.mean()};
  for (std::size_t i = 0; i < kShares.size(); ++i) {
    made.shares[i] = histogram.at(kShares[i].value);
  }
  return made;
}

std::vector<std::string> failures_of(const Report& report) {
  const Mode mode = report.options.plan.mode;
  std::vector<std::string> failures;
  add_end(failures, "client", report.client, mode);
  if (report.server) {
    add_end(failures, "server", *report.server, mode);
    add_missing(failures, "client", report.client.total.bytes_out, report.server->total.bytes_in);
    add_missing(failures, "server", report.server->total.bytes_out, report.client.total.bytes_in);
  } else if (mode != Mode::Http && failures.empty()) {
    failures.emplace_back("the server has told no result");
  }
  const Tally& measured = report.client.measured;
  const std::uint64_t done = mode == Mode::Stream ? stream_bytes(measured) : measured.exchanges;
  if (failures.empty() && done == 0 && !report.is_interrupted && mode != Mode::Idle) {
    failures.push_back("no " + std::string{exchanges_of(mode)} + " in the measured time");
  }
  return failures;
}

std::string interval_title(Mode mode) {
  if (mode == Mode::Stream) {
    return "      seconds           sent        rate       received        rate\n";
  }
  return formatted("      seconds   %12s        rate     median        99 %%        max\n",
                   std::string{exchanges_of(mode)}.c_str());
}

std::string interval_line(Mode mode, const Interval& interval) {
  const double seconds = interval.to - interval.from;
  const Tally& counted = interval.counted;
  const std::string span = formatted("%6.2f - %6.2f", interval.from, interval.to);
  if (mode == Mode::Stream) {
    return formatted("%s  %10sB %8sb/s    %10sB %8sb/s\n", span.c_str(),
                     scaled(static_cast<double>(counted.bytes_out)).c_str(),
                     scaled(8 * per_second(counted.bytes_out, seconds)).c_str(),
                     scaled(static_cast<double>(counted.bytes_in)).c_str(),
                     scaled(8 * per_second(counted.bytes_in, seconds)).c_str());
  }
  return formatted("%s  %12s  %8s/s  %9s  %10s %10s\n", span.c_str(),
                   std::to_string(counted.exchanges).c_str(),
                   scaled(per_second(counted.exchanges, seconds)).c_str(),
                   time_text(static_cast<double>(interval.latency.shares[0])).c_str(),
                   time_text(static_cast<double>(interval.latency.shares[2])).c_str(),
                   time_text(static_cast<double>(interval.latency.largest)).c_str());
}

std::string summary_text(const Report& report) {
  const Mode mode = report.options.plan.mode;
  const EndResult& client = report.client;
  std::string made = formatted("\nsummary of %.2f seconds%s\n", client.seconds,
                               report.is_interrupted ? ", interrupted" : "");
  if (mode == Mode::Stream) {
    made += direction_line("client", "sent", client.measured.bytes_out, client.seconds);
    made += direction_line("client", "received", client.measured.bytes_in, client.seconds);
    if (report.server) {
      const EndResult& server = *report.server;
      made += direction_line("server", "received", server.measured.bytes_in, server.seconds);
      made += direction_line("server", "sent", server.measured.bytes_out, server.seconds);
    }
  } else {
    made += formatted("  %s %s, %s\n", std::to_string(client.measured.exchanges).c_str(),
                      std::string{exchanges_of(mode)}.c_str(),
                      rate_text(mode, client.measured, client.seconds).c_str());
  }
  made += end_line("client", client);
  made += report.server ? end_line("server", *report.server) : "";
  made += latency_lines(report.latency);
  const auto failures = failures_of(report);
  for (const auto& failure : failures) {
    made += "FAILED: " + failure + "\n";
  }
  if (failures.empty()) {
    made += mode == Mode::Http ? "passed: every reply had the expected status and length\n"
                               : "passed: all payload has arrived, verified\n";
  }
  return made;
}

std::string scaled(double value) {
  constexpr std::array<const char*, 6> kUnits{"", "k", "M", "G", "T", "P"};
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) {
    value /= 1000;
  }
  const int decimals = value >= 99.95 || unit == 0 ? 0 : value >= 9.995 ? 1 : 2;
  return formatted("%.*f %s", decimals, value, kUnits[unit]);
}

std::string time_text(double nanoseconds) {
  constexpr std::array<const char*, 4> kUnits{"ns", "us", "ms", "s"};
  std::size_t unit = 0;
  for (; nanoseconds >= 999.5 && unit + 1 < kUnits.size(); ++unit) {
    nanoseconds /= 1000;
  }
  const int decimals = nanoseconds >= 99.95 || unit == 0 ? 0 : nanoseconds >= 9.995 ? 1 : 2;
  return formatted("%.*f %s", decimals, nanoseconds, kUnits[unit]);
}

}  // namespace perf
