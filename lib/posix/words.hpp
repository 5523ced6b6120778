// Splits a line of options into words, as the environment variable MILLRACE_OPTIONS holds it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <millrace/error.hpp>

namespace millrace::posix {

/// At spaces, tabs and ends of lines; between two ' or two " everything is one word's. Error: a
/// quote without its end.
[[nodiscard]] Result<std::vector<std::string>, std::string> split_words(std::string_view line);

}  // namespace millrace::posix
