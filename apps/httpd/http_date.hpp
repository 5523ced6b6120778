// Dates as HTTP writes and reads them (RFC 9110 §5.6.7). Pure text and numbers; no clock.
#pragma once

#include <array>
#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace httpd {

/// `seconds` since 1970 as "Sun, 06 Nov 1994 08:49:37 GMT", appended to `out`.
void append_http_date(std::string& out, std::time_t seconds);

/// Reads any of the three forms that RFC 9110 §5.6.7 wants read: "Sun, 06 Nov 1994 08:49:37 GMT",
/// "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994". `now` settles the century of
/// the second. Empty: none of them; who reads a date must then ignore it.
[[nodiscard]] std::optional<std::time_t> parse_http_date(std::string_view text, std::time_t now);

/// A text made from the time, made anew only when the second changes. For the Date field, and for
/// access logs.
class SecondText {
 public:
  using Make = void (*)(std::string& out, std::time_t seconds);

  explicit SecondText(Make make) noexcept : make_{make} {}
  /// Valid until the next call.
  [[nodiscard]] std::string_view at(std::time_t seconds) {
    if (seconds != seconds_) {
      seconds_ = seconds;
      text_.clear();
      make_(text_, seconds);
    }
    return text_;
  }

 private:
  Make make_;
  std::time_t seconds_ = -1;
  std::string text_;
};

}  // namespace httpd
