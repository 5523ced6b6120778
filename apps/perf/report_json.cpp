// The same for machines: one document, whose names say their units.
#include <nlohmann/json.hpp>

#include "perf/report.hpp"

namespace perf {
namespace {

using nlohmann::json;

json to_json(const Tally& tally) {
  return {{"bytes_in", tally.bytes_in},   {"bytes_out", tally.bytes_out},
          {"exchanges", tally.exchanges}, {"opened", tally.opened},
          {"closed", tally.closed},       {"failed", tally.failed},
          {"lost", tally.lost},           {"corrupt", tally.corrupt}};
}

json to_json(const LatencySummary& latency) {
  json made{{"count", latency.count},
            {"min", latency.smallest},
            {"mean", latency.mean},
            {"max", latency.largest}};
  for (std::size_t i = 0; i < kShares.size(); ++i) {
    made[kShares[i].key] = latency.shares[i];
  }
  return made;
}

json to_json(const EndResult& end) {
  const double seconds = end.seconds > 0 ? end.seconds : 1;
  return {{"backend", end.backend},
          {"seconds", end.seconds},
          {"processor_seconds", end.processor_seconds},
          {"exchanges_per_second", static_cast<double>(end.measured.exchanges) / seconds},
          {"bits_in_per_second", 8 * static_cast<double>(end.measured.bytes_in) / seconds},
          {"bits_out_per_second", 8 * static_cast<double>(end.measured.bytes_out) / seconds},
          {"measured", to_json(end.measured)},
          {"total", to_json(end.total)},
          {"problems", end.problems}};
}

json to_json(const Options& options) {
  const Plan& plan = options.plan;
  json made{{"mode", to_string(plan.mode)},
            {"server", millrace::Endpoint{options.host, options.port}.to_string()},
            {"connections", plan.connections},
            {"depth", plan.depth},
            {"request_bytes", plan.request_bytes},
            {"response_bytes", plan.response_bytes},
            {"client_sends", plan.client_sends},
            {"server_sends", plan.server_sends},
            {"buffer_bytes", plan.buffer_bytes},
            {"data_ports", plan.data_ports},
            {"local_addresses", options.local_addresses.size()},
            {"verify", plan.verify == Verify::All ? "all" : "sample"},
            {"payload_seed", plan.seed},
            {"count", options.count},
            {"warmup_seconds", std::chrono::duration<double>(options.warmup).count()}};
  made["rate"] = options.rate ? json(*options.rate) : json();
  made["duration_seconds"] =
      options.duration ? json(std::chrono::duration<double>(*options.duration).count()) : json();
  return made;
}

}  // namespace

std::string json_text(const Report& report) {
  json intervals = json::array();
  for (const auto& interval : report.intervals) {
    intervals.push_back({{"from_seconds", interval.from},
                         {"to_seconds", interval.to},
                         {"counted", to_json(interval.counted)},
                         {"latency_ns", to_json(interval.latency)}});
  }
  const auto failures = failures_of(report);
  const json made{{"test", to_json(report.options)},
                  {"warnings", report.warnings},
                  {"setup_seconds", report.setup_seconds},
                  {"intervals", std::move(intervals)},
                  {"client", to_json(report.client)},
                  {"server", report.server ? to_json(*report.server) : json()},
                  {"latency_ns", to_json(report.latency)},
                  {"interrupted", report.is_interrupted},
                  {"passed", failures.empty()},
                  {"failures", failures}};
  return made.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace perf
