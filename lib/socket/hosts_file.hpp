// HostsFile: the names that a file like /etc/hosts has, with their IPv4 addresses. Read once.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <millrace/error.hpp>

#include "socket/name_answer.hpp"

namespace millrace::socket {

class HostsFile {
 public:
  /// May be missing, as in a bare container; a file of any other name is expected to be there.
  static constexpr std::string_view kDefaultPath = "/etc/hosts";

  HostsFile() = default;
  /// The text of such a file: ADDRESS NAME..., with comments behind '#'. Lines that make no sense,
  /// and IPv6 addresses, are passed over, as everywhere. The first name of a line is the canonical
  /// one of the others.
  explicit HostsFile(std::string_view text);

  /// The file's text, or nothing in an empty path. The error is a sentence.
  [[nodiscard]] static Result<HostsFile, std::string> read(const std::string& path);

  /// Null when the name is not in it. Upper and lower case are the same, and so is a dot at the
  /// end.
  [[nodiscard]] const NameAnswer* find(std::string_view name) const;

 private:
  std::map<std::string, NameAnswer, std::less<>> names_;
};

}  // namespace millrace::socket
