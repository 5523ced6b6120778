//     REMOTE - - [TIME] "METHOD TARGET HTTP/1.1" STATUS BYTES "REFERER" "USER-AGENT"
#include "httpd/log_line.hpp"

#include <array>
#include <cstddef>
#include <ctime>
#include <utility>

namespace httpd {
namespace {

void append_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view kHexDigits = "0123456789ABCDEF";
  out += '"';
  if (text.empty()) {
    out += '-';
  }
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c >= ' ' && byte < 0x7f && c != '"' && c != '\\') {
      out += c;
    } else {
      out.append("\\x") += kHexDigits[byte >> 4U];
      out += kHexDigits[byte & 0xfU];
    }
  }
  out += '"';
}

}  // namespace

void append_log_time(std::string& out, std::int64_t seconds) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  std::size_t size = std::strftime(text.data(), text.size(), "%d/", &parts);
  out.append(text.data(), size).append(kMonths[static_cast<std::size_t>(parts.tm_mon)]);
  size = std::strftime(text.data(), text.size(), "/%Y:%H:%M:%S +0000", &parts);
  out.append(text.data(), size);
}

void append_log_line(std::string& out, const LogEntry& entry) {
  const Request& request = entry.request;
  out.append(entry.remote).append(" - - [").append(entry.time).append("] ");
  if (request.method_name.view().empty()) {
    append_quoted(out, {});
  } else {
    std::string line{request.method_name.view()};
    line.append(" ").append(request.target());
    line.append(request.minor_version == 0 ? " HTTP/1.0" : " HTTP/1.1");
    append_quoted(out, line);
  }
  out.append(" ").append(std::to_string(std::to_underlying(entry.status))).append(" ");
  out.append(std::to_string(entry.body_bytes)).append(" ");
  append_quoted(out, request.referer.view());
  out += ' ';
  append_quoted(out, request.user_agent.view());
  out += '\n';
}

}  // namespace httpd
