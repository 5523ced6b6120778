// NameAnswer: what a name leads to, whoever knows it: the hosts file, the cache or a name server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <millrace/address.hpp>

namespace millrace::socket {

struct NameAnswer {
  std::vector<IpAddress> addresses;  // IPv4, at least one, in the order of the answer.
  std::string canonical;             // The name at the end of all aliases.

  friend bool operator==(const NameAnswer&, const NameAnswer&) = default;
};

/// ASCII letters made small, as names compare (RFC 4343 §3).
[[nodiscard]] std::string in_small_letters(std::string_view name);

}  // namespace millrace::socket
