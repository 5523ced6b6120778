// Every message has two halves: what was wrong, and behind the semicolon what would be right.
#include "control/option_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <ranges>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace millrace::control {

namespace {

constexpr unsigned kMaxProcessor = 1023;

constexpr std::array<std::pair<LogLevel, std::string_view>, 6> kLogLevels{{
    {LogLevel::Trace, "trace"},
    {LogLevel::Debug, "debug"},
    {LogLevel::Info, "info"},
    {LogLevel::Warn, "warn"},
    {LogLevel::Error, "error"},
    {LogLevel::Off, "off"},
}};

template <class Number>
std::optional<Number> read_number(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [position, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || position != end) {
    return std::nullopt;
  }
  return value;
}

/// Appends the processors that one "3" or "2-5" names. False if it names none.
bool append_cores(std::string_view part, std::vector<unsigned>& cores) {
  const std::size_t dash = part.find('-');
  const std::optional<unsigned> first = read_number<unsigned>(part.substr(0, dash));
  const std::optional<unsigned> last =
      dash == std::string_view::npos ? first : read_number<unsigned>(part.substr(dash + 1));
  if (!first || !last || *first > *last || *last > kMaxProcessor) {
    return false;
  }
  for (unsigned core = *first; core <= *last; ++core) {
    cores.push_back(core);
  }
  return true;
}

bool has_repetition(std::vector<unsigned> cores) {
  std::ranges::sort(cores);
  return std::ranges::adjacent_find(cores) != cores.end();
}

}  // namespace

Parsed<std::uint64_t> parse_count(std::string_view text, const CountLimits& limits) {
  const std::optional<std::uint64_t> value = read_number<std::uint64_t>(text);
  const std::string right =
      limits.max == std::numeric_limits<std::uint64_t>::max()
          ? fmt::format("a whole number of at least {}", limits.min)
          : fmt::format("a whole number from {} to {}", limits.min, limits.max);
  if (!value) {
    return fail(fmt::format("'{}' is no number; give {}", text, right));
  }
  if (*value < limits.min || *value > limits.max) {
    return fail(fmt::format("{} is out of range; give {}", text, right));
  }
  return *value;
}

Parsed<Duration> parse_seconds(std::string_view text, const SecondsLimits& limits) {
  const std::optional<double> value = read_number<double>(text);
  if (!value || !std::isfinite(*value)) {
    return fail(
        fmt::format("'{}' is no number of seconds; give {} to {}", text, limits.min, limits.max));
  }
  if (*value < limits.min || *value > limits.max) {
    return fail(
        fmt::format("{} s is out of range; give {} to {} seconds", text, limits.min, limits.max));
  }
  return std::chrono::round<Duration>(std::chrono::duration<double>{*value});
}

Parsed<std::vector<unsigned>> parse_cores(std::string_view text) {
  std::vector<unsigned> cores;
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    if (!append_cores(text.substr(start, comma - start), cores)) {
      return fail(
          fmt::format("'{}' names no processors; give numbers such as 1, 0,2 or 2-5", text));
    }
    start = comma + 1;
  }
  if (has_repetition(cores)) {
    return fail(fmt::format("'{}' names a processor twice; give each at most once", text));
  }
  return cores;
}

std::string cores_text(const std::vector<unsigned>& cores) {
  std::string text;
  for (std::size_t first = 0; first < cores.size();) {
    std::size_t last = first;
    while (last + 1 < cores.size() && cores[last + 1] == cores[last] + 1) {
      ++last;
    }
    text += fmt::format("{}{}", text.empty() ? "" : ",", cores[first]);
    text += last > first ? fmt::format("-{}", cores[last]) : "";
    first = last + 1;
  }
  return text;
}

Parsed<IdlePolicy> parse_idle(std::string_view text) {
  if (text == "spin") {
    return IdlePolicy::Spin;
  }
  if (text == "adaptive") {
    return IdlePolicy::Adaptive;
  }
  return fail(fmt::format("'{}' is no way to wait; give spin or adaptive", text));
}

