// Reading a small file of settings whole, at the start of things: it blocks.
#pragma once

#include <string>
#include <string_view>

#include <millrace/error.hpp>

namespace millrace::socket {

/// An empty path, and a file that is missing where it may be, are an empty text. The error is a
/// sentence that names the file.
[[nodiscard]] Result<std::string, std::string> read_text(const std::string& path,
                                                         std::string_view may_be_missing);

}  // namespace millrace::socket
