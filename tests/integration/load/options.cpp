// Texts to values, with the messages for those who mistyped.
#include "load/options.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

namespace load {
namespace {

constexpr std::size_t kSha256Digits = 64;
constexpr std::uint64_t kConnectionsMax = 60'000;

constexpr std::array<std::pair<std::string_view, Closing>, 4> kClosings{{
    {"never", Closing::Never},
    {"server", Closing::Server},
    {"client", Closing::Client},
    {"alternate", Closing::Alternate},
}};

bool is_sha256(std::string_view text) {
  return text.size() == kSha256Digits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

millrace::Result<Options, std::string> read_options(const Arguments& arguments) {
  const auto closing = std::ranges::find_if(
      kClosings, [&](const auto& candidate) { return candidate.first == arguments.closing; });
  if (closing == kClosings.end()) {
    return millrace::fail("--close " + arguments.closing +
                          ": one of never, server, client and alternate is needed");
  }
  if (!arguments.sha256.empty() && !is_sha256(arguments.sha256)) {
    return millrace::fail("--sha256 " + arguments.sha256 +
                          ": 64 lower-case hexadecimal digits are needed");
  }
  if (arguments.connections == 0 || arguments.connections > kConnectionsMax) {
    return millrace::fail("--connections " + std::to_string(arguments.connections) +
                          ": a number from 1 to " + std::to_string(kConnectionsMax) + " is needed");
  }
  if (!arguments.path.starts_with('/')) {
    return millrace::fail("PATH " + arguments.path + ": it starts with a slash");
  }
  Options options;
  options.server = *arguments.server;
  options.path = arguments.path;
  if (arguments.seconds > 0) {
    options.duration = std::chrono::seconds{arguments.seconds};
  }
  if (arguments.requests > 0) {
    options.requests = arguments.requests;
  } else if (!options.duration) {
    options.requests = arguments.connections;
  }
  options.connections = arguments.connections;
  options.timeout = std::chrono::seconds{arguments.timeout_seconds};
  options.closing = closing->second;
  options.put_bytes = arguments.put_bytes;
  options.seed = arguments.seed;
  options.sha256 = arguments.sha256;
  return options;
}

}  // namespace load
