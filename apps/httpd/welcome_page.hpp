// The built-in page: what Millrace is, what to try, and the core's counters as they stand.
#pragma once

#include <cstdint>
#include <string>

#include <millrace/stats.hpp>
#include <millrace/time.hpp>

namespace httpd {

/// What the page shows.
struct WelcomeFacts {
  const millrace::CoreStats& stats;
  std::uint64_t connections = 0;  ///< Open now.
  std::uint64_t requests = 0;     ///< Answered since start.
  millrace::Duration uptime{};
};

/// Appends the page as HTML, about 7 KiB. It fetches itself every second to keep the counters
/// moving.
void append_welcome_page(std::string& out, const WelcomeFacts& facts);

}  // namespace httpd
