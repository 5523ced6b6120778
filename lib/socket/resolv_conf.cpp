#include "socket/resolv_conf.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "socket/text_file.hpp"

namespace millrace::socket {

namespace {

constexpr Port kDomainPort{53};
// As the C library bounds them.
constexpr std::uint32_t kDotsMax = 15;
constexpr std::uint32_t kSecondsMax = 30;
constexpr std::uint32_t kAttemptsMax = 5;

/// The number behind `name` and a colon; empty for another word.
std::optional<std::uint32_t> value_of(std::string_view word, std::string_view name,
                                      std::uint32_t most) {
  if (!word.starts_with(name)) {
    return std::nullopt;
  }
  word.remove_prefix(name.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error == std::errc::result_out_of_range) {
    return most;
  }
  return error == std::errc{} && end == word.data() + word.size()
             ? std::optional{std::min(number, most)}
             : std::nullopt;
}

void read_option(ResolvConf& conf, std::string_view word) {
  if (const auto dots = value_of(word, "ndots:", kDotsMax)) {
    conf.ndots = *dots;
  } else if (const auto seconds = value_of(word, "timeout:", kSecondsMax)) {
    conf.timeout = std::chrono::seconds{std::max(*seconds, 1U)};
  } else if (const auto attempts = value_of(word, "attempts:", kAttemptsMax)) {
    conf.attempts = std::max(*attempts, 1U);
  }
}

void read_server(ResolvConf& conf, std::string_view word) {
  const auto address = IpAddress::parse(word);
  const bool is_ours =
      address && address->is_v4() && !address->is_loopback() && !address->is_unspecified();
  if (is_ours && conf.servers.size() < ResolvConf::kServersMax) {
    conf.servers.push_back({.address = *address, .port = kDomainPort});
  }
}

}  // namespace

ResolvConf ResolvConf::parse(std::string_view text) {
  ResolvConf conf;
  std::istringstream lines{std::string{text}};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line.substr(0, line.find_first_of("#;"))};
    std::string keyword;
    std::string word;
    words >> keyword;
    if (keyword == "nameserver" && words >> word) {
      read_server(conf, word);
    } else if (keyword == "options") {
      while (words >> word) {
        read_option(conf, word);
      }
    } else if (keyword == "search" || keyword == "domain") {
      conf.search.clear();  // The last such line counts.
      while (conf.search.size() < (keyword == "domain" ? 1 : kDomainsMax) && words >> word) {
        conf.search.push_back(word);
      }
    }
  }
  return conf;
}

Result<ResolvConf, std::string> ResolvConf::read(const std::string& path) {
  const auto text = read_text(path, kDefaultPath);
  if (!text) {
    return fail(text.error());
  }
  return parse(*text);
}

}  // namespace millrace::socket
