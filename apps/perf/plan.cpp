// Words for modes, and which numbers make a test.
#include "perf/plan.hpp"

#include <array>
#include <utility>

namespace perf {
namespace {

struct ModeWords {
  Mode mode;
  std::string_view name;
  std::string_view exchanges;
};

constexpr std::array<ModeWords, 5> kModes{{
    {Mode::Stream, "stream", "bytes"},
    {Mode::RequestResponse, "rr", "round trips"},
    {Mode::Connect, "crr", "connections"},
    {Mode::Http, "http", "replies"},
    {Mode::Idle, "idle", "round trips"},
}};

millrace::Result<void, std::string> check_range(std::string_view what, std::uint64_t value,
                                                std::uint64_t least, std::uint64_t most) {
  if (value >= least && value <= most) {
    return {};
  }
  return millrace::fail(std::string{what} + ": " + std::to_string(value) + " is out of range, " +
                        std::to_string(least) + " to " + std::to_string(most) + " are possible");
}

}  // namespace

std::string_view to_string(Mode mode) noexcept {
  return kModes[static_cast<std::size_t>(std::to_underlying(mode))].name;
}

std::string_view exchanges_of(Mode mode) noexcept {
  return kModes[static_cast<std::size_t>(std::to_underlying(mode))].exchanges;
}

std::optional<Mode> mode_from(std::string_view word) noexcept {
  for (const auto& known : kModes) {
    if (known.name == word) {
      return known.mode;
    }
  }
  return std::nullopt;
}

millrace::Result<void, std::string> check(const Plan& plan) {
  struct Range {
    std::string_view what;
    std::uint64_t value;
    std::uint64_t least;
    std::uint64_t most;
  };
  const std::array<Range, 7> ranges{{
      {"connections", plan.connections, 1, PlanLimits::kConnections},
      {"depth", plan.depth, 1, PlanLimits::kDepth},
      {"connections times depth", std::uint64_t{plan.connections} * plan.depth, 1,
       PlanLimits::kRequestsAtOnce},
      {"request size", plan.request_bytes, 1, PlanLimits::kMessageBytes},
      {"response size", plan.response_bytes, 1, PlanLimits::kMessageBytes},
      {"data ports", plan.data_ports, 1, PlanLimits::kDataPorts},
      {"buffer", plan.buffer_bytes, 65'536, PlanLimits::kStreamBufferBytes},
  }};
  for (const auto& range : ranges) {
    if (auto inside = check_range(range.what, range.value, range.least, range.most); !inside) {
      return inside;
    }
  }
  if (plan.mode == Mode::Http) {
    return millrace::fail(std::string{"http: any web server takes part, but not this one"});
  }
  if (plan.mode == Mode::Stream && plan.connections > PlanLimits::kStreams) {
    return check_range("connections of streams", plan.connections, 1, PlanLimits::kStreams);
  }
  if (plan.mode == Mode::Stream && !plan.client_sends && !plan.server_sends) {
    return millrace::fail(std::string{"stream: neither end would send"});
  }
  return {};
}

Tally operator-(const Tally& later, const Tally& earlier) noexcept {
  return {.bytes_in = later.bytes_in - earlier.bytes_in,
          .bytes_out = later.bytes_out - earlier.bytes_out,
          .exchanges = later.exchanges - earlier.exchanges,
          .opened = later.opened - earlier.opened,
          .closed = later.closed - earlier.closed,
          .failed = later.failed - earlier.failed,
          .lost = later.lost - earlier.lost,
          .corrupt = later.corrupt - earlier.corrupt};
}

}  // namespace perf
