// Texts to values; what makes no sense together is refused with a sentence.
#include "perf/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <utility>

namespace perf {
namespace {

constexpr std::size_t kAddressesMax = 65'536;
constexpr double kDefaultTouchRate = 0.1;
constexpr double kRateMax = 1e9;
constexpr double kSecondsMax = 1e6;
constexpr std::uint16_t kWebPort = 80;

std::unexpected<std::string> wrong(std::string_view option, std::string_view value,
                                   std::string_view needed) {
  return millrace::fail(std::string{option} + (value.empty() ? "" : " ") + std::string{value} +
                        ": " + std::string{needed} + " is needed");
}

std::uint32_t number_of(const millrace::IpAddress& address) noexcept {
  std::uint32_t number = 0;
  for (const std::uint8_t byte : address.v4_bytes()) {
    number = number << 8U | byte;
  }
  return number;
}

millrace::IpAddress address_of(std::uint32_t number) noexcept {
  return millrace::IpAddress::v4(
      static_cast<std::uint8_t>(number >> 24U), static_cast<std::uint8_t>(number >> 16U),
      static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number));
}

// One reading of the command line; each step fills in its part.
class OptionReader {
 public:
  explicit OptionReader(const Arguments& arguments) : given_{arguments} {}

  millrace::Result<Options, std::string> read() {
    using Step = millrace::Result<void, std::string> (OptionReader::*)();
    constexpr std::array<Step, 8> kSteps{
        &OptionReader::read_role,   &OptionReader::refuse_strangers, &OptionReader::read_ends,
        &OptionReader::read_sizes,  &OptionReader::read_stream,      &OptionReader::read_pace,
        &OptionReader::read_limits, &OptionReader::read_http};
    for (const Step step : kSteps) {
      if (auto done = (this->*step)(); !done) {
        return millrace::fail(std::move(done.error()));
      }
      if (options_.is_server && step == &OptionReader::refuse_strangers) {
        return options_;
      }
    }
    if (options_.plan.mode != Mode::Http) {
      if (auto possible = check(options_.plan); !possible) {
        return millrace::fail(std::move(possible.error()));
      }
    }
    return options_;
  }

 private:
  millrace::Result<void, std::string> read_role();
  millrace::Result<void, std::string> refuse_strangers();
  millrace::Result<void, std::string> read_ends();
  millrace::Result<void, std::string> read_sizes();
  millrace::Result<void, std::string> read_stream();
  millrace::Result<void, std::string> read_pace();
  millrace::Result<void, std::string> read_limits();
  millrace::Result<void, std::string> read_http();
  [[nodiscard]] bool is(Mode mode) const noexcept { return options_.plan.mode == mode; }

