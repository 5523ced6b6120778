// Responses as text: status line and fields, error pages. No decisions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "httpd/status.hpp"

namespace httpd {

/// What a head says beyond the fixed fields.
struct ResponseHead {
  Status status = Status::Ok;
  std::string_view content_type = "text/html; charset=utf-8";
  std::optional<std::uint64_t> content_length = 0;  ///< Bytes, also in the answer to HEAD.
  bool keeps_alive = true;
  std::string_view date{};      ///< Empty: none.
  std::string_view allow{};     ///< Empty: none.
  std::string_view location{};  ///< Empty: none.
  // Of files; empty: none.
  std::string_view last_modified{};
  std::string_view entity_tag{};
  std::string_view content_range{};
  bool accepts_ranges = false;
};

/// The interim response that asks for the body.
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// Appends status line, fields and the empty line.
void append_head(std::string& out, const ResponseHead& head);

/// Appends a small HTML page that says what went wrong.
void append_error_page(std::string& out, Status status);

}  // namespace httpd
