// One line of an access log, in the Combined Log Format that web servers share. Pure text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "httpd/request.hpp"
#include "httpd/status.hpp"

namespace httpd {

/// What a line says.
struct LogEntry {
  std::string_view remote;  ///< The client's address.
  std::string_view time{};  ///< As `append_log_time` writes it.
  const Request& request;   ///< As much of it as was understood.
  Status status = Status::Ok;
  std::uint64_t body_bytes = 0;  ///< Handed to the connection, which may have broken since.
};

/// `seconds` since 1970 as "22/Nov/2026:19:31:12 +0000".
void append_log_time(std::string& out, std::int64_t seconds);

/// Appends the line and its end. What a client has sent cannot end it or look like another field:
/// quotation marks, backslashes, control characters and everything beyond ASCII become \xHH.
void append_log_line(std::string& out, const LogEntry& entry);

}  // namespace httpd
