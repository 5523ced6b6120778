// A header that arrives in one piece is read where it lies.
#include "perf/http_reply.hpp"

#include <algorithm>
#include <charconv>

namespace perf {
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";

char lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool is_same(std::string_view one, std::string_view lower_case) noexcept {
  return std::ranges::equal(one, lower_case, {}, lower);
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

template <class Number>
bool read_number(std::string_view text, Number& into) noexcept {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, into);
  return error == std::errc{} && stop == end;
}

// "HTTP/1.1 200 OK".
bool read_status(std::string_view line, int& status) noexcept {
  constexpr std::string_view kVersion = "HTTP/1.";
  constexpr std::size_t kStatusAt = kVersion.size() + 2;
  return line.size() >= kStatusAt + 3 && line.starts_with(kVersion) && line[kStatusAt - 1] == ' ' &&
         read_number(line.substr(kStatusAt, 3), status) && status >= 100;
}

bool has_no_body(int status) noexcept { return status < 200 || status == 204 || status == 304; }

}  // namespace

millrace::Result<HttpReply, std::string> parse_header(std::string_view header) {
  HttpReply reply;
  const std::size_t first_end = std::min(header.find("\r\n"), header.size());
  if (!read_status(header.substr(0, first_end), reply.status)) {
    return millrace::fail(std::string{"a reply does not begin like one of HTTP/1.0 or 1.1"});
  }
  reply.closes = header.starts_with("HTTP/1.0");
  bool has_length = false;
  for (std::size_t at = first_end; at < header.size();) {
    at += 2;
    const std::size_t end = std::min(header.find("\r\n", at), header.size());
    const std::string_view line = header.substr(at, end - at);
    at = end;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return millrace::fail(std::string{"a line in a reply's header has no colon"});
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (is_same(name, "content-length")) {
      if (has_length || !read_number(value, reply.body_bytes)) {
        return millrace::fail(std::string{"a reply's Content-Length is wrong"});
      }
      has_length = true;
    } else if (is_same(name, "connection")) {
      reply.closes = is_same(value, "close") || (reply.closes && !is_same(value, "keep-alive"));
    } else if (is_same(name, "transfer-encoding")) {
      return millrace::fail(std::string{"a reply comes in chunks; ask for a file of known length"});
    }
  }
  if (has_no_body(reply.status)) {
    reply.body_bytes = 0;
  } else if (!has_length) {
    return millrace::fail(std::string{"a reply has no Content-Length"});
  }
  return reply;
}

millrace::Result<std::optional<HttpReply>, std::string> HttpReplyReader::take(
    std::string_view& bytes) {
  while (!bytes.empty() || (is_in_body_ && body_left_ == 0)) {
    if (!is_in_body_) {
      const auto is_whole = take_header(bytes);
      if (!is_whole) {
        return millrace::fail(is_whole.error());
      }
      if (!*is_whole) {
        return std::nullopt;
      }
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), body_left_));
    bytes.remove_prefix(count);
    body_left_ -= count;
    if (body_left_ > 0) {
      return std::nullopt;
    }
    is_in_body_ = false;
    if (reply_.status >= 200) {  // Others go before the reply itself.
      return reply_;
    }
  }
  return std::nullopt;
}

// True when it is whole.
millrace::Result<bool, std::string> HttpReplyReader::take_header(std::string_view& bytes) {
  std::string_view text = bytes;
  std::size_t copied = bytes.size();
  if (!begun_.empty()) {
    // Its end may lie across the pieces.
    copied = std::min(bytes.size(), kHeaderMax - begun_.size());
    begun_ += bytes.substr(0, copied);
    text = begun_;
  }
  const std::size_t end = text.find(kEnd);
  if (end == std::string_view::npos) {
    if (text.size() >= kHeaderMax) {
      return millrace::fail(std::string{"a reply's header is longer than 16 KiB"});
    }
    if (begun_.empty()) {
      begun_ = bytes;
    }
    bytes = {};
    return false;
  }
  if (end + kEnd.size() > kHeaderMax) {
    return millrace::fail(std::string{"a reply's header is longer than 16 KiB"});
  }
  const auto reply = parse_header(text.substr(0, end));
  if (!reply) {
    return millrace::fail(reply.error());
  }
  const std::size_t behind = text.size() - (end + kEnd.size());
  bytes.remove_prefix(copied - behind);
  begun_.clear();
  reply_ = *reply;
  body_left_ = reply_.body_bytes;
  is_in_body_ = true;
  return true;
}

}  // namespace perf