Parsed<LogLevel> parse_log_level(std::string_view text) {
  const auto found =
      std::ranges::find(kLogLevels, text, &std::pair<LogLevel, std::string_view>::second);
  if (found == kLogLevels.end()) {
    return fail(
        fmt::format("'{}' is no log level; give trace, debug, info, warn, error or off", text));
  }
  return found->first;
}

Parsed<IpPrefix> parse_prefix(std::string_view text) {
  const Result<IpPrefix> prefix = IpPrefix::parse(text);
  if (prefix && !prefix->address().is_v4()) {
    return fail(fmt::format(
        "'{}' is an IPv6 address, which this version does not speak; give an IPv4 address "
        "with its prefix length, such as 198.18.0.2/24",
        text));
  }
  if (prefix) {
    return *prefix;
  }
  if (const Result<IpAddress> bare = IpAddress::parse(text)) {
    return fail(fmt::format("'{0}' lacks the length of its prefix; give {0}/24, say", text));
  }
  return fail(fmt::format(
      "'{}' is no address; give an IPv4 address with its prefix length, such as 198.18.0.2/24",
      text));
}

Parsed<IpAddress> parse_address(std::string_view text) {
  const Result<IpAddress> address = IpAddress::parse(text);
  if (!address || !address->is_v4()) {
    return fail(fmt::format("'{}' is no IPv4 address; give one such as 198.18.0.1", text));
  }
  return *address;
}

Parsed<RouteConfig> parse_route(std::string_view text) {
  constexpr std::string_view kRight =
      "give a network and the router to it, such as 10.0.0.0/8,198.18.0.1";
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) {
    return fail(fmt::format("'{}' names no router; {}", text, kRight));
  }
  const Result<IpPrefix> destination = IpPrefix::parse(text.substr(0, comma));
  const Result<IpAddress> gateway = IpAddress::parse(text.substr(comma + 1));
  if (!destination || !destination->address().is_v4() || !gateway || !gateway->is_v4()) {
    return fail(fmt::format("'{}' is no route; {}", text, kRight));
  }
  return RouteConfig{.destination = *destination, .gateway = *gateway};
}

Parsed<Port> parse_port(std::string_view text) {
  const Parsed<std::uint64_t> number = parse_count(text, {.min = 1, .max = 65'535});
  if (!number) {
    return fail(fmt::format("'{}' is no port; give a number from 1 to 65535", text));
  }
  return Port{static_cast<std::uint16_t>(*number)};
}

Parsed<Endpoint> parse_endpoint(std::string_view text) {
  const Result<Endpoint> endpoint = Endpoint::parse(text);
  if (!endpoint) {
    return fail(fmt::format("'{}' is no address with port; give one such as 198.18.0.1:80", text));
  }
  return *endpoint;
}

Parsed<std::vector<Endpoint>> parse_name_servers(std::string_view text) {
  constexpr Port kDomain{53};
  std::vector<Endpoint> servers;
  for (const auto part : std::views::split(text, ',')) {
    const std::string_view word{part.begin(), part.end()};
    const Result<IpAddress> address = IpAddress::parse(word);
    const Result<Endpoint> server =
        address ? Endpoint{.address = *address, .port = kDomain} : Endpoint::parse(word);
    if (!server) {
      return fail(fmt::format(
          "'{}' is no name server; give addresses, such as 198.18.0.1 or 198.18.0.1,10.0.0.1:5353",
          word));
    }
    servers.push_back(*server);
  }
  if (servers.empty()) {
    return fail(std::string{"no name server is given; give an address, such as 198.18.0.1"});
  }
  return servers;
}

std::string name_servers_text(const std::vector<Endpoint>& servers) {
  std::string text;
  for (const Endpoint& server : servers) {
    text += (text.empty() ? "" : ",") + server.to_string();
  }
  return text;
}

std::string_view to_string(LogLevel level) noexcept {
  return std::ranges::find(kLogLevels, level, &std::pair<LogLevel, std::string_view>::first)
      ->second;
}

std::string seconds_text(Duration duration) {
  return fmt::format("{:g}", std::chrono::duration<double>{duration}.count());
}

}  // namespace millrace::control
