// Everything is in GMT. Names of days are not checked against the date: RFC 9110 asks for leniency.
#include "httpd/http_date.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace httpd {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

// Reads a date from the front of a text; the first piece that does not fit spoils the rest.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : text_{text} {}

  void skip(std::string_view expected) noexcept {
    is_good_ = is_good_ && text_.starts_with(expected);
    text_.remove_prefix(is_good_ ? expected.size() : text_.size());
  }
  [[nodiscard]] int number(std::size_t digits) noexcept {
    int value = 0;
    const std::string_view piece = text_.substr(0, digits);
    const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), value);
    is_good_ = is_good_ && piece.size() == digits && error == std::errc{} && value >= 0 &&
               end == piece.data() + piece.size() && piece.front() != '-';
    text_.remove_prefix(piece.size());
    return value;
  }
  // Counted from zero.
  [[nodiscard]] int month() noexcept {
    const auto found = std::ranges::find(kMonths, text_.substr(0, 3));
    is_good_ = is_good_ && found != kMonths.end();
    text_.remove_prefix(std::min<std::size_t>(3, text_.size()));
    return static_cast<int>(found - kMonths.begin());
  }
  void time_of_day(std::tm& parts) noexcept {
    parts.tm_hour = number(2);
    skip(":");
    parts.tm_min = number(2);
    skip(":");
    parts.tm_sec = number(2);
  }
  [[nodiscard]] bool starts_with(char c) const noexcept { return text_.starts_with(c); }
  [[nodiscard]] bool is_good_to_the_end() const noexcept { return is_good_ && text_.empty(); }

 private:
  std::string_view text_;
  bool is_good_ = true;
};

// "06 Nov 1994 08:49:37 GMT"
bool read_fixed(Reader reader, std::tm& parts) noexcept {
  parts.tm_mday = reader.number(2);
  reader.skip(" ");
  parts.tm_mon = reader.month();
  reader.skip(" ");
  parts.tm_year = reader.number(4) - 1900;
  reader.skip(" ");
  reader.time_of_day(parts);
  reader.skip(" GMT");
  return reader.is_good_to_the_end();
}

// "06-Nov-94 08:49:37 GMT". A date that seems to lie more than fifty years ahead is in the past.
bool read_two_digit_year(Reader reader, std::tm& parts, std::time_t now) noexcept {
  parts.tm_mday = reader.number(2);
  reader.skip("-");
  parts.tm_mon = reader.month();
  reader.skip("-");
  const int year_of_century = reader.number(2);
  reader.skip(" ");
  reader.time_of_day(parts);
  reader.skip(" GMT");
  std::tm today{};
  ::gmtime_r(&now, &today);
  const int century = today.tm_year - today.tm_year % 100;
  parts.tm_year = century + year_of_century;
  if (parts.tm_year > today.tm_year + 50) {
    parts.tm_year -= 100;
  }
  return reader.is_good_to_the_end();
}

// "Nov  6 08:49:37 1994"
bool read_asctime(Reader reader, std::tm& parts) noexcept {
  parts.tm_mon = reader.month();
  reader.skip(" ");
  if (reader.starts_with(' ')) {
    reader.skip(" ");
    parts.tm_mday = reader.number(1);
  } else {
    parts.tm_mday = reader.number(2);
  }
  reader.skip(" ");
  reader.time_of_day(parts);
  reader.skip(" ");
  parts.tm_year = reader.number(4) - 1900;
  return reader.is_good_to_the_end();
}

bool is_possible(const std::tm& parts) noexcept {
  // A second of 60 is a leap second.
  return parts.tm_mday >= 1 && parts.tm_mday <= 31 && parts.tm_hour <= 23 && parts.tm_min <= 59 &&
         parts.tm_sec <= 60;
}

}  // namespace

void append_http_date(std::string& out, std::time_t seconds) {
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  // Names are ours: %a and %b would be the locale's.
  std::array<char, 32> text{};
  std::size_t size = std::strftime(text.data(), text.size(), ", %d ", &parts);
  out.append(kDays[static_cast<std::size_t>(parts.tm_wday)]).append(text.data(), size);
  out.append(kMonths[static_cast<std::size_t>(parts.tm_mon)]);
  size = std::strftime(text.data(), text.size(), " %Y %H:%M:%S GMT", &parts);
  out.append(text.data(), size);
}

std::optional<std::time_t> parse_http_date(std::string_view text, std::time_t now) {
  const std::size_t comma = text.find(',');
  std::tm parts{};
  bool is_read = false;
  if (comma == std::string_view::npos) {
    is_read = text.size() > 4 && text[3] == ' ' && read_asctime(Reader{text.substr(4)}, parts);
  } else if (text.substr(comma).starts_with(", ")) {
    const Reader rest{text.substr(comma + 2)};
    is_read = comma == 3 ? read_fixed(rest, parts) : read_two_digit_year(rest, parts, now);
  }
  if (!is_read || !is_possible(parts)) {
    return std::nullopt;
  }
  return ::timegm(&parts);
}

}  // namespace httpd
