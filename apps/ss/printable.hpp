// What another process has said, fit for a terminal.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

namespace ss {

/// With a question mark for each byte that is not printable ASCII: control characters, also those
/// beyond it, could make a terminal show what is not there, or worse.
[[nodiscard]] inline std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char letter) { return letter < ' ' || letter > '~'; }, '?');
  return text;
}

/// The same for what is one word and never holds a space, so that it does not pass for two.
[[nodiscard]] inline std::string printable_word(std::string text) {
  text = printable(std::move(text));
  std::ranges::replace(text, ' ', '?');
  return text;
}

/// Between quotes, as a C program has it: what is inside cannot pass for the end.
[[nodiscard]] inline std::string quoted(const std::string& text) {
  std::string whole = "\"";
  for (const char letter : printable(text)) {
    whole += letter == '"' || letter == '\\' ? "\\" : "";
    whole += letter;
  }
  return whole + '"';
}

}  // namespace ss
