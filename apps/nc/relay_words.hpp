// What the relays of both protocols say on standard error, a line each, and how soon they try again
// what the helpers did not take.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

#include <millrace/time.hpp>

namespace nc {

inline constexpr millrace::Duration kRetryDelay = std::chrono::milliseconds{2};

[[nodiscard]] inline std::string system_message(int error) {
  return std::generic_category().message(error);
}

inline void say_line(std::string_view what) {
  std::fprintf(stderr, "millrace-nc: %.*s\n", static_cast<int>(what.size()), what.data());
}

inline void complain(std::string_view what, std::string_view why) {
  say_line(std::string{what}.append(": ").append(why));
}

}  // namespace nc
