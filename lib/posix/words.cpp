#include "posix/words.hpp"

#include <utility>

namespace millrace::posix {

Result<std::vector<std::string>, std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool is_in_word = false;
  char quote = '\0';
  for (const char c : line) {
    if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      is_in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (std::exchange(is_in_word, false)) {
        words.push_back(std::exchange(word, {}));
      }
    } else {
      word += c;
      is_in_word = true;
    }
  }
  if (quote != '\0') {
    return fail(std::string{"a quote without its end"});
  }
  if (is_in_word) {
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace millrace::posix
