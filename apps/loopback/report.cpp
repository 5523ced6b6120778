// Text for people. Rates count bits, sizes bytes, both by thousands.
#include "loopback/report.hpp"

#include <fmt/format.h>

namespace loopback {
namespace {

using millrace::CoreStats;
using millrace::DropReason;

double per_second(std::uint64_t count, double seconds) noexcept {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

void add_count(std::vector<std::string>& failures, const std::string& who, std::uint64_t count,
               std::string_view what) {
  if (count > 0) {
    failures.push_back(fmt::format("{}: {} {}", who, count, what));
  }
}

/// What TCP repairs is no failure of a test of TCP: a full ring tells it to slow down.
void add_port(std::vector<std::string>& failures, const PortReport& port, bool is_tcp) {
  const PortCounts& counts = port.counts;
  if (!is_tcp) {
    add_count(failures, port.name, counts.rx_missed, "frames missed: the receive ring was full");
    add_count(failures, port.name, counts.rx_errors, "frames with receive errors");
    add_count(failures, port.name, counts.tx_errors, "frames with transmit errors");
  }
  add_count(failures, port.name, counts.rx_no_buffer, "times no packet buffer to receive into");
  add_count(failures, port.name, counts.tx_no_buffer, "times no packet buffer to send in");
}

void add_verification(std::vector<std::string>& failures, const Verification& verification,
                      bool is_interrupted) {
  add_count(failures, "verification", verification.lost, "frames lost");
  add_count(failures, "verification", verification.damaged, "frames damaged");
  add_count(failures, "verification", verification.repeated, "frames repeated");
  if (failures.empty() && verification.received == 0 && !is_interrupted) {
    failures.emplace_back("no frame of the test has arrived");
  }
}

std::uint64_t damaged_frames(const CoreStats& stats) noexcept {
  return stats.dropped(DropReason::TcpBadChecksum) + stats.dropped(DropReason::Ipv4BadChecksum);
}

std::string direction(const char* name, std::uint64_t frames, std::uint64_t bytes, double seconds) {
  return fmt::format("{}-pps: {:>9}  {}-bps: {:>9}", name,
                     perf::scaled(per_second(frames, seconds)), name,
                     perf::scaled(8 * per_second(bytes, seconds)));
}

std::string stack_lines(const Report& report) {
  std::string text;
  for (const StackReport& stack : report.stacks) {
    const CoreStats& stats = stack.stats;
    text += fmt::format(
        "{:<8}  segments in {}, out {}; retransmitted {}, by timeouts {}; out of order {}; damaged "
        "{}\n",
        stack.role, stats.tcp_segments_in, stats.tcp_segments_out, stats.tcp_retransmitted_segments,
        stats.tcp_retransmission_timeouts, stats.tcp_out_of_order_segments, damaged_frames(stats));
  }
  return text;
}

std::string verification_lines(const Report& report) {
  const Verification& seen = *report.verification;
  std::string text = "verified:";
  if (seen.sent > 0) {
    text += fmt::format(" sent {},", seen.sent);
  }
  text += fmt::format(" received {} whole, lost {}, damaged {}, repeated {}, late {}",
                      seen.received, seen.lost, seen.damaged, seen.repeated, seen.late);
  return text + (seen.foreign > 0 ? fmt::format("; {} of others\n", seen.foreign) : "\n");
}

std::string verdict_lines(const Report& report) {
  const auto failures = failures_of(report);
  std::string text;
  for (const auto& failure : failures) {
    text += "FAILED: " + failure + "\n";
  }
  if (!failures.empty()) {
    return text;
  }
  return report.verification || report.traffic ? "passed: nothing was lost or damaged\n"
                                               : "passed: this end has lost nothing\n";
}

}  // namespace

std::vector<std::string> failures_of(const Report& report) {
  std::vector<std::string> failures = report.problems;
  if (report.traffic) {
    const auto of_traffic = perf::failures_of(*report.traffic);
    failures.insert(failures.end(), of_traffic.begin(), of_traffic.end());
  }
  for (const StackReport& stack : report.stacks) {
    add_count(failures, stack.role, damaged_frames(stack.stats), "segments arrived damaged");
  }
  for (const PortReport& port : report.ports) {
    add_port(failures, port, report.options.is_tcp());
  }
  if (report.verification) {
    add_verification(failures, *report.verification, report.is_interrupted);
  }
  return failures;
}

PortCounts operator-(const PortCounts& later, const PortCounts& earlier) noexcept {
  return {.rx_frames = later.rx_frames - earlier.rx_frames,
          .rx_bytes = later.rx_bytes - earlier.rx_bytes,
          .tx_frames = later.tx_frames - earlier.tx_frames,
          .tx_bytes = later.tx_bytes - earlier.tx_bytes,
          .rx_missed = later.rx_missed - earlier.rx_missed,
          .rx_errors = later.rx_errors - earlier.rx_errors,
          .rx_no_buffer = later.rx_no_buffer - earlier.rx_no_buffer,
          .tx_errors = later.tx_errors - earlier.tx_errors,
          .tx_no_buffer = later.tx_no_buffer - earlier.tx_no_buffer};
}

std::string interval_lines(const Interval& interval) {
  const double seconds = interval.to - interval.from;
  std::string text;
  for (std::size_t i = 0; i < interval.ports.size(); ++i) {
    const PortCounts& counts = interval.ports[i];
    text +=
        fmt::format("{:6.2f} s  port {}  {}  {}  missed: {}  errors: {}  nombuf: {}\n", interval.to,
                    i, direction("rx", counts.rx_frames, counts.rx_bytes, seconds),
                    direction("tx", counts.tx_frames, counts.tx_bytes, seconds), counts.rx_missed,
                    counts.rx_errors + counts.tx_errors, counts.rx_no_buffer + counts.tx_no_buffer);
  }
  return text;
}

std::string port_statistics(const std::vector<PortReport>& ports, double seconds) {
  std::string text;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const PortCounts& counts = ports[i].counts;
    text +=
        fmt::format("statistics of port {}, {}, {}\n", i, ports[i].name, ports[i].mac.to_string());
    text += fmt::format(
        "  rx-packets: {:<14} rx-bytes: {:<16} rx-missed: {}  rx-errors: {}  rx-nombuf: {}\n",
        counts.rx_frames, counts.rx_bytes, counts.rx_missed, counts.rx_errors, counts.rx_no_buffer);
    text += fmt::format("  tx-packets: {:<14} tx-bytes: {:<16} tx-errors: {}  tx-nombuf: {}\n",
                        counts.tx_frames, counts.tx_bytes, counts.tx_errors, counts.tx_no_buffer);
    text += fmt::format("  {}   {}\n", direction("rx", counts.rx_frames, counts.rx_bytes, seconds),
                        direction("tx", counts.tx_frames, counts.tx_bytes, seconds));
  }
  return text;
}

std::string summary_text(const Report& report) {
  std::string text = fmt::format("\n{}, {:.2f} seconds{}\n", to_string(report.options.mode),
                                 report.seconds, report.is_interrupted ? ", interrupted" : "");
  text += port_statistics(report.ports, report.seconds);
  text += stack_lines(report);
  text += report.verification ? verification_lines(report) : "";
  return text + verdict_lines(report);
}

}  // namespace loopback
