// The line is written by hand: names and violations are our own words, without quotes.
#include "pressure/ledger.hpp"

#include <unistd.h>

namespace pressure {

void Ledger::violate(std::uint64_t conversation, const std::string& what) {
  constexpr std::size_t kKept = 20;
  if (violations.size() < kKept) {
    violations.push_back("conversation " + std::to_string(conversation) + ": " + what);
  }
}

std::string Ledger::to_json() const {
  std::string list;
  for (const std::string& violation : violations) {
    list += (list.empty() ? "\"" : ", \"") + violation + "\"";
  }
  return "{\"opened\": " + std::to_string(opened) + ", \"accepted\": " + std::to_string(accepted) +
         ", \"complete\": " + std::to_string(complete) + ", \"cut\": " + std::to_string(cut) +
         ", \"given_up\": " + std::to_string(given_up) +
         ", \"bytes_in\": " + std::to_string(bytes_in) +
         ", \"bytes_out\": " + std::to_string(bytes_out) + ", \"violations\": [" + list + "]}\n";
}

int Ledger::finish() const {
  const std::string line = to_json();
  const bool is_told =
      ::write(STDOUT_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  return is_told && violations.empty() && complete > 0 ? 0 : 1;
}

}  // namespace pressure
