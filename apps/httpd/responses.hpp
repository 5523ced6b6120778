// Responses as text: status line and fields, error pages, redirects, and the date they carry. No
// decisions.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "httpd/status.hpp"

namespace httpd {

/// What a head says beyond the fixed fields.
struct ResponseHead {
  Status status = Status::Ok;
  std::string_view content_type = "text/html; charset=utf-8";
  std::uint64_t content_length = 0;  ///< Bytes, also in the answer to HEAD.
  bool keeps_alive = true;
  std::string_view date{};      ///< Empty: none.
  std::string_view allow{};     ///< Empty: none.
  std::string_view location{};  ///< Empty: none.
};

/// The interim response that asks for the body.
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// Appends status line, fields and the empty line.
void append_head(std::string& out, const ResponseHead& head);

/// Appends a small HTML page that says what went wrong.
void append_error_page(std::string& out, Status status);

/// `value` as the Date field has it, "Sun, 06 Nov 1994 08:49:37 GMT"; formatted anew only when the
/// second changes.
class DateText {
 public:
  [[nodiscard]] std::string_view at(std::time_t seconds) noexcept;

 private:
  std::time_t seconds_ = -1;
  std::size_t size_ = 0;
  std::array<char, 32> text_{};
};

}  // namespace httpd
