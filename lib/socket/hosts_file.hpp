// HostsFile: the names that a file like /etc/hosts has, with their IPv4 addresses. Read once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/error.hpp>

namespace millrace::socket {

class HostsFile {
 public:
  HostsFile() = default;
  /// The text of such a file: ADDRESS NAME..., with comments behind '#'. Lines that make no sense,
  /// and IPv6 addresses, are passed over, as everywhere.
  explicit HostsFile(std::string_view text);

  /// The file's text, or nothing in an empty one. The error is a sentence.
  [[nodiscard]] static Result<HostsFile, std::string> read(const std::string& path);

  /// Null when the name is not in it. Upper and lower case are the same.
  [[nodiscard]] const std::vector<IpAddress>* find(std::string_view name) const;

 private:
  std::map<std::string, std::vector<IpAddress>, std::less<>> addresses_;
};

/// ASCII letters made small, as names compare (RFC 4343), and without a dot at the end.
[[nodiscard]] std::string canonical_name(std::string_view name);

}  // namespace millrace::socket
