// What another process has said, fit for a terminal.
#pragma once

#include <algorithm>
#include <string>

namespace ss {

/// With a question mark for each byte that is not printable ASCII: control characters, also those
/// beyond it, could make a terminal show what is not there, or worse.
[[nodiscard]] inline std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char letter) { return letter < ' ' || letter > '~'; }, '?');
  return text;
}

}  // namespace ss
