// Texts to values, with the messages for those who mistyped.
#include "nc/options.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

namespace nc {
namespace {

constexpr millrace::Duration kKeepaliveMax = std::chrono::seconds{32'767};
constexpr std::uint32_t kKeepaliveProbes = 3;

template <class Number>
std::optional<Number> read_number(std::string_view text) noexcept {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

// Sets `into` unless the option was not given. False when it is no number of seconds.
bool read_seconds(const std::string& text, std::optional<millrace::Duration>& into) {
  const auto seconds = read_number<std::uint32_t>(text);
  if (seconds) {
    into = std::chrono::seconds{*seconds};
  }
  return seconds || text.empty();
}

// The same time before the first probe and between two: one number says how soon a peer is missed.
millrace::Result<void, std::string> read_keepalive(
    const std::string& text, std::optional<millrace::KeepaliveOptions>& into) {
  std::optional<millrace::Duration> seconds;
  if (!read_seconds(text, seconds) || seconds == millrace::Duration::zero() ||
      seconds > kKeepaliveMax) {
    return millrace::fail("--keepalive " + text + ": 1 to 32767 seconds are needed");
  }
  if (seconds) {
    into = millrace::KeepaliveOptions{
        .idle = *seconds, .interval = *seconds, .count = kKeepaliveProbes};
  }
  return {};
}

}  // namespace

millrace::Result<Options, std::string> read_options(const Arguments& arguments) {
  Options options;
  options.listens = arguments.listens;
  options.is_udp = arguments.is_udp;
  options.is_verbose = arguments.is_verbose;
  options.source_port = arguments.source_port;
  const bool has_host = !arguments.second.empty();
  const std::string& port_text = has_host ? arguments.second : arguments.first;
  if (!has_host && !arguments.listens) {
    return millrace::fail("say HOST and PORT, or -l PORT");
  }
  const auto port = read_number<std::uint16_t>(port_text);
  if (!port || *port == 0) {
    return millrace::fail("PORT " + port_text + ": a number from 1 to 65535 is needed");
  }
  options.peer.port = millrace::Port{*port};
  if (has_host) {
    const auto address = millrace::IpAddress::parse(arguments.first);
    if (!address && arguments.listens) {
      return millrace::fail("HOST " + arguments.first +
                            ": an address such as 198.18.0.1 is needed");
    }
    if (address) {
      options.peer.address = *address;
    } else {
      options.peer_name = arguments.first;
    }
  }
  if (!read_seconds(arguments.wait_seconds, options.wait)) {
    return millrace::fail("-w " + arguments.wait_seconds + ": a number of seconds is needed");
  }
  // As with other netcats, a negative -q waits for ever, which is what happens without it.
  if (!arguments.quit_seconds.starts_with('-') &&
      !read_seconds(arguments.quit_seconds, options.quit)) {
    return millrace::fail("-q " + arguments.quit_seconds + ": a number of seconds is needed");
  }
  if (auto keepalive = read_keepalive(arguments.keepalive_seconds, options.keepalive); !keepalive) {
    return millrace::fail(std::move(keepalive.error()));
  }
  if (options.is_udp && options.keepalive) {
    return millrace::fail("--keepalive is for connections; leave it or -u out");
  }
  return options;
}

}  // namespace nc
