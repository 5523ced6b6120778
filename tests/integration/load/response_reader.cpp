// The head is gathered until its empty line, then read at once.
#include "load/response_reader.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

namespace load {
namespace {

constexpr std::size_t kHeadMax = 8'192;
constexpr std::size_t kBodyStartMax = 256;
constexpr std::string_view kEnd = "\r\n\r\n";
constexpr std::string_view kVersion = "HTTP/1.1 ";

std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  const void* const start = bytes.data();
  return {static_cast<const char*>(start), bytes.size()};
}

template <class Number>
std::optional<Number> number_at_front(std::string_view text) noexcept {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} ? std::optional{number} : std::nullopt;
}

std::optional<std::string_view> field(std::string_view head, std::string_view name) {
  const auto is_same_letter = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  for (std::size_t line = head.find("\r\n"); line != std::string_view::npos;
       line = head.find("\r\n", line + 2)) {
    const std::string_view rest = head.substr(line + 2);
    if (rest.size() > name.size() && rest[name.size()] == ':' &&
        std::ranges::equal(rest.substr(0, name.size()), name, is_same_letter)) {
      const std::string_view value = rest.substr(name.size() + 1);
      return value.substr(std::min(value.find_first_not_of(' '), value.size()));
    }
  }
  return std::nullopt;
}

}  // namespace

millrace::Result<std::size_t, std::string> ResponseReader::take(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  if (!has_head_) {
    const std::size_t before = head_.size();
    head_ += as_text(bytes.first(std::min(bytes.size(), kHeadMax + kEnd.size() - before)));
    const std::size_t end = head_.find(kEnd, before < kEnd.size() ? 0 : before - kEnd.size());
    if (end == std::string::npos) {
      if (head_.size() >= kHeadMax) {
        return millrace::fail(std::string{"a head of more than 8192 bytes"});
      }
      return bytes.size();
    }
    head_.resize(end + kEnd.size());
    taken = head_.size() - before;
    if (auto read = read_head(); !read) {
      return millrace::fail(std::move(read.error()));
    }
  }
  const auto piece =
      static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, bytes.size() - taken));
  add_body(bytes.subspan(taken, piece));
  return taken + piece;
}

millrace::Result<void, std::string> ResponseReader::read_head() {
  const auto status = head_.starts_with(kVersion)
                          ? number_at_front<int>(std::string_view{head_}.substr(kVersion.size()))
                          : std::nullopt;
  if (!status) {
    return millrace::fail(std::string{"no status line of HTTP/1.1"});
  }
  const auto length_text = field(head_, "Content-Length");
  const auto length = length_text ? number_at_front<std::uint64_t>(*length_text) : std::nullopt;
  if (!length) {
    return millrace::fail(std::string{"no Content-Length"});
  }
  has_head_ = true;
  status_ = *status;
  body_left_ = *length;
  is_last_ = field(head_, "Connection").value_or("").starts_with("close");
  return {};
}

void ResponseReader::add_body(std::span<const std::byte> piece) {
  body_left_ -= piece.size();
  body_bytes_ += piece.size();
  const std::size_t room = kBodyStartMax - body_start_.size();
  body_start_ += as_text(piece.first(std::min(piece.size(), room)));
  if (hashes_) {
    hash_.add(piece);
  }
}

}  // namespace load
