// ResolvConf: what a file like /etc/resolv.conf says of name servers, search domains and patience
// (resolv.conf(5)). c-ares could read it, but knows neither "timeout" nor "attempts".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/time.hpp>

namespace millrace::socket {

struct ResolvConf {
  static constexpr std::string_view kDefaultPath = "/etc/resolv.conf";
  // More than any C library takes; what is beyond is passed over.
  static constexpr std::size_t kServersMax = 8;
  static constexpr std::size_t kDomainsMax = 32;

  std::vector<Endpoint> servers;  // On port 53. Without those of IPv6 and of loopback addresses,
                                  // where the kernel is and we are not.
  std::vector<std::string> search;
  std::uint32_t ndots = 1;
  std::optional<Duration> timeout;
  std::optional<std::uint32_t> attempts;

  /// The text of such a file. Lines and options that make no sense are passed over, as everywhere;
  /// numbers beyond what they may be count as the largest.
  [[nodiscard]] static ResolvConf parse(std::string_view text);
  /// The default one may be missing; an empty path is an empty file. The error is a sentence.
  [[nodiscard]] static Result<ResolvConf, std::string> read(const std::string& path);
};

}  // namespace millrace::socket
