// The table of extensions, sorted so that it can be searched by halving.
#include "httpd/mime_types.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace httpd {
namespace {

struct Extension {
  std::string_view name;
  std::string_view type;
};

constexpr std::array kExtensions{
    Extension{"avif", "image/avif"},
    Extension{"bmp", "image/bmp"},
    Extension{"css", "text/css; charset=utf-8"},
    Extension{"csv", "text/csv; charset=utf-8"},
    Extension{"gif", "image/gif"},
    Extension{"gz", "application/gzip"},
    Extension{"htm", "text/html; charset=utf-8"},
    Extension{"html", "text/html; charset=utf-8"},
    Extension{"ico", "image/x-icon"},
    Extension{"jpeg", "image/jpeg"},
    Extension{"jpg", "image/jpeg"},
    Extension{"js", "text/javascript; charset=utf-8"},
    Extension{"json", "application/json"},
    Extension{"log", "text/plain; charset=utf-8"},
    Extension{"md", "text/markdown; charset=utf-8"},
    Extension{"mjs", "text/javascript; charset=utf-8"},
    Extension{"mp3", "audio/mpeg"},
    Extension{"mp4", "video/mp4"},
    Extension{"ogg", "audio/ogg"},
    Extension{"pdf", "application/pdf"},
    Extension{"png", "image/png"},
    Extension{"svg", "image/svg+xml"},
    Extension{"tar", "application/x-tar"},
    Extension{"txt", "text/plain; charset=utf-8"},
    Extension{"wasm", "application/wasm"},
    Extension{"wav", "audio/wav"},
    Extension{"webm", "video/webm"},
    Extension{"webp", "image/webp"},
    Extension{"woff", "font/woff"},
    Extension{"woff2", "font/woff2"},
    Extension{"xml", "text/xml; charset=utf-8"},
    Extension{"zip", "application/zip"},
};
static_assert(std::ranges::is_sorted(kExtensions, {}, &Extension::name));

constexpr std::size_t kLongestExtension = 5;

constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::string_view media_type(std::string_view path) noexcept {
  constexpr std::string_view kUnknown = "application/octet-stream";
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || name.size() - dot - 1 > kLongestExtension) {
    return kUnknown;
  }
  std::array<char, kLongestExtension> lower{};
  std::ranges::transform(name.substr(dot + 1), lower.begin(), to_lower);
  const std::string_view extension{lower.data(), name.size() - dot - 1};
  const auto found = std::ranges::lower_bound(kExtensions, extension, {}, &Extension::name);
  return found != kExtensions.end() && found->name == extension ? found->type : kUnknown;
}

}  // namespace httpd
