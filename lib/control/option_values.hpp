// Text of the command line or a configuration file to values, with an explanation where that fails.
// Pure; which option the text belongs to is known to the caller, who puts its name in front.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/config.hpp>
#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/time.hpp>

namespace millrace::control {

/// A value, or what was wrong and what would be right.
template <class T>
using Parsed = Result<T, std::string>;

/// How much the start-up and the log on standard error tell.
enum class LogLevel : std::uint8_t { Trace, Debug, Info, Warn, Error, Off };

struct CountLimits {
  std::uint64_t min = 0;
  std::uint64_t max = UINT64_MAX;
};
/// A decimal number within the limits, both included.
inline constexpr CountLimits kMtuLimits{.min = 576, .max = 9'000};

[[nodiscard]] Parsed<std::uint64_t> parse_count(std::string_view text, const CountLimits& limits);

struct SecondsLimits {
  double min = 0;
  double max = 0;
};
/// Seconds, with decimals if need be, within the limits.
[[nodiscard]] Parsed<Duration> parse_seconds(std::string_view text, const SecondsLimits& limits);

/// Processor numbers: "0", "0,2" or "2-5", each at most once.
[[nodiscard]] Parsed<std::vector<unsigned>> parse_cores(std::string_view text);
/// "spin" or "adaptive".
/// "0-1,4": the notation that `parse_cores` reads, for ascending numbers.
[[nodiscard]] std::string cores_text(const std::vector<unsigned>& cores);
[[nodiscard]] Parsed<IdlePolicy> parse_idle(std::string_view text);
[[nodiscard]] Parsed<LogLevel> parse_log_level(std::string_view text);
/// An IPv4 address with the length of its prefix.
[[nodiscard]] Parsed<IpPrefix> parse_prefix(std::string_view text);
[[nodiscard]] Parsed<IpAddress> parse_address(std::string_view text);
/// 1 to 65535.
/// "10.0.0.0/8,198.18.0.1".
[[nodiscard]] Parsed<RouteConfig> parse_route(std::string_view text);
[[nodiscard]] Parsed<Port> parse_port(std::string_view text);
[[nodiscard]] Parsed<Endpoint> parse_endpoint(std::string_view text);
/// Addresses with or without ports between commas; without one it is 53.
[[nodiscard]] Parsed<std::vector<Endpoint>> parse_name_servers(std::string_view text);
/// The notation that `parse_name_servers` reads.
[[nodiscard]] std::string name_servers_text(const std::vector<Endpoint>& servers);

/// The name that `parse_log_level` reads.
[[nodiscard]] std::string_view to_string(LogLevel level) noexcept;
/// Seconds without needless decimals: "60", "0.5".
[[nodiscard]] std::string seconds_text(Duration duration);

}  // namespace millrace::control
