// Percent-decoding and removal of dot segments, both in place.
#include "httpd/target_path.hpp"

#include <algorithm>
#include <cstdint>

namespace httpd {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

// The value of a hexadecimal digit, or 16.
constexpr unsigned hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return static_cast<unsigned>(c - '0');
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a') + 10 : 16;
}

// RFC 9112 §3.2.2: the absolute form, too, is accepted by every server. Leaves the path; empty if
// there is none.
constexpr std::string_view path_of(std::string_view target) noexcept {
  const std::size_t scheme_end = target.find("://");
  if (!target.starts_with('/') && scheme_end != std::string_view::npos) {
    const std::size_t path = target.find_first_of("/?", scheme_end + 3);
    target = path == std::string_view::npos || target[path] == '?' ? "/" : target.substr(path);
  }
  return target.substr(0, target.find_first_of("?#"));
}

constexpr bool is_plain(char c) noexcept {
  constexpr std::string_view kPlain = "-._~/!$&'()*+,;=:@";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kPlain.contains(c);
}

}  // namespace

millrace::Result<void, Status> TargetPath::assign(std::string_view target) noexcept {
  const std::string_view path = path_of(target);
  if (path.size() > kTargetBytesMax) {
    return millrace::fail(Status::UriTooLong);
  }
  if (!path.starts_with('/') || !decode(path) || !remove_dot_segments()) {
    return millrace::fail(Status::BadRequest);
  }
  bytes_[size_] = '\0';
  return {};
}

bool TargetPath::names_folder() const noexcept { return size_ == 0 || bytes_[size_ - 1] == '/'; }

void TargetPath::append_encoded(std::string& out) const {
  out += '/';
  for (const char c : view()) {
    if (is_plain(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<std::uint8_t>(c);
    out += '%';
    out += kHexDigits[byte >> 4U];
    out += kHexDigits[byte & 0xfU];
  }
}

bool TargetPath::decode(std::string_view path) noexcept {
  size_ = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '%') {
      if (i + 2 >= path.size()) {
        return false;
      }
      const unsigned value = hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]);
      if (hex_value(path[i + 1]) > 15 || hex_value(path[i + 2]) > 15) {
        return false;
      }
      c = static_cast<char>(value);
      i += 2;
    }
    if (c == '\0') {
      return false;
    }
    bytes_[size_++] = c;
  }
  return true;
}

// Rewrites the decoded path over itself, segment by segment; what is written never overtakes what
// is read.
bool TargetPath::remove_dot_segments() noexcept {
  const std::string_view decoded = view();
  std::size_t written = 0;
  for (std::size_t start = 1; start <= decoded.size();) {
    const std::size_t end = std::min(decoded.find('/', start), decoded.size());
    const std::string_view segment = decoded.substr(start, end - start);
    start = end + 1;
    if (segment == "..") {
      if (written == 0) {
        return false;
      }
      written = view().substr(0, written - 1).rfind('/') + 1;
    } else if (!segment.empty() && segment != ".") {
      std::ranges::copy(segment, bytes_.begin() + static_cast<std::ptrdiff_t>(written));
      written += segment.size();
      if (end < decoded.size()) {
        bytes_[written++] = '/';
      }
    }
  }
  size_ = written;
  return true;
}

}  // namespace httpd