  const Arguments& given_;
  Options options_;
};

millrace::Result<void, std::string> OptionReader::read_role() {
  if (given_.role != "server" && given_.role != "client") {
    return wrong("ROLE", given_.role, "server or client");
  }
  if (given_.backend != "millrace" && given_.backend != "kernel") {
    return wrong("--backend", given_.backend, "millrace or kernel");
  }
  const auto mode = mode_from(given_.mode);
  if (!mode) {
    return wrong("--mode", given_.mode, "stream, rr, crr, http or idle");
  }
  options_.is_server = given_.role == "server";
  options_.is_kernel = given_.backend == "kernel";
  options_.json = given_.json;
  options_.one_off = given_.one_off;
  options_.plan.mode = *mode;
  const bool is_web = *mode == Mode::Http && !options_.is_server;
  options_.port = !given_.port.is_unspecified() ? given_.port
                                                : millrace::Port{is_web ? kWebPort : kDefaultPort};
  if (!is_web && options_.port.number() == std::numeric_limits<std::uint16_t>::max()) {
    return wrong("--port", "65535", "one that has ports behind it for the data");
  }
  return {};
}

// An option that would change nothing is a mistake of whoever gave it.
millrace::Result<void, std::string> OptionReader::refuse_strangers() {
  const bool is_server = options_.is_server;
  const bool has_messages = is(Mode::RequestResponse) || is(Mode::Connect) || is(Mode::Idle);
  struct Stranger {
    bool is_given;
    bool fits;
    const char* name;
    const char* place;
  };
  const std::array<Stranger, 19> strangers{{
      {given_.one_off, is_server, "--one-off", "servers"},
      {!given_.host.empty(), !is_server, "HOST", "clients"},
      {given_.mode != "stream", !is_server, "--mode", "clients: they tell the server"},
      {given_.connections.has_value(), !is_server, "--connections", "clients"},
      {given_.depth.has_value(), !is_server && (is(Mode::RequestResponse) || is(Mode::Http)),
       "--depth", "rr and http"},
      {!given_.request_size.empty(), !is_server && has_messages, "--request-size",
       "rr, crr and idle"},
      {!given_.response_size.empty(), !is_server && has_messages, "--response-size",
       "rr, crr and idle"},
      {!given_.buffer.empty(), !is_server && is(Mode::Stream), "--buffer", "stream"},
      {given_.reverse, !is_server && is(Mode::Stream), "--reverse", "stream"},
      {given_.both_ways, !is_server && is(Mode::Stream), "--both-ways", "stream"},
      {!given_.rate.empty(), !is_server && !is(Mode::Stream), "--rate", "rr, crr, http and idle"},
      {!given_.count.empty(), !is_server, "--count", "clients"},
      {!given_.duration.empty(), !is_server, "--duration", "clients"},
      {!given_.warmup.empty(), !is_server, "--warmup", "clients"},
      {!given_.local_addresses.empty(), !is_server, "--local-addresses", "clients"},
      {given_.data_ports.has_value(), !is_server && !is(Mode::Http), "--data-ports",
       "clients of stream, rr, crr and idle"},
      {!given_.path.empty(), !is_server && is(Mode::Http), "--path", "http"},
      {given_.status.has_value(), !is_server && is(Mode::Http), "--status", "http"},
      {given_.length.has_value(), !is_server && is(Mode::Http), "--length", "http"},
  }};
  for (const auto& stranger : strangers) {
    if (stranger.is_given && !stranger.fits) {
      return millrace::fail(std::string{stranger.name} + ": only for " + stranger.place);
    }
  }
  return {};
}

millrace::Result<void, std::string> OptionReader::read_ends() {
  const auto host = millrace::IpAddress::parse(given_.host);
  if (!host || !host->is_v4() || host->is_unspecified() || host->is_multicast()) {
    return wrong("HOST", given_.host, "the server's address such as 198.18.0.2");
  }
  options_.host = *host;
  if (!given_.local_addresses.empty()) {
    auto addresses = parse_addresses(given_.local_addresses);
    if (!addresses) {
      return wrong("--local-addresses", given_.local_addresses, addresses.error());
    }
    options_.local_addresses = *std::move(addresses);
  }
  const std::uint64_t ports = given_.data_ports.value_or(1);
  constexpr std::uint64_t kPortMax = std::numeric_limits<std::uint16_t>::max();
  if (ports < 1 || ports > PlanLimits::kDataPorts || options_.port.number() + ports > kPortMax) {
    return wrong("--data-ports", std::to_string(ports),
                 "1 to 1000, as far as there are ports behind --port,");
  }
  options_.plan.data_ports = static_cast<std::uint16_t>(ports);
  options_.connect_timeout = given_.connect_timeout;
  options_.interval = given_.interval;
  if (options_.interval != millrace::Duration::zero() &&
      options_.interval < std::chrono::milliseconds{100}) {
    return wrong("--interval", "", "0.1 or more, or 0 for no lines,");
  }
  return {};
}

millrace::Result<void, std::string> OptionReader::read_sizes() {
  struct Size {
    const char* name;
    const std::string& text;
    std::uint64_t& into;
  };
  for (const auto& size :
       {Size{"--request-size", given_.request_size, options_.plan.request_bytes},
        Size{"--response-size", given_.response_size, options_.plan.response_bytes},
        Size{"--buffer", given_.buffer, options_.plan.buffer_bytes},
        Size{"--count", given_.count, options_.count}}) {
    if (size.text.empty()) {
      continue;
    }
    const auto value = parse_size(size.text);
    if (!value || *value == 0) {
      return wrong(size.name, size.text, "a number above zero such as 64, 16K or 1M");
    }
    size.into = *value;
  }
  const std::uint64_t connections = given_.connections.value_or(1);
  const std::uint64_t depth = given_.depth.value_or(1);
  if (connections < 1 || connections > PlanLimits::kConnections) {
    return wrong("--connections", std::to_string(connections), "1 to 16000000");
  }
  if (depth < 1 || depth > PlanLimits::kDepth) {
    return wrong("--depth", std::to_string(depth), "1 to 4096");
  }
  options_.plan.connections = static_cast<std::uint32_t>(connections);
  options_.plan.depth = static_cast<std::uint32_t>(depth);
  if (connections * depth > PlanLimits::kRequestsAtOnce) {
    return wrong("--depth", std::to_string(depth), "fewer than 64000000 requests at once");
  }
  return {};
}

millrace::Result<void, std::string> OptionReader::read_stream() {
  if (given_.reverse && given_.both_ways) {
    return millrace::fail(std::string{"--reverse and --both-ways: give one of them"});
  }
  if (is(Mode::Stream) && options_.plan.connections > PlanLimits::kStreams) {
    return wrong("--connections", std::to_string(options_.plan.connections),
                 "10000 or fewer in mode stream");
  }
  options_.plan.client_sends = !given_.reverse;
  options_.plan.server_sends = given_.reverse || given_.both_ways;
  if (given_.verify != "sample" && given_.verify != "all") {
    return wrong("--verify", given_.verify, "sample or all");
  }
  options_.plan.verify = given_.verify == "all" ? Verify::All : Verify::Sample;
  options_.plan.seed = given_.seed.value_or(std::random_device{}());
  return {};
}

millrace::Result<void, std::string> OptionReader::read_pace() {
  if (!given_.rate.empty()) {
    options_.rate = parse_decimal(given_.rate, kRateMax);
    if (!options_.rate || *options_.rate <= 0) {
      return wrong("--rate", given_.rate, "a number above zero, to 1000000000,");
    }
  }
  if (is(Mode::Idle)) {
    options_.rate = options_.rate.value_or(kDefaultTouchRate) * options_.plan.connections;
  }
  return {};
}

millrace::Result<void, std::string> OptionReader::read_limits() {
  const auto as_duration = [](double seconds) {
    return std::chrono::duration_cast<millrace::Duration>(std::chrono::duration<double>{seconds});
  };
  const auto duration = parse_decimal(given_.duration, kSecondsMax);
  if (!given_.duration.empty() && (!duration || *duration < 0.1)) {
    return wrong("--duration", given_.duration, "0.1 to 1000000 seconds");
  }
  const auto warmup = parse_decimal(given_.warmup, kSecondsMax);
  if (!given_.warmup.empty() && !warmup) {
    return wrong("--warmup", given_.warmup, "0 to 1000000 seconds");
  }
  if (duration) {
    options_.duration = as_duration(*duration);
  } else if (options_.count == 0) {
    options_.duration = std::chrono::seconds{10};
  }
  options_.warmup = as_duration(warmup.value_or(0));
  if (options_.warmup > millrace::Duration::zero() && options_.count != 0) {
    return millrace::fail(
        std::string{"--warmup and --count: what warms up would count; give one of them"});
  }
  return {};
}

millrace::Result<void, std::string> OptionReader::read_http() {
  if (!is(Mode::Http)) {
    return {};
  }
  options_.path = given_.path.empty() ? "/" : given_.path;
  const bool is_clean =
      std::ranges::all_of(options_.path, [](char letter) { return letter > ' ' && letter <= '~'; });
  if (!options_.path.starts_with('/') || !is_clean) {
    return wrong("--path", "", "a path such as /index.html without spaces");
  }
  const std::uint64_t status = given_.status.value_or(200);
  if (status < 200 || status > 599) {
    return wrong("--status", std::to_string(status), "200 to 599");
  }
  options_.status = static_cast<int>(status);
  options_.length = given_.length;
  return {};
}

}  // namespace

