// RFC 9112 §4 and §6 for heads, plain HTML for people.
#include "httpd/responses.hpp"

#include <utility>

namespace httpd {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
}

}  // namespace

void append_head(std::string& out, const ResponseHead& head) {
  out.append("HTTP/1.1 ").append(std::to_string(std::to_underlying(head.status)));
  out.append(" ").append(reason_phrase(head.status)).append("\r\n");
  append_field(out, "Server", "Millrace");
  append_field(out, "Date", head.date);
  append_field(out, "Content-Type", head.content_type);
  if (head.content_length) {
    append_field(out, "Content-Length", std::to_string(*head.content_length));
  }
  append_field(out, "Content-Range", head.content_range);
  append_field(out, "Last-Modified", head.last_modified);
  append_field(out, "ETag", head.entity_tag);
  append_field(out, "Accept-Ranges", head.accepts_ranges ? "bytes" : "");
  append_field(out, "Allow", head.allow);
  append_field(out, "Location", head.location);
  // Said in both cases: HTTP/1.0 clients that asked for keep-alive wait for the confirmation.
  append_field(out, "Connection", head.keeps_alive ? "keep-alive" : "close");
  out.append("\r\n");
}

void append_error_page(std::string& out, Status status) {
  const std::string number = std::to_string(std::to_underlying(status));
  out.append("<!doctype html><html lang=en><meta charset=utf-8><title>").append(number).append(" ");
  out.append(reason_phrase(status))
      .append("</title><style>body{font:1.1em/1.5 system-ui,sans-serif;");
  out.append("max-width:36em;margin:15vh auto;padding:0 1em}</style><h1>")
      .append(number)
      .append(" ");
  out.append(reason_phrase(status)).append("</h1><p>").append(explanation(status));
  out.append("</p><p><small>millrace-httpd</small></p></html>\n");
}

}  // namespace httpd
