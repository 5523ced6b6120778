#include "script_options.hpp"

#include <algorithm>
#include <array>
#include <iomanip>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace millrace::test {

namespace {

constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kNop = 1;
constexpr std::uint8_t kFastOpen = 34;
constexpr std::uint8_t kExperiment = 254;
constexpr std::array<std::uint8_t, 2> kMagic{0xf9, 0x89};

struct Known {
  const char* word;
  std::uint8_t kind;
  std::size_t number_bytes;  // Of its value, a number.
};
constexpr std::array<Known, 4> kKnown{
    {{"mss", 2, 2}, {"wscale", 3, 1}, {"sackok", 4, 0}, {"ts", 8, 8}}};

void put(std::vector<std::uint8_t>& bytes, const Known& known, std::uint64_t value) {
  bytes.push_back(known.kind);
  bytes.push_back(static_cast<std::uint8_t>(2 + known.number_bytes));
  for (std::size_t i = known.number_bytes; i-- > 0;) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8U * i));
  }
}

void put_cookie(std::vector<std::uint8_t>& bytes, const std::string& digits, bool is_experiment) {
  bytes.push_back(is_experiment ? kExperiment : kFastOpen);
  bytes.push_back(static_cast<std::uint8_t>((is_experiment ? 4 : 2) + digits.size() / 2));
  if (is_experiment) {
    bytes.insert(bytes.end(), kMagic.begin(), kMagic.end());
  }
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
}

void put_word(std::vector<std::uint8_t>& bytes, const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string word = text.substr(0, colon);
  const std::string value = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (word == "nop") {
    bytes.push_back(kNop);
    return;
  }
  if (word == "fo" || word == "foexp") {
    put_cookie(bytes, value, word == "foexp");
    return;
  }
  for (const Known& known : kKnown) {
    if (word == known.word) {
      // A timestamp's value comes before its echo, which is zero.
      const std::uint64_t number = value.empty() ? 0 : std::stoull(value);
      put(bytes, known, word == "ts" ? number << 32U : number);
      return;
    }
  }
  throw std::runtime_error{"unknown option " + text};
}

std::string cookie_digits(std::span<const std::uint8_t> cookie) {
  std::ostringstream text;
  for (const unsigned octet : cookie) {
    text << std::hex << std::setw(2) << std::setfill('0') << octet;
  }
  return text.str();
}

std::string word_of(std::uint8_t kind, std::span<const std::uint8_t> value) {
  if (kind == kFastOpen) {
    return value.empty() ? "fo" : "fo:" + cookie_digits(value);
  }
  if (kind == kExperiment && value.size() >= 2 && std::ranges::equal(value.first(2), kMagic)) {
    return value.size() == 2 ? "foexp" : "foexp:" + cookie_digits(value.subspan(2));
  }
  for (const Known& known : kKnown) {
    if (kind == known.kind && value.size() == known.number_bytes) {
      std::uint64_t number = 0;
      for (const std::uint8_t octet : value) {
        number = number << 8U | octet;
      }
      const bool says_number = known.number_bytes > 0 && known.number_bytes < 8;
      return known.word + (says_number ? ":" + std::to_string(number) : "");
    }
  }
  return "option" + std::to_string(kind);
}

}  // namespace

std::vector<std::uint8_t> option_bytes(const std::string& words) {
  std::vector<std::uint8_t> bytes;
  std::istringstream stream{words};
  for (std::string word; std::getline(stream, word, ',');) {
    put_word(bytes, word);
  }
  while (bytes.size() % 4 != 0) {
    bytes.push_back(kEnd);
  }
  return bytes;
}

std::string option_words(std::span<const std::uint8_t> bytes) {
  std::string words;
  while (!bytes.empty() && bytes[0] != kEnd) {
    std::string word = "nop";
    std::size_t length = 1;
    if (bytes[0] != kNop) {
      length = bytes.size() < 2 ? 0 : bytes[1];
      if (length < 2 || length > bytes.size()) {
        return words + ",broken";
      }
      word = word_of(bytes[0], bytes.subspan(2, length - 2));
    }
    words += (words.empty() ? "" : ",") + word;
    bytes = bytes.subspan(length);
  }
  return words;
}

}  // namespace millrace::test
