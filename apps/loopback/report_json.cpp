// The same for machines: one document, whose names say their units.
#include <nlohmann/json.hpp>

#include "loopback/report.hpp"

namespace loopback {
namespace {

using nlohmann::json;

json to_json(const PortCounts& counts) {
  return {{"rx_packets", counts.rx_frames},   {"rx_bytes", counts.rx_bytes},
          {"rx_missed", counts.rx_missed},    {"rx_errors", counts.rx_errors},
          {"rx_nombuf", counts.rx_no_buffer}, {"tx_packets", counts.tx_frames},
          {"tx_bytes", counts.tx_bytes},      {"tx_errors", counts.tx_errors},
          {"tx_nombuf", counts.tx_no_buffer}};
}

json ports_of(const Report& report) {
  const double seconds = report.seconds > 0 ? report.seconds : 1;
  json ports = json::array();
  for (const PortReport& port : report.ports) {
    json made = to_json(port.counts);
    made["device"] = port.name;
    made["mac"] = port.mac.to_string();
    made["rx_packets_per_second"] = static_cast<double>(port.counts.rx_frames) / seconds;
    made["tx_packets_per_second"] = static_cast<double>(port.counts.tx_frames) / seconds;
    made["rx_bits_per_second"] = 8 * static_cast<double>(port.counts.rx_bytes) / seconds;
    made["tx_bits_per_second"] = 8 * static_cast<double>(port.counts.tx_bytes) / seconds;
    ports.push_back(std::move(made));
  }
  return ports;
}

json intervals_of(const Report& report) {
  json intervals = json::array();
  for (const Interval& interval : report.intervals) {
    json ports = json::array();
    for (const PortCounts& counts : interval.ports) {
      ports.push_back(to_json(counts));
    }
    intervals.push_back({{"from_seconds", interval.from},
                         {"to_seconds", interval.to},
                         {"ports", std::move(ports)}});
  }
  return intervals;
}

json test_of(const Options& options) {
  return {{"mode", to_string(options.mode)},
          {"alone", options.is_alone},
          {"frame_bytes", options.sizes},
          {"flows", options.flows},
          {"burst", options.tester.burst},
          {"in_flight", options.tester.in_flight},
          {"count", options.tester.count},
          {"rate", options.tester.rate > 0 ? json(options.tester.rate) : json()},
          {"verify", options.verify == perf::Verify::All ? "all" : "sample"},
          {"payload_seed", options.seed},
          {"packets", options.config.packets},
          {"rx_descriptors", options.separation.port.rx_descriptors},
          {"tx_descriptors", options.separation.port.tx_descriptors}};
}

json stacks_of(const Report& report) {
  json stacks = json::object();
  for (const auto& [role, stats] : report.stacks) {
    stacks[role] = {{"segments_in", stats.tcp_segments_in},
                    {"segments_out", stats.tcp_segments_out},
                    {"bytes_in", stats.tcp_bytes_in},
                    {"bytes_out", stats.tcp_bytes_out},
                    {"retransmitted_segments", stats.tcp_retransmitted_segments},
                    {"retransmission_timeouts", stats.tcp_retransmission_timeouts},
                    {"out_of_order_segments", stats.tcp_out_of_order_segments}};
  }
  return stacks;
}

json verification_of(const Verification& seen) {
  return {{"sent", seen.sent},       {"received", seen.received}, {"lost", seen.lost},
          {"damaged", seen.damaged}, {"repeated", seen.repeated}, {"late", seen.late},
          {"foreign", seen.foreign}};
}

}  // namespace

std::string json_text(const Report& report) {
  const auto failures = failures_of(report);
  json made{{"test", test_of(report.options)},
            {"seconds", report.seconds},
            {"ports", ports_of(report)},
            {"intervals", intervals_of(report)},
            {"interrupted", report.is_interrupted},
            {"passed", failures.empty()},
            {"failures", failures}};
  made["verification"] = report.verification ? verification_of(*report.verification) : json();
  made["stacks"] = report.stacks.empty() ? json() : stacks_of(report);
  made["traffic"] = report.traffic ? json::parse(perf::json_text(*report.traffic)) : json();
  return made.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace loopback
