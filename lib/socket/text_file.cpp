#include "socket/text_file.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace millrace::socket {

Result<std::string, std::string> read_text(const std::string& path,
                                           std::string_view may_be_missing) {
  if (path.empty()) {
    return std::string{};
  }
  std::error_code problem;
  const auto kind = std::filesystem::status(path, problem).type();
  if (kind == std::filesystem::file_type::not_found && path == may_be_missing) {
    return std::string{};
  }
  std::ifstream file{path};
  if (kind == std::filesystem::file_type::directory || !file) {
    return fail("cannot read " + path);
  }
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace millrace::socket
