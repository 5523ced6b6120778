// A stream of bytes that both ends can make and check from any position: no two places within 64
// KiB that look alike for long, so that what is lost, doubled or swapped shows.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::test {

[[nodiscard]] constexpr char pattern_at(std::uint64_t position) noexcept {
  return static_cast<char>(position ^ (position >> 8) ^ (position >> 16));
}

constexpr void write_pattern(std::uint64_t position, std::span<char> to) noexcept {
  for (char& byte : to) {
    byte = pattern_at(position++);
  }
}

[[nodiscard]] constexpr bool holds_pattern(std::uint64_t position, std::string_view text) noexcept {
  for (const char byte : text) {
    if (byte != pattern_at(position++)) {
      return false;
    }
  }
  return true;
}

}  // namespace millrace::test
