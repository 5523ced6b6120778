#include "socket/dns_question.hpp"

#include <algorithm>

namespace millrace::socket {

namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kNumberBytes = 2;
constexpr std::size_t kTypeAndClassBytes = 4;
constexpr std::size_t kNameBytesMax = 255;  // RFC 1035 §2.3.4.
constexpr std::size_t kLabelBytesMax = 63;

/// RFC 4343 §3: the case of ASCII letters means nothing.
std::byte small_letter(std::byte letter) noexcept {
  const bool is_capital = letter >= std::byte{'A'} && letter <= std::byte{'Z'};
  return is_capital ? letter | std::byte{0x20} : letter;
}

/// Bytes of the name that `text` begins with, its end included; zero if there is none.
std::size_t name_bytes(std::span<const std::byte> text) noexcept {
  std::size_t at = 0;
  while (at < text.size() && at < kNameBytesMax) {
    const auto label = std::to_integer<std::size_t>(text[at]);
    if (label == 0) {
      return at + 1;
    }
    if (label > kLabelBytesMax) {
      return 0;
    }
    at += 1 + label;
  }
  return 0;
}

}  // namespace

std::vector<std::byte> question_of(std::span<const std::byte> message) {
  if (message.size() < kHeaderBytes || message[4] != std::byte{0} || message[5] != std::byte{1}) {
    return {};
  }
  const auto rest = message.subspan(kHeaderBytes);
  const std::size_t name = name_bytes(rest);
  if (name == 0 || name + kTypeAndClassBytes > rest.size()) {
    return {};
  }
  std::vector<std::byte> question;
  question.reserve(kNumberBytes + name + kTypeAndClassBytes);
  question.assign(message.begin(), message.begin() + kNumberBytes);
  std::ranges::transform(rest.first(name), std::back_inserter(question), small_letter);
  question.insert(question.end(), rest.begin() + static_cast<std::ptrdiff_t>(name),
                  rest.begin() + static_cast<std::ptrdiff_t>(name + kTypeAndClassBytes));
  return question;
}

}  // namespace millrace::socket