millrace::Result<Options, std::string> read_options(const Arguments& arguments) {
  return OptionReader{arguments}.read();
}

std::optional<double> parse_decimal(std::string_view text, double most) noexcept {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (text.empty() || error != std::errc{} || stop != end || !(value >= 0) || value > most) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  constexpr std::string_view kUnits = "KMGT";
  unsigned shift = 0;
  if (!text.empty()) {
    const std::size_t unit = kUnits.find(text.back());
    if (unit != std::string_view::npos) {
      shift = 10 * (static_cast<unsigned>(unit) + 1);
      text.remove_suffix(1);
    }
  }
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end ||
      value > std::numeric_limits<std::uint64_t>::max() >> shift) {
    return std::nullopt;
  }
  return value << shift;
}

millrace::Result<std::vector<millrace::IpAddress>, std::string> parse_addresses(
    std::string_view text) {
  const auto failure = [] {
    return millrace::fail(std::string{"a list of IPv4 addresses and ranges, 65536 at most,"});
  };
  std::vector<millrace::IpAddress> made;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t dash = part.find('-');
    const auto first = millrace::IpAddress::parse(part.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : millrace::IpAddress::parse(part.substr(dash + 1));
    if (!first || !last || !first->is_v4() || !last->is_v4() ||
        number_of(*last) < number_of(*first) ||
        number_of(*last) - number_of(*first) >= kAddressesMax - made.size()) {
      return failure();
    }
    for (std::uint64_t at = number_of(*first); at <= number_of(*last); ++at) {
      made.push_back(address_of(static_cast<std::uint32_t>(at)));
    }
    if (comma == std::string_view::npos) {
      return made;
    }
    text.remove_prefix(comma + 1);
  }
}

}  // namespace perf
